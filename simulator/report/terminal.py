"""The report on the terminal: a progress bar or a line for each scenario while it runs, then the summary.

The summary has a line for each folder of scenarios, then the causes, the first one framed; then come the
dialect, the scenarios without a verdict, and the counts. Its functions are pure, from a finished overview to
lines.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, TextIO

from simulator.core.calls import Call
from simulator.core.findings import Severity, Verdict
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.errors import ExitCode
from simulator.report.causes import EXPLAINED, Cause, Overview, Sighting
from simulator.report.events import Event, RunStarted, ScenarioFinished
from simulator.report.frame import FrameStyle, frame, headline, severity_tag, wire_dump
from simulator.report.languages import ENGLISH, Words
from simulator.report.progress import ProgressBar
from simulator.report.rerun import repeat_line, whole_line
from simulator.report.tally import EXIT_MEANINGS, NOT_PASSED, RESULT_WORDS, passed_with_warnings
from simulator.report.text import Ink, display_width, duration, encodable, visible

Color = Literal["auto", "always", "never"]

QUIET = -1

EVERY_FINDING, EVERY_SCENARIO, EVERY_CALL = 1, 2, 3
"""What -v, -vv and -vvv show in addition."""

_CALM = frozenset({Verdict.PASSED, Verdict.SKIPPED, Verdict.XFAILED, Verdict.BLOCKED})

_WORDS = {
    Verdict.PASSED: "ok",
    Verdict.FAILED: "FAIL",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.SKIPPED: "skip",
    Verdict.XFAILED: "xfail",
    Verdict.XPASSED: "XPASS",
}


class TerminalReport:
    """The report for a screen or a log.

    `color` "auto" paints when the stream is a terminal. `width` is in columns; None wraps nothing.
    `verbosity` -1 is `-q`, 1 to 3 are `-v` to `-vvv`. `progress` shows a bar, and above it what fails: for a
    terminal only, and not with `-q` or `-vv`. `reports` are the (kind, path) of the files written beside it.
    Without `repeats` no line runs again what failed.
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
        words: Words = ENGLISH,
        repeats: bool = True,
    ) -> None:
        self._stream = stream
        self._repeats = repeats
        self._words = words
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._ink = Ink(color == "always" or (color == "auto" and stream.isatty()))
        self._style = FrameStyle(self._ink, width, say=words)
        self._verbosity = verbosity
        self._reports = reports
        self._overview = Overview()
        self._wants_bar = progress and verbosity in {0, EVERY_FINDING}
        self._bar: ProgressBar | None = None
        self._watches = False
        self._endpoint = ""
        self._listed = False
        self._causes_told: set[str] = set()

    def ahead(self, event: Event) -> None:
        """Let the bar take an event as it comes; `on` may get it later, in the order of the run."""
        self._watches = True
        self._advance(event)

    def _advance(self, event: Event) -> None:
        if self._bar is not None:
            self._bar.tick()
            if type(event) is ScenarioFinished:
                self._bar.advance(failed=event.verdict in {Verdict.FAILED, Verdict.XPASSED})

    def on(self, event: Event) -> None:
        event = self._words.event(event)
        self._overview.on(event)
        if not self._watches:
            self._advance(event)
        if type(event) is Call:
            if self._verbosity >= EVERY_CALL:
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
        style = replace(self._style, started=self._overview.started)
        if self._verbosity <= QUIET:
            lines = in_short(self._overview, style, repeats=self._repeats)
        else:
            for event in cut:
                self._finish(event)
            if self._listed:
                self._write("")
            lines = summary(self._overview, style, self._reports, self._verbosity)
        for line in lines:
            self._write(line)
        self._stream.flush()

    def _start(self, event: RunStarted) -> None:
        self._endpoint = visible(mask_url(event.endpoint))
        name = self._ink.strong(f"betrontech-sim {event.version}")
        selected = self._words.counted(event.selected, "1 scenario", "{n} scenarios")
        seed = f"{self._words('seed')} {event.seed}"
        self._write(f"{name}  {selected} → {self._endpoint}  {seed}\n")
        tag = self._ink.severity(Severity.WARNING, self._words("warning"))
        for warning in event.warnings:
            self._write(f"{tag}: {visible(warning)}\n")
        self._stream.flush()
        if self._wants_bar:
            colour, width = self._ink.enabled, self._style.width
            self._bar = ProgressBar(self._stream, event.selected, color=colour, width=width, say=self._words)

    def _finish(self, event: ScenarioFinished) -> None:
        # Blocked scenarios come in hundreds with one reason, which the summary gives.
        calm = _CALM if self._bar is not None else frozenset({Verdict.BLOCKED})
        listed = self._bar is not None or self._verbosity >= EVERY_SCENARIO
        if listed and event.verdict not in calm:
            self._list(event)
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
        word = f"{self._words(_WORDS[event.verdict]):<5}"
        match event.verdict:
            case Verdict.PASSED if passed_with_warnings(event):
                word = self._ink.odd(f"{self._words('warn'):<5}")
            case Verdict.PASSED:
                word = self._ink.good(word)
            case Verdict.FAILED if self._overview.only_known(event):
                word = self._ink.odd(self._words("known"))
            case Verdict.FAILED | Verdict.XPASSED:
                word = self._ink.bad(word)
            case _:
                word = self._ink.odd(word)
        line = f"{word}  {scenario_place(event.scenario)}  {visible(event.scenario.name)}"
        errors = [finding for finding in event.findings if finding.severity is Severity.ERROR]
        if event.verdict is not Verdict.FAILED or not errors:
            return line
        if errors[0].cause in self._causes_told:
            return f"{line}  {severity_tag(errors[0], self._style)}"
        self._causes_told.add(errors[0].cause)
        return f"{line}\n       {headline(errors[0], self._style)}"

    def _write(self, line: str) -> None:
        text = encodable(line, self._encoding)
        if self._bar is None:
            self._stream.write(text + "\n")
        else:
            self._bar.line(text)


