"""Says what an operator did when the ledger finds no right wallet that would have done it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping

from simulator.core.diagnosis import situation_of
from simulator.core.findings import Outcome, Place
from simulator.core.ledger import Book
from simulator.core.money import Money
from simulator.core.roles import Tombstone
from simulator.core.scenario import FaultKind
from simulator.core.situations import Situation
from simulator.core.webhooks import Method
from simulator.runner.context import Call
from simulator.runner.finder import Finder, MoneyFacts
from simulator.runner.made import TRAIL_STEPS_MAX, Made, Suspect, Trails

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
