"""The last part of the summary: the dialect, what has no verdict and why, the counts and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.core.findings import Severity, Verdict
from simulator.core.scenario import Scenario
from simulator.errors import ExitCode
from simulator.reports.frame import FrameStyle
from simulator.reports.overview import EXPLAINED, Overview
from simulator.reports.screen_text import display_width, plural, visible

REASON_SCENARIOS_MAX = 3

EXIT_MEANINGS = {
    ExitCode.PASSED: "no finding of severity error",
    ExitCode.FOUND: "a finding of severity error",
    ExitCode.INTERRUPTED: "interrupted; what ran is reported",
    ExitCode.INTERNAL: "a mistake of the simulator, not of the operator",
    ExitCode.USAGE: "the command, its configuration or a scenario cannot be used",
    ExitCode.NOTHING_SELECTED: "no scenario was selected",
    ExitCode.INCONCLUSIVE: "nothing wrong was seen, and not everything could be proven",
    ExitCode.UNREACHABLE: "the endpoint did not answer before any verdict",
}
RESULT_WORDS = {
    ExitCode.PASSED: "PASSED",
    ExitCode.FOUND: "FAILED",
    ExitCode.INTERRUPTED: "INTERRUPTED",
    ExitCode.INTERNAL: "INTERNAL ERROR",
    ExitCode.USAGE: "UNUSABLE",
    ExitCode.NOTHING_SELECTED: "NOTHING SELECTED",
    ExitCode.INCONCLUSIVE: "INCONCLUSIVE",
    ExitCode.UNREACHABLE: "UNREACHABLE",
}
# What went wrong stands first: the line may be cut by whoever quotes it.
COUNT_ORDER = (
    Verdict.FAILED,
    Verdict.XPASSED,
    Verdict.INCONCLUSIVE,
    Verdict.BLOCKED,
    Verdict.PASSED,
    Verdict.SKIPPED,
    Verdict.XFAILED,
)


def closing(overview: Overview, style: FrameStyle, reports: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Everything after the findings."""
    yield from _dialect(overview, style)
    yield from _reasons(overview, style)
    rows = [("note", note) for note in (overview.ended.notes if overview.ended else ())]
    rows += [("report", f"{kind}: {path}") for kind, path in reports]
    rows += [("next", step) for step in _next_steps(overview, style)]
    rows.append(("exit", f"{int(overview.exit_code)}, {_exit_meaning(overview)}"))
    for key, text in rows:
        yield f"{style.ink.faint(f'{key:<7}')} {visible(text)}"
    yield result_line(overview, style)


def result_line(overview: Overview, style: FrameStyle) -> str:
    """The last line: one word, the counts, and the size of the run."""
    ink, code = style.ink, overview.exit_code
    paint = ink.good if code is ExitCode.PASSED else ink.bad
    counts = [
        f"{overview.counts[verdict]:,} {verdict.value}" for verdict in COUNT_ORDER if overview.counts[verdict]
    ]
    for severity in (Severity.WARNING, Severity.NOTE):
        if found := len(overview.of_severity(severity)):
            counts.append(plural(found, severity.value))
    size = plural(overview.calls, "call")
    if overview.ended:
        size += f" in {duration(overview.ended.duration_ns)}"
    if overview.started:
        size += f", seed {overview.started.seed}"
    return f"{paint(RESULT_WORDS[code])}  {', '.join(counts) or 'no scenario ran'} {ink.faint(f'({size})')}"


def duration(nanoseconds: int) -> str:
    """``2.31 s``, and from a minute on ``3 min 07 s``."""
    hundredths = nanoseconds // 10_000_000
    if hundredths < 6_000:
        return f"{hundredths // 100}.{hundredths % 100:02d} s"
    minutes, seconds = divmod(hundredths // 100, 60)
    return f"{minutes} min {seconds:02d} s"


def scenario_place(scenario: Scenario) -> str:
    """The file, with a line where the file holds more than this scenario."""
    alone = scenario.id == scenario.place.file
    return visible(scenario.place.file if alone else str(scenario.place))


def _dialect(overview: Overview, style: FrameStyle) -> Iterator[str]:
    knobs = [
        (visible(seen.knob), visible(seen.value), visible(seen.evidence))
        for seen in overview.dialect.values()
    ]
    if not knobs:
        return
    hint = style.ink.faint("  all of it is allowed; --policy NAME=VALUE makes one answer binding")
    yield style.ink.strong("Dialect of this operator") + hint
    name_width = max(display_width(name) for name, _, _ in knobs)
    value_width = max(display_width(value) for _, value, _ in knobs)
    for name, value, evidence in knobs:
        padding = " " * (value_width - display_width(value))
        shown = f"{style.ink.hint(value)}{padding}  {style.ink.faint(evidence)}"
        yield f"  {name:<{name_width}}  {shown}".rstrip()
    yield ""


def _reasons(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """What has no verdict, or an expected one, grouped by why."""
    for verdict in EXPLAINED:
        for reason, scenarios in overview.reasons.get(verdict, {}).items():
            held = style.ink.odd(f"{len(scenarios):,} {verdict.value}")
            if overview.nothing_ran and reason == overview.root_cause:
                yield f"{held}  for the reason above"
                continue
            yield f"{held}  {visible(next(iter(reason.splitlines()), ''))}"
            for scenario in scenarios[:REASON_SCENARIOS_MAX]:
                yield f"   {scenario_place(scenario)}  {style.ink.faint(visible(scenario.name))}"
            if len(scenarios) > REASON_SCENARIOS_MAX:
                yield f"   +{len(scenarios) - REASON_SCENARIOS_MAX:,} more"
    if overview.reasons:
        yield ""


def _exit_meaning(overview: Overview) -> str:
    if overview.exit_code is ExitCode.FOUND and not overview.of_severity(Severity.ERROR):
        return "a scenario marked xfail passes"
    return EXIT_MEANINGS[overview.exit_code]


def _next_steps(overview: Overview, style: FrameStyle) -> list[str]:
    match overview.exit_code:
        case ExitCode.FOUND:
            errors = overview.of_severity(Severity.ERROR)
            if not errors:
                return ["take `xfail` out of the scenarios that pass now"]
            explain = f"betrontech-sim explain {errors[0].shown.finding.rule}"
            again = "" if overview.nothing_ran else " --last-failed"
            return [f"{explain} says how to fix it; then {style.command}{again}"]
        case ExitCode.UNREACHABLE:
            return [
                "is the wallet running, and do address, port and path of --endpoint fit? --wait-for waits"
            ]
        case ExitCode.INCONCLUSIVE:
            return ["the reasons above say what kept the run from a verdict"]
        case ExitCode.NOTHING_SELECTED:
            return ["betrontech-sim list shows what can be selected"]
        case ExitCode.INTERNAL:
            return ["please report it together with this output"]
        case _:
            return []
