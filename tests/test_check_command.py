"""`betrontech-sim check` and `schema`, started as a user starts them."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import simulate
from simulator.scenario.schema import scenario_schema


def test_check_of_right_files_says_how_many(tmp_path: Path) -> None:
    """A scenario for each row."""
    (tmp_path / "a.yaml").write_text("cases: {x: {n: 1.00}, y: {n: 2.00}}\nsteps: [bet: '${n}']\n", "utf-8")
    (tmp_path / "b.yaml").write_text("steps: [balance]\n", "utf-8")
    done = simulate("check", ".", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "3 scenarios in 2 files, all valid\n")


def test_check_without_a_path_reads_the_bundled_suite(tmp_path: Path) -> None:
    """Which is valid."""
    done = simulate("check", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.endswith("files, all valid\n")


def test_check_shows_every_problem_framed(tmp_path: Path) -> None:
    """And exits 4."""
    (tmp_path / "a.yaml").write_text("steps:\n  - bet: {amuont: 1.00}\n  - bte: 1.00\n", "utf-8")
    done = simulate("check", "a.yaml", folder=tmp_path)
    assert done.returncode == 4
    assert done.stdout == (
        'error: a.yaml:2:11: unknown key "amuont" in bet; did you mean "amount"?\n'
        "   |\n 2 |   - bet: {amuont: 1.00}\n   |           ^^^^^^\n\n"
        'error: a.yaml:3:5: unknown step "bte"; did you mean "bet"?\n'
        "   |\n 3 |   - bte: 1.00\n   |     ^^^\n\n"
        "2 problems in 1 file\n"
    )


def test_check_of_nothing_exits_5(tmp_path: Path) -> None:
    """A folder without scenarios is told from one whose scenarios are right."""
    done = simulate("check", ".", folder=tmp_path)
    assert done.returncode == 5
    assert "no scenario file in ." in done.stderr


def test_check_of_a_path_that_is_not_there_exits_4(tmp_path: Path) -> None:
    """As every wrong flag does."""
    done = simulate("check", "none.yaml", folder=tmp_path)
    assert done.returncode == 4
    assert "there is no file or folder none.yaml" in done.stderr


def test_run_shows_the_same_problems(tmp_path: Path) -> None:
    """Before anything is sent."""
    (tmp_path / "a.yaml").write_text("steps:\n  - bte: 1.00\n", "utf-8")
    done = simulate("run", "a.yaml", "--endpoint", "http://127.0.0.1:9/x", "--player", "1", folder=tmp_path)
    assert done.returncode == 4
    assert done.stderr.startswith('error: a.yaml:2:5: unknown step "bte"; did you mean "bet"?\n   |\n')


def test_schema_prints_the_schema(tmp_path: Path) -> None:
    """Ready to be saved for an editor."""
    done = simulate("schema", folder=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == scenario_schema()
