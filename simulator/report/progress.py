"""The progress bar of a run on a terminal: how many scenarios have ended, and how long the rest will take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from simulator.report.languages import ENGLISH, Words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

APPEARS_AFTER_S = 0.25
"""A run that is over sooner needs no bar, and does not pay for importing one."""


class ProgressBar:
    """A bar under the lines of a run, which appears when the run takes longer than a moment."""

    def __init__(
        self, stream: TextIO, total: int, *, color: bool, width: int | None, say: Words = ENGLISH
    ) -> None:
        self._stream = stream
        self._say = say
        self._total = total
        self._color = color
        self._width = width
        self._done = 0
        self._failed = 0
        self._appears_at_s = time.monotonic() + APPEARS_AFTER_S
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def tick(self) -> None:
        """Show the bar if the run has lasted long enough."""
        if self._bar is None and time.monotonic() >= self._appears_at_s:
            self._appear()

    def advance(self, *, failed: bool) -> None:
        """Count a scenario that has ended."""
        self._done += 1
        self._failed += failed
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, failed=self._failed_text())

    def line(self, text: str) -> None:
        """Write a line of the report above the bar."""
        if self._bar is None:
            self._stream.write(text + "\n")
            return
        from rich.text import Text  # with the bar, rich is there already

        self._bar.console.print(Text.from_ansi(text), soft_wrap=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _failed_text(self) -> str:
        return f"{self._failed} {self._say('failed')}" if self._failed else ""

    def _appear(self) -> None:
        # rich takes longer to import than a small run takes: only a run that lasts pays for it.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        console = Console(
            file=self._stream,
            force_terminal=True,
            no_color=not self._color,
            width=self._width,
            highlight=False,
        )
        self._bar = Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn(self._say("scenarios")),
            TimeElapsedColumn(),
            TextColumn(self._say("left")),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}", style="bold red", markup=False),
            console=console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task(
            "", total=self._total, completed=self._done, failed=self._failed_text()
        )
        self._bar.start()
