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


def test_every_example_works(tmp_path: Path) -> None:
    """Run by a shell in the page's order, none answers with an error."""
    opened = 0
    with controlled() as control:
        for example in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
            # What is not done fails, and the shell with it.
            script = "set -e\n" + example.replace("curl -s", "curl -sS --fail-with-body")
            done = subprocess.run(
                ["sh", "-c", script],
                cwd=tmp_path,
                env={"PATH": "/usr/bin:/bin", "SIM": control.played.url},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, f"{example}\n{done.stdout}\n{done.stderr}"
            for token in re.findall(r'/play/([^"*]+)"', done.stdout):
                assert control.api.client.get(f"/play/{token}").status_code == 200
                opened += 1
        assert opened
        assert "- bet: 5.00" in (tmp_path / "played.yaml").read_text()
        assert '"type":"opening"' in (tmp_path / "played.ndjson").read_text()
