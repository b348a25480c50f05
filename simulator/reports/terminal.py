"""The report on the terminal: a line a scenario or a progress bar while it runs, then the summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TextIO

from simulator.core.events import Event, ExchangeRecorded, RunStarted, ScenarioFinished
from simulator.core.findings import Severity, Verdict
from simulator.reports.ink import Ink
from simulator.reports.screen_text import encodable, plural, visible
from simulator.reports.tally import Tally

Color = Literal["auto", "always", "never"]
QUIET = -1

_WORDS = {
    Verdict.PASSED: "ok   ",
    Verdict.FAILED: "FAIL ",
    Verdict.INCONCLUSIVE: "open ",
    Verdict.BLOCKED: "held ",
    Verdict.SKIPPED: "skip ",
    Verdict.XFAILED: "xfail",
    Verdict.XPASSED: "XPASS",
}


class TerminalReport:
    """Writes to a screen or a log.

    `color` "auto" paints when the stream is a terminal. `width` in columns, None where there is none: then
    nothing is wrapped. `verbosity` -1 is `-q`, 1 is `-v`. `reports` are the (kind, path) of the files
    written beside it.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        color: Color = "auto",
        width: int | None = None,
        verbosity: int = 0,
        reports: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._ink = Ink(color == "always" or (color == "auto" and stream.isatty()))
        self._width = width
        self._verbosity = verbosity
        self._reports = reports
        self._tally = Tally()

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is ExchangeRecorded or self._verbosity <= QUIET:
            return
        match event:
            case RunStarted():
                self._write(self._heading(event))
            case ScenarioFinished():
                self._write(self._ran(event))
                self._stream.flush()

    def close(self) -> None:
        # Only the end of a run needs them: they stay out of the way to the first webhook.
        from simulator.reports.frame import FrameStyle
        from simulator.reports.summary import failures_only, summary

        cut = self._tally.finish()
        style = FrameStyle(self._ink, self._width)
        if started := self._tally.started:
            style = FrameStyle(self._ink, self._width, started.command, started.seed)
        if self._verbosity <= QUIET:
            lines = failures_only(self._tally, style)
        else:
            for event in cut:
                self._write(self._ran(event))
            self._write("")
            lines = summary(self._tally, style, self._reports, every=self._verbosity > 0)
        for line in lines:
            self._write(line)
        self._stream.flush()

    def _heading(self, event: RunStarted) -> str:
        name = self._ink.strong(f"betrontech-sim {event.version}")
        return (
            f"{name}  {plural(event.selected, 'scenario')} → {visible(event.endpoint)}  seed {event.seed}\n"
        )

    def _ran(self, event: ScenarioFinished) -> str:
        """A line of the running list, and for a failure the first error under it."""
        from simulator.reports.closing import scenario_place
        from simulator.reports.frame import headline

        word = _WORDS[event.verdict]
        match event.verdict:
            case Verdict.PASSED:
                word = self._ink.good(word)
            case Verdict.FAILED | Verdict.XPASSED:
                word = self._ink.bad(word)
            case _:
                word = self._ink.odd(word)
        line = f"{word}  {scenario_place(event.scenario)}  {visible(event.scenario.name)}"
        errors = [finding for finding in event.findings if finding.severity is Severity.ERROR]
        if event.verdict is Verdict.FAILED and errors:
            line += f"\n       {headline(errors[0], self._ink)}"
        return line

    def _write(self, line: str) -> None:
        self._stream.write(encodable(line, self._encoding) + "\n")
