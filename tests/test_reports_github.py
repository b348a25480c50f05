"""The Markdown report and the one for GitHub: a summary that renders as it is meant, and annotations."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest
from markdown_it import MarkdownIt

from command_line import simulate
from report_stories import REFUND_FILE, RUN, a_finding, a_scenario, end, ran, start, told
from simulator.core.findings import Place, Severity, Verdict
from simulator.errors import ExitCode
from simulator.report.events import Event, FindingRaised
from simulator.report.markdown import SUMMARY_BYTES_MAX, AnnotationsReport, MarkdownReport
from simulator.report.tally import Report, open_report, render
from small_wallet import Fields, SmallWallet, serving

HOSTILE = "<img src=x> | `a` **b** [c](http://evil.example) %0A::error::x"
SCENARIO = f"""\
name: "{HOSTILE}"
player: {{balance: 90.00}}
steps:
- bet: 5.00
- win: 2.00
"""
HTML = MarkdownIt("commonmark", {"html": True}).enable("table")


class KeepsWins(SmallWallet):
    """Answers a win as if it were right, and credits a cent less."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        self.balances[player] -= 1
        return super().win(player, amount, transaction_id, game)


@pytest.fixture(scope="module")
def wrong() -> Iterator[str]:
    with serving(KeepsWins()) as url:
        yield url


@pytest.fixture(scope="module")
def right() -> Iterator[str]:
    with serving(SmallWallet()) as url:
        yield url


def run(folder: Path, endpoint: str, *flags: str, **variables: str) -> tuple[int, list[str], str]:
    """Run the scenario below `folder`; return the exit code, the workflow commands, and the whole output."""
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases" / "won.yaml").write_text(SCENARIO)
    target = ("--endpoint", endpoint, "--player", "1000")
    done = simulate("run", "cases/won.yaml", *target, *flags, folder=folder, **variables)
    commands = [line for line in done.stdout.splitlines() if line.startswith("::")]
    return done.returncode, commands, done.stdout