# --- the causes ------------------------------------------------------------------------------------

FRAMES_MAX = 12
"""So many causes are shown without -v."""


def summary(
    overview: Overview, style: FrameStyle, reports: Sequence[tuple[str, str]], verbosity: int
) -> Iterator[str]:
    """Return the end of a report; from `verbosity` 1 on, each cause is shown in full."""
    every = verbosity >= EVERY_FINDING
    errors = overview.of_severity(Severity.ERROR)
    yield from _root_cause(overview, style)
    yield from _folders(overview, style)
    yield from _index(overview, style, every=every)
    yield from _frames(errors if every else errors[:1], style, every=every)
    yield from _briefs(() if every else errors[1:], style, every=every)
    yield from _briefs(overview.of_severity(Severity.WARNING), style, every=every)
    yield from _briefs(overview.of_severity(Severity.NOTE), style, every=every)
    yield from _known(overview, style)
    yield from closing(overview, style, reports, every=every)


def in_short(overview: Overview, style: FrameStyle, *, repeats: bool = True) -> Iterator[str]:
    """Return what `-q` shows: the first cause, the others on a line each, what to do next, the last line."""
    errors = overview.of_severity(Severity.ERROR)
    yield from _root_cause(overview, style)
    yield from _frames(errors[:1], style, every=False)
    for causes in (errors[1:], overview.of_severity(Severity.WARNING)):
        yield from (_indexed(cause, style, "") for cause in causes[:FRAMES_MAX])
        yield from _not_shown(causes, FRAMES_MAX, style)
    yield from (_indexed(cause, style, f"{style.say('known')} ") for cause in overview.known)
    yield from _reasons(overview, style, every=False) if overview.exit_code is ExitCode.INCONCLUSIVE else ()
    yield from _rows(style, (("next", each) for each in _next_steps(overview, style.say, repeats=repeats)))
    yield result_line(overview, style)


