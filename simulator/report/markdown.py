"""A run for a pull request: a summary in Markdown, annotations for GitHub, a code quality report for GitLab.

Both are bounded, because GitHub drops a summary above 1 MiB whole, and shows ten annotations of a kind.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import TextIO

from simulator.core.findings import KnownCause, Severity, Verdict
from simulator.core.languages import Lang
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.errors import ExitCode
from simulator.report.causes import Cause, Overview
from simulator.report.events import Event, ScenarioFinished
from simulator.report.frame import CURL_LENGTH_MAX, blocks_of, facts_of
from simulator.report.languages import ENGLISH, Words
from simulator.report.rerun import repeat_line, rerun_line
from simulator.report.tally import HEADLINES, NOT_PASSED, OUTCOMES
from simulator.report.text import encodable, shorten, visible, visible_lines

SUMMARY_BYTES_MAX = 1_000_000

CAUSES_MAX = 50
"""So many causes are shown in full; of the others the summary has the sentence."""

ROWS_MAX = 200

ANNOTATIONS_MAX = 10

CELL_WIDTH_MAX = 160

MESSAGE_WIDTH_MAX = 1_000

# All that Markdown, its tables and GitHub's links read as more than a character. A _ inside a word is one.
_ACTIVE = re.compile(r"[\\`*\[\]|~$@#<>&]|(?<![^\W_])_|_(?![^\W_])|(?<=:)//|(?<=www)\.")

_TOO_LONG = "The rest is too long for this summary: the HTML and JSON reports have it."


class MarkdownReport:
    """The summary in Markdown, written on `close`; `room` is how many bytes of UTF-8 it may take."""

    def __init__(self, stream: TextIO, lang: Lang = Lang.ENGLISH, room: int = SUMMARY_BYTES_MAX) -> None:
        self._stream = stream
        self._say = Words(lang)
        self._room = room
        self._tally = Overview()
        self._rows: list[tuple[Scenario, Verdict, str]] = []

    def on(self, event: Event) -> None:
        event = self._say.event(event)
        self._tally.on(event)
        if isinstance(event, ScenarioFinished):
            self._take(event)

    def close(self) -> None:
        for event in self._tally.finish():
            self._take(event)
        too_long = f"\n_{self._say(_TOO_LONG)}_\n"
        _write(self._stream, _within(self._room, self._pieces(), too_long))

    def _take(self, event: ScenarioFinished) -> None:
        if event.verdict in NOT_PASSED:
            self._rows.append((event.scenario, event.verdict, event.reason.partition("\n")[0]))

    def _pieces(self) -> Iterator[str]:
        """Return the summary in pieces that make sense without those after them."""
        tally, say = self._tally, self._say
        yield f"## {say(headline(tally))}\n\n{_counts(tally, say)}\n"
        if tally.root_cause:
            what = say("No scenario ran") if tally.nothing_ran else say("The run stopped before its end")
            yield f"\n{what}:\n\n{_fenced(tally.root_cause, say)}\n"
        notes = tally.ended.notes if tally.ended else ()
        yield "".join(["\n", *(f"- {escaped(note)}\n" for note in notes)]) if notes else ""
        for number, cause in enumerate(tally.causes[:CAUSES_MAX], 1):
            yield self._cause(number, cause)
        rest = tally.causes[CAUSES_MAX:]
        yield "".join(["\n", *(f"- {escaped(cause_line(each, say))}\n" for each in rest)]) if rest else ""
        if self._rows:
            yield self._table()
        yield from self._again()

    def _cause(self, number: int, cause: Cause) -> str:
        shown, started, say = cause.shown, self._tally.started, self._say
        titles = {each.key: each.shown.finding.message for each in self._tally.causes}
        lines = [f"\n### {number}. {escaped(cause_line(cause, say))}\n"]
        told = [self._met(cause)]
        if cause.may_follow_from in titles:
            told.append(say("It may follow from: {title}.", title=titles[cause.may_follow_from]))
        lines.append(f"{escaped(' '.join(told))}\n")
        if cause.accepted is not None:
            lines.append(f"- **{say('Known')}:** {escaped(_acceptance(cause.accepted, say))}")
        facts = facts_of(shown.finding, say)
        lines += [
            f"- **{say(name)}:** {escaped(shorten(text, MESSAGE_WIDTH_MAX))}" for name, text in facts.items()
        ]
        for name, text in blocks_of(shown, started).items():
            lines += ["", f"{say(name)}:", "", _fenced(text, say)]
        return "\n".join(lines) + "\n"

    def _met(self, cause: Cause) -> str:
        """Return how often a cause was met, and where."""
        shown, say = cause.shown, self._say
        times = say.counted(cause.times, "1 time", "{n} times")
        if not shown.name:
            return say("Met {times} before the first scenario.", times=times)
        scenarios = say.counted(cause.scenario_count, "1 scenario", "{n} scenarios")
        met = "Met {times} in {scenarios}. Shown here: {name}, {where}."
        return say(met, times=times, scenarios=scenarios, name=shown.name, where=shown.where)

    def _table(self) -> str:
        """Return the scenarios that did not pass, by the cause to mend first, with its number."""
        causes: dict[str, tuple[int, str]] = {}
        for number, cause in enumerate(self._tally.causes, 1):
            for each in cause.sightings if cause.severity is Severity.ERROR else ():
                causes.setdefault(each.scenario_id, (number, f"{number}. {cause.shown.finding.message}"))
        after_all = len(causes) + 1
        rows = []
        for scenario, verdict, reason in self._rows:
            number, what = causes.get(scenario.id, (after_all, ""))
            cells = (scenario.name, str(scenario.place), self._say(verdict.value), what or reason)
            rows.append((number, scenario.place.file, scenario.place.line, cells))
        lines = [f"| {' | '.join(map(_cell, cells))} |\n" for *_, cells in sorted(rows)[:ROWS_MAX]]
        more = self._say("and {n} more.", n=self._say.number(len(rows) - ROWS_MAX))
        left_out = f"\n{more}\n" if len(rows) > ROWS_MAX else ""
        names = map(self._say, ("Scenario", "Where", "Verdict", "What is wrong"))
        head = f"| {' | '.join(names)} |\n|---|---|---|---|\n"
        title = self._say("Scenarios that did not pass")
        return f"\n### {title}\n\n{head}{''.join(lines)}{left_out}"

    def _again(self) -> Iterator[str]:
        started, ended = self._tally.started, self._tally.ended
        if started is None:
            return
        facts = {
            "Endpoint": mask_url(started.endpoint),
            "Calls": self._say.number(self._tally.calls),
            "Duration": self._say.measure(f"{ended.duration_ns / 1e9:.1f} s")
            if ended
            else self._say("cut short"),
            "Seed": str(started.seed),
            "Version": f"betrontech-sim {started.version}",
        }
        listed = "\n".join(f"- {self._say(name)}: {escaped(text)}" for name, text in facts.items())
        again = _fenced(repeat_line(started, last_failed=False), self._say)
        yield f"\n### {self._say('The run')}\n\n{listed}\n\n{again}\n"


class AnnotationsReport:
    """Annotations as lines that GitHub's runner reads, written on `close`.

    `folder` leads from the top of the repository to the folder in which the run's files are named.
    """

    def __init__(self, stream: TextIO, folder: str = "", lang: Lang = Lang.ENGLISH) -> None:
        self._stream = stream
        self._folder = folder
        self._say = Words(lang)
        self._tally = Overview()

    def on(self, event: Event) -> None:
        self._tally.on(self._say.event(event))

    def close(self) -> None:
        self._tally.finish()
        _write(self._stream, self._lines())

    def _lines(self) -> Iterator[str]:
        tally, say = self._tally, self._say
        causes = [cause for cause in tally.causes if cause.severity is not Severity.NOTE]
        lines = [self._annotation(cause) for cause in causes]
        if tally.exit_code is not ExitCode.PASSED and not tally.of_severity(Severity.ERROR):
            # The step fails, and no cause would say why.
            title = {"title": say(headline(tally))}
            lines.insert(0, workflow_command("error", _why_it_fails(tally, say), title))
        yield from lines[:ANNOTATIONS_MAX]
        if (more := len(lines) - ANNOTATIONS_MAX) > 0:
            told = say.counted(more, *_MORE)
            yield workflow_command("notice", told, {"title": "betrontech-sim"})

    def _annotation(self, cause: Cause) -> str:
        shown = cause.shown
        finding, scenario, started = shown.finding, shown.scenario, self._tally.started
        facts, say = facts_of(finding, self._say), self._say
        # What stopped the run before its scenarios says more than the finding alone.
        told = self._tally.root_cause.splitlines() if scenario is None else []
        told += [f"{say(name)}: {facts[name]}" for name in _TOLD if name in facts]
        rerun = rerun_line(started, scenario, finding.player) if scenario else ""
        told += [f"{say('Run it again')}: {rerun}"] if rerun else []
        message = "\n".join(shorten(visible(line), MESSAGE_WIDTH_MAX) for line in told)
        place = (finding.place or scenario.place) if scenario else None
        where = (
            {"file": (PurePath(self._folder) / place.file).as_posix(), "line": str(place.line)}
            if place
            else {}
        )
        title = shorten(visible(cause_line(cause, say)), CELL_WIDTH_MAX)
        # GitHub shows as errors what failed the step.
        kind = cause.severity.value if cause.accepted is None else "notice"
        return workflow_command(kind, message or title, {**where, "title": title})


_TOLD = ("What happened", "Expected", "Found", "Check first", "How to fix it")

_MORE = (
    "1 more finding: see the summary of this job",
    "{n} more findings: see the summary of this job",
)

_GITLAB = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


class CodeQualityReport:
    """The causes as GitLab's code quality report, written on `close`.

    A fingerprint is that of the cause alone, so that a merge request tells which are new and which are fixed.
    `folder` leads from the top of the repository to the folder in which the run's files are named.
    """

    def __init__(self, stream: TextIO, folder: str = "") -> None:
        self._stream = stream
        self._folder = PurePath(folder)
        self._tally = Overview()

    def on(self, event: Event) -> None:
        self._tally.on(event)

    def close(self) -> None:
        self._tally.finish()
        tally = self._tally
        entries = [self._entry(cause) for cause in tally.causes if cause.accepted is None]
        if tally.exit_code is not ExitCode.PASSED and not tally.of_severity(Severity.ERROR):
            why = f"{headline(tally)}: {_why_it_fails(tally)}"
            entries.insert(0, _code_quality("betrontech-sim", why, "run", "critical", ".", 1))
        self._stream.write(json.dumps(entries, indent=1) + "\n")
        self._stream.flush()

    def _entry(self, cause: Cause) -> dict[str, object]:
        finding, scenario = cause.shown.finding, cause.shown.scenario
        place = finding.place or (scenario.place if scenario else None)
        told = f"{finding.message}: {finding.label}" if finding.label else finding.message
        file, line = (self._folder / place.file, place.line) if place else (PurePath(), 1)
        severity = _GITLAB[cause.severity]
        return _code_quality(finding.rule, told, cause.key, severity, file.as_posix(), line)


def _code_quality(rule: str, told: str, key: str, severity: str, file: str, line: int) -> dict[str, object]:
    return {
        "description": shorten(visible(told), MESSAGE_WIDTH_MAX),
        "check_name": rule,
        "fingerprint": hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest(),
        "severity": severity,
        "location": {"path": file, "lines": {"begin": line}},
    }


def workflow_command(name: str, message: str, properties: Mapping[str, str]) -> str:
    """Return the line of a workflow command, all that would end its parts escaped."""
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {given}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _why_it_fails(tally: Overview, say: Words = ENGLISH) -> str:
    """Return the reason in a line where no error was found."""
    open_ = (Verdict.XPASSED, Verdict.INCONCLUSIVE, Verdict.BLOCKED)
    reasons = [tally.root_cause, *(reason for verdict in open_ for reason in tally.reasons.get(verdict, ()))]
    if found := next(filter(None, reasons), ""):
        return visible_lines(found)
    return say("Exit code {code}; the log of this step says more.", code=int(tally.exit_code))


def headline(tally: Overview) -> str:
    """Return the verdict in a sentence."""
    outcome = OUTCOMES[tally.exit_code]
    return HEADLINES.get(outcome, outcome.replace("_", " "))


def cause_line(cause: Cause, say: Words = ENGLISH) -> str:
    """Return ``error[REF-03] the repeated refund was credited again``; an accepted one is "known"."""
    finding = cause.shown.finding
    known = f"{say('known')} " if cause.accepted else ""
    return f"{known}{say(cause.severity.value)}[{finding.rule}] {finding.message}"


def _acceptance(accepted: KnownCause, say: Words) -> str:
    return accepted.reason + (say(", until {day}", day=accepted.expires) if accepted.expires else "")


def escaped(text: str) -> str:
    """Return a text as one line that Markdown shows as it is: nothing in it is a link, a tag or a table."""
    return _ACTIVE.sub(lambda match: "".join(f"&#{ord(each)};" for each in match[0]), visible(text))


def _cell(text: str) -> str:
    return escaped(shorten(visible(text), CELL_WIDTH_MAX))


def _fenced(text: str, say: Words) -> str:
    """Return a block of code that no line of the text ends."""
    if len(text) > CURL_LENGTH_MAX:
        long = "too long for a summary ({n} characters); the JSON report has it"
        text = say(long, n=say.number(len(text)))
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{visible_lines(text)}\n{fence}"


def _counts(tally: Overview, say: Words) -> str:
    counts = [f"**{say.number(count)}** {say(name)}" for name, count in tally.counts_by_name.items() if count]
    if found := len(tally.of_severity(Severity.ERROR)):
        counts.append(say.counted(found, "1 kind of error", "{n} kinds of errors"))
    if found := len(tally.of_severity(Severity.WARNING)):
        counts.append(say.counted(found, "1 kind of warning", "{n} kinds of warnings"))
    if tally.known:
        counts.append(say.counted(len(tally.known), "1 known cause", "{n} known causes"))
    return ", ".join(counts) or f"{say('No scenario ran')}."


def _write(stream: TextIO, pieces: Iterable[str]) -> None:
    """Write to a stream that may lack characters, as the log of a runner can."""
    encoding = stream.encoding or "utf-8"
    stream.writelines(encodable(piece, encoding) for piece in pieces)
    stream.flush()


def _within(room: int, pieces: Iterable[str], too_long: str) -> Iterator[str]:
    """Return the pieces that fit, and instead of the first that does not, a line that says so."""
    left = room - len(too_long.encode())
    for piece in pieces:
        left -= len(piece.encode("utf-8", "backslashreplace"))
        if left < 0:
            yield too_long
            return
        yield piece
