"""The report on the terminal: a line for each scenario or a progress bar while it runs, then the summary.

The summary begins with the causes, each framed once; then come the dialect, the scenarios without a verdict,
and the counts. Its functions are pure, from a finished overview to lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TextIO

from simulator.core.calls import Call
from simulator.core.findings import Severity, Verdict
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.errors import ExitCode
from simulator.report.causes import EXPLAINED, Cause, Overview, Sighting
from simulator.report.events import Event, RunStarted, ScenarioFinished
from simulator.report.frame import FrameStyle, frame, headline, severity_tag, wire_dump
from simulator.report.rerun import repeat_line
from simulator.report.tally import passed_with_warnings
from simulator.report.text import Ink, display_width, encodable, plural, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Color = Literal["auto", "always", "never"]

QUIET = -1

_CALM = frozenset({Verdict.PASSED, Verdict.SKIPPED, Verdict.XFAILED, Verdict.BLOCKED})

_WORDS = {
    Verdict.PASSED: "ok   ",
    Verdict.FAILED: "FAIL ",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.SKIPPED: "skip ",
    Verdict.XFAILED: "xfail",
    Verdict.XPASSED: "XPASS",
}


class TerminalReport:
    """The report for a screen or a log.

    `color` "auto" paints when the stream is a terminal. `width` is in columns; None wraps nothing.
    `verbosity` -1 is `-q`, 1 is `-v`. `progress` puts a bar in place of the lines of scenarios that pass: for
    a terminal only, and not with `-q` or `-v`. `reports` are the (kind, path) of the files written beside it.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        color: Color = "auto",
        width: int | None = None,
        verbosity: int = 0,
        progress: bool = False,
        reports: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._ink = Ink(color == "always" or (color == "auto" and stream.isatty()))
        self._width = width
        self._verbosity = verbosity
        self._reports = reports
        self._overview = Overview()
        self._wants_bar = progress and verbosity == 0
        self._bar: ProgressBar | None = None
        self._endpoint = ""
        self._listed = False
        self._causes_told: set[str] = set()

    def on(self, event: Event) -> None:
        self._overview.on(event)
        if self._bar is not None:
            self._bar.tick()
        if type(event) is Call:
            if self._verbosity > 0:
                self._dump(event)
        elif self._verbosity > QUIET:
            match event:
                case RunStarted():
                    self._start(event)
                case ScenarioFinished():
                    self._finish(event)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        cut = self._overview.finish()
        style = FrameStyle(self._ink, self._width, self._overview.started)
        if self._verbosity <= QUIET:
            lines = failures_only(self._overview, style)
        else:
            for event in cut:
                self._list(event)
            if self._listed:
                self._write("")
            lines = summary(self._overview, style, self._reports, every=self._verbosity > 0)
        for line in lines:
            self._write(line)
        self._stream.flush()

    def _start(self, event: RunStarted) -> None:
        self._endpoint = visible(mask_url(event.endpoint))
        name = self._ink.strong(f"betrontech-sim {event.version}")
        selected = plural(event.selected, "scenario")
        self._write(f"{name}  {selected} → {self._endpoint}  seed {event.seed}\n")
        for warning in event.warnings:
            self._write(f"{self._ink.severity(Severity.WARNING, 'warning')}: {visible(warning)}\n")
        self._stream.flush()
        if self._wants_bar:
            self._bar = ProgressBar(self._stream, event.selected, color=self._ink.enabled, width=self._width)

    def _finish(self, event: ScenarioFinished) -> None:
        # Blocked scenarios come in hundreds with one reason, which the summary gives.
        calm = _CALM if self._bar is not None else frozenset({Verdict.BLOCKED})
        if event.verdict not in calm:
            self._list(event)
        if self._bar is not None:
            self._bar.advance(failed=event.verdict in {Verdict.FAILED, Verdict.XPASSED})
        self._stream.flush()

    def _dump(self, event: Call) -> None:
        for line in wire_dump(event, self._endpoint, self._ink):
            self._write(line)
        self._stream.flush()

    def _list(self, event: ScenarioFinished) -> None:
        self._listed = True
        self._write(self._ran(event))

    def _ran(self, event: ScenarioFinished) -> str:
        """Return a line of the running list; a failure says what is wrong, in full the first time."""
        word = _WORDS[event.verdict]
        match event.verdict:
            case Verdict.PASSED if passed_with_warnings(event):
                word = self._ink.odd("warn ")
            case Verdict.PASSED:
                word = self._ink.good(word)
            case Verdict.FAILED | Verdict.XPASSED:
                word = self._ink.bad(word)
            case _:
                word = self._ink.odd(word)
        line = f"{word}  {scenario_place(event.scenario)}  {visible(event.scenario.name)}"
        errors = [finding for finding in event.findings if finding.severity is Severity.ERROR]
        if event.verdict is not Verdict.FAILED or not errors:
            return line
        if errors[0].cause in self._causes_told:
            return f"{line}  {severity_tag(errors[0], self._ink)}"
        self._causes_told.add(errors[0].cause)
        return f"{line}\n       {headline(errors[0], self._ink)}"

    def _write(self, line: str) -> None:
        text = encodable(line, self._encoding)
        if self._bar is None:
            self._stream.write(text + "\n")
        else:
            self._bar.line(text)


