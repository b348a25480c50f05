"""One world of a book as `roles` and `law` look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from simulator.core.roles import Applied, Entry
from simulator.core.webhooks import Method, WebhookRequest
from simulator.core.worlds import World

if TYPE_CHECKING:
    from simulator.core.book import Book


class SharedIds(Protocol):
    """What a book must know of other calls and players: see `ledger.Ledger`."""

    def used_otherwise(self, book: Book, request: WebhookRequest) -> bool: ...

    def used_by_another(self, book: Book, request: WebhookRequest) -> bool: ...


class View:
    """A world, and what is known of the player besides (`roles.View`)."""

    __slots__ = ("_book", "balance", "world")

    def __init__(self, book: Book, world: World) -> None:
        self._book = book
        self.world = world
        self.balance = world.balance

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        if self.world.delta:
            found = self.world.delta.get((method, transaction_id))
            if found is not None:
                return found
        return self._book.fact(method, transaction_id)

    def used_otherwise(self, request: WebhookRequest) -> bool:
        return self._book.ids.used_otherwise(self._book, request)

    def used_by_another(self, request: WebhookRequest) -> bool:
        return self._book.ids.used_by_another(self._book, request)

    def has_open_bet(self, game: str | None) -> bool:
        return self._book.played.open_bets(game) > 0

    def won_since(self, bet: Applied) -> bool:
        return self._book.played.last_win(bet.game) > bet.order

    def bars(self, request: WebhookRequest) -> bool:
        terms = self._book.terms
        over = terms.max_bet is not None and request.amount is not None and request.amount > terms.max_bet
        return terms.blocked or over
