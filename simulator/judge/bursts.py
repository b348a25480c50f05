"""Judge calls that overlapped as a history, with the balance that was read after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.core.calls import Call, Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.law.book import Book

if TYPE_CHECKING:
    from simulator.history.check import HistoryVerdict

SEARCH_BUDGET = 3_000
"""How many states the checker visits in vain for one player's burst: about a second, not a minute."""


def explained(
    book: Book, calls: Sequence[Operation], read: Call | None
) -> tuple[list[Operation], HistoryVerdict]:
    """Return calls that overlapped as a history with the read after them, and the verdict on it."""
    # The checker of concurrent histories is large, and most scenarios do not need it.
    from simulator.history.check import settled_history

    history = list(calls)
    if read is not None and read.balance is not None:
        history.append(_read_operation(history, read, read.balance))
    return settled_history(book.balances[0], history, terms=book.terms, before=book, budget=SEARCH_BUDGET)


def balance_after(read: Call | None, verdict: HistoryVerdict) -> Money | None:
    """Return the balance after a burst: as it was read, or the one that the calls lead to."""
    return read.balance if read is not None else next(iter(verdict.final_balances), None)


def _read_operation(calls: Sequence[Operation], read: Call, balance: Money) -> Operation:
    """Return a balance read as the last operation of a history."""
    over = max((call.answered_ns or call.sent_ns for call in calls), default=0)
    exchange = read.exchange
    return Operation(
        index=max((call.index for call in calls), default=-1) + 1,
        player=read.request.player,
        method=Method.BALANCE,
        transaction_id=None,
        amount=None,
        game_id=None,
        sent_ns=over + 1 if exchange.answered_ns is None else exchange.sent_ns,
        answered_ns=over + 2 if exchange.answered_ns is None else exchange.answered_ns,
        outcome=Outcome.ACCEPTED,
        balance=balance,
        label="read",
    )
