"""What the ledger's eye on play asks of a player's book, and how it tells it of a call."""

from __future__ import annotations

from simulator.core.ledger import Book, TooManyWorlds
from simulator.core.money import Money
from simulator.core.roles import Applied, CallForm, Entry, Pending
from simulator.core.webhooks import Method, WebhookRequest
from simulator.delivery.player_queues import Player
from simulator.delivery.wallet_calls import Sent
from simulator.delivery.watch_findings import Suspect, form_findings


def observed(
    book: Book, player: Player, request: WebhookRequest, sent: Sent, form: CallForm, *, resent: bool
) -> tuple[Suspect, bool]:
    """Tell the book of a call: what to look at if its answer does not suffice, and whether it does.

    Raises TooManyWorlds.
    """
    reading, before = sent.reading, book.balances
    expected, stake = _expected(book, request, form), _stake(book, request)
    judged = book.observe(request, form, reading.outcome, reading.balance, nothing_sent=sent.nothing_sent)
    suspect = Suspect(
        *(player, request, reading.outcome, judged.role, before, expected, stake, form_findings(reading)),
        possible=judged.possible,
        must_settle=reading.must_settle,
        resent=resent,
    )
    return suspect, judged.settled


def knows(book: Book, request: WebhookRequest) -> bool:
    """Whether the book has heard of that id; it has not if it was opened since."""
    methods = (Method.WIN,) if request.method is Method.WIN else (Method.BET, Method.REFUND)
    return request.transaction_id is None or any(
        _entries(book, method, request.transaction_id) for method in methods
    )


def in_doubt(book: Book, request: WebhookRequest) -> bool:
    """Whether the book reckons already with this very call having taken effect, unanswered or not."""
    if request.transaction_id is None:
        return False
    entries = _entries(book, request.method, request.transaction_id)
    return any(isinstance(entry, Applied | Pending) for entry in entries)


def _entries(book: Book, method: Method, transaction_id: str) -> list[Entry]:
    """What the book's worlds know of an id."""
    fact = book.fact(method, transaction_id)
    found = [world.delta.get((method, transaction_id)) for world in book.worlds]
    return [entry for entry in (fact, *found) if entry is not None]


def fits(book: Book, balance: Money) -> bool:
    """Whether some world has that balance; with too many of them nobody knows, and none is accused."""
    try:
        return book.read(balance)
    except TooManyWorlds:
        return True


def _expected(book: Book, request: WebhookRequest, form: CallForm) -> tuple[Money, ...]:
    found = {
        Money(world.balance + branch.moves)
        for world in book.worlds
        for branch in book.branches(world, request, form)
    }
    return tuple(sorted(found)) or book.balances


def _stake(book: Book, request: WebhookRequest) -> Money | None:
    if request.method is not Method.REFUND or request.transaction_id is None:
        return None
    bet = book.fact(Method.BET, request.transaction_id)
    return Money(bet.amount) if isinstance(bet, Applied) else None