def _root_cause(overview: Overview, style: FrameStyle) -> Iterator[str]:
    if overview.nothing_ran:
        first, *rest = overview.root_cause.splitlines()
        yield f"{style.ink.bad(style.say('NOT RUN'))}  {style.ink.strong(visible(first))}"
        yield from (f"         {visible(line)}" for line in rest)
        yield ""
    elif overview.gone:
        yield f"{style.ink.bad(style.say('STOPPED'))}  {style.ink.strong(visible(overview.root_cause))}"
        held = style.say.counted(
            overview.counts[Verdict.BLOCKED],
            "1 scenario did not run; earlier findings may be consequences of that",
            "{n} scenarios did not run; earlier findings may be consequences of that",
        )
        yield f"         {held}"
        yield ""


def _folders(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """Return a line for each folder of scenarios, with its verdicts; a single scenario needs none."""
    if overview.counts.total() < 2 or overview.nothing_ran:
        return
    width = max(display_width(folder or ".") for folder in overview.folders)
    for folder, counts in overview.folders.items():
        met = (verdict for verdict in COUNT_ORDER if counts[verdict])
        told = ", ".join(f"{style.say.number(counts[verdict])} {style.say(verdict.value)}" for verdict in met)
        bad = any(counts[verdict] for verdict in NOT_PASSED)
        name = folder or "."
        padded = visible(name) + " " * (width - display_width(name))
        yield f"{style.ink.strong(padded) if bad else padded}  {told}"
    yield ""


def _index(overview: Overview, style: FrameStyle, *, every: bool) -> Iterator[str]:
    """Return the causes in a few lines, before the frames push them off the screen.

    Where only the first is framed, the others stand below it, and the number is enough.
    """
    errors = overview.of_severity(Severity.ERROR)
    touched = {
        sighting.scenario_id
        for cause in errors
        for sighting in cause.sightings
        if sighting.finding.severity is Severity.ERROR
    }
    if len(touched) < 2:
        return
    scenarios = style.say.counted(len(touched), "1 scenario", "{n} scenarios")
    causes = style.say.counted(len(errors), "1 cause of failure", "{n} causes of failure")
    more = "" if every or len(errors) == 1 else style.say("; the first one in full, -v shows each")
    yield f"{style.ink.strong(f'{scenarios}, {causes}')}{style.ink.faint(more)}"
    if every:
        yield from (_indexed(cause, style, "  ") for cause in errors if cause.may_follow_from is None)
        following = [cause for cause in errors if cause.may_follow_from is not None]
        if following:
            yield style.ink.faint(f"  {style.say(_CONSEQUENCES)}")
            yield from (_indexed(cause, style, "    ") for cause in following)
    yield ""


def _indexed(cause: Cause, style: FrameStyle, indent: str) -> str:
    finding = cause.shown.finding
    met = _times(cause.times, style)
    if cause.scenario_count:
        met = style.say.counted(cause.scenario_count, "1 scenario", "{n} scenarios")
    return f"{indent}{severity_tag(finding, style)} {visible(finding.message)}{style.ink.faint(f'  {met}')}"


_CONSEQUENCES = "possibly consequences of the above:"


def _times(count: int, style: FrameStyle) -> str:
    return style.say.counted(count, "1 time", "{n} times")


def _frames(causes: Sequence[Cause], style: FrameStyle, *, every: bool) -> Iterator[str]:
    for cause in causes:
        yield from frame(cause.shown, style)
        if cause.times > len(cause.sightings):
            told = _times(cause.times, style)
            yield f"   {style.ink.hint('=')} {style.ink.strong(style.key('seen'))} {told}"
        yield from _others(cause, style, len(cause.others) if every else 0)
        yield ""


def _others(cause: Cause, style: FrameStyle, limit: int) -> Iterator[str]:
    others = cause.others
    if not others:
        return
    more = style.say.counted(len(others), "in 1 more scenario", "in {n} more scenarios")
    yield f"   {style.ink.hint('=')} {style.ink.strong(style.key('also'))} {more}"
    for sighting in others[:limit]:
        yield f"             {_sighted(sighting, cause, style)}"


def _sighted(sighting: Sighting, cause: Cause, style: FrameStyle) -> str:
    rule = sighting.seen_as or sighting.finding.rule
    tag = "" if rule == cause.shown.finding.rule else f"{style.say('seen as')} {visible(rule)}: "
    return f"{visible(sighting.where)}  {style.ink.faint(tag + visible(sighting.name))}"


def _briefs(causes: Sequence[Cause], style: FrameStyle, *, every: bool) -> Iterator[str]:
    """Return causes in a few lines each: what is wrong, how often, where first, and what was found."""
    limit = len(causes) if every else FRAMES_MAX
    follows = False
    for cause in causes[:limit]:
        if cause.may_follow_from is not None and not follows:
            follows = True
            yield style.ink.faint(style.say(_CONSEQUENCES))
        yield from _brief(cause, style, every=every)
        if every:
            yield ""
    yield from _not_shown(causes, limit, style)
    if causes and not every:
        yield ""


def _not_shown(causes: Sequence[Cause], limit: int, style: FrameStyle) -> Iterator[str]:
    if len(causes) > limit:
        one, many = _NOT_SHOWN[causes[0].severity]
        yield style.say.counted(len(causes) - limit, one, many)


_NOT_SHOWN = {
    Severity.ERROR: ("1 more cause not shown; -v shows all", "{n} more causes not shown; -v shows all"),
    Severity.WARNING: ("1 more warning not shown; -v shows all", "{n} more warnings not shown; -v shows all"),
    Severity.NOTE: ("1 more note not shown; -v shows all", "{n} more notes not shown; -v shows all"),
}


def _brief(cause: Cause, style: FrameStyle, *, every: bool) -> Iterator[str]:
    """Return a cause in a few lines: an error on two, a warning with its answer."""
    ink, sighting = style.ink, cause.shown
    finding = sighting.finding
    if finding.severity is Severity.ERROR:
        yield _indexed(cause, style, "")
        yield f"   {ink.hint('-->')} {visible(sighting.where)}  {ink.faint(visible(finding.label))}".rstrip()
        return
    often = f"  {_times(cause.times, style)}" if cause.times > 1 else ""
    yield headline(finding, style) + ink.faint(often)
    others = style.say.counted(len(cause.others), " and 1 more scenario", " and {n} more scenarios")
    more = ink.faint(others if cause.others else "")
    yield f"   {ink.hint('-->')} {_sighted(sighting, cause, style)}{more}".rstrip()
    answer = finding.answer and f"{style.say('answer')}: {finding.answer}"
    for text in list(filter(None, (finding.label, answer, finding.why)))[: None if every else 2]:
        yield f"       {visible(text)}"


def _known(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """Return the causes that do not fail the run, a line each with the reason."""
    if not overview.known:
        return
    known = (
        len(overview.known),
        "1 known cause, accepted by --accept",
        "{n} known causes, accepted by --accept",
    )
    yield style.ink.strong(style.say.counted(*known))
    for cause in overview.known:
        yield _indexed(cause, style, "  ")
        if (accepted := cause.accepted) is not None:
            until = style.say(", until {day}", day=accepted.expires) if accepted.expires else ""
            yield f"      {visible(accepted.reason)}{until}"
    yield ""


# --- the rest of the run ---------------------------------------------------------------------------

REASON_SCENARIOS_MAX = 3

REASONS_MAX = 3

DIALECT_WIDTH = 110

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


def closing(
    overview: Overview, style: FrameStyle, reports: Sequence[tuple[str, str]], *, every: bool
) -> Iterator[str]:
    """Return what follows the findings."""
    yield from _dialect(overview, style) if every else _dialect_in_short(overview, style)
    yield from _reasons(overview, style, every=every)
    rows = [("note", note) for note in _notes(overview, style, every=every)]
    rows += [("report", f"{kind}: {path}") for kind, path in reports]
    rows += [("next", step) for step in _next_steps(overview, style.say)]
    rows.append(("exit", f"{int(overview.exit_code)}: {_exit_meaning(overview, style.say)}"))
    yield from _rows(style, rows)
    yield result_line(overview, style)


def _notes(overview: Overview, style: FrameStyle, *, every: bool) -> Iterator[str]:
    """Return the notes; unless `every`, those that differ in numbers are one."""
    notes = overview.ended.notes if overview.ended else ()
    alike: dict[str, list[str]] = {}
    for note in notes:
        alike.setdefault(note if every else _without_numbers(note), []).append(note)
    for first, *more in alike.values():
        yield first + (style.say(" (and {n} more like it; -v shows all)", n=len(more)) if more else "")


def _without_numbers(text: str) -> str:
    return re.sub(r"[0-9]+", "0", text)


def _rows(style: FrameStyle, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    width = max(7, *(len(style.say(each)) for each in _ROWS))
    for key, text in rows:
        yield f"{style.ink.faint(f'{style.say(key):<{width}}')} {visible(text)}"


_ROWS = ("note", "report", "next", "exit")


def result_line(overview: Overview, style: FrameStyle) -> str:
    """Return the last line: one word, the counts, and the size of the run."""
    ink, say, code = style.ink, style.say, overview.exit_code
    paint = ink.good if code is ExitCode.PASSED else ink.bad
    counts = [_count(overview, verdict, say) for verdict in COUNT_ORDER if overview.counts[verdict]]
    if found := len(overview.of_severity(Severity.WARNING)):
        counts.append(say.counted(found, "1 warning", "{n} warnings"))
    if found := len(overview.of_severity(Severity.NOTE)):
        counts.append(say.counted(found, "1 note", "{n} notes"))
    size = say.counted(overview.calls, "1 call", "{n} calls")
    if overview.ended:
        time = say.measure(duration(overview.ended.duration_ns))
        size = say.counted(overview.calls, "1 call in {time}", "{n} calls in {time}", time=time)
    if overview.started:
        size += f", {say('seed')} {overview.started.seed}"
    told = ", ".join(counts) or say("no scenario ran")
    return f"{paint(say(RESULT_WORDS[code]))}  {told} {ink.faint(f'({size})')}"


def _count(overview: Overview, verdict: Verdict, say: Words) -> str:
    """Return ``206 passed (2 with warnings)``."""
    count = f"{say.number(overview.counts[verdict])} {say(verdict.value)}"
    if verdict is Verdict.FAILED and (known := len(overview.known_failures)):
        count += say(" ({n} known)", n=say.number(known))
    if verdict is Verdict.PASSED and (warned := overview.passed_with_warnings):
        count += say.counted(warned, " (1 with a warning)", " ({n} with warnings)")
    return count


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
    yield style.ink.strong(style.say("How your wallet behaves where guides differ."))
    yield style.ink.faint(style.say("All of these are acceptable; use --policy NAME=VALUE to require one."))
    name_width = max(display_width(name) for name, _, _ in knobs)
    value_width = max(display_width(value) for _, value, _ in knobs)
    for name, value, evidence in knobs:
        padding = " " * (value_width - display_width(value))
        shown = f"{style.ink.hint(value)}{padding}  {style.ink.faint(evidence)}"
        yield f"  {name:<{name_width}}  {shown}".rstrip()
    yield ""


def _dialect_in_short(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """Return the values alone, in as few lines as hold them."""
    if not overview.dialect:
        return
    head = "How your wallet behaves where guides differ (all acceptable; -v shows how it was seen)"
    yield style.ink.strong(style.say(head))
    told = ", ".join(f"{visible(seen.knob)} {visible(seen.value)}" for seen in overview.dialect.values())
    yield from textwrap.wrap(told, style.width or DIALECT_WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield ""


def _reasons(overview: Overview, style: FrameStyle, *, every: bool) -> Iterator[str]:
    """Return the scenarios without a verdict, or with an expected one, grouped by reason."""
    told = list(_by_reason(overview, every=every))
    limit = len(told) if every else REASONS_MAX
    for verdict, reason, scenarios in told[:limit]:
        held = style.ink.odd(f"{style.say.number(len(scenarios))} {style.say(verdict.value)}")
        if overview.nothing_ran and reason == overview.root_cause:
            yield f"{held}  {style.say('for the reason above')}"
            continue
        yield f"{held}  {visible(next(iter(reason.splitlines()), ''))}"
        if not every and verdict not in NOT_PASSED:
            continue
        for scenario in scenarios[:REASON_SCENARIOS_MAX]:
            yield f"   {scenario_place(scenario)}  {style.ink.faint(visible(scenario.name))}"
        if len(scenarios) > REASON_SCENARIOS_MAX:
            yield f"   {style.say.counted(len(scenarios) - REASON_SCENARIOS_MAX, '+1 more', '+{n} more')}"
    if (more := len(told) - limit) > 0:
        yield style.say.counted(more, "1 more reason; -v shows all", "{n} more reasons; -v shows all")
    if told:
        yield ""


def _by_reason(overview: Overview, *, every: bool) -> Iterator[tuple[Verdict, str, Sequence[Scenario]]]:
    """Return the scenarios by verdict and reason; unless `every`, reasons that differ in numbers are one."""
    for verdict in EXPLAINED:
        alike: dict[str, tuple[str, list[Scenario]]] = {}
        for reason, scenarios in overview.reasons.get(verdict, {}).items():
            alike.setdefault(reason if every else _without_numbers(reason), (reason, []))[1].extend(scenarios)
        for reason, scenarios in sorted(alike.values(), key=lambda each: -len(each[1])):
            yield verdict, reason, scenarios


def _exit_meaning(overview: Overview, say: Words) -> str:
    if overview.exit_code is ExitCode.FOUND and not overview.of_severity(Severity.ERROR):
        return say("a scenario that is marked xfail passes")
    warnings, known = len(overview.of_severity(Severity.WARNING)), len(overview.known)
    told = [say.counted(known, "1 known cause", "{n} known causes")] if known else []
    told += [say.counted(warnings, "1 warning", "{n} warnings")] if warnings else []
    more = f" ({', '.join(told)})" if told and overview.exit_code is ExitCode.PASSED else ""
    meaning = EXIT_MEANINGS[overview.exit_code]
    return say(meaning.replace("no errors", "no new errors") if known else meaning) + more


def _next_steps(overview: Overview, say: Words, *, repeats: bool = True) -> list[str]:
    match overview.exit_code:
        case ExitCode.FOUND:
            return list(_mend_and_repeat(overview, say))[: None if repeats else 1]
        case ExitCode.UNREACHABLE:
            return [say(_NOT_THERE)]
        case ExitCode.INCONCLUSIVE:
            return [say("See the reasons above.")]
        case ExitCode.NOTHING_SELECTED:
            return [say("betrontech-sim list shows what can be selected.")]
        case ExitCode.INTERNAL:
            return [say("Please report it together with this output.")]
        case ExitCode.PASSED if overview.started and ("--last-failed", "") in overview.started.selection:
            passes = "What failed passes now. Run the whole suite: {line}"
            return [say(passes, line=whole_line(overview.started))]
        case ExitCode.PASSED if overview.started and ("--quick", "") in overview.started.selection:
            return [say(_QUICK_LOOK, line=whole_line(overview.started))]
        case _:
            return []


_NOT_THERE = (
    "Is your wallet running, and are the host, port and path in --endpoint correct? "
    "--wait-for 30s waits for it to start."
)

_QUICK_LOOK = (
    "That was a quick look: it finds 99 of the 110 built-in defects that need no hook. Before money flows, "
    "run the whole suite: {line}"
)


def _mend_and_repeat(overview: Overview, say: Words) -> Iterator[str]:
    """Return how the first cause is fixed, and the line that shows whether it is gone."""
    errors = overview.of_severity(Severity.ERROR)
    if not errors:
        yield say("Remove `xfail` from the scenarios that pass now.")
        return
    rule = errors[0].shown.finding.rule
    if not rule.startswith("EXP-"):  # the rule of a claim says nothing about what its author expects
        yield f"{say('How to fix it')}: betrontech-sim explain {rule}"
    if overview.started is not None:
        yield f"{say('Then')}: {repeat_line(overview.started, last_failed=not overview.nothing_ran)}"
