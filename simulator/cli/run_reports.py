"""Where the events of a run go: the terminal, the reports asked for, and the record of the last run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from simulator.core.events import Event
from simulator.errors import UsageError
from simulator.reports import Report, TerminalReport, open_report
from simulator.runner.last_run import LastRun
from simulator.settings import ReportTarget, RunSettings

STANDARD_OUTPUT = Path("-")


@dataclass(slots=True)
class _Outlet:
    """A report with the stream it writes to; `trouble` is why it ended early."""

    report: Report
    stream: TextIO | None
    name: str
    owned: bool
    trouble: OSError | None = None

    def guarded(self, write: Callable[[], None]) -> None:
        """Write, unless writing has failed before: a full disk must not end a run that moves money."""
        if self.trouble is None:
            try:
                write()
            except OSError as error:
                self.trouble = error


class RunReports:
    """All reports of one run. Give `on` each event, one at a time."""

    def __init__(self, outlets: list[_Outlet]) -> None:
        self._outlets = outlets

    def on(self, event: Event) -> None:
        """Hand the event to every report."""
        for outlet in self._outlets:
            if outlet.trouble is None:
                try:
                    outlet.report.on(event)
                except OSError as error:
                    outlet.trouble = error

    def close(self) -> None:
        """Bring every report to its end. Raises UsageError for one that could not be written."""
        for outlet in self._outlets:
            outlet.guarded(outlet.report.close)
            if outlet.owned and outlet.stream is not None:
                outlet.guarded(outlet.stream.close)
        incomplete = [
            f"the report {outlet.name} is incomplete: {outlet.trouble.strerror}"
            for outlet in self._outlets
            if outlet.trouble is not None and outlet.name and not isinstance(outlet.trouble, BrokenPipeError)
        ]
        if incomplete:
            raise UsageError("\n".join(incomplete))


@contextmanager
def open_reports(settings: RunSettings) -> Iterator[RunReports]:
    """Open every report before anything is sent, and close them whatever happens."""
    outlets = [_opened(target) for target in _distinct(settings.reports)]
    on_stdout = any(target.file == STANDARD_OUTPUT for target in settings.reports)
    outlets.insert(0, _terminal(settings, sys.stderr if on_stdout else sys.stdout))
    outlets.append(_Outlet(LastRun(Path()), None, "", owned=False))
    reports = RunReports(outlets)
    try:
        yield reports
    finally:
        reports.close()


def _terminal(settings: RunSettings, stream: TextIO) -> _Outlet:
    report = TerminalReport(
        stream,
        color=settings.color.value,
        width=_width(stream),
        progress=stream.isatty(),
        verbosity=1 if settings.verbose else -1 if settings.quiet else 0,
        reports=[(target.kind.value, str(target.file)) for target in settings.reports],
    )
    return _Outlet(report, stream, "", owned=False)


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
        return _Outlet(open_report(target.kind, sys.stdout), sys.stdout, name, owned=False)
    try:
        target.file.parent.mkdir(parents=True, exist_ok=True)
        stream = target.file.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"--report {name}: the file cannot be written: {error.strerror}") from None
    return _Outlet(open_report(target.kind, stream), stream, name, owned=True)
