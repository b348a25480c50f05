"""Send the events of a run to the terminal, the requested reports, and the record of the last run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from simulator.cli.commands import drop_output
from simulator.cli.output import WholeFile
from simulator.errors import UsageError
from simulator.report.events import Event
from simulator.report.tally import Report, open_report
from simulator.report.terminal import TerminalReport
from simulator.run.context import LastRun
from simulator.settings import ReportKind, ReportTarget, RunSettings

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

    `what` names it where it is incomplete; an empty text is not told.
    """

    def __init__(
        self,
        report: Report,
        what: str,
        *,
        file: WholeFile | _Appended | None = None,
        stream: TextIO | None = None,
    ) -> None:
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


class RunReports:
    """All reports of one run. `on` takes one event at a time."""

    def __init__(self, outlets: list[_Outlet]) -> None:
        self._outlets = outlets
        self._begun = False

    def on(self, event: Event) -> None:
        """Pass the event to every report."""
        self._begun = True
        for outlet in self._outlets:
            outlet.on(event)

    def close(self) -> list[str]:
        """End every report; return a message for each that could not be written.

        If the run did not begin, there is no summary and no file that looks like a run.
        """
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
    reports = RunReports(_outlets(settings))
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
            outlets.append(_opened(target))
        for target in settings.reports:
            if target.kind is ReportKind.GITHUB:
                # Its lines stand in the log, and GitHub reads them from both streams.
                outlets += _for_github(target, log)
    except UsageError:
        for outlet in outlets:
            outlet.discard()
        raise
    return [*outlets, _Outlet(LastRun(Path()), "")]


def _terminal(settings: RunSettings, stream: TextIO) -> _Outlet:
    report = TerminalReport(
        stream,
        color=settings.color.value,
        width=_width(stream),
        progress=stream.isatty(),
        verbosity=1 if settings.verbose else -1 if settings.quiet else 0,
        reports=[(target.kind.value, str(target.file)) for target in settings.reports],
    )
    return _Outlet(report, _LOG, stream=stream)


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


def _opened(target: ReportTarget) -> _Outlet:
    name = f"{target.kind}:{target.file}"
    what = f"the report {name}"
    if target.file == STANDARD_OUTPUT:
        return _Outlet(open_report(target.kind, sys.stdout), what, stream=sys.stdout)
    try:
        # Lines of NDJSON are whole one by one, and read while the run goes on.
        file = WholeFile(target.file, at_once=target.kind is ReportKind.NDJSON)
    except OSError as error:
        raise UsageError(f"--report {name}: the file cannot be written: {error.strerror}") from None
    return _Outlet(open_report(target.kind, file.stream), what, file=file)


def _for_github(target: ReportTarget, log: TextIO) -> list[_Outlet]:
    """Return annotations in the log, and the summary of the job if its file can be written.

    A container may know its name without having it, which must not stop a run that did not ask for it.
    """
    # A run loads what it writes.
    from simulator.report.markdown import SUMMARY_BYTES_MAX, AnnotationsReport, MarkdownReport

    here, top = Path.cwd().resolve(), target.top.resolve() if target.top else None
    # Outside of the repository, on another drive perhaps, GitHub knows no file of the run.
    folder = here.relative_to(top).as_posix() if top and here.is_relative_to(top) else ""
    outlets = [_Outlet(AnnotationsReport(log, folder), _LOG, stream=log)]
    if target.file != STANDARD_OUTPUT:
        with suppress(OSError):
            file = _Appended(target.file)
            # GitHub drops a summary that is too long; other commands of the step may have written to it.
            room = SUMMARY_BYTES_MAX - file.stream.tell()
            outlets.append(_Outlet(MarkdownReport(file.stream, room), "the report github", file=file))
    return outlets
