"""Hide what concurrent calls show of a history, and draw its calls over time.

A history is the calls of one player as closed intervals: each lasts from before its first byte to after the
last byte of its answer, on one monotonic clock. A call without a clear answer never ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from simulator.core.calls import FOREVER, Operation
from simulator.core.findings import Outcome
from simulator.core.money import format_money


def without_balance(operation: Operation) -> Operation:
    """Return the operation with the balance of its answer hidden."""
    return replace(operation, balance=None)


def hide_concurrent_balances(operations: Sequence[Operation]) -> list[Operation]:
    """Return the history with only those balances that were shown while no other call was in flight.

    Hidden are the balances of money calls that overlap another money call, and of reads that overlap a money
    call whose end is known or that was sent during the read. The rest can be judged without an order. (A call
    without an answer is still open during a later read, but the read shows the wallet at one moment, whatever
    arrives late.)
    """
    money = [each for each in operations if each.method.moves_money]
    calls = _Overlaps([(each.sent_ns, each.ends_ns) for each in money])
    known = _Overlaps([(each.sent_ns, each.sent_ns if each.is_unknown else each.ends_ns) for each in money])
    return [_hidden(each, known if each.is_read else calls) for each in operations]


def ends_quietly(hidden: Sequence[Operation]) -> bool:
    """Return whether a hidden history shows a balance after the last call that is known to be over.

    A later read whose balance is hidden may show what was lost since, so it counts as such a call.
    """
    over = (
        each.ends_ns if each.method.moves_money else each.answered_ns or 0
        for each in hidden
        if (not each.is_unknown if each.method.moves_money else each.balance is None)
    )
    last = max(over, default=0)
    shown = (each for each in hidden if each.balance is not None and each.outcome is not Outcome.REFUSED)
    return any(each.sent_ns > last or each.ends_ns == last for each in shown)


def _hidden(operation: Operation, others: _Overlaps) -> Operation:
    if operation.balance is None:
        return operation
    own = 0 if operation.is_read else 1
    quiet = others.count(operation.sent_ns, operation.ends_ns) <= own
    return operation if quiet else without_balance(operation)


class _Overlaps:
    """Counts how many of some intervals overlap a given one."""

    def __init__(self, intervals: Sequence[tuple[int, int]]) -> None:
        self._starts = sorted(start for start, _ in intervals)
        self._ends = sorted(end for _, end in intervals)

    def count(self, start: int, end: int) -> int:
        return bisect_right(self._starts, end) - bisect_left(self._ends, start)


# --- lanes: a line of text for each operation -----------------------------------------------------

WIDTH = 32

NAME_MAX = 32


def lanes(operations: Sequence[Operation]) -> tuple[str, ...]:
    """Return a line for each operation, in sending order: a bar from sent to answered, then the answer.

    Bars show what was before what, not how long it took: a pause must not squeeze the calls around it. A bar
    that ends in ``>`` was never answered.
    """
    if not operations:
        return ()
    ordered = sorted(operations, key=lambda each: (each.sent_ns, each.ends_ns))
    moments = sorted({moment for each in ordered for moment in (each.sent_ns, each.ends_ns)})
    places = {moment: place * (WIDTH - 2) // max(len(moments) - 1, 1) for place, moment in enumerate(moments)}
    width = max(len(_name(each)) for each in ordered)
    return tuple(
        f"{_name(each):<{width}}  {_bar(each, places)}  {_answer(each)}".rstrip() for each in ordered
    )


def _name(operation: Operation) -> str:
    name = operation.name
    return name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…"


def _bar(operation: Operation, places: Mapping[int, int]) -> str:
    start, end = places[operation.sent_ns], places[operation.ends_ns] + 1
    last = ">" if operation.ends_ns == FOREVER else "|"
    return (" " * start + "|" + "=" * (end - start - 1) + last).ljust(WIDTH)


def _answer(operation: Operation) -> str:
    if operation.is_read or operation.outcome is Outcome.ACCEPTED:
        shown = "accepted" if operation.balance is None else format_money(operation.balance)
        return f"→ {shown}"
    return "→ refused" if operation.outcome is Outcome.REFUSED else "no answer"
