"""Send the events of a run to the terminal, the requested reports, and the record of the last run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from simulator.cli.commands import drop_output
from simulator.cli.output import WholeFile
from simulator.core.calls import Call, Opening
from simulator.core.languages import Lang
from simulator.errors import UsageError
from simulator.report.events import (
    Event,
    FindingRaised,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    ScenarioStarted,
    StepFinished,
)
from simulator.report.languages import Words, lang_of_locale
from simulator.report.tally import Report, open_report
from simulator.report.terminal import QUIET, TerminalReport
from simulator.run.context import LastRun
from simulator.settings import ReportKind, ReportTarget, RunSettings
from simulator.settings.load import variables

STANDARD_OUTPUT = Path("-")

_LOG = "the output"


class _Appended:
    """The end of a file to which others write, too: it is never removed."""

    def __init__(self, file: Path) -> None:
        self.stream: TextIO = file.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")

    def keep(self) -> None:
        """Close the file. Raises OSError."""
        self.stream.close()

    def give_up(self) -> None:
        """Close the file, which is incomplete."""
        with suppress(OSError):
            self.stream.close()

    discard = give_up


class _Outlet:
    """A report with its file, or with the standard `stream` that it writes to; `trouble` ended it early.

    `what` names it where it is incomplete; an empty text is not told. `as_they_come`: it takes events at
    once, and not in the order of the run.
    """

    def __init__(
        self,
        report: Report,
        what: str,
        *,
        file: WholeFile | _Appended | None = None,
        stream: TextIO | None = None,
        as_they_come: bool = False,
    ) -> None:
        self.as_they_come = as_they_come
        self.report = report
        self.what = what
        self.trouble: OSError | None = None
        self._file = file
        self._stream = stream

    def on(self, event: Event) -> None:
        """Pass on an event. A full disk or a closed pipe must not end a run that moves money."""
        if self.trouble is None:
            try:
                self.report.on(event)
            except OSError as error:
                self.trouble = error

    def close(self) -> None:
        """End the report, and close its file."""
        try:
            if self.trouble is None:
                self.report.close()
                if self._file is not None:
                    self._file.keep()
        except OSError as error:
            self.trouble = error
        if self.trouble is not None and self._file is not None:
            self._file.give_up()
        if self.trouble is not None and self._stream is not None:
            drop_output(self._stream)

    def discard(self) -> None:
        """Remove the file, if the report has one."""
        if self._file is not None:
            self._file.discard()


class _InOrder:
    """Puts the events of scenarios that run beside each other in the order of the run.

    What belongs to no scenario, or to one that has ended, is passed on at once.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[Event]] = {}
        self._ended: set[str] = set()
        self._first: str | None = None

    def on(self, event: Event) -> Iterable[Event]:
        """Return the events whose turn has come."""
        if isinstance(event, RunStarted):
            self._waiting = {scenario_id: [] for scenario_id in event.order}
            self._first = next(iter(self._waiting), None)
        if isinstance(event, RunFinished):
            return (*self.rest(), event)
        of = _scenario_id(event)
        if of == self._first and not isinstance(event, ScenarioFinished):
            return (event,)
        if of not in self._waiting:
            return (event,)
        if isinstance(event, ScenarioFinished):
            self._ended.add(of)
        if of != self._first:
            self._waiting[of].append(event)
            return ()
        return self._from_the_next(event)

    def _from_the_next(self, event: Event) -> Iterator[Event]:
        """Yield the end of the first scenario, and what those after it have kept until now."""
        yield event
        while self._first in self._ended:
            yield from self._waiting.pop(self._first)
            self._first = next(iter(self._waiting), None)
            if self._first is not None:
                yield from self._waiting[self._first]
                self._waiting[self._first] = []

    def rest(self) -> Iterator[Event]:
        """Return the events that still wait, when no more will come."""
        for events in self._waiting.values():
            yield from events
        self._waiting = {}


def _scenario_id(event: Event) -> str | None:
    match event:
        case Call():
            return event.why.scenario_id
        case ScenarioStarted() | ScenarioFinished():
            return event.scenario.id
        case StepFinished() | FindingRaised() | Opening():
            return event.scenario_id
        case _:
            return None


class RunReports:
    """All reports of one run. `on` takes one event at a time; `watch` gets each as it comes.

    `ordered`: one scenario runs at a time, so that the events come in the order of the run by themselves.
    """

    def __init__(
        self,
        outlets: list[_Outlet],
        watch: Callable[[Event], None] | None = None,
        *,
        ordered: bool = False,
    ) -> None:
        self._outlets = outlets
        self._at_once = [outlet for outlet in outlets if ordered or outlet.as_they_come]
        self._in_order = [outlet for outlet in outlets if outlet not in self._at_once]
        self._watch = watch
        self._order = _InOrder()
        self._begun = False

    def on(self, event: Event) -> None:
        """Pass the event to every report: in the order of the run, or as it comes."""
        self._begun = True
        if self._watch is not None:
            self._watch(event)
        for outlet in self._at_once:
            outlet.on(event)
        if self._in_order:
            self._pass_on(self._order.on(event))

    def _pass_on(self, events: Iterable[Event]) -> None:
        for event in events:
            for outlet in self._in_order:
                outlet.on(event)

    def close(self) -> list[str]:
        """End every report; return a message for each that could not be written.

        If the run did not begin, there is no summary and no file that looks like a run.
        """
        self._pass_on(self._order.rest())
        for outlet in self._outlets:
            if self._begun:
                outlet.close()
            else:
                outlet.discard()
        told = [
            f"{outlet.what} is incomplete: {outlet.trouble.strerror}"
            for outlet in self._outlets
            if outlet.trouble is not None and outlet.what and not isinstance(outlet.trouble, BrokenPipeError)
        ]
        return list(dict.fromkeys(told))


