"""`demo` shows a newcomer a right wallet and then a finding, through the installed script."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from xml.etree import ElementTree

from command_line import simulate, start


def test_the_demo_ends_well_and_leaves_reports(tmp_path: Path) -> None:
    """Exit 0: all green with the dialect, one defect found by name, and the reports where it says."""
    done = simulate("demo", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    right, _, wrong = done.stdout.partition("2. The same wallet")
    assert "PASSED" in right
    assert "duplicate_bet" in right
    assert "FAIL " not in right
    assert "error[IDE-03]" in wrong
    assert "reports/" in wrong
    played = wrong.partition("3. The other half")[2]
    assert "Gates of Olympus" in played
    assert played.count("round ") == 3
    assert json.loads((tmp_path / "reports/right/report.json").read_text("utf-8"))["exit_code"] == 0
    found = json.loads((tmp_path / "reports/defect/report.json").read_text("utf-8"))
    assert found["exit_code"] == 1
    suites = ElementTree.parse(tmp_path / "reports/defect/report.xml").getroot()
    assert int(suites.attrib["failures"]) == found["counts"]["failed"]


def test_the_commands_that_the_demo_prints_work_as_printed(tmp_path: Path) -> None:
    """The operator line brings the wallet with the defect back, and each rerun line finds it again."""
    lines = simulate("demo", folder=tmp_path).stdout.splitlines()
    (operator,) = (line.strip() for line in lines if " operator --port " in line)
    reruns = [line.partition("= rerun")[2].strip() for line in lines if "= rerun" in line]
    others = [line for line in lines if not line.startswith(("next", "   ="))]
    (run,) = (line.strip() for line in others if " run --endpoint " in line)
    assert reruns
    assert not any("/play/" in line for line in lines), "the game is over when the demo ends"
    with start(*shlex.split(operator)[1:], folder=tmp_path) as process:
        try:
            assert process.stdout is not None
            assert "ready on" in process.stdout.readline()
            for line in (*reruns, f"{run} scenarios/idempotency/repeated-refund.yaml"):
                done = subprocess.run(
                    shlex.split(line), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
                )
                assert done.returncode == 1, line + done.stdout + done.stderr
        finally:
            process.terminate()
