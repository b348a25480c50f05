"""One finding as a frame of lines: place, source with a caret, ledger, why, curl, rerun.

Lines come without line ends, safe for a screen, coloured by the ink handed in.
"""

from __future__ import annotations

import shlex
import textwrap

from simulator.core.findings import Finding, Severity
from simulator.core.frozen import Frozen
from simulator.core.scenario import Scenario
from simulator.reports.causes import Sighting
from simulator.reports.ink import Ink
from simulator.reports.screen_text import display_width, shorten, visible

VERDICT_WORDS = {Severity.ERROR: "FAIL", Severity.WARNING: "WARN", Severity.NOTE: "NOTE"}
LINES_BEFORE = 2
TRAIL_LENGTH_MAX = 400
CURL_LENGTH_MAX = 4_000
KEY_WIDTH = 7


class FrameStyle(Frozen):
    """How frames are laid out. `width` None (no terminal) wraps and cuts nothing.

    `command` and `seed` make the line that runs a scenario again.
    """

    ink: Ink
    width: int | None = None
    command: str = "betrontech-sim run"
    seed: int | None = None


def frame(sighting: Sighting, style: FrameStyle) -> list[str]:
    """All that there is to say about one finding."""
    finding, ink = sighting.finding, style.ink
    word = ink.severity(finding.severity, VERDICT_WORDS[finding.severity])
    place = finding.place or (sighting.scenario.place if sighting.scenario else None)
    gutter = max(2, len(str(place.line))) if place else 2
    return [
        f"{word}  {ink.strong(visible(sighting.where))}  {visible(sighting.name)}".rstrip(),
        headline(finding, ink),
        *_source(finding, sighting.scenario, gutter, style),
        *(_facts(finding, sighting.scenario, gutter, style)),
    ]


def headline(finding: Finding, ink: Ink) -> str:
    """``error[REF-03] the repeated refund was credited again``."""
    return f"{severity_tag(finding, ink)} {ink.strong(visible(finding.message))}"


def severity_tag(finding: Finding, ink: Ink) -> str:
    """``error[REF-03]``."""
    return ink.severity(finding.severity, f"{finding.severity.value}[{visible(finding.rule)}]")


def rerun(scenario: Scenario, style: FrameStyle) -> str:
    """The command that runs that scenario again, ready to paste."""
    several = scenario.id != scenario.place.file
    target = str(scenario.place) if several else scenario.place.file
    seed = "" if style.seed is None else f" --seed {style.seed}"
    return f"{style.command} {shlex.quote(visible(target))}{seed}"


def _source(finding: Finding, scenario: Scenario | None, gutter: int, style: FrameStyle) -> list[str]:
    place, label = finding.place, visible(finding.label)
    bar = style.ink.hint(f"{'':{gutter}} |")
    # A step that came in by `use` stands in another file.
    text = () if place is None or scenario is None else scenario.source_of(place.file)
    if place is None or not 1 <= place.line <= len(text):
        return [f"{bar} {label}"] if label else []
    first = max(1, place.line - LINES_BEFORE)
    lines = [bar]
    for number in range(first, place.line + 1):
        source = visible(text[number - 1].replace("\t", " "))
        if style.width is not None:
            source = shorten(source, max(20, style.width - gutter - 3))
        lines.append(f"{style.ink.hint(f'{number:>{gutter}} |')} {source}".rstrip())
    before = text[place.line - 1][: place.column - 1].replace("\t", " ")
    under = text[place.line - 1][place.column - 1 : place.column - 1 + place.width]
    carets = "^" * max(1, display_width(visible(under)))
    pointer = style.ink.severity(finding.severity, f"{carets} {label}".rstrip())
    lines.append(f"{bar} {' ' * display_width(visible(before))}{pointer}")
    return lines


def _facts(finding: Finding, scenario: Scenario | None, gutter: int, style: FrameStyle) -> list[str]:
    lines = _fact("ledger", _end_of(visible(finding.trail)), gutter, style)
    lines += [f"{'':{gutter}}   {visible(lane)}" for lane in finding.lanes]
    lines += _fact("why", visible(finding.why), gutter, style)
    curl = visible(finding.curl)
    if len(curl) > CURL_LENGTH_MAX:
        curl = f"a line of {len(curl):,} characters: it stands in the JSON report"
    lines += _fact("curl", curl, gutter, style, wrap=False)
    if scenario is not None:
        lines += _fact("rerun", rerun(scenario, style), gutter, style, wrap=False)
    return lines


def _fact(key: str, text: str, gutter: int, style: FrameStyle, *, wrap: bool = True) -> list[str]:
    """``= key  text``; what is meant to be copied is never wrapped."""
    if not text.strip():
        return []
    head = f"{'':{gutter}} {style.ink.hint('=')} {style.ink.strong(f'{key:<{KEY_WIDTH}}')} "
    if style.width is None or not wrap:
        return [head + text]
    indent = gutter + 4 + KEY_WIDTH
    room = max(20, style.width - indent)
    parts = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return [head + parts[0], *(" " * indent + part for part in parts[1:])]


def _end_of(trail: str) -> str:
    return trail if len(trail) <= TRAIL_LENGTH_MAX else "… " + trail[-TRAIL_LENGTH_MAX:]