def test_a_wrong_wallet_gets_its_summary_and_an_annotation_at_the_step(tmp_path: Path, wrong: str) -> None:
    """Under GitHub Actions without being asked, with -q too; what the step wrote before stays."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    given = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    code, commands, _ = run(tmp_path, wrong, "-q", **given)
    assert code == 1
    assert [line for line in commands if line.startswith("::error file=cases/won.yaml,line=5,title=error[")]
    assert len(commands) == 1
    text = summary.read_text()
    assert text.startswith("before\n## Errors found in your wallet\n")
    for part in ("**What happened:**", "**Expected:** 87.00", "**How to fix it:**", "Run it again"):
        assert part in text


def test_a_right_wallet_gets_a_summary_and_no_annotation(tmp_path: Path, right: str) -> None:
    summary = tmp_path / "summary.md"
    code, commands, _ = run(tmp_path, right, "--report=github", GITHUB_STEP_SUMMARY=str(summary))
    assert (code, commands) == (0, [])
    assert summary.read_text().startswith("## No errors found\n\n**1** passed")


def test_elsewhere_nothing_is_annotated(tmp_path: Path, wrong: str) -> None:
    code, commands, _ = run(tmp_path, wrong)
    assert (code, commands) == (1, [])


def test_named_and_on_by_default_it_is_written_once(tmp_path: Path, wrong: str) -> None:
    summary = tmp_path / "summary.md"
    given = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    _, commands, _ = run(tmp_path, wrong, "--report", "github", **given)
    assert len(commands) == 1
    assert summary.read_text().count("## Errors found") == 1


def test_files_are_named_from_the_top_of_the_repository(tmp_path: Path, wrong: str) -> None:
    """GitHub finds no file by its path from the folder of a step."""
    step = tmp_path / "services" / "wallet"
    step.mkdir(parents=True)
    _, commands, _ = run(step, wrong, GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(tmp_path))
    assert commands[0].startswith("::error file=services/wallet/cases/won.yaml,line=5,")


def test_a_summary_that_cannot_be_written_stops_no_run(tmp_path: Path, wrong: str) -> None:
    given = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "absent" / "summary.md")}
    code, commands, _ = run(tmp_path, wrong, **given)
    assert (code, len(commands)) == (1, 1)


def test_a_report_on_standard_output_stays_whole(tmp_path: Path, wrong: str) -> None:
    """The annotations go with the log to standard error, which GitHub reads too."""
    code, commands, output = run(tmp_path, wrong, "--report=json:-", GITHUB_ACTIONS="true")
    assert (code, commands) == (1, [])
    assert output.lstrip().startswith("{")


def test_github_takes_no_file(tmp_path: Path, right: str) -> None:
    target = ("--endpoint", right, "--player", "1000")
    done = simulate("run", *target, "--report", "github:x.md", folder=tmp_path)
    assert done.returncode == 4
    assert "github takes no file" in done.stderr


def test_a_hostile_name_is_shown_and_does_nothing(tmp_path: Path, wrong: str) -> None:
    """It is text in the table, in the causes and in the annotation."""
    _, commands, _ = run(tmp_path, wrong, f"--report=markdown:{tmp_path / 'r.md'}", GITHUB_ACTIONS="true")
    page = HTML.render((tmp_path / "r.md").read_text())
    assert "<img" not in page
    assert "<a " not in page
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    assert [row.count("<td") for row in rows] == [0, 4]
    assert "&lt;img src=x&gt; | `a` **b** [c](http://evil.example) %0A::error::x" in rows[1]
    assert len(commands) == 1


# --- what only many findings show ------------------------------------------------------------------


def annotated(events: list[Event], folder: str = "") -> list[str]:
    """The lines that the report for GitHub writes about a run."""
    stream = io.StringIO()
    render(AnnotationsReport(stream, folder), events)
    return stream.getvalue().splitlines()


def with_causes(count: int) -> list[Event]:
    """A run that found so many causes."""
    findings = [a_finding(cause=f"cause-{number:03}") for number in range(count)]
    return [start(), *ran(a_scenario(), Verdict.FAILED, *findings), end(ExitCode.FOUND)]


def test_ten_causes_are_annotated_and_one_notice_counts_the_others() -> None:
    lines = annotated(with_causes(14))
    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 10 + ["::notice"]
    assert "4 more findings" in lines[-1]
    assert len(annotated(with_causes(10))) == 10


def test_errors_come_before_warnings_and_notes_are_left_out() -> None:
    severities = (Severity.NOTE, Severity.WARNING, Severity.ERROR)
    findings = [a_finding(cause=f"c-{severity}", severity=severity) for severity in severities]
    events = [start(), *ran(a_scenario(), Verdict.FAILED, *findings), end(ExitCode.FOUND)]
    assert [line.partition(" ")[0] for line in annotated(events)] == ["::error", "::warning"]


def test_what_would_end_a_command_or_a_property_is_escaped() -> None:
    finding = a_finding(
        place=Place("a,b:c%/s.yaml", 3), message="50%, or: more\n::error::x", label="1%\r\n::warning::y"
    )
    (line,) = annotated([start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    assert line.startswith("::error file=a%2Cb%3Ac%25/s.yaml,line=3,title=error[IDE-03] 50%25%2C or%3A more")
    assert "What happened: 1%25" in line


@pytest.mark.parametrize(
    ("code", "reason"),
    [(ExitCode.UNREACHABLE, "nothing listens there"), (ExitCode.INCONCLUSIVE, "no second player")],
)
def test_a_run_that_fails_without_a_cause_says_why(code: ExitCode, reason: str) -> None:
    """Otherwise a red step would have no line that explains it."""
    root = reason if code is ExitCode.UNREACHABLE else ""
    events = [start(), *ran(a_scenario(), Verdict.INCONCLUSIVE, reason=reason), end(code, root_cause=root)]
    (line,) = annotated(events)
    assert line.startswith("::error title=")
    assert line.endswith(f"::{reason}")


def test_the_table_names_the_cause_of_each_scenario_as_the_list_does() -> None:
    """By the number of the cause, the first to mend first, in the order of the files."""
    other = a_finding(cause="other-cause", message="another thing is wrong")
    events: list[Event] = [start()]
    for number, findings in enumerate([(other,), (a_finding(),), (other, a_finding()), (a_finding(),)]):
        scenario = a_scenario(f"scenarios/s{number}.yaml", name=f"n{number}", id=f"s{number}")
        events += ran(scenario, Verdict.FAILED, *findings)
    text = told("markdown", [*events, end(ExitCode.FOUND)])
    rows = [line for line in text.splitlines() if line.startswith("| n")]
    assert [row[2:4] for row in rows] == ["n1", "n2", "n3", "n0"]
    assert all(row.endswith("| failed | 1. the repeated refund was credited again |") for row in rows[:3])
    assert rows[3].endswith("| failed | 2. another thing is wrong |")
    assert text.index("### 1. error&#91;IDE-03&#93; the repeated") < text.index(
        "### 2. error&#91;IDE-03&#93; another"
    )


def test_what_stopped_the_run_before_its_scenarios_is_told_whole() -> None:
    """Its later lines say what the first one means."""
    raised = FindingRaised(scenario_id=None, finding=a_finding())
    root = "a bet was answered HTTP 200\nand yet the balance went down"
    events: list[Event] = [start(), raised, end(ExitCode.FOUND, root_cause=root)]
    (line,) = annotated(events)
    assert "::a bet was answered HTTP 200%0Aand yet the balance went down%0AWhat happened" in line
    assert "\nand yet the balance went down\n" in told("markdown", events)


def test_a_run_that_was_cut_short_has_a_whole_summary() -> None:
    for cut in range(len(RUN)):
        assert told("markdown", RUN[:cut]).startswith("## The run was interrupted\n")


def test_a_summary_stays_below_what_github_takes() -> None:
    """With causes and scenarios of the worst size; the first cause is there all the same."""
    long = "|🎰" * 5_000
    events: list[Event] = [start()]
    for number in range(400):
        scenario = a_scenario(f"scenarios/s{number}.yaml", name=long, id=f"s{number}")
        finding = a_finding(cause=f"c{number:03}", label=long, trail=long, why=long, answer=long, curl=long)
        events += ran(scenario, Verdict.FAILED, finding)
    text = told("markdown", [*events, end(ExitCode.FOUND)])
    assert len(text.encode()) < SUMMARY_BYTES_MAX
    assert "### 1. error" in text


def test_what_has_no_room_is_left_out_whole() -> None:
    """A step that has written to its summary before leaves less; no table or block is cut in two."""
    for room in (0, 200, 1_000, 2_500):
        stream = io.StringIO()
        render(MarkdownReport(stream, room=room), with_causes(5))
        text = stream.getvalue()
        assert len(text.encode()) <= max(room, 100)
        assert text.count("```") % 2 == 0
        assert "too long for this summary" in text


@pytest.mark.parametrize("report", [MarkdownReport, AnnotationsReport])
def test_names_that_the_stream_cannot_hold_are_written_as_escapes(
    report: Callable[[TextIO], Report],
) -> None:
    """The log of a runner may be ASCII; that must not stop a run."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    scenario = a_scenario("scenarios/geçiş.yaml", "şans 🎰")
    finding = a_finding(place=None, message="ödeme")
    render(report(stream), [start(), *ran(scenario, Verdict.FAILED, finding)])
    stream.seek(0)
    assert "\\xf6deme" in stream.read()


