"""Where a history starts: a balance, and what the ledger knows of ids and games from before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from simulator.core.book import Book
from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.history import FOREVER, Operation
from simulator.core.money import Money
from simulator.core.roles import Entry, Pending
from simulator.core.view import View
from simulator.core.webhooks import Method, WebhookRequest


class Start(Frozen):
    """One state that a wallet may be in when a history begins.

    `pending` are calls from before that nobody answered; they may still take effect.
    """

    balance: int
    order: int = 0
    games: Mapping[str | None, tuple[int, int]] = field(default_factory=dict)
    pending: tuple[Operation, ...] = ()
    view: View | None = None

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        """What is known of that id."""
        return None if self.view is None else self.view.entry(method, transaction_id)

    def is_near(self, request: WebhookRequest) -> bool:
        """Whether the id, or one that a careless wallet takes for it, stands for another call."""
        return self.view is not None and self.view.used_otherwise(request)

    def is_foreign(self, request: WebhookRequest) -> bool:
        """Whether another player used the id."""
        return self.view is not None and self.view.used_by_another(request)


def starts(opening: Money, before: Book | None) -> Iterator[Start]:
    """Every state that the wallet may be in; what the book says of the balance wins over `opening`."""
    if before is None:
        yield Start(opening)
        return
    for world in before.worlds:
        pending = tuple(_operation(entry, -place) for place, entry in enumerate(before.unanswered(world), 1))
        yield Start(world.balance, before.order + 1, before.games, pending, View(before, world))


def _operation(entry: Pending, index: int) -> Operation:
    request = entry.request
    return Operation(
        index=index,
        player=request.player,
        method=request.method,
        transaction_id=request.transaction_id,
        amount=request.amount,
        game_id=request.game_id,
        sent_ns=-FOREVER,
        answered_ns=None,
        outcome=Outcome.UNKNOWN,
        balance=None,
        form=entry.form,
        label="of before",
    )
