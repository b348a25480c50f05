"""The model of an operator's wallet: which replies are possible, player by player, as sets of worlds.

What one player's wallet may do stands in `book` and `law`; here stands what players and ids have to do with
one another.
"""

from __future__ import annotations

from simulator.core.book import Book
from simulator.core.money import Money
from simulator.core.near_ids import near_forms
from simulator.core.roles import Applied
from simulator.core.webhooks import Method, WebhookRequest
from simulator.core.worlds import Judged, Terms, TooManyWorlds, World

__all__ = ["Book", "Judged", "Ledger", "Terms", "TooManyWorlds", "World"]


class Ledger:
    """What the money of all players of one scenario should be."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self._shared: frozenset[str] = frozenset()
        self._exact_ids: dict[str, set[str]] = {}

    def open(self, player: str, balance: Money, terms: Terms | None = None) -> Book:
        """Begin a player's book at the balance that was read or seeded."""
        book = Book(player, balance, terms or Terms(), self)
        self.books[player] = book
        return book

    def watch_exact_id(self, transaction_id: str) -> None:
        """Note an id whose exact form matters, so that its near relatives count as shared ids."""
        for folded in near_forms(transaction_id):
            self._exact_ids.setdefault(folded, set()).add(transaction_id)

    def share(self, transaction_ids: frozenset[str]) -> None:
        """Note ids that several players use at the same time, so that nobody can say who was first."""
        self._shared |= transaction_ids

    def used_otherwise(self, book: Book, request: WebhookRequest) -> bool:
        """Whether the id, or one that a careless wallet takes for it, stands for another call."""
        assert request.transaction_id is not None
        other = Method.BET if request.method is Method.WIN else Method.WIN
        if isinstance(book.fact(other, request.transaction_id), Applied):
            return True
        if not self._exact_ids:
            return False
        relatives = (self._exact_ids.get(form, set()) for form in near_forms(request.transaction_id))
        return any(near - {request.transaction_id} for near in relatives)

    def used_by_another(self, book: Book, request: WebhookRequest) -> bool:
        """Whether another player's bet (or, for a win, win) of this id was sent before."""
        if len(self.books) < 2:
            return False
        assert request.transaction_id is not None
        if request.transaction_id in self._shared:
            return True
        method = Method.BET if request.method is Method.REFUND else request.method
        return any(
            isinstance(other.fact(method, request.transaction_id), Applied)
            for other in self.books.values()
            if other is not book
        )