def test_a_block_of_code_is_not_ended_by_its_text() -> None:
    """A line of backticks alone would end it."""
    finding = a_finding(lanes=("one", "````", "</code>"))
    page = HTML.render(
        told("markdown", [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    )
    assert "<code>one\n````\n&lt;/code&gt;\n</code>" in page


# --- GitLab ---------------------------------------------------------------------------------------


def test_gitlab_lists_each_cause_once_with_its_place() -> None:
    """The fingerprint is the same in every run, so that a merge request tells new causes from old ones."""
    one, other = (
        a_finding(),
        a_finding(cause="form:CON-07:status-text", rule="CON-07", severity=Severity.WARNING),
    )
    events = [start(), *ran(a_scenario(), Verdict.FAILED, one, other), end(ExitCode.FOUND)]
    first, second = json.loads(told("gitlab", events))
    assert (first["check_name"], first["severity"]) == ("IDE-03", "critical")
    assert first["location"] == {"path": REFUND_FILE, "lines": {"begin": 11}}
    assert one.label in first["description"]
    assert (second["check_name"], second["severity"]) == ("CON-07", "minor")
    assert first["fingerprint"] != second["fingerprint"]
    again = [
        start(),
        *ran(a_scenario(), Verdict.FAILED, replace(one, label="another amount")),
        end(ExitCode.FOUND),
    ]
    assert json.loads(told("gitlab", again))[0]["fingerprint"] == first["fingerprint"]


def test_gitlab_names_files_from_the_top_of_the_repository() -> None:
    stream = io.StringIO()
    report = open_report("gitlab", stream, folder="tests/wallet")
    render(report, [start(), *ran(a_scenario(), Verdict.FAILED, a_finding()), end(ExitCode.FOUND)])
    assert json.loads(stream.getvalue())[0]["location"]["path"] == f"tests/wallet/{REFUND_FILE}"


def test_a_right_wallet_gives_gitlab_an_empty_list() -> None:
    assert (
        json.loads(told("gitlab", [start(), *ran(a_scenario(), Verdict.PASSED), end(ExitCode.PASSED)])) == []
    )
