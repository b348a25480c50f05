"""Operations over time as lines of text: one a line, the bar from sent to answered, then the answer.

What was before what is to scale, how long it took is not: a pause must not squeeze the calls around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.core.findings import Outcome
from simulator.core.history import FOREVER, Operation
from simulator.core.money import format_money

WIDTH = 32
NAME_MAX = 32


def lanes(operations: Sequence[Operation]) -> tuple[str, ...]:
    """In the order of sending. A bar that ends in ``>`` was never answered: it is open for ever."""
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
