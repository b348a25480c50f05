"""Operations over time as lines of text: one a line, the bar from sent to answered, then the answer."""

from __future__ import annotations

from collections.abc import Sequence

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
    moments = [each.sent_ns for each in ordered if each.sent_ns > -FOREVER]
    moments += [each.ends_ns for each in ordered if each.ends_ns < FOREVER]
    first, last = min(moments, default=0), max(moments, default=1)
    width = max(len(_name(each)) for each in ordered)
    return tuple(
        f"{_name(each):<{width}}  {_bar(each, first, max(last - first, 1))}  {_answer(each)}".rstrip()
        for each in ordered
    )


def _name(operation: Operation) -> str:
    name = operation.name
    return name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…"


def _bar(operation: Operation, first: int, span: int) -> str:
    start = max(0, (operation.sent_ns - first) * (WIDTH - 2) // span)
    if operation.ends_ns == FOREVER:
        return " " * start + "|" + "=" * (WIDTH - 2 - start) + ">"
    end = max(start + 1, (operation.ends_ns - first) * (WIDTH - 1) // span)
    return (" " * start + "|" + "=" * (end - start - 1) + "|").ljust(WIDTH)


def _answer(operation: Operation) -> str:
    if operation.is_read or operation.outcome is Outcome.ACCEPTED:
        shown = "accepted" if operation.balance is None else format_money(operation.balance)
        return f"→ {shown}"
    return "→ refused" if operation.outcome is Outcome.REFUSED else "no answer"
