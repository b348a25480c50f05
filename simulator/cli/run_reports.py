"""Send the events of a run to the terminal, the requested reports, and the record of the last run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from simulator.cli.commands import drop_output
from simulator.errors import UsageError
from simulator.report.events import Event
from simulator.report.tally import Report, open_report
from simulator.report.terminal import TerminalReport
from simulator.run.context import LastRun
from simulator.settings import ReportKind, ReportTarget, RunSettings

STANDARD_OUTPUT = Path("-")


class _Outlet:
    """A report with its stream, and its file unless that is standard output; `trouble` ended it early.

    A file is complete or absent: it is written as `written`, and takes its name at the end.
    """

    def __init__(
        self,
        report: Report,
        stream: TextIO | None,
        name: str,
        file: Path | None = None,
        written: Path | None = None,
    ) -> None:
        self.written = written or file
        self.report = report
        self.stream = stream
        self.name = name
        self.file = file
        self.trouble: OSError | None = None

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
            if self.file is not None and self.stream is not None:
                self.stream.close()
                if self.written is not None and self.written != self.file and self.trouble is None:
                    # Only now is it complete.
                    self.written.replace(self.file)
        except OSError as error:
            self.trouble = self.trouble or error
        if self.trouble is not None and self.written != self.file:
            self.discard()
        if isinstance(self.trouble, BrokenPipeError) and self.stream is not None and self.file is None:
            drop_output(self.stream)

    def discard(self) -> None:
        """Remove the file, unless it is a device or a pipe."""
        if self.stream is not None and self.written is not None:
            with suppress(OSError):
                self.stream.close()
            if self.written.is_file():
                self.written.unlink()


class _Appended(_Outlet):
    """A report at the end of a file that others write to, too: it is never removed."""

    def discard(self) -> None:
        if self.stream is not None:
            with suppress(OSError):
                self.stream.close()


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
        return [
            f"the report {outlet.name} is incomplete: {outlet.trouble.strerror}"
            for outlet in self._outlets
            if outlet.trouble is not None and outlet.name and not isinstance(outlet.trouble, BrokenPipeError)
        ]


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
    return [*outlets, _Outlet(LastRun(Path()), None, "")]


def _terminal(settings: RunSettings, stream: TextIO) -> _Outlet:
    report = TerminalReport(
        stream,
        color=settings.color.value,
        width=_width(stream),
        progress=stream.isatty(),
        verbosity=1 if settings.verbose else -1 if settings.quiet else 0,
        reports=[(target.kind.value, str(target.file)) for target in settings.reports],
    )
    return _Outlet(report, stream, "")


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
    if target.file == STANDARD_OUTPUT:
        return _Outlet(open_report(target.kind, sys.stdout), sys.stdout, name)
    try:
        target.file.parent.mkdir(parents=True, exist_ok=True)
        written = _beside(target)
        stream = written.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise UsageError(f"--report {name}: the file cannot be written: {error.strerror}") from None
    return _Outlet(open_report(target.kind, stream), stream, name, target.file, written)


def _for_github(target: ReportTarget, log: TextIO) -> list[_Outlet]:
    """Return annotations in the log, and the summary of the job if its file can be written.

    A container may know its name without having it, which must not stop a run that did not ask for it.
    """
    # A run loads what it writes.
    from simulator.report.markdown import SUMMARY_BYTES_MAX, AnnotationsReport, MarkdownReport

    here, top = Path.cwd().resolve(), target.top.resolve() if target.top else None
    # Outside of the repository, on another drive perhaps, GitHub knows no file of the run.
    folder = here.relative_to(top).as_posix() if top and here.is_relative_to(top) else ""
    outlets = [_Outlet(AnnotationsReport(log, folder), log, "")]
    if target.file != STANDARD_OUTPUT:
        with suppress(OSError):
            stream = target.file.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
            # GitHub drops a summary that is too long; other commands of the step may have written to it.
            room = SUMMARY_BYTES_MAX - stream.tell()
            outlets.append(_Appended(MarkdownReport(stream, room), stream, "github", target.file))
    return outlets


def _beside(target: ReportTarget) -> Path:
    """Return the file to write to until the report is complete: the file itself if it is read meanwhile.

    Lines of NDJSON are whole one by one. A device, a pipe or a link must stay what it is.
    """
    file = target.file
    replaceable = not file.exists() or (file.is_file() and os.access(file, os.W_OK))
    if target.kind is ReportKind.NDJSON or file.is_symlink() or not replaceable:
        return file
    return file.with_name(f".{file.name}.{os.getpid()}.new")
