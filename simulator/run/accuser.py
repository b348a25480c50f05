"""Says what an operator did when the ledger finds no right wallet that would have done it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping

from simulator.core.calls import Call, CallForm, FaultKind
from simulator.core.findings import Outcome, Place
from simulator.core.money import Money, format_change, format_money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.law.book import Book
from simulator.law.roles import Applied, Role, Tombstone, situation_of
from simulator.law.situations import Situation
from simulator.run.finder import Finder, MoneyFacts

_TAKEN_AGAIN = (
    Situation.REPEATED_BET_TAKEN_AGAIN,
    Situation.REPEATED_WIN_CREDITED_AGAIN,
    Situation.REPEATED_REFUND_CREDITED_AGAIN,
)

_VAGUE = (Situation.ANSWER_BALANCE_WRONG, Situation.BALANCE_READ_WRONG)


class Accuser:
    """Names situations for one scenario. Knows the calls that no balance read has confirmed yet.

    `shown` are the balances that the operator showed last, of all players; see `RunContext`.
    """

    def __init__(self, finder: Finder, trails: Trails, shown: Mapping[str, Money]) -> None:
        self._finder = finder
        self._shown = shown
        self._trails = trails
        self._unconfirmed: dict[str, deque[Made]] = defaultdict(lambda: deque(maxlen=TRAIL_STEPS_MAX))
        self._unanswered: dict[str, list[Made]] = defaultdict(list)
        self._doubted: dict[str, Money] = {}

    def remember(self, made: Made) -> None:
        """A call whose answer was possible, until a read confirms it."""
        self._unconfirmed[made.request.player].append(made)
        if made.call.reading.outcome is Outcome.UNKNOWN:
            self._unanswered[made.request.player].append(made)

    def confirm(self, player: str) -> None:
        """A read agreed with everything so far."""
        self._unconfirmed.pop(player, None)

    def impossible_answer(self, book: Book, made: Made, actual: Money | None) -> None:
        """No world allows the answer. `actual` is the balance read after it, None if it could not be."""
        moved = None if actual is None else Money(actual - made.balance_before)
        shown = self._contradicted(book, made)
        if shown is not None:
            self.wrong_read(book.player, made.balance_before, shown, made.call, made.place)
            return
        situation = _situation(book, made, moved)
        if situation is Situation.BLOCKED_PLAYER_WRONG and not book.terms.blocked:
            situation = Situation.LIMIT_IGNORED
        expected = made.expected(book)
        wrong = made.call.reading.balance if actual is None or actual in expected else actual
        facts = MoneyFacts(book.player, expected, wrong, self._trails.line(book.player), made.label)
        self._finder.money(situation, made.call, made.place, facts, made.request.method)

    def impossible_read(
        self, book: Book, actual: Money, read: Call, place: Place, suspect: Suspect | None
    ) -> None:
        """No world has that balance: find the call since the last good read that explains it."""
        facts = MoneyFacts(book.player, book.balances, actual, self._trails.line(book.player))
        if suspect is not None:
            self._finder.money(suspect.situation, suspect.call, place, facts, suspect.method)
            return
        difference = actual - book.balances[0]
        for made in reversed(self._unconfirmed.get(book.player, ())):
            situation = self._guilt(book, made, difference)
            if situation is not None:
                self._finder.money(situation, made.call, made.place, facts, made.request.method)
                return
        for made in self._unanswered.get(book.player, ()):
            if _came_late(book, made, difference):
                self._finder.money(Situation.LATE_BET_TAKEN, made.call, made.place, facts, Method.BET)
                return
        self._finder.money(Situation.BALANCE_READ_WRONG, read, place, facts, Method.BALANCE)

    def wrong_read(self, player: str, wrong: Money, current: Money, read: Call, place: Place) -> None:
        """A read was wrong, and another one right: it is behind, or it was never this player's."""
        facts = MoneyFacts(player, (current,), wrong, self._trails.line(player))
        # A copy: with -j the scenarios of other players write into it meanwhile.
        anothers = any(wrong == shown for other, shown in dict(self._shown).items() if other != player)
        behind = self._trails.had(player, wrong) and not anothers
        situation = Situation.STALE_READ if behind else Situation.READ_CONTRADICTS
        self._finder.money(situation, read, place, facts, Method.BALANCE)

    def doubt(self, player: str, shown: Money) -> None:
        """The scenario's first read is not the balance that was shown last: the next answer will tell."""
        self._doubted[player] = shown

    def answered_right(self, book: Book) -> bool:
        """Whether the last call of that player was answered with the balance that the ledger has."""
        unconfirmed = self._unconfirmed.get(book.player)
        if not unconfirmed:
            return True
        reading = unconfirmed[-1].call.reading
        return reading.outcome is Outcome.ACCEPTED and reading.balance in book.balances

    def _contradicted(self, book: Book, made: Made) -> Money | None:
        """The balance from before the scenario, if this answer goes on from it, not from the first read."""
        doubted, answered = self._doubted.get(book.player), made.call.reading.balance
        expected = made.expected(book)
        if doubted is None or answered is None or len(expected) != 1:
            return None
        return doubted if answered == doubted + expected[0] - made.balance_before else None

    def _guilt(self, book: Book, made: Made, difference: int) -> Situation | None:
        """What this call did if all of the difference is its own; None when that is no known mistake."""
        effect = made.effect(book)
        moved = Money(effect + difference)
        latest = self._unconfirmed[book.player][-1]
        if made is not latest and moved not in (0, 2 * effect):
            return None
        situation = _situation(book, made, moved)
        return None if situation in _VAGUE else situation


def _situation(book: Book, made: Made, moved: Money | None) -> Situation:
    """What it is that this call did, if it moved so much; None where nobody can say how much it was.

    Of a call that we sent twice at once, what was done twice is one race, whichever copy shows it.
    """
    outcome = made.call.reading.outcome
    situation = situation_of(made.role, outcome, made.request.amount, moved, made.stake(book))
    if made.call.exchange.fault != FaultKind.DUPLICATE.value:
        return situation
    twice = moved is not None and made.request.amount and abs(moved) == 2 * made.request.amount
    return Situation.DOUBLE_EFFECT if twice or situation in _TAKEN_AGAIN else situation


def _came_late(book: Book, made: Made, difference: int) -> bool:
    """Whether an unanswered bet was charged although its refund had been accepted before."""
    request = made.request
    if request.method is not Method.BET or request.transaction_id is None:
        return False
    key = (Method.REFUND, request.transaction_id)
    called_off = [book.fact(*key), *(world.delta.get(key) for world in book.worlds)]
    return difference == -(request.amount or 0) and any(isinstance(entry, Tombstone) for entry in called_off)


# --- made -----------------------------------------------------------------------------------------
# A money call as it is judged, and what the ledger knows of it afterwards.

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
