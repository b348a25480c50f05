"""A money call as it is judged, and what the ledger knows of it afterwards."""

from __future__ import annotations

from collections import deque

from simulator.core.findings import Outcome, Place
from simulator.core.frozen import Frozen
from simulator.core.ledger import Book
from simulator.core.money import Money, format_change, format_money
from simulator.core.roles import Applied, CallForm, Role
from simulator.core.situations import Situation
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.runner.context import Call

TRAIL_STEPS_MAX = 8


class Made(Frozen):
    """A money call as it is judged. `balance_before` is the player's balance as the ledger had it."""

    request: WebhookRequest
    form: CallForm
    call: Call
    role: Role
    place: Place
    balance_before: Money
    label: str

    def effect(self, book: Book) -> int:
        """By how much this call moved the balance, as the ledger has it."""
        if not self.role.moves or self.call.reading.outcome is not Outcome.ACCEPTED:
            return 0
        entry = book.fact(self.request.method, self.request.transaction_id or "")
        return entry.after - self.balance_before if isinstance(entry, Applied) else 0

    def stake(self, book: Book) -> Money | None:
        """The amount of the bet that this refund names; None when it is no refund of an applied bet."""
        if self.request.method is not Method.REFUND or self.request.transaction_id is None:
            return None
        bet = book.fact(Method.BET, self.request.transaction_id)
        return Money(bet.amount) if isinstance(bet, Applied) else None

    def expected(self, book: Book) -> tuple[Money, ...]:
        """The balances that a right wallet could have after this call, answered as it was if that may be."""
        branches = [
            (branch.outcome, Money(world.balance + branch.moves))
            for world in book.worlds
            for branch in book.branches(world, self.request, self.form)
        ]
        answered = self.call.reading.outcome
        alike = {balance for outcome, balance in branches if outcome is answered}
        return tuple(sorted(alike or {balance for _, balance in branches})) or book.balances

    def settled(self, balance_after: Money) -> Outcome:
        """The outcome, where an answer without a clear one was settled by a balance read."""
        outcome = self.call.reading.outcome
        if outcome is not Outcome.UNKNOWN or not self.role.moves or not self.request.amount:
            return outcome
        return Outcome.UNKNOWN if balance_after == self.balance_before else Outcome.ACCEPTED

    def evidence(self, moved: int) -> str:
        """One line that shows what the operator does with such a call."""
        reply = self.call.exchange.reply
        status = f"HTTP {reply.status}" if isinstance(reply, Reply) else "no answer"
        change = f", balance {format_change(Money(moved))}" if moved else ""
        return f"{self.words}: {self.call.reading.outcome.value} ({status}){change}"

    @property
    def words(self) -> str:
        """What the call is, in a ledger line."""
        return self.request.method.noun if self.role in _UNREMARKABLE else self.role.value


_UNREMARKABLE = frozenset(
    {Role.LOOSE_BET, Role.ODD_BET, Role.LOOSE_WIN, Role.LOOSE_REFUND, Role.SHARED_ID_WIN}
)
"""Roles whose names speak of what a wallet may do, not of what the reader sees in the file."""


class Suspect(Frozen):
    """A call that must not move a balance which is read because of it, and what it did if it has."""

    situation: Situation
    call: Call
    method: Method | None = None


class Trails:
    """The ledger lines of a report: each player's balances and calls in order, the oldest left out.

    Kept as they come, and put in words when a line is asked for: of most calls nothing has to be told.
    """

    def __init__(self) -> None:
        self._trails: dict[str, deque[tuple[Made | None, tuple[Money, ...]]]] = {}

    def open(self, player: str, balance: Money) -> None:
        """Begin a player's line."""
        self._trails[player] = deque([(None, (balance,))], maxlen=TRAIL_STEPS_MAX + 1)

    def note(self, made: Made, balances: tuple[Money, ...]) -> None:
        """Add a call, and the balances that are possible after it."""
        player = made.request.player
        trail = self._trails.get(player)
        if trail is None:
            trail = self._trails[player] = deque(maxlen=TRAIL_STEPS_MAX + 1)
        trail.append((made, balances[:3]))

    def had(self, player: str, balance: Money) -> bool:
        """Whether that was a balance of the player some calls ago."""
        return any(balance in balances for _, balances in self._trails.get(player, ()))

    def line(self, player: str) -> str:
        """A player's line."""
        words: list[str] = []
        for made, balances in self._trails.get(player, ()):
            if made is not None:
                amount = made.request.amount
                words.append(made.words if amount is None else f"{made.words} {format_money(amount)}")
            words.append(" or ".join(format_money(balance) for balance in balances))
        return " → ".join(words[-2 * TRAIL_STEPS_MAX - 1 :])
