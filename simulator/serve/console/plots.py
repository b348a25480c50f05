"""Compute the lines and bars of the console's plots, which the templates draw as inline SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.core.findings import Outcome
from simulator.core.money import Money, format_money
from simulator.core.values import Frozen
from simulator.serve.entries import BOUNDS_MS, LatencyCount
from simulator.serve.journal import BalancePoint

WIDTH, HEIGHT = 960, 300

LEFT, RIGHT, TOP, BOTTOM = 92, 12, 14, 34

TICKS = 5

GRIDS = 4

COLUMNS_MIN = 6


class Grid(Frozen):
    """A horizontal line across the plot, and its amount."""

    y: float
    label: str


class Tick(Frozen):
    """A place below the plot, and the time there in Unix milliseconds."""

    x: float
    at_ms: int


class Gap(Frozen):
    """An exchange after which the wallet's balance differs from the expected one."""

    x: float
    y_answered: float
    y_expected: float
    number: int
    answered: str
    expected: str


class BalancePlot(Frozen):
    """Both balances as paths, and the gaps between them."""

    answered: str
    expected: str
    gaps: tuple[Gap, ...]
    grids: tuple[Grid, ...]
    ticks: tuple[Tick, ...]


def balance_plot(points: Sequence[BalancePoint]) -> BalancePlot | None:
    """Return the plot of balances by exchange (hours may lie between two), or None without any."""
    amounts = [
        amount for point in points for amount in (point.answered, point.expected) if amount is not None
    ]
    if not amounts:
        return None
    low, high = min(amounts), max(amounts)
    # The margin puts a flat line in the middle.
    margin = max((high - low) // 10, 100)
    low, high = Money(low - margin), Money(high + margin)

    def x_of(place: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / len(points), 1)

    def y_of(amount: Money) -> float:
        # Exact up to this last step, which turns cents into pixels.
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - amount) / (high - low), 1)

    gaps = tuple(
        Gap(
            x_of(place),
            y_of(point.answered),
            y_of(point.expected),
            point.number,
            format_money(point.answered),
            format_money(point.expected),
        )
        for place, point in enumerate(points)
        if point.answered is not None and point.expected is not None and _is_off_anew(points, place)
    )
    step = _even_step(high - low)
    steps = [Money(amount) for amount in range(-(-low // step) * step, high + 1, step)]
    places = sorted({round(step * (len(points) - 1) / (TICKS - 1)) for step in range(TICKS)})
    return BalancePlot(
        _path([None if p.answered is None else (x_of(i), y_of(p.answered)) for i, p in enumerate(points)]),
        _path([None if p.expected is None else (x_of(i), y_of(p.expected)) for i, p in enumerate(points)]),
        gaps,
        tuple(Grid(y_of(amount), format_money(amount)) for amount in steps),
        tuple(Tick(x_of(place), points[place].at_ms) for place in places),
    )


def _is_off_anew(points: Sequence[BalancePoint], place: int) -> bool:
    """Return whether the wallet is off by another amount than at the latest balance before."""
    off, before = _off(points[place]), Money(0)
    for point in reversed(points[:place]):
        known = _off(point)
        if known is not None:
            before = known
            break
    return off is not None and off not in (0, before)


def _off(point: BalancePoint) -> Money | None:
    if point.answered is None or point.expected is None:
        return None
    return Money(point.answered - point.expected)


def _even_step(span: int) -> int:
    """Return the cents between grid lines: 1, 2 or 5 times a power of 10, for GRIDS lines or a few more."""
    wanted, power = max(span // GRIDS, 1), 1
    while power * 10 <= wanted:
        power *= 10
    return max(times * power for times in (1, 2, 5) if times * power <= wanted)


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    """Return a path of steps: a balance stays as it is until the next known one."""
    parts: list[str] = []
    known = False
    for place in places:
        if place is not None:
            x, y = place
            parts.append(f"H{x}V{y}" if known else f"M{x} {y}")
            known = True
    # A single point is a short line.
    return "".join(parts) + ("h4" if len(parts) == 1 else "")


class Bar(Frozen):
    """One outcome in one class of latency."""

    outcome: Outcome
    x: float
    y: float
    width: float
    height: float
    count: int


class Column(Frozen):
    """A class of latencies, with a bar for each outcome. `below_ms` None: all above the last bound."""

    from_ms: int
    below_ms: int | None
    x: float
    bars: tuple[Bar, ...]

    @property
    def count(self) -> int:
        """Return how many calls there are."""
        return sum(bar.count for bar in self.bars)

    @property
    def by_outcome(self) -> dict[str, int]:
        """Return how many calls there are for each outcome."""
        return {outcome.value: sum(b.count for b in self.bars if b.outcome is outcome) for outcome in Outcome}


def latency_columns(counts: Sequence[LatencyCount]) -> tuple[Column, ...]:
    """Return a column for every class up to the slowest call, with the bars of its outcomes stacked."""
    bounds = (*BOUNDS_MS, None)
    seen = [bounds.index(each.below_ms) for each in counts]
    if not seen:
        return ()
    shown = bounds[: max(*seen, COLUMNS_MIN - 1) + 1]
    totals = [sum(each.count for each in counts if each.below_ms == bound) for bound in shown]
    per_call = (HEIGHT - TOP - BOTTOM) / max(totals)
    step = (WIDTH - LEFT - RIGHT) / len(shown)
    width = min(step * 0.8, 72)
    columns = []
    for place, bound in enumerate(shown):
        x = LEFT + step * (place + 0.5)
        bottom = float(HEIGHT - BOTTOM)
        bars = []
        for each in counts:
            if each.below_ms == bound:
                height = each.count * per_call
                bottom -= height
                bars.append(
                    Bar(
                        each.outcome,
                        round(x - width / 2, 1),
                        round(bottom, 1),
                        round(width, 1),
                        round(max(height, 1), 1),
                        each.count,
                    )
                )
        columns.append(Column(BOUNDS_MS[place - 1] if place else 0, bound, round(x, 1), tuple(bars)))
    return tuple(columns)