# --- the causes ------------------------------------------------------------------------------------

FRAMES_MAX = 12

OTHERS_MAX = 5


def summary(
    overview: Overview, style: FrameStyle, reports: Sequence[tuple[str, str]], *, every: bool
) -> Iterator[str]:
    """Return the end of a report; `every` shows each cause in full, however many there are."""
    yield from _root_cause(overview, style)
    yield from _index(overview, style)
    yield from _frames(overview.of_severity(Severity.ERROR), style, every=every)
    yield from _briefs(overview.of_severity(Severity.WARNING), style, every=every)
    yield from _briefs(overview.of_severity(Severity.NOTE), style, every=every)
    yield from closing(overview, style, reports)


def failures_only(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """Return what `-q` shows: the errors, and the last line."""
    yield from _root_cause(overview, style)
    yield from _frames(overview.of_severity(Severity.ERROR), style, every=False)
    yield result_line(overview, style)


def _root_cause(overview: Overview, style: FrameStyle) -> Iterator[str]:
    if overview.nothing_ran:
        first, *rest = overview.root_cause.splitlines()
        yield f"{style.ink.bad('NOT RUN')}  {style.ink.strong(visible(first))}"
        yield from (f"         {visible(line)}" for line in rest)
        yield ""
    elif overview.gone:
        yield f"{style.ink.bad('STOPPED')}  {style.ink.strong(visible(overview.root_cause))}"
        held = overview.counts[Verdict.BLOCKED]
        yield f"         {plural(held, 'scenario')} did not run; earlier findings may be consequences of that"
        yield ""


def _index(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """Return the causes in a few lines, before the frames push them off the screen."""
    errors = overview.of_severity(Severity.ERROR)
    touched = {sighting.scenario_id for cause in errors for sighting in cause.sightings}
    if len(touched) < 2:
        return
    extent = f"{plural(len(touched), 'scenario')}, {plural(len(errors), 'cause')}"
    yield style.ink.strong(f"{extent} of failure")
    yield from (_indexed(cause, style, "  ") for cause in errors if cause.may_follow_from is None)
    following = [cause for cause in errors if cause.may_follow_from is not None]
    if following:
        yield style.ink.faint("  possibly consequences of the above:")
        yield from (_indexed(cause, style, "    ") for cause in following)
    yield ""


def _indexed(cause: Cause, style: FrameStyle, indent: str) -> str:
    finding = cause.shown.finding
    count = style.ink.faint(f"  {plural(cause.scenario_count, 'scenario')}")
    return f"{indent}{severity_tag(finding, style.ink)} {visible(finding.message)}{count}"


def _frames(causes: Sequence[Cause], style: FrameStyle, *, every: bool) -> Iterator[str]:
    limit = len(causes) if every else FRAMES_MAX
    for cause in causes[:limit]:
        yield from frame(cause.shown, style)
        if cause.times > len(cause.sightings):
            ink = style.ink
            yield f"   {ink.hint('=')} {ink.strong('seen')}    {plural(cause.times, 'time')}"
        yield from _others(cause, style, len(cause.others) if every else OTHERS_MAX)
        yield ""
    if len(causes) > limit:
        yield f"{plural(len(causes) - limit, 'more cause')} not shown; -v shows all"
        yield ""


def _others(cause: Cause, style: FrameStyle, limit: int) -> Iterator[str]:
    others = cause.others
    if not others:
        return
    more = plural(len(others), "more scenario")
    yield f"   {style.ink.hint('=')} {style.ink.strong('also')}    in {more}"
    for sighting in others[:limit]:
        yield f"             {_sighted(sighting, cause, style)}"
    if len(others) > limit:
        yield f"             +{len(others) - limit:,} more"


def _sighted(sighting: Sighting, cause: Cause, style: FrameStyle) -> str:
    rule = sighting.finding.rule
    tag = "" if rule == cause.shown.finding.rule else f"[{visible(rule)}] "
    return f"{visible(sighting.where)}  {style.ink.faint(tag + visible(sighting.name))}"


def _briefs(causes: Sequence[Cause], style: FrameStyle, *, every: bool) -> Iterator[str]:
    """Return warnings or notes in a few lines: what is wrong, how often, where first, and why."""
    limit = len(causes) if every else FRAMES_MAX
    for cause in causes[:limit]:
        yield from _brief(cause, style)
        yield ""
    if len(causes) > limit:
        yield f"{plural(len(causes) - limit, 'more ' + causes[0].severity.value)} not shown; -v shows all"
        yield ""


def _brief(cause: Cause, style: FrameStyle) -> Iterator[str]:
    ink, sighting = style.ink, cause.shown
    often = f"  {plural(cause.times, 'time')}" if cause.times > 1 else ""
    yield headline(sighting.finding, ink) + ink.faint(often)
    more = f" and {plural(len(cause.others), 'more scenario')}" if cause.others else ""
    yield f"   {ink.hint('-->')} {_sighted(sighting, cause, style)}{ink.faint(more)}".rstrip()
    finding = sighting.finding
    for text in (finding.label, finding.answer and f"answer: {finding.answer}", finding.why):
        if text:
            yield f"       {visible(text)}"


# --- the rest of the run ---------------------------------------------------------------------------

REASON_SCENARIOS_MAX = 3

EXIT_MEANINGS = {
    ExitCode.PASSED: "no errors found",
    ExitCode.FOUND: "your wallet does something wrong",
    ExitCode.INTERRUPTED: "the run was interrupted; what ran is reported",
    ExitCode.INTERNAL: "the simulator has a bug; your wallet is not to blame",
    ExitCode.USAGE: "the command, its configuration or a scenario cannot be used",
    ExitCode.NOTHING_SELECTED: "no scenario was selected",
    ExitCode.INCONCLUSIVE: "no errors found, but some checks could not be completed",
    ExitCode.UNREACHABLE: "the endpoint never answered, so nothing was judged",
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

# What went wrong stands first: the line may be cut where it is quoted.
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
    """Return what follows the findings."""
    yield from _dialect(overview, style)
    yield from _reasons(overview, style)
    rows = [("note", note) for note in (overview.ended.notes if overview.ended else ())]
    rows += [("report", f"{kind}: {path}") for kind, path in reports]
    rows += [("next", step) for step in _next_steps(overview)]
    rows.append(("exit", f"{int(overview.exit_code)}: {_exit_meaning(overview)}"))
    for key, text in rows:
        yield f"{style.ink.faint(f'{key:<7}')} {visible(text)}"
    yield result_line(overview, style)


def result_line(overview: Overview, style: FrameStyle) -> str:
    """Return the last line: one word, the counts, and the size of the run."""
    ink, code = style.ink, overview.exit_code
    paint = ink.good if code is ExitCode.PASSED else ink.bad
    counts = [_count(overview, verdict) for verdict in COUNT_ORDER if overview.counts[verdict]]
    for severity in (Severity.WARNING, Severity.NOTE):
        if found := len(overview.of_severity(severity)):
            counts.append(plural(found, severity.value))
    size = plural(overview.calls, "call")
    if overview.ended:
        size += f" in {duration(overview.ended.duration_ns)}"
    if overview.started:
        size += f", seed {overview.started.seed}"
    return f"{paint(RESULT_WORDS[code])}  {', '.join(counts) or 'no scenario ran'} {ink.faint(f'({size})')}"


def _count(overview: Overview, verdict: Verdict) -> str:
    """Return ``206 passed (2 with warnings)``."""
    count = f"{overview.counts[verdict]:,} {verdict.value}"
    if verdict is Verdict.PASSED and (warned := overview.passed_with_warnings):
        count += f" ({warned:,} with {'a warning' if warned == 1 else 'warnings'})"
    return count


def duration(nanoseconds: int) -> str:
    """Return ``2.31 s``, and from a minute on ``3 min 07 s``."""
    hundredths = nanoseconds // 10_000_000
    if hundredths < 6_000:
        return f"{hundredths // 100}.{hundredths % 100:02d} s"
    minutes, seconds = divmod(hundredths // 100, 60)
    return f"{minutes} min {seconds:02d} s"


def scenario_place(scenario: Scenario) -> str:
    """Return the scenario's file, with a line where the file holds other scenarios too."""
    alone = scenario.id == scenario.place.file
    return visible(scenario.place.file if alone else str(scenario.place))


def _dialect(overview: Overview, style: FrameStyle) -> Iterator[str]:
    knobs = [
        (visible(seen.knob), visible(seen.value), visible(seen.evidence))
        for seen in overview.dialect.values()
    ]
    if not knobs:
        return
    yield style.ink.strong("How your wallet behaves where guides differ.")
    yield style.ink.faint("All of these are acceptable; use --policy NAME=VALUE to require one.")
    name_width = max(display_width(name) for name, _, _ in knobs)
    value_width = max(display_width(value) for _, value, _ in knobs)
    for name, value, evidence in knobs:
        padding = " " * (value_width - display_width(value))
        shown = f"{style.ink.hint(value)}{padding}  {style.ink.faint(evidence)}"
        yield f"  {name:<{name_width}}  {shown}".rstrip()
    yield ""


def _reasons(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """Return the scenarios without a verdict, or with an expected one, grouped by reason."""
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
        return "a scenario that is marked xfail passes"
    warnings = len(overview.of_severity(Severity.WARNING))
    more = f" ({plural(warnings, 'warning')})" if warnings and overview.exit_code is ExitCode.PASSED else ""
    return EXIT_MEANINGS[overview.exit_code] + more


def _next_steps(overview: Overview) -> list[str]:
    match overview.exit_code:
        case ExitCode.FOUND:
            return list(_mend_and_repeat(overview))
        case ExitCode.UNREACHABLE:
            return [
                "Is your wallet running, and are the host, port and path in --endpoint correct? "
                "--wait-for 30s waits for it to start."
            ]
        case ExitCode.INCONCLUSIVE:
            return ["See the reasons above."]
        case ExitCode.NOTHING_SELECTED:
            return ["betrontech-sim list shows what can be selected."]
        case ExitCode.INTERNAL:
            return ["Please report it together with this output."]
        case _:
            return []


def _mend_and_repeat(overview: Overview) -> Iterator[str]:
    """Return how the first cause is fixed, and the line that shows whether it is gone."""
    errors = overview.of_severity(Severity.ERROR)
    if not errors:
        yield "Remove `xfail` from the scenarios that pass now."
        return
    rule = errors[0].shown.finding.rule
    if not rule.startswith("EXP-"):  # the rule of a claim says nothing about what its author expects
        yield f"How to fix it: betrontech-sim explain {rule}"
    if overview.started is not None:
        yield f"Then: {repeat_line(overview.started, last_failed=not overview.nothing_ran)}"


# --- the progress bar ------------------------------------------------------------------------------

APPEARS_AFTER_S = 0.25
"""A run that is over sooner needs no bar, and does not pay for importing one."""


class ProgressBar:
    """A bar under the lines of a run, which appears when the run takes longer than a moment."""

    def __init__(self, stream: TextIO, total: int, *, color: bool, width: int | None) -> None:
        self._stream = stream
        self._total = total
        self._color = color
        self._width = width
        self._done = 0
        self._failed = 0
        self._appears_at_s = time.monotonic() + APPEARS_AFTER_S
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def tick(self) -> None:
        """Show the bar if the run has lasted long enough."""
        if self._bar is None and time.monotonic() >= self._appears_at_s:
            self._appear()

    def advance(self, *, failed: bool) -> None:
        """Count a scenario that has ended."""
        self._done += 1
        self._failed += failed
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, failed=self._failed_text())

    def line(self, text: str) -> None:
        """Write a line of the report above the bar."""
        if self._bar is None:
            self._stream.write(text + "\n")
            return
        from rich.text import Text  # with the bar, rich is there already

        self._bar.console.print(Text.from_ansi(text), soft_wrap=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _failed_text(self) -> str:
        return f"{self._failed} failed" if self._failed else ""

    def _appear(self) -> None:
        # rich takes longer to import than a small run takes: only a run that lasts pays for it.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(
            file=self._stream,
            force_terminal=True,
            no_color=not self._color,
            width=self._width,
            highlight=False,
        )
        self._bar = Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("scenarios"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[failed]}", style="bold red", markup=False),
            console=console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task(
            "", total=self._total, completed=self._done, failed=self._failed_text()
        )
        self._bar.start()
