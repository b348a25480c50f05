"""The report on the terminal: a line a scenario or a progress bar while it runs, then the summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TextIO

from simulator.core.events import Event, ExchangeRecorded, RunStarted, ScenarioFinished
from simulator.core.findings import Severity, Verdict
from simulator.reports.ink import Ink
from simulator.reports.overview import Overview
from simulator.reports.progress import ProgressBar
from simulator.reports.screen_text import encodable, plural, visible, without_login

Color = Literal["auto", "always", "never"]
QUIET = -1
_CALM = frozenset({Verdict.PASSED, Verdict.SKIPPED, Verdict.XFAILED, Verdict.BLOCKED})

_WORDS = {
    Verdict.PASSED: "ok   ",
    Verdict.FAILED: "FAIL ",
    Verdict.INCONCLUSIVE: "open ",
    Verdict.SKIPPED: "skip ",
    Verdict.XFAILED: "xfail",
    Verdict.XPASSED: "XPASS",
}


class TerminalReport:
    """Writes to a screen or a log.

    `color` "auto" paints when the stream is a terminal. `width` in columns, None where there is none: then
    nothing is wrapped. `verbosity` -1 is `-q`, 1 is `-v`. `progress` puts a bar in place of the lines of
    scenarios that pass: for a terminal only, and not with `-q` or `-v`. `reports` are the (kind, path) of
    the files written beside it.
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
    ) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._ink = Ink(color == "always" or (color == "auto" and stream.isatty()))
        self._width = width
        self._verbosity = verbosity
        self._reports = reports
        self._overview = Overview()
        self._wants_bar = progress and verbosity == 0
        self._bar: ProgressBar | None = None
        self._endpoint = ""
        self._listed = False
        self._causes_told: set[str] = set()

    def on(self, event: Event) -> None:
        self._overview.on(event)
        if self._bar is not None:
            self._bar.tick()
        if type(event) is ExchangeRecorded:
            if self._verbosity > 0:
                self._dump(event)
        elif self._verbosity > QUIET:
            match event:
                case RunStarted():
                    self._start(event)
                case ScenarioFinished():
                    self._finish(event)

    def close(self) -> None:
        # Only the end of a run needs them: they stay out of the way to the first webhook.
        from simulator.reports.frame import FrameStyle
        from simulator.reports.summary import failures_only, summary

        if self._bar is not None:
            self._bar.close()
            self._bar = None
        cut = self._overview.finish()
        style = FrameStyle(self._ink, self._width)
        if started := self._overview.started:
            style = FrameStyle(self._ink, self._width, started.command, started.seed)
        if self._verbosity <= QUIET:
            lines = failures_only(self._overview, style)
        else:
            for event in cut:
                self._list(event)
            if self._listed:
                self._write("")
            lines = summary(self._overview, style, self._reports, every=self._verbosity > 0)
        for line in lines:
            self._write(line)
        self._stream.flush()

    def _start(self, event: RunStarted) -> None:
        self._endpoint = visible(without_login(event.endpoint))
        name = self._ink.strong(f"betrontech-sim {event.version}")
        selected = plural(event.selected, "scenario")
        self._write(f"{name}  {selected} → {self._endpoint}  seed {event.seed}\n")
        self._stream.flush()
        if self._wants_bar:
            self._bar = ProgressBar(self._stream, event.selected, color=self._ink.enabled, width=self._width)

    def _finish(self, event: ScenarioFinished) -> None:
        # What is blocked comes in hundreds with one reason, which the summary tells.
        calm = _CALM if self._bar is not None else frozenset({Verdict.BLOCKED})
        if event.verdict not in calm:
            self._list(event)
        if self._bar is not None:
            self._bar.advance(failed=event.verdict in {Verdict.FAILED, Verdict.XPASSED})
        self._stream.flush()

    def _dump(self, event: ExchangeRecorded) -> None:
        from simulator.reports.wire_dump import wire_dump  # only -v needs it

        for line in wire_dump(event, self._endpoint, self._ink):
            self._write(line)
        self._stream.flush()

    def _list(self, event: ScenarioFinished) -> None:
        self._listed = True
        self._write(self._ran(event))

    def _ran(self, event: ScenarioFinished) -> str:
        """A line of the running list; a failure says what is wrong, in full the first time."""
        # Like those of `close`: nothing has to be laid out before a scenario has ended.
        from simulator.reports.closing import scenario_place
        from simulator.reports.frame import headline, severity_tag

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
        if event.verdict is not Verdict.FAILED or not errors:
            return line
        if errors[0].cause in self._causes_told:
            return f"{line}  {severity_tag(errors[0], self._ink)}"
        self._causes_told.add(errors[0].cause)
        return f"{line}\n       {headline(errors[0], self._ink)}"

    def _write(self, line: str) -> None:
        text = encodable(line, self._encoding)
        if self._bar is None:
            self._stream.write(text + "\n")
        else:
            self._bar.line(text)
