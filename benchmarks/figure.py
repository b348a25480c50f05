"""The result of a benchmark as a line of the table, and the timing of two things side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; the target limits `value`.

    That is the ratio of `ours` to `baseline` (both in `unit`), or `ours` if there is no baseline. `against`
    names the baseline.
    """

    what: str
    ours: float
    unit: str
    target: float
    baseline: float | None = None
    against: str = ""
    ratio: float | None = None

    @property
    def value(self) -> float:
        """Return the value to compare with the target."""
        return self.ours if self.ratio is None else self.ratio

    @property
    def verdict(self) -> str:
        """Return whether the target is reached, or by how much it is missed."""
        over = self.value / self.target - 1
        return "reached" if over <= 0 else f"{over:.0%} over"


def compared(
    what: str,
    ours: Callable[[], float],
    baseline: Callable[[], float],
    *,
    pairs: int,
    unit: str,
    target: float,
    against: str,
) -> Figure:
    """Measure both in turn, so that a busy machine slows both; the ratio is a median, too."""
    ours(), baseline()
    found = [(ours(), baseline()) for _ in range(pairs)]
    return Figure(
        what=what,
        ours=statistics.median(mine for mine, _ in found),
        baseline=statistics.median(theirs for _, theirs in found),
        ratio=statistics.median(mine / theirs for mine, theirs in found),
        unit=unit,
        target=target,
        against=against,
    )


def table(figures: list[Figure]) -> str:
    """Return the figures as a table of text, with the verdict in the last column."""
    rows = [("what", "ours", "baseline", "value", "target", "")]
    for each in figures:
        baseline = "" if each.baseline is None else f"{each.against} {_number(each.baseline)} {each.unit}"
        value = f"{each.ratio:.2f} times" if each.ratio is not None else ""
        target = f"≤ {each.target:g}" + (" times" if each.ratio is not None else f" {each.unit}")
        rows.append((each.what, f"{_number(each.ours)} {each.unit}", baseline, value, target, each.verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
