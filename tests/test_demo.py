"""`demo` shows a newcomer a right wallet and then a finding, through the installed script."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from command_line import simulate


def test_the_demo_ends_well_and_leaves_reports(tmp_path: Path) -> None:
    """Exit 0: all green with the dialect, one defect found by name, and the reports where it says."""
    done = simulate("demo", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    right, _, wrong = done.stdout.partition("2. The same operator")
    assert "PASSED" in right
    assert "duplicate_bet" in right
    assert "FAIL " not in right
    assert "error[IDE-03]" in wrong
    assert "reports/" in wrong
    played = wrong.partition("3. The other half")[2]
    assert "Gates of Olympus" in played
    assert played.count("round ") == 3
    assert "/play/" in played
    assert json.loads((tmp_path / "reports/right/report.json").read_text("utf-8"))["exit_code"] == 0
    found = json.loads((tmp_path / "reports/defect/report.json").read_text("utf-8"))
    assert found["exit_code"] == 1
    suites = ElementTree.parse(tmp_path / "reports/defect/report.xml").getroot()
    assert int(suites.attrib["failures"]) == found["counts"]["failed"]