@contextmanager
def open_reports(settings: RunSettings) -> Iterator[RunReports]:
    """Open every report before anything is sent, and close all of them at the end.

    Raises UsageError for a report that cannot be written: at once, or after a run that has ended.
    """
    outlets = _outlets(settings)
    terminal, ordered = outlets[0].report, settings.jobs == 1
    watch = terminal.ahead if isinstance(terminal, TerminalReport) and not ordered else None
    reports = RunReports(outlets, watch, ordered=ordered)
    try:
        yield reports
    except BaseException:
        reports.close()
        raise
    if incomplete := reports.close():
        raise UsageError("\n".join(incomplete))


def _outlets(settings: RunSettings) -> list[_Outlet]:
    to_files = tuple(target for target in settings.reports if target.kind is not ReportKind.GITHUB)
    on_stdout = any(target.file == STANDARD_OUTPUT for target in to_files)
    log = sys.stderr if on_stdout else sys.stdout
    outlets = [_terminal(settings, log)]
    try:
        for target in _distinct(to_files):
            outlets.append(_opened(target, page_lang(settings)))
        for target in settings.reports:
            if target.kind is ReportKind.GITHUB:
                # Its lines stand in the log, and GitHub reads them from both streams.
                outlets += _for_github(target, log, page_lang(settings))
        if settings.write_accept is not None:
            outlets.append(_known_causes(settings.write_accept))
    except UsageError:
        for outlet in outlets:
            outlet.discard()
        raise
    return [*outlets, _Outlet(LastRun(Path()), "")]


def page_lang(settings: RunSettings) -> Lang:
    """Return the language of what people read of a run: the one asked for, else that of the locale."""
    return settings.lang or lang_of_locale(variables())


def _terminal(settings: RunSettings, stream: TextIO) -> _Outlet:
    report = TerminalReport(
        stream,
        color=settings.color.value,
        width=_width(stream),
        progress=stream.isatty(),
        verbosity=settings.verbose or (QUIET if settings.quiet else 0),
        reports=_told_of(settings),
        words=Words(page_lang(settings)),
    )
    return _Outlet(report, _LOG, stream=stream)


def _told_of(settings: RunSettings) -> list[tuple[str, str]]:
    """Return what each file is, and its name."""
    told = [(target.kind.value, str(target.file)) for target in settings.reports]
    return told if settings.write_accept is None else [*told, ("known causes", str(settings.write_accept))]


def _width(stream: TextIO) -> int | None:
    with suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(stream.fileno()).columns or None
    return None


def _distinct(targets: tuple[ReportTarget, ...]) -> tuple[ReportTarget, ...]:
    files = [target.file for target in targets]
    for file in files:
        if files.count(file) > 1:
            raise UsageError(f"--report: two reports cannot both be written to {file}")
    return targets


def _opened(target: ReportTarget, lang: Lang) -> _Outlet:
    name = f"{target.kind}:{target.file}"
    what = f"the report {name}"
    # Lines of NDJSON are whole one by one, and read while the run goes on.
    at_once = target.kind is ReportKind.NDJSON
    if target.file == STANDARD_OUTPUT:
        report = open_report(target.kind, sys.stdout, lang, _folder_below(target.top))
        return _Outlet(report, what, stream=sys.stdout, as_they_come=at_once)
    file = _file_of(f"--report {name}", target.file, at_once=at_once)
    return _Outlet(
        open_report(target.kind, file.stream, lang, _folder_below(target.top)),
        what,
        file=file,
        as_they_come=at_once,
    )


def _known_causes(path: Path) -> _Outlet:
    """Return the file of known causes; what it says already is kept."""
    from simulator.report.known import KnownReport  # a run loads what it writes
    from simulator.scenario.known_file import read_known

    before = read_known(path) if path.exists() else ()
    today = datetime.now().astimezone().date().isoformat()
    file = _file_of(f"--write-accept {path}", path)
    return _Outlet(KnownReport(file.stream, before, today), f"the file {path}", file=file)


def _file_of(setting: str, path: Path, *, at_once: bool = False) -> WholeFile:
    """Return the file of a report. Raises UsageError, with the setting that names it."""
    try:
        return WholeFile(path, at_once=at_once)
    except OSError as error:
        raise UsageError(f"{setting}: the file cannot be written: {error.strerror}") from None


def _for_github(target: ReportTarget, log: TextIO, lang: Lang) -> list[_Outlet]:
    """Return annotations in the log, and the summary of the job if its file can be written.

    A container may know its name without having it, which must not stop a run that did not ask for it.
    """
    # A run loads what it writes.
    from simulator.report.markdown import SUMMARY_BYTES_MAX, AnnotationsReport, MarkdownReport

    outlets = [_Outlet(AnnotationsReport(log, _folder_below(target.top), lang), _LOG, stream=log)]
    if target.file != STANDARD_OUTPUT:
        with suppress(OSError):
            file = _Appended(target.file)
            # GitHub drops a summary that is too long; other commands of the step may have written to it.
            room = SUMMARY_BYTES_MAX - file.stream.tell()
            outlets.append(_Outlet(MarkdownReport(file.stream, lang, room), "the report github", file=file))
    return outlets


def _folder_below(top: Path | None) -> str:
    """Return how the current folder is named from the top of the repository.

    Outside of it, on another drive perhaps, GitHub and GitLab know no file of the run.
    """
    here = Path.cwd().resolve()
    return here.relative_to(top.resolve()).as_posix() if top and here.is_relative_to(top.resolve()) else ""
