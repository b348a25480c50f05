"""The terminal report: what a person reads."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from report_stories import (
    REFUND_FILE,
    REPEATED_REFUND,
    a_finding,
    a_scenario,
    an_exchange,
    block_after,
    end,
    on_screen,
    ran,
    start,
    told,
)
from simulator.core.findings import Phase, Place, Severity, Verdict
from simulator.core.steps import Parallel, Scenario
from simulator.errors import ExitCode
from simulator.law.rules import rule_of
from simulator.law.situations import Situation
from simulator.report.events import DialectObserved, Event, FindingRaised, ScenarioStarted


def test_a_failure_is_framed_as_the_design_shows() -> None:
    assert block_after(told("terminal", REPEATED_REFUND), f"FAIL  {REFUND_FILE}:11") == [
        f"FAIL  {REFUND_FILE}:11  A repeated refund is credited once",
        "error[IDE-03] the repeated refund was credited again",
        "   |",
        " 9 |   - bet: {amount: 10.00, id: b1}",
        "10 |   - refund: b1",
        "11 |   - resend: last",
        "   |     ^^^^^^ balance: expected 100.00, the operator answered 110.00 (+10.00)",
        "   = ledger  100.00 → bet 10.00 → 90.00 → refund → 100.00 → resend → 100.00",
        '   = answer  HTTP 200 {"status":1,"balance":"110.00"}',
        "   = why     the same refund must not pay twice; the player gained 10.00",
        f"   = curl    {a_finding().curl}",
        f"   = rerun   betrontech-sim run {REFUND_FILE} --seed 7313",
    ]


def test_the_caret_stands_under_the_step_after_wide_characters() -> None:
    """A wide character takes two columns of the screen and one of the file."""
    source = ("- bet: {game: 骰子, amount: 10.00}",)
    column = source[0].index("amount") + 1
    finding = a_finding(place=Place(REFUND_FILE, 1, column, 6))
    text = told("terminal", [start(), *ran(a_scenario(source=source), Verdict.FAILED, finding)])
    line = next(line for line in text.split("\n") if line.startswith(" 1 |"))
    caret = next(line for line in text.split("\n") if "^" in line)
    columns_before = sum(
        2 if unicodedata.east_asian_width(c) == "W" else 1 for c in line[: line.index("amount")]
    )
    assert caret.index("^") == columns_before


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("kind", ["terminal", "junit", "json", "ndjson", "html", "markdown"])
def test_every_report_shows_the_answer_of_every_finding(kind: str, severity: Severity) -> None:
    verdict = Verdict.FAILED if severity is Severity.ERROR else Verdict.PASSED
    finding = a_finding(severity=severity, answer="HTTP 200 it-was-this")
    assert "HTTP 200 it-was-this" in told(kind, [start(), *ran(a_scenario(), verdict, finding)])


@pytest.mark.parametrize("kind", ["terminal", "junit"])
def test_what_a_call_before_the_first_step_shows_is_not_laid_to_a_line(kind: str) -> None:
    """The scenario is named, and what was found; no line of its source is."""
    finding = a_finding(place=Place(REFUND_FILE, 1), phase=Phase.PREPARATION)
    text = told(kind, [start(), *ran(a_scenario(), Verdict.FAILED, finding)])
    assert "the repeated refund was credited again" in text
    assert "expected 100.00" in text
    assert "1 | name:" not in text


def test_a_step_from_an_included_file_is_shown_without_foreign_source() -> None:
    finding = a_finding(place=Place("scenarios/shared/setup.yaml", 2, 5, 3))
    frame = block_after(
        told("terminal", [start(), *ran(a_scenario(), Verdict.FAILED, finding)]), "FAIL  scenarios/shared"
    )
    assert frame[0].startswith("FAIL  scenarios/shared/setup.yaml:2")
    assert not any("details" in line for line in frame)
    assert any(finding.label in line for line in frame)


def many_failures(count: int) -> list[Event]:
    """One defect met by many scenarios, the shortest of them in the middle, and another one met once."""
    events: list[Event] = [start(count + 1)]
    for number in range(count):
        file = f"scenarios/refunds/story-{number:02d}.yaml"
        calls = 4 if number == count // 2 else 20
        events += ran(a_scenario(file, f"Story {number}"), Verdict.FAILED, a_finding(file), calls=calls)
    overdraft = a_finding(rule="INS-01", cause="overdraft", message="the bet was accepted", trail="")
    return [*events, *ran(a_scenario(), Verdict.FAILED, overdraft), end(ExitCode.FOUND)]


def test_one_defect_is_one_cause_however_many_scenarios_meet_it() -> None:
    """The summary begins with the causes, the one that touches most first, and frames each once."""
    text = on_screen(many_failures(9), verbosity=1)
    summary = text.split("\n\n", 2)[2].split("\n")
    assert "10 scenarios" in summary[0]
    assert "2 causes" in summary[0]
    assert "IDE-03" in summary[1]
    assert "9 scenarios" in summary[1]
    assert "INS-01" in summary[2]
    assert text.count("= ledger") == 1
    assert text.count("= rerun") == 2


def test_without_v_the_first_cause_is_framed_and_the_others_take_two_lines_each() -> None:
    """A folder has a line, and no scenario has one."""
    lines = told("terminal", many_failures(9)).splitlines()
    assert lines[2] == "scenarios/refunds  10 failed"
    assert lines[4].startswith("10 scenarios, 2 causes of failure")
    assert lines[6] == "FAIL  scenarios/refunds/story-04.yaml:11  Story 4"
    assert "   = also    in 8 more scenarios" in lines
    other = lines.index("error[INS-01] the bet was accepted  1 scenario")
    assert lines[other + 1].startswith(f"   --> {REFUND_FILE}:11  balance: expected 100.00")
    assert sum("Story" in line for line in lines) == 1


def test_a_cause_is_framed_where_the_fewest_calls_show_it_and_the_rest_is_listed_shortly() -> None:
    text = on_screen(many_failures(9), verbosity=1)
    frame = block_after(text, "FAIL  scenarios/refunds/story-04.yaml:11")
    also = frame.index("   = also    in 8 more scenarios")
    assert frame[also + 1].strip().startswith("scenarios/refunds/story-00.yaml:11")
    assert frame[-1].strip().startswith("scenarios/refunds/story-08.yaml:11")


def test_findings_without_a_cause_are_grouped_by_what_they_say() -> None:
    events: list[Event] = [start()]
    for rule in ("CON-03", "CON-04"):
        finding = a_finding(rule=rule, cause="", message=f"expected something of {rule}")
        events += ran(a_scenario(f"scenarios/{rule}.yaml"), Verdict.FAILED, finding)
    assert "2 causes" in told("terminal", [*events, end(ExitCode.FOUND)])


def test_errors_come_before_warnings_and_warnings_before_notes() -> None:
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, cause="form", message="a number", count=14)
    note = a_finding(rule="ORD-09", severity=Severity.NOTE, cause="open-bets", message="a bet stays open")
    text = told("terminal", [start(), *ran(a_scenario(), Verdict.FAILED, note, warning, a_finding())])
    places = [text.rindex(tag) for tag in ("error[IDE-03]", "warning[CON-06]", "note[ORD-09]")]
    assert places == sorted(places)


def test_a_form_finding_is_told_once_with_its_count() -> None:
    def warned(file: str) -> list[Event]:
        warning = a_finding(
            file, rule="CON-06", severity=Severity.WARNING, cause="form", message="a number", count=14
        )
        return ran(a_scenario(file), Verdict.PASSED, warning)

    text = told(
        "terminal", [start(), *warned("scenarios/a.yaml"), *warned("scenarios/b.yaml"), end(ExitCode.PASSED)]
    )
    assert text.count("warning[CON-06]") == 1
    assert "28 times" in text
    assert "1 more scenario" in text
    assert "1 warning" in text.splitlines()[-1]


def test_a_scenario_with_warnings_is_marked_so_and_counted() -> None:
    """A note is no warning, and a warning is no reason to call a scenario right."""
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, cause="form", message="a number")
    note = a_finding(rule="ORD-09", severity=Severity.NOTE, cause="open-bets", message="a bet stays open")
    events = [
        start(3),
        *ran(a_scenario("scenarios/a.yaml", "With a warning"), Verdict.PASSED, warning, note),
        *ran(a_scenario("scenarios/b.yaml", "With a note"), Verdict.PASSED, note),
        *ran(a_scenario("scenarios/c.yaml", "With a warning, too"), Verdict.PASSED, warning),
        end(ExitCode.PASSED),
    ]
    lines = on_screen(events, verbosity=2).splitlines()
    assert lines[2:5] == [
        "warn   scenarios/a.yaml  With a warning",
        "ok     scenarios/b.yaml  With a note",
        "warn   scenarios/c.yaml  With a warning, too",
    ]
    assert lines[-1].startswith("PASSED  3 passed (2 with warnings), 1 warning, 1 note (")
    one = [start(), *events[1:5], end(ExitCode.PASSED)]
    assert "1 passed (1 with a warning)" in told("terminal", one)


def test_what_is_told_once_and_counted_has_the_count_of_the_run() -> None:
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, cause="form", message="a number")
    events = [start(), *ran(a_scenario(), Verdict.PASSED, warning)]
    assert "214 times" in told("terminal", [*events, end(ExitCode.PASSED, times={"form": 214, "other": 3})])
    failed = [start(), *ran(a_scenario(), Verdict.FAILED, replace(warning, severity=Severity.ERROR))]
    assert "= seen    47 times" in told("terminal", [*failed, end(ExitCode.FOUND, times={"form": 47})])


def test_an_expected_failure_is_no_cause_of_failure() -> None:
    """An xfail keeps its finding out of the causes; its reason is told."""
    text = told(
        "terminal", [start(), *ran(a_scenario(), Verdict.XFAILED, a_finding(), reason="known, ticket 12")]
    )
    assert "error[IDE-03]" not in text
    assert "known, ticket 12" in text


def test_what_has_no_verdict_is_grouped_by_its_reason() -> None:
    events: list[Event] = [start()]
    for number in range(5):
        events += ran(
            a_scenario(f"scenarios/restart/{number}.yaml"), Verdict.SKIPPED, reason="no restart hook"
        )
    text = on_screen([*events, end(ExitCode.INCONCLUSIVE)], verbosity=1)
    assert block_after(text, "5 skipped  no restart hook")[-1].strip() == "+2 more"


def test_reasons_and_notes_that_differ_in_numbers_alone_take_one_line() -> None:
    """Forty players that could not be brought to their balances would bury what is wrong."""
    events: list[Event] = [start()]
    notes = tuple(f"player {number} was not brought back to {number}.00" for number in range(5))
    for number in range(5):
        reason = f"player {number} cannot be brought to {number}.50"
        events += ran(a_scenario(f"scenarios/{number}.yaml"), Verdict.SKIPPED, reason=reason)
    last = end(ExitCode.INCONCLUSIVE, notes=notes)
    text = told("terminal", [*events, last])
    assert "5 skipped  player 0 cannot be brought to 0.50" in text
    assert "note    player 0 was not brought back to 0.00 (and 4 more like it; -v shows all)" in text
    assert text.count("brought back") == 1
    assert on_screen([*events, last], verbosity=1).count("brought back") == 5


def test_a_preflight_that_fails_is_named_first_with_the_call_that_failed() -> None:
    reason = "the player 1000 does not exist at this endpoint"
    finding = a_finding(rule="CON-01", cause="preflight", message=reason, place=None, label="", trail="")
    blocked = ran(a_scenario(), Verdict.BLOCKED, reason=reason)
    text = told(
        "terminal",
        [
            start(),
            FindingRaised(scenario_id=None, finding=finding),
            *blocked,
            end(ExitCode.FOUND, root_cause=reason),
        ],
    )
    summary = text.split("\n\n", 1)[1]
    assert summary.startswith(f"NOT RUN  {reason}")
    assert "1 blocked  for the reason above" in summary
    assert a_scenario().name not in text
    assert "= curl" in summary
    assert "1 blocked" in summary.splitlines()[-1]


def test_a_stop_on_the_first_failure_does_not_push_the_failure_down() -> None:
    reason = "stopped after 1 failed"
    blocked = ran(a_scenario("scenarios/next.yaml"), Verdict.BLOCKED, reason=reason)
    failed = ran(a_scenario(), Verdict.FAILED, a_finding())
    text = told("terminal", [start(2), *failed, *blocked, end(ExitCode.FOUND, root_cause=reason)])
    assert text.split("\n\n", 2)[2].startswith("FAIL")
    assert f"1 blocked  {reason}" in text


def test_the_dialect_is_told_with_its_evidence() -> None:
    knob = DialectObserved(knob="duplicate_bet", value="refused", evidence="resend-of-b1")
    events: list[Event] = [start(), knob, end(ExitCode.PASSED, dialect=(knob,))]
    assert "  duplicate_bet refused\n" in told("terminal", events)
    text = on_screen(events, verbosity=1)
    assert [
        line.split() for line in block_after(text, "How your wallet behaves where guides differ.")[2:]
    ] == [["duplicate_bet", "refused", "resend-of-b1"]]


@pytest.mark.parametrize("code", list(ExitCode))
def test_the_end_says_what_the_exit_code_means(code: ExitCode) -> None:
    lines = told("terminal", [start(), end(code)]).splitlines()
    assert any(line.startswith(f"exit    {int(code)}: ") for line in lines)
    assert "seed 7313" in lines[-1]


def test_the_end_of_a_passing_run_counts_its_warnings() -> None:
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, cause="form", message="a number")
    text = told("terminal", [start(), *ran(a_scenario(), Verdict.PASSED, warning), end(ExitCode.PASSED)])
    assert "exit    0: no errors found (1 warning)" in text


def test_a_passing_run_ends_with_its_counts_and_reports() -> None:
    events: list[Event] = [start(), *ran(a_scenario(), Verdict.PASSED), an_exchange(), end(ExitCode.PASSED)]
    lines = on_screen(events, reports=[("junit", "out/report.xml")]).splitlines()
    assert lines[-1] == "PASSED  1 passed (1 call in 2.31 s, seed 7313)"
    assert any("junit: out/report.xml" in line for line in lines)


def test_an_interrupted_run_tells_what_was_found_so_far() -> None:
    """A scenario that was running counts as failed when it had found an error, else as inconclusive."""
    other = a_scenario("scenarios/other.yaml", "Another")
    events: list[Event] = [*REPEATED_REFUND[:-2], ScenarioStarted(scenario=other)]
    text = told("terminal", events)
    assert "error[IDE-03]" in text
    assert text.splitlines()[-1].startswith("INTERRUPTED  1 failed, 1 inconclusive")


def test_quiet_prints_the_causes_what_to_do_next_and_one_last_line() -> None:
    warning = a_finding(rule="CON-06", severity=Severity.WARNING, cause="form", message="a number")
    quiet = on_screen(
        [start(), *ran(a_scenario(), Verdict.PASSED, warning), end(ExitCode.PASSED)], verbosity=-1
    )
    assert quiet.splitlines()[0] == "warning[CON-06] a number  1 scenario"
    assert len(quiet.splitlines()) == 2
    failed = on_screen(many_failures(2), verbosity=-1).splitlines()
    assert failed[0].startswith("FAIL  scenarios/refunds/story-01.yaml:11")
    assert failed[-4] == "error[INS-01] the bet was accepted  1 scenario"
    assert failed[-3] == "next    How to fix it: betrontech-sim explain IDE-03"
    assert failed[-2].startswith("next    Then: betrontech-sim run ")
    assert failed[-1].startswith("FAILED  3 failed")


# --- roots and what follows from them --------------------------------------------------------------


def burst(file: str) -> Scenario:
    """A scenario that sends calls together."""
    return replace(a_scenario(file), steps=(Parallel(place=Place(file, 5), steps=()),))


def failed(scenario: Scenario, cause: str, message: str) -> list[Event]:
    return ran(scenario, Verdict.FAILED, a_finding(cause=cause, message=message))


A_CALL = "repeated-bet-taken-again", a_scenario("a.yaml")
A_READ = "stale-read", a_scenario("d.yaml")
A_RACE = "lost-update", burst("b.yaml")
AFTER_A_RACE = "refund-not-credited", burst("c.yaml")


@pytest.mark.parametrize(
    ("root", "follower", "follower_count"),
    [
        (A_CALL, ("double-effect", burst("b.yaml")), 3),
        (A_CALL, AFTER_A_RACE, 3),
        (A_CALL, A_READ, 1),
        (A_READ, A_RACE, 1),
        (A_READ, ("bet-not-taken", a_scenario("a.yaml")), 1),
        (A_RACE, AFTER_A_RACE, 3),
    ],
    ids=[
        "call-before-race",
        "call-before-what-a-race-upset",
        "call-before-read",
        "read-before-race",
        "wide-read-before-narrow-call",
        "race-before-what-it-upset",
    ],
)
def test_what_may_follow_from_another_cause_stands_under_it(
    root: tuple[str, Scenario], follower: tuple[str, Scenario], follower_count: int
) -> None:
    """A race touches more scenarios, and is no proof against what calls do one after the other.

    The frame of what follows comes last, and the next step names the rule of what comes first.
    """
    more = [
        event
        for number in range(follower_count)
        for event in failed(replace(follower[1], id=f"{number}.yaml"), follower[0], "follows")
    ]
    roots = [
        event
        for number in range(2)
        for event in ran(
            replace(root[1], id=f"root-{number}.yaml"),
            Verdict.FAILED,
            a_finding(cause=root[0], message="comes first"),
        )
    ]
    text = on_screen([start(), *more, *roots, end(ExitCode.FOUND)], verbosity=1)
    summary = text.partition("causes of failure\n")[2].split("\n")
    assert "comes first" in summary[0]
    assert summary[1].strip() == "possibly consequences of the above:"
    assert "follows" in summary[2]
    assert text.rindex("comes first") < text.rindex("follows")
    assert f"betrontech-sim explain {rule_of(Situation(root[0]))}" in text


def test_a_cause_has_one_rule_and_that_of_the_scenario_is_told_as_seen_as() -> None:
    """What a lost answer shows is the same mistake as what a repeat shows."""
    lost = ran(a_scenario(covers=("TMO-03",)), Verdict.FAILED, a_finding(rule="TMO-03"))
    text = on_screen([start(), *lost, end(ExitCode.FOUND)], verbosity=1)
    assert "error[IDE-03] the repeated refund was credited again\n" in text
    assert "   = seen as TMO-03\n" in text
    repeated = ran(a_scenario("b.yaml"), Verdict.FAILED, a_finding("b.yaml"))
    text = on_screen([start(), *lost, *repeated, end(ExitCode.FOUND)], verbosity=1)
    assert text.index("FAIL  b.yaml:11") < text.index("seen as TMO-03: ")


def test_a_claim_of_an_own_scenario_is_not_explained_by_a_rule() -> None:
    finding = a_finding(rule="EXP-01", cause="expectation-failed", message="expected accepted, found refused")
    text = told("terminal", [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    assert "betrontech-sim explain" not in text
    assert "next    Then: betrontech-sim run" in text


def test_how_answers_are_written_and_what_an_author_claims_comes_after_money() -> None:
    """They stand beside what is wrong with the money, and are no consequences of it."""
    claims = [
        event
        for number in range(3)
        for event in failed(a_scenario(f"{number}.yaml"), "expectation-failed:CUR-01", "it claims")
    ]
    form = failed(a_scenario("f.yaml"), "form:CON-07:status-text", "it is written oddly")
    money = failed(a_scenario("z.yaml"), "bet-not-taken", "bets are not taken")
    text = on_screen([start(), *claims, *form, *money, end(ExitCode.FOUND)], verbosity=1)
    summary = text.partition("causes of failure\n")[2].split("\n")
    assert [words in line for words, line in zip(MESSAGES, summary, strict=False)] == [True] * 3
    assert "consequences" not in text


MESSAGES = ("bets are not taken", "it is written oddly", "it claims")


def test_an_operator_that_stopped_answering_is_told_first() -> None:
    """What was found on the way down may be a part of it."""
    blocked = ran(a_scenario("scenarios/b.yaml"), Verdict.BLOCKED, reason="gone")
    events = [start(), *ran(a_scenario(), Verdict.FAILED, a_finding()), *blocked]
    gone = "the operator stopped answering: connection refused"
    text = told("terminal", [*events, end(ExitCode.FOUND, root_cause=gone, gone=True)])
    assert text.index(f"STOPPED  {gone}") < text.index("error[IDE-03]", text.index("STOPPED"))
    assert "1 scenario did not run" in text


def test_a_matter_of_form_has_one_rule_whichever_scenario_shows_it() -> None:
    """So that a list of known causes, and the next run, call it the same."""
    finding = a_finding(rule="INS-02", cause="form:CON-03:http-500", message="HTTP 500")
    text = told("terminal", [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    assert "error[CON-03] HTTP 500" in text
    assert "= seen as INS-02" in text
    assert "explain CON-03" in text
