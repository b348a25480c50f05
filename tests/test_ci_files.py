"""The files for CI: the composite action runs as it is written, and what they call exists."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_line import SCRIPT, environment
from simulator import OperatorServer
from simulator.reference_operator import OperatorSettings

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
SECONDS_MAX = 60


def run_action(folder: Path, endpoint: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the last step of the action as GitHub does: its script in bash, its inputs as variables."""
    installed = folder / "temp" / "betrontech-sim" / "bin"
    installed.mkdir(parents=True)
    (installed / "betrontech-sim").symlink_to(SCRIPT)
    step = ACTION["runs"]["steps"][-1]
    given = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
    given |= {"endpoint": endpoint, **inputs}
    variables = {
        name: given[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, value in step["env"].items()
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=environment(
            **variables,
            RUNNER_TEMP=str(folder / "temp"),
            GITHUB_OUTPUT=str(folder / "output"),
            PATH=os.environ["PATH"],
        ),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


@pytest.mark.parametrize(("defects", "code"), [((), 0), (("refund-paid-twice",), 1)])
def test_the_action_judges_a_wallet_and_leaves_reports(
    defects: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    """Several players and scenarios, each on a line of its own; the exit code is an output, too."""
    scenarios = "scenarios/refunds/refund-repeated.yaml\nscenarios/contract/bet-answer.yaml\n"
    with OperatorServer(OperatorSettings(defects=defects)) as server:
        done = run_action(
            tmp_path, server.endpoint, player="1000..1001\n1002\n", scenarios=scenarios, arguments="-j\n2"
        )
    assert done.returncode == code, done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
    assert {path.name for path in (tmp_path / "betrontech-reports").iterdir()} == {
        "junit.xml",
        "run.json",
        "report.html",
    }


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_a_file_of_github_is_readable_and_runs_targets_that_there_are(path: Path) -> None:
    """A workflow that calls a target which was renamed fails on every push."""
    read = yaml.safe_load(path.read_text("utf-8"))
    targets = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text("utf-8").splitlines()}
    for job in read.get("jobs", {}).values():
        for step in job["steps"]:
            command = step.get("run", "")
            assert not command.startswith("make ") or command.removeprefix("make ") in targets
            assert ("uses" in step) != ("run" in step)
