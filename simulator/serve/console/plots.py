"""Compute the lines and bars of the console's plots, which the templates draw as inline SVG. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, floor, log10
from operator import itemgetter

from simulator.core.findings import Outcome
from simulator.core.money import ZERO, Money, format_change, format_money
from simulator.core.values import Frozen
from simulator.serve.entries import BOUNDS_MS, SHARES, AnsweredCall, LatencyCount, shares_of
from simulator.serve.journal import BalancePoint, Span

HEIGHT = 300

RIGHT, TOP, BOTTOM = 12, 14, 34

STRIP, STRIP_SPACE = 64, 34


class Canvas(Frozen):
    """The place of a plot: its width, the room for labels on the left, and how many ticks fit below.

    Lanes have labels of their own: beside the bar from `lane_left` on, or above it, where that is 0.
    """

    name: str
    width: int
    left: int
    ticks: int
    lane_left: int
    lane_height: int


WIDE = Canvas("wide", 960, 92, 5, 250, 30)

NARROW = Canvas("narrow", 400, 70, 2, 0, 46)
"""For a phone, on which the text of a wide plot would be too small to read."""

CANVASES = (WIDE, NARROW)

GRIDS = 4

COLUMNS_MIN = 6

BREAK_PX = 26.0

SHORT_MS = 10_000


class Grid(Frozen):
    """A horizontal line across the plot, and its amount."""

    y: float
    label: str


class Tick(Frozen):
    """A place below the plot, and the time there in Unix milliseconds."""

    x: float
    at_ms: int


class Break(Frozen):
    """A place where the axis leaves out a time in which nothing happened."""

    x: float
    left_out_ms: int


class Axis(Frozen):
    """A time axis: `knots` are times with their places, and between two of them time runs evenly.

    A long time without a call is drawn short, as a break: otherwise all calls would lie on one another.
    """

    knots: tuple[tuple[int, float], ...]
    breaks: tuple[Break, ...]
    ticks: tuple[Tick, ...]

    @property
    def is_short(self) -> bool:
        """Return whether times differ by less than a second or a few: ticks then need milliseconds."""
        left_out = sum(each.left_out_ms for each in self.breaks)
        return self.knots[-1][0] - self.knots[0][0] - left_out < SHORT_MS

    def x(self, at_ms: int) -> float:
        """Return the place of a time between the first and the last."""
        place = min(max(bisect_right(self.knots, at_ms, key=itemgetter(0)), 1), len(self.knots) - 1)
        (start, x), (end, x_end) = self.knots[place - 1], self.knots[place]
        return round(x + (x_end - x) * (at_ms - start) / (end - start), 1)


def time_axis(times_ms: Sequence[int], canvas: Canvas = WIDE) -> Axis:
    """Return the axis from the first to the last of these times, which are in order."""
    first, last = times_ms[0], max(times_ms[-1], times_ms[0] + 1)
    idle = sorted(((b - a, a, b) for a, b in pairwise(times_ms)), reverse=True)
    left_ms, cut = last - first, []
    for gap, start, end in idle[: canvas.ticks + 1]:
        if gap * 2 < left_ms or left_ms - gap < 1:
            break
        cut.append((start, end))
        left_ms -= gap
    px_per_ms = (canvas.width - canvas.left - RIGHT - 4 - BREAK_PX * len(cut)) / left_ms
    knots, breaks, x, at = [(first, float(canvas.left))], [], float(canvas.left), first
    for start, end in sorted(cut):
        x += (start - at) * px_per_ms
        knots += [(start, x)] if start > at else []
        breaks.append(Break(round(x + BREAK_PX / 2, 1), end - start))
        x, at = x + BREAK_PX, end
        knots.append((end, x))
    if last > at:
        knots.append((last, x + (last - at) * px_per_ms))
    return Axis(tuple(knots), tuple(breaks), _ticks(knots, canvas))


def _ticks(knots: Sequence[tuple[int, float]], canvas: Canvas) -> tuple[Tick, ...]:
    """Return ticks at the ends and between, so far from one another that their texts have room."""
    room = (canvas.width - canvas.left) / (canvas.ticks + 1)
    found = [Tick(round(knots[0][1], 1), knots[0][0])]
    for (start, x), (end, x_end) in pairwise(knots):
        count = int((x_end - x) // room)
        for step in range(1, count + 1):
            share = step / max(count, 1)
            place, at_ms = x + (x_end - x) * share, round(start + (end - start) * share)
            if place - found[-1].x >= room * 0.9:
                found.append(Tick(round(place, 1), at_ms))
    end_ms, end_x = knots[-1]
    if end_x - found[-1].x >= room * 0.6:
        found.append(Tick(round(end_x, 1), end_ms))
    return tuple(found)


class PlotMark(Frozen):
    """An exchange with a finding. `y_ledger` is None for one that is not about money."""

    x: float
    y: float
    y_ledger: float | None
    point: BalancePoint


class BalancePlot(Frozen):
    """Both balances as paths over time, the space between them, findings as marks, and the difference.

    `difference` is the path of a strip below, `zero` the height of its line; None while nothing differs.
    """

    answered: str
    expected: str
    between: str
    marks: tuple[PlotMark, ...]
    grids: tuple[Grid, ...]
    axis: Axis
    difference: str | None
    zero: float
    strip_grids: tuple[Grid, ...]
    canvas: Canvas


def balance_plot(points: Sequence[BalancePoint], canvas: Canvas = WIDE) -> BalancePlot | None:
    """Return the plot of a player's balances over time, or None without any."""
    amounts = [
        amount for point in points for amount in (point.answered, point.expected) if amount is not None
    ]
    if not amounts:
        return None
    low, high = min(amounts), max(amounts)
    # The margin puts a flat line in the middle.
    margin = max((high - low) // 10, 100)
    low, high = Money(low - margin), Money(high + margin)
    axis = time_axis([point.at_ms for point in points], canvas)
    scale = _Scale(low, high, TOP, HEIGHT - BOTTOM)
    both = [
        (axis.x(point.at_ms), point.answered, point.expected)
        for point in points
        if point.answered is not None and point.expected is not None
    ]
    return BalancePlot(
        _path([(axis.x(p.at_ms), scale.y(p.answered)) for p in points if p.answered is not None]),
        _path([(axis.x(p.at_ms), scale.y(p.expected)) for p in points if p.expected is not None]),
        _between(
            [(x, scale.y(answered)) for x, answered, _ in both],
            [(x, scale.y(expected)) for x, _, expected in both],
        ),
        tuple(_marks(points, axis, scale)),
        scale.grids(GRIDS),
        axis,
        *_strip([(x, Money(answered - expected)) for x, answered, expected in both]),
        canvas,
    )


class _Scale(Frozen):
    """Heights of amounts between two edges of a plot."""

    low: Money
    high: Money
    top: int
    bottom: int

    def y(self, amount: Money) -> float:
        # Exact up to this last step, which turns cents into pixels.
        return round(self.top + (self.bottom - self.top) * (self.high - amount) / (self.high - self.low), 1)

    def grids(self, lines: int) -> tuple[Grid, ...]:
        step = _even_step(self.high - self.low, lines)
        amounts = range(-(-self.low // step) * step, self.high + 1, step)
        return tuple(Grid(self.y(Money(amount)), format_money(Money(amount))) for amount in amounts)


def _marks(points: Sequence[BalancePoint], axis: Axis, scale: _Scale) -> Iterator[PlotMark]:
    for point in points:
        shown = point.expected if point.answered is None else point.answered
        if shown is not None and point.findings:
            wrong = point.is_wrong and point.expected is not None
            yield PlotMark(
                axis.x(point.at_ms),
                scale.y(shown),
                scale.y(point.expected) if wrong and point.expected is not None else None,
                point,
            )


def _strip(off: Sequence[tuple[float, Money]]) -> tuple[str | None, float, tuple[Grid, ...]]:
    """Return the difference over time as a filled path below the plot, the height of zero, and its grid."""
    if not any(amount for _, amount in off):
        return None, 0.0, ()
    low = min(ZERO, *(amount for _, amount in off))
    high = max(ZERO, *(amount for _, amount in off))
    scale = _Scale(low, high, HEIGHT + STRIP_SPACE, HEIGHT + STRIP_SPACE + STRIP)
    line = _path([(x, scale.y(amount)) for x, amount in off])
    zero = scale.y(ZERO)
    ends = [
        Grid(scale.y(each), format_change(each) if each else "0.00") for each in sorted({low, high, ZERO})
    ]
    return f"{line}V{zero}H{off[0][0]}Z", zero, tuple(ends)


def _even_step(span: int, lines: int) -> int:
    """Return the cents between grid lines: 1, 2 or 5 times a power of 10, for `lines` or a few more."""
    wanted, power = max(span // lines, 1), 1
    while power * 10 <= wanted:
        power *= 10
    return max(times * power for times in (1, 2, 5) if times * power <= wanted)


def _path(places: Sequence[tuple[float, float]]) -> str:
    """Return a path of steps: a balance stays as it is until the next known one."""
    parts = [f"H{x}V{y}" if place else f"M{x} {y}" for place, (x, y) in enumerate(places)]
    # A single point is a short line.
    return "".join(parts) + ("h4" if len(parts) == 1 else "")


def _between(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    """Return the space between two lines of steps at the same places."""
    if len(upper) < 2:
        return ""
    back = [f"V{lower[place][1]}H{lower[place][0]}" for place in range(len(lower) - 2, -1, -1)]
    return f"{_path(upper)}V{lower[-1][1]}{''.join(back)}Z"


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


def latency_columns(counts: Sequence[LatencyCount], canvas: Canvas = WIDE) -> tuple[Column, ...]:
    """Return a column for every class up to the slowest call, with the bars of its outcomes stacked."""
    bounds = (*BOUNDS_MS, None)
    seen = [bounds.index(each.below_ms) for each in counts]
    if not seen:
        return ()
    shown = bounds[: max(*seen, COLUMNS_MIN - 1) + 1]
    totals = [sum(each.count for each in counts if each.below_ms == bound) for bound in shown]
    per_call = (HEIGHT - TOP - BOTTOM) / max(totals)
    step = (canvas.width - canvas.left - RIGHT) / len(shown)
    width = min(step * 0.8, 72)
    columns = []
    for place, bound in enumerate(shown):
        x = canvas.left + step * (place + 0.5)
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


# --- latency over time ----------------------------------------------------------------------------

BUCKET_PX = 14


class LatencyPlot(Frozen):
    """The percentiles of SHARES over time, a path each, on a scale where each line is ten times the last."""

    paths: tuple[str, ...]
    grids: tuple[Grid, ...]
    axis: Axis
    canvas: Canvas


def latency_plot(calls: Sequence[AnsweredCall], canvas: Canvas = WIDE) -> LatencyPlot | None:
    """Return the plot of answered calls, which are in the order of time, or None without any."""
    if not calls:
        return None
    axis = time_axis([call.sent_ns // 1_000_000 for call in calls], canvas)
    buckets: dict[int, list[int]] = {}
    for call in calls:
        x = axis.x(call.sent_ns // 1_000_000)
        buckets.setdefault(int((x - canvas.left) // BUCKET_PX), []).append(call.took_ns)
    shares = {place: shares_of(sorted(took)) for place, took in buckets.items()}
    low = floor(log10(max(min(each[0] for each in shares.values()), 1)))
    high = max(ceil(log10(max(each[-1] for each in shares.values()) + 1)), low + 1)

    def y_of(took_ns: int) -> float:
        above = (high - log10(max(took_ns, 1))) / (high - low)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * above, 1)

    def path(share: int) -> str:
        places = [
            (canvas.left + (place + 0.5) * BUCKET_PX, y_of(each[share])) for place, each in shares.items()
        ]
        parts = [f"{'L' if place else 'M'}{x} {y}" for place, (x, y) in enumerate(places)]
        return "".join(parts) + ("h4" if len(parts) == 1 else "")

    grids = tuple(Grid(y_of(10**power), _decade(power)) for power in range(low, high + 1))
    return LatencyPlot(tuple(path(share) for share in range(len(SHARES))), grids, axis, canvas)


def _decade(power: int) -> str:
    """Return a power of ten nanoseconds in its unit: ``100 ms``."""
    unit, base = (
        ("s", 9) if power >= 9 else ("ms", 6) if power >= 6 else ("µs", 3) if power >= 3 else ("ns", 0)
    )
    return f"{10 ** (power - base)} {unit}"


# --- calls that were under way together -----------------------------------------------------------

LANES_MAX = 24


class CallLane(Frozen):
    """One call as a bar over time."""

    span: Span
    x: float
    y: float
    width: float


class LanePlot(Frozen):
    """A group of calls that overlapped: a lane each, the first sent on top. `hidden` more are not drawn."""

    lanes: tuple[CallLane, ...]
    height: int
    took_ns: int
    hidden: int
    canvas: Canvas


def lane_plot(group: Sequence[Span], canvas: Canvas = WIDE) -> LanePlot:
    """Return the lanes of calls that were under way together."""
    start = min(span.sent_ns for span in group)
    took_ns = max(1, max(span.end_ns for span in group) - start)
    px_per_ns = (canvas.width - canvas.lane_left - RIGHT) / took_ns
    lanes = [
        CallLane(
            span,
            round(canvas.lane_left + (span.sent_ns - start) * px_per_ns, 1),
            (place + 1) * canvas.lane_height - 24,
            round(max((span.end_ns - span.sent_ns) * px_per_ns, 2), 1),
        )
        for place, span in enumerate(group[:LANES_MAX])
    ]
    return LanePlot(
        tuple(lanes), len(lanes) * canvas.lane_height + 30, took_ns, len(group) - len(lanes), canvas
    )
