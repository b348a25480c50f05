"""The end of the terminal report: the causes first, then the rest of the run (`closing`).

Pure functions from a finished overview to lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.core.findings import Severity, Verdict
from simulator.reports.causes import Cause, Sighting, roots_first, that_may_follow
from simulator.reports.closing import closing, result_line
from simulator.reports.frame import FrameStyle, frame, headline, severity_tag
from simulator.reports.overview import Overview
from simulator.reports.screen_text import plural, visible

FRAMES_MAX = 12
OTHERS_MAX = 5


def summary(
    overview: Overview, style: FrameStyle, reports: Sequence[tuple[str, str]], *, every: bool
) -> Iterator[str]:
    """The whole end of a run; `every` shows each cause in full, however many there are."""
    yield from _root_cause(overview, style)
    yield from _index(overview, style)
    yield from _frames(roots_first(overview.of_severity(Severity.ERROR)), style, every=every)
    yield from _briefs(overview.of_severity(Severity.WARNING), style, every=every)
    yield from _briefs(overview.of_severity(Severity.NOTE), style, every=every)
    yield from closing(overview, style, reports)


def failures_only(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """What `-q` leaves: the errors, and the last line."""
    yield from _root_cause(overview, style)
    yield from _frames(roots_first(overview.of_severity(Severity.ERROR)), style, every=False)
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
        yield f"         {plural(held, 'scenario')} did not run; what was found before may have that cause"
        yield ""


def _index(overview: Overview, style: FrameStyle) -> Iterator[str]:
    """The causes in a few lines, before the frames push them off the screen."""
    errors = overview.of_severity(Severity.ERROR)
    touched = {sighting.scenario_id for cause in errors for sighting in cause.sightings}
    if len(touched) < 2:
        return
    extent = f"{plural(len(touched), 'scenario')}, {plural(len(errors), 'cause')}"
    yield style.ink.strong(f"{extent} of failure")
    following = that_may_follow(errors)
    yield from (_indexed(cause, style, "  ") for cause in errors if cause not in following)
    if following:
        yield style.ink.faint("  and what may follow from it, or show the same in other calls:")
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
            yield f"   {ink.hint('=')} {ink.strong('times')}   {cause.times:,} in this run"
        yield from _others(cause, style, len(cause.others) if every else OTHERS_MAX)
        yield ""
    if len(causes) > limit:
        yield f"+{plural(len(causes) - limit, 'more cause')} of failure; -v shows each in full"
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
    """Warnings and notes: what, how often, where first, why."""
    limit = len(causes) if every else FRAMES_MAX
    for cause in causes[:limit]:
        yield from _brief(cause, style)
        yield ""
    if len(causes) > limit:
        yield f"+{plural(len(causes) - limit, 'more ' + causes[0].severity.value)}; -v shows each"
        yield ""


def _brief(cause: Cause, style: FrameStyle) -> Iterator[str]:
    ink, sighting = style.ink, cause.shown
    often = f"  {plural(cause.times, 'time')}" if cause.times > 1 else ""
    yield headline(sighting.finding, ink) + ink.faint(often)
    more = f" and {plural(len(cause.others), 'more scenario')}" if cause.others else ""
    yield f"   {ink.hint('-->')} {_sighted(sighting, cause, style)}{ink.faint(more)}".rstrip()
    for text in (sighting.finding.label, sighting.finding.why):
        if text:
            yield f"       {visible(text)}"
