"""The pytest plugin: scenario files as tests, fixtures, and players that no two tests have at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import SECONDS_MAX, environment
from simulator import OperatorServer
from simulator.reference_operator import OperatorSettings

UNUSED = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:anyio")
"""Plugins of this project's environment that take longer to start than these tests need."""

SCENARIO = """\
name: A refund is paid once
tags: [evening]
steps:
  - bet: {amount: 10.00, id: b1}
  - refund: b1
  - resend: last
"""
CASES = """\
name: Bets of all sizes
cases: {small: {stake: "1.00"}, large: {stake: "50.00"}}
steps:
  - bet: "${stake}"
"""


@pytest.fixture(scope="module")
def right() -> Iterator[str]:
    """The endpoint of a right wallet."""
    with OperatorServer() as server:
        yield server.endpoint


@pytest.fixture(scope="module")
def wrong() -> Iterator[str]:
    """The endpoint of a wallet that pays every refund again."""
    with OperatorServer(OperatorSettings(defects=("refund-paid-twice",))) as server:
        yield server.endpoint


def run_pytest(
    folder: Path, *arguments: str, cached: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest as a project of a user does, in that folder."""
    unused = UNUSED if cached else ("-p", "no:cacheprovider", *UNUSED)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *unused, *arguments],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def wallet(endpoint: str, players: str = "1000") -> tuple[str, ...]:
    """The flags that name a wallet."""
    return "--betrontech-endpoint", endpoint, "--betrontech-player", players


def test_a_scenario_file_is_a_test_and_each_row_of_its_cases_is_one(right: str, tmp_path: Path) -> None:
    """By the name of the file, with the row, and in folders that were named, whatever the name."""
    (tmp_path / "evening.betrontech.yaml").write_text(SCENARIO)
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "sizes.yaml").write_text(CASES)
    (tmp_path / "suite" / "_shared.yaml").write_text("no scenario: 1\n")
    done = run_pytest(tmp_path, "-v", *wallet(right), ".", "--betrontech-scenarios", "suite")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("evening.betrontech.yaml::evening", "sizes.yaml::sizes[small]", "sizes.yaml::sizes[large]"):
        assert f"{name} PASSED" in done.stdout
    assert "3 passed" in done.stdout


def test_one_test_is_run_alone_and_a_folder_with_all_scenarios(right: str, tmp_path: Path) -> None:
    """An editor that runs one test would play the whole suite as well."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nbetrontech_scenarios = suite\n")
    for folder, file, text in (
        ("suite", "a.yaml", SCENARIO),
        ("own", "test_one.py", "def test_one(): pass\n"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    for asked, passed in (("own/test_one.py", 1), ("own/test_one.py::test_one", 1), ("own", 2)):
        assert f"{passed} passed" in run_pytest(tmp_path, *wallet(right), asked).stdout, asked


def test_a_wrong_wallet_shows_our_frame_and_nothing_of_our_stack(wrong: str, tmp_path: Path) -> None:
    """What a terminal of `run` shows, with the line that repeats it."""
    (tmp_path / "evening.betrontech.yaml").write_text(SCENARIO)
    done = run_pytest(tmp_path, *wallet(wrong))
    assert done.returncode == 1, done.stderr
    assert "error[IDE-03] a refund that is sent again is paid again" in done.stdout
    assert "balance: expected" in done.stdout
    assert f"rerun   betrontech-sim run --endpoint {wrong}" in done.stdout
    assert re.search(r"^FAILED evening.* - error\[IDE-03\] ", done.stdout, re.MULTILINE)
    for ours in ("simulator/", "Traceback", "assertions.py", "--last-failed"):
        assert ours not in done.stdout


def test_what_failed_last_runs_again_alone(wrong: str, tmp_path: Path) -> None:
    """A row of cases, too: -x and --lf are those of pytest."""
    (tmp_path / "rows.betrontech.yaml").write_text(ROWS)
    where = (*wallet(wrong), "rows.betrontech.yaml")
    first = run_pytest(tmp_path, *where, "-x", cached=True)
    assert "1 failed, 1 passed" in first.stdout
    again = run_pytest(tmp_path, *where, "--lf", cached=True)
    assert "1 failed, 3 deselected" in again.stdout
    assert "rows[second]" in again.stdout


ROWS = """
name: Rows
cases: {first: {of: b2}, second: {of: b1}, third: {of: b1}, fourth: {of: b2}}
steps:
  - bet: {amount: 10.00, id: b1}
  - bet: {amount: 10.00, id: b2}
  - refund: b1
  - refund: "${of}"
"""


def test_a_scenario_of_the_bundled_suite_is_called_so(wrong: str, tmp_path: Path) -> None:
    """The line that repeats it works in every folder."""
    one = ("--betrontech-scenarios", "bundled", "-k", "repeated-refund")
    done = run_pytest(tmp_path, *wallet(wrong), *one)
    assert done.returncode == 1, done.stderr
    assert "FAIL  bundled:idempotency/repeated-refund.yaml:7 " in done.stdout
    assert "--player 1000 bundled:idempotency/repeated-refund.yaml " in done.stdout


def test_a_fixture_plays_steps_against_the_wallet_that_the_tests_start(wrong: str, tmp_path: Path) -> None:
    """The endpoint may be a fixture of the project; a failure shows the test and the report."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n\n"
        f"@pytest.fixture(scope='session')\ndef betrontech_endpoint():\n    return {wrong!r}\n\n\n"
        "@pytest.fixture(scope='session')\ndef betrontech_players():\n    return ('1000',)\n"
    )
    (tmp_path / "test_wallet.py").write_text(
        "def test_a_bet(betrontech):\n    betrontech.steps('- bet: 10.00')\n\n\n"
        "def test_a_refund(betrontech):\n    betrontech.steps('''\n"
        "- bet: {amount: 10.00, id: b1}\n- refund: b1\n- resend: last\n''')\n\n\n"
        "def test_a_mistake(betrontech):\n    betrontech.steps('- bett: 10.00')\n"
    )
    done = run_pytest(tmp_path)
    assert "2 failed, 1 passed" in done.stdout, done.stdout
    assert "error[IDE-03] a refund that is sent again is paid again" in done.stdout
    assert 'did you mean "bet"' in done.stdout
    assert "run_scenarios" not in done.stdout


def test_tags_select_and_what_is_skipped_says_why(right: str, tmp_path: Path) -> None:
    """`-m` takes a tag, `-k` a word of the name, and a skip has the reason of the run."""
    (tmp_path / "evening.betrontech.yaml").write_text(SCENARIO)
    (tmp_path / "two.betrontech.yaml").write_text(
        "name: Two players\nplayers: {a: {}, b: {}}\nsteps: [{bet: {amount: 1.00, player: a}}]\n"
    )
    tagged = run_pytest(tmp_path, "-m", "evening", *wallet(right))
    assert "1 passed, 1 deselected" in tagged.stdout, tagged.stdout
    named = run_pytest(tmp_path, "-rs", "-k", "players", *wallet(right))
    assert "needs 3 test players, only 1 given" in named.stdout, named.stdout


def test_tests_at_once_never_share_a_player(right: str, tmp_path: Path) -> None:
    """Two processes and one player: each test waits for it, and finds the balance that it set."""
    for number in range(4):
        (tmp_path / f"s{number}.betrontech.yaml").write_text(SCENARIO)
    done = run_pytest(tmp_path, "-n", "2", *wallet(right, "1001"))
    assert "4 passed" in done.stdout, done.stdout


def test_without_an_endpoint_a_test_says_where_to_name_it(tmp_path: Path) -> None:
    """A scenario that nobody played must not look green."""
    (tmp_path / "evening.betrontech.yaml").write_text(SCENARIO)
    done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "name the URL at which your wallet answers webhooks with --betrontech-endpoint" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_that_cannot_be_read_is_an_error_with_its_place(right: str, tmp_path: Path) -> None:
    """The same words as `check`, and no stack."""
    (tmp_path / "evening.betrontech.yaml").write_text(SCENARIO.replace("refund:", "refnd:"))
    done = run_pytest(tmp_path, *wallet(right))
    assert 'evening.betrontech.yaml:5:5: unknown step "refnd"; did you mean "refund"' in done.stdout, (
        done.stdout
    )
    assert "site-packages" not in done.stdout


def test_a_program_without_pytest_can_assert_that_a_wallet_is_right(right: str, wrong: str) -> None:
    """For other test runners; the message is the report, and pytest is never imported."""
    program = (
        "import sys\nfrom simulator import assert_wallet_right\n"
        f"assert_wallet_right({right!r}, ['1000'], 'scenarios/refunds/refund-repeated.yaml', timeout_s=9.0)\n"
        "assert 'pytest' not in sys.modules\n"
        f"assert_wallet_right({wrong!r}, ['1000'], 'scenarios/refunds/refund-repeated.yaml')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert "WalletIsWrong" in done.stderr
    assert "a refund that is sent again is paid again" in done.stderr


def test_pytest_starts_without_what_the_plugin_needs_only_later() -> None:
    """Every project of the environment imports it, whether it has scenarios or not."""
    program = "import sys, simulator.pytest_plugin\nprint({'flask', 'requests', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_example_of_the_documentation_passes_as_it_is_printed(tmp_path: Path) -> None:
    """A right wallet in Flask, the fixture that starts it, and the test: three files of docs/python.md."""
    text = Path("docs/python.md").read_text("utf-8")
    files = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in files] == ["wallet.py", "conftest.py", "test_wallet.py"]
    for name, code in files:
        (tmp_path / name).write_text(code, "utf-8")
    done = run_pytest(tmp_path, "-k", "documented or refunds")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
