"""Reports of a run: folds over its event stream, each writing to a text stream handed in."""

from __future__ import annotations

from typing import TextIO

from simulator.errors import UsageError
from simulator.reports.report import Report, render
from simulator.reports.terminal import TerminalReport

__all__ = ["KINDS", "Report", "TerminalReport", "UnknownReport", "open_report", "render"]

KINDS = ("junit", "json", "ndjson")
"""The reports that go to a file, as ``--report KIND:FILE`` names them."""


class UnknownReport(UsageError):
    """No report is called like that."""

    def __init__(self, found: str) -> None:
        from simulator.core.nearest import did_you_mean  # only an error compares words

        known = ", ".join(KINDS)
        super().__init__(f'there is no report "{found}"{did_you_mean(found, KINDS)} (known: {known})')


def open_report(kind: str, stream: TextIO) -> Report:
    """A report of that kind on a stream, which stays the caller's to close. Raises UnknownReport."""
    # A run loads what it writes: none of them is on the way to the first webhook of a run without reports.
    match kind:
        case "junit":
            from simulator.reports.junit import JunitReport

            return JunitReport(stream)
        case "json":
            from simulator.reports.json_report import JsonReport

            return JsonReport(stream)
        case "ndjson":
            from simulator.reports.ndjson import NdjsonReport

            return NdjsonReport(stream)
        case _:
            raise UnknownReport(kind)
