"""docs/control-api.md says what the code does: its calls are all of them, and its examples work."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from control_client import controlled
from simulator.serve.console.control import OPENAPI_FILE

PAGE = (Path(__file__).parent.parent / "docs" / "control-api.md").read_text("utf-8")


def test_the_table_has_every_call() -> None:
    """None is missing, none is invented."""
    described = json.loads(OPENAPI_FILE.read_bytes())["paths"]
    wanted = {(method.upper(), path) for path, item in described.items() for method in item}
    rows = re.findall(r"^\| ((?:`[A-Z]+`, )*`[A-Z]+ /\S+`) \|", PAGE, re.MULTILINE)
    found = set()
    for row in rows:
        words = re.findall(r"[A-Z]+(?=`| /)", row)
        path = re.search(r"/[^`]+", row)
        assert path is not None
        found |= {(word, path[0]) for word in words}
    assert found == wanted


EXAMPLES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def run(example: str, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an example by a shell, as a reader does; what is not done fails, and the shell with it."""
    return subprocess.run(
        ["sh", "-c", "set -e\n" + example.replace("curl -s", "curl -sS --fail-with-body")],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "SIM": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_script_of_a_ci_job_fails_for_a_wallet_that_pays_a_repeated_win(tmp_path: Path) -> None:
    [script] = [example for example in EXAMPLES if "exit_code" in example]
    with controlled("win-paid-twice") as control:
        done = run(script, control.played.url, tmp_path)
    assert done.returncode == 1
    assert "balance after a win of 5.00 and five stakes of 1.00: expected" in done.stderr


def test_every_example_works(tmp_path: Path) -> None:
    """Run by a shell in the page's order, none answers with an error."""
    opened = 0
    with controlled() as control:
        for example in EXAMPLES:
            done = run(example, control.played.url, tmp_path)
            assert done.returncode == 0, f"{example}\n{done.stdout}\n{done.stderr}"
            for token in re.findall(r'/play/([^"*]+)"', done.stdout):
                assert control.api.client.get(f"/play/{token}").status_code == 200
                opened += 1
        assert opened
        assert "- bet: 5.00" in (tmp_path / "played.yaml").read_text()
        assert '"type":"opening"' in (tmp_path / "played.ndjson").read_text()
