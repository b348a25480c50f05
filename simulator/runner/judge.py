"""Judges the calls of one scenario: asks the ledger after each one, reads balances where an answer proves
nothing, and makes findings of what no right wallet does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.core.diagnosis import situation_of
from simulator.core.findings import Outcome, Place
from simulator.core.forms import Form
from simulator.core.ledger import Book, Judged, Ledger
from simulator.core.money import Money, format_change, format_money
from simulator.core.roles import Applied, CallForm, Role
from simulator.core.situations import Situation
from simulator.core.webhooks import Exchange, Method, WebhookRequest
from simulator.core.wire import write
from simulator.runner.context import Call, RunContext, Why
from simulator.runner.dialect import knob_shown
from simulator.runner.finder import Finder, MoneyFacts
from simulator.settings import Probe

TRAIL_STEPS_MAX = 8


@dataclass(frozen=True, slots=True)
class Made:
    """A money call as it is judged. `balance_before` is the player's balance as the ledger had it."""

    request: WebhookRequest
    form: CallForm
    call: Call
    role: Role
    place: Place
    balance_before: Money
    label: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A call that must not move a balance which is read because of it, and what it did if it has."""

    situation: Situation
    call: Call
    method: Method | None = None


class Judge:
    """One scenario's ledger and findings. Players are user ids here."""

    def __init__(self, context: RunContext, scenario_id: str | None, finder: Finder, ledger: Ledger) -> None:
        self._context = context
        self._scenario_id = scenario_id
        self.finder = finder
        self.ledger = ledger
        self.unproven: list[str] = []
        self._trails: dict[str, deque[str]] = {}
        self._unconfirmed: dict[str, deque[Made]] = {}

    # --- money calls -------------------------------------------------------------------------------

    def money_call(self, form: Form, call: Call, place: Place, label: str = "") -> Outcome:
        """Judge one bet, win or refund. Returns the outcome, settled by a balance read where it must be."""
        assert form.request is not None
        request = form.request
        book = self.ledger.books.get(request.player)
        self.finder.reply_form(call, place)
        if book is None:
            return self._stranger(request, call, place)
        before = book.balances[0]
        reading = call.reading
        judged = self._observe(book, form, call)
        made = Made(request, form.form, call, judged.role, place, before, label)
        self._note_trail(made, book)
        if not judged.possible:
            self._explain(book, made)
            return reading.outcome
        self._unconfirmed.setdefault(request.player, deque(maxlen=TRAIL_STEPS_MAX)).append(made)
        self._mild_findings(made)
        if self._wants_probe(judged):
            self._probe(book, made)
        self._note_dialect(made, book)
        if reading.outcome is Outcome.UNKNOWN and not book.ambiguous:
            return _settled_outcome(judged.role, request, before, book.balances[0])
        return reading.outcome

    def hostile_call(self, call: Call, players: Mapping[str, Book], place: Place) -> None:
        """Judge bytes that are no webhook: whatever the answer, no player's balance moves."""
        self.finder.reply_form(call, place)
        for book in players.values():
            if book.terms.exists:
                self.read(book, place, suspect=Suspect(Situation.MALFORMED_MOVED, call))
        if call.reading.outcome is Outcome.ACCEPTED:
            self.finder.mild(Situation.MALFORMED_ACCEPTED, call, place)

    def sent_read(self, request: WebhookRequest, call: Call, place: Place) -> None:
        """Judge a read that an author wrote by hand: nobody moves, and strangers have no balance."""
        self.finder.reply_form(call, place)
        book = self.ledger.books.get(request.player)
        if book is not None and book.terms.exists:
            self.read(book, place)
        elif call.reading.outcome is Outcome.ACCEPTED:
            self.finder.mild(Situation.UNKNOWN_PLAYER_ACCEPTED, call, place, request.method)

    # --- balance reads -----------------------------------------------------------------------------

    def read(
        self, book: Book, place: Place, *, purpose: str = "probe", suspect: Suspect | None = None
    ) -> Money | None:
        """Read a balance with nothing in flight and judge it; a read that disagrees is read once more."""
        first = self.ask_balance(book.player, place, purpose)
        if first.reading.balance is None:
            first = self.ask_balance(book.player, place, purpose)
        balance = first.reading.balance
        if balance is None:
            self._unreadable(first, place)
            return None
        if book.read(balance):
            self._unconfirmed.pop(book.player, None)
            return balance
        second = self.ask_balance(book.player, place, purpose)
        again = second.reading.balance
        if again is not None and book.read(again):
            self._unconfirmed.pop(book.player, None)
            facts = MoneyFacts(book.player, (again,), balance, self.trail(book.player))
            self.finder.money(Situation.STALE_READ, first, place, facts, Method.BALANCE)
            return again
        self._blame(book, balance if again is None else again, first, place, suspect)
        return balance

    def ask_balance(self, player: str, place: Place, purpose: str = "probe") -> Call:
        """One `user_balance` call; its form is judged, its number is not."""
        request = WebhookRequest(Method.BALANCE, player)
        why = Why(self._scenario_id, purpose, place=place)
        call = self._context.call(request, write(request, self._context.profile), why)
        self.finder.reply_form(call, place)
        return call

    def trail(self, player: str) -> str:
        """The ledger line of a report: balances and calls in order, the oldest left out."""
        return " → ".join(self._trails.get(player, ()))

    def open_trail(self, player: str, balance: Money) -> None:
        """Begin a player's ledger line."""
        self._trails[player] = deque([format_money(balance)], maxlen=2 * TRAIL_STEPS_MAX + 1)

    # --- inside ------------------------------------------------------------------------------------

    def _observe(self, book: Book, form: Form, call: Call) -> Judged:
        """Tell the ledger; of several readings of an oddly written amount the first possible one counts."""
        assert form.request is not None
        reading = call.reading
        for request in (form.request, *form.alternatives):
            judged = book.observe(
                request, form.form, reading.outcome, reading.balance, nothing_sent=call.nothing_sent
            )
            if judged.possible:
                break
        return judged

    def _wants_probe(self, judged: Judged) -> bool:
        match self._context.settings.probe:
            case _ if judged.role is Role.STRANGER:
                return False
            case Probe.NEVER:
                return False
            case Probe.ALWAYS:
                return True
            case Probe.AUTO:
                return not judged.settled or judged.role not in _PLAIN

    def _probe(self, book: Book, made: Made) -> None:
        self.read(book, made.place)
        situation = _FOREIGN.get(made.role)
        if situation is not None:
            suspect = Suspect(situation, made.call, made.request.method)
            for other in self.ledger.books.values():
                if other is not book and other.terms.exists:
                    self.read(other, made.place, suspect=suspect)

    def _explain(self, book: Book, made: Made) -> None:
        """No world allows the answer: see where the money is, and say what that is."""
        actual: Money | None = None
        if book.terms.exists:
            found = self.ask_balance(book.player, made.place)
            actual = found.reading.balance
            if actual is not None and actual == made.balance_before and made.role.moves:
                # A wallet may answer before its own reads see the change: look once more before accusing.
                actual = self.ask_balance(book.player, made.place).reading.balance
        moved = None if actual is None else Money(actual - made.balance_before)
        stake = self._stake(book, made.request)
        outcome = made.call.reading.outcome
        situation = situation_of(made.role, outcome, made.request.amount, moved, stake)
        if situation is Situation.BLOCKED_PLAYER_WRONG and not book.terms.blocked:
            situation = Situation.LIMIT_IGNORED
        shown = made.call.reading.balance
        wrong = actual if actual is not None and not self._allows(book, made, actual) else shown
        facts = MoneyFacts(
            book.player, self._expected(book, made), wrong, self.trail(book.player), made.label
        )
        self.finder.money(situation, made.call, made.place, facts, made.request.method)

    def _blame(self, book: Book, actual: Money, read: Call, place: Place, suspect: Suspect | None) -> None:
        """A read that no world allows: find the call since the last good read that explains it."""
        facts = MoneyFacts(book.player, book.balances, actual, self.trail(book.player))
        if suspect is not None:
            self.finder.money(suspect.situation, suspect.call, place, facts, suspect.method)
            return
        difference = actual - book.balances[0]
        for made in reversed(self._unconfirmed.get(book.player, ())):
            situation = self._guilt(book, made, difference)
            if situation is not None:
                self.finder.money(situation, made.call, made.place, facts, made.request.method)
                return
        self.finder.money(Situation.BALANCE_READ_WRONG, read, place, facts, Method.BALANCE)

    def _guilt(self, book: Book, made: Made, difference: int) -> Situation | None:
        """What this call did if all of the difference is its own; None when that is no known mistake."""
        effect = _effect_of(made, book)
        moved = Money(effect + difference)
        latest = self._unconfirmed[book.player][-1]
        if made is not latest and moved not in (0, 2 * effect):
            return None
        stake = self._stake(book, made.request)
        situation = situation_of(made.role, made.call.reading.outcome, made.request.amount, moved, stake)
        vague = (Situation.ANSWER_BALANCE_WRONG, Situation.BALANCE_READ_WRONG)
        return None if situation in vague else situation

    def _stake(self, book: Book, request: WebhookRequest) -> Money | None:
        if request.method is not Method.REFUND or request.transaction_id is None:
            return None
        bet = book.fact(Method.BET, request.transaction_id)
        return Money(bet.amount) if isinstance(bet, Applied) else None

    def _expected(self, book: Book, made: Made) -> tuple[Money, ...]:
        branches = [
            Money(world.balance + branch.moves)
            for world in book.worlds
            for branch in book.branches(world, made.request, made.form)
        ]
        return tuple(sorted(set(branches))) or book.balances

    def _allows(self, book: Book, made: Made, actual: Money) -> bool:
        return actual in self._expected(book, made)

    def _stranger(self, request: WebhookRequest, call: Call, place: Place) -> Outcome:
        """A call for a player whom no scenario opened."""
        if call.reading.outcome is Outcome.ACCEPTED:
            facts = MoneyFacts(request.player, (), call.reading.balance, "")
            self.finder.money(Situation.UNKNOWN_PLAYER_ACCEPTED, call, place, facts, request.method)
        return call.reading.outcome

    def _mild_findings(self, made: Made) -> None:
        outcome = made.call.reading.outcome
        if made.role is Role.MALFORMED and outcome is Outcome.ACCEPTED:
            self.finder.mild(Situation.MALFORMED_ACCEPTED, made.call, made.place, made.request.method)
        shared = made.role in (Role.SHARED_ID_BET, Role.SHARED_ID_WIN)
        if shared and made.form is not CallForm.ODD and outcome is Outcome.REFUSED:
            self.finder.mild(Situation.SHARED_ID_REFUSED, made.call, made.place, made.request.method)

    def _unreadable(self, call: Call, place: Place) -> None:
        if call.reading.outcome is Outcome.REFUSED:
            self.finder.mild(Situation.READ_REFUSED, call, place, Method.BALANCE)
        self.unproven.append(f"line {place.line}: the balance could not be read")

    def _note_trail(self, made: Made, book: Book) -> None:
        trail = self._trails.setdefault(book.player, deque(maxlen=2 * TRAIL_STEPS_MAX + 1))
        amount = made.request.amount
        trail.append(made.role.value + ("" if amount is None else f" {format_money(amount)}"))
        trail.append(" or ".join(format_money(balance) for balance in book.balances[:3]))

    def _note_dialect(self, made: Made, book: Book) -> None:
        reading = made.call.reading
        if made.role is Role.LOOSE_WIN and made.form is not CallForm.CANONICAL:
            return
        moved = book.balances[0] - made.balance_before
        shown = knob_shown(made.role, made.request.method, reading.outcome, moved)
        if shown is not None:
            self._context.dialect.note(*shown, evidence=_evidence(made, moved))
            self.finder.policy(*shown, made.call, made.place)


_PLAIN = frozenset({Role.FRESH_BET, Role.FRESH_WIN, Role.DUE_REFUND, Role.SHARED_ID_BET, Role.SHARED_ID_WIN})
"""Roles whose accepted answer says as much as a read; the last read of the scenario proves it."""

_FOREIGN = {
    Role.REFUND_OF_FOREIGN: Situation.FOREIGN_REFUND_MOVED,
    Role.FOREIGN_ID_BET: Situation.SAME_ID_OTHER_PLAYER_MOVED,
    Role.FOREIGN_ID_WIN: Situation.SAME_ID_OTHER_PLAYER_MOVED,
}
"""Roles that must leave the other players alone."""


def _settled_outcome(role: Role, request: WebhookRequest, before: Money, after: Money) -> Outcome:
    """What an answer without a clear outcome did, once a read has shown the balance."""
    if not role.moves or request.amount == 0:
        return Outcome.UNKNOWN
    return Outcome.ACCEPTED if before != after else Outcome.UNKNOWN


def _effect_of(made: Made, book: Book) -> int:
    """By how much this call moved the balance in the ledger's only world."""
    assert made.request.transaction_id is not None or not made.role.moves
    if not made.role.moves or made.call.reading.outcome is not Outcome.ACCEPTED:
        return 0
    entry = book.fact(made.request.method, made.request.transaction_id or "")
    return entry.after - made.balance_before if isinstance(entry, Applied) else 0


def _evidence(made: Made, moved: int) -> str:
    status = _http_status(made.call.exchange)
    change = f", balance {format_change(Money(moved))}" if moved else ""
    return f"{made.role.value}: {made.call.reading.outcome.value} (HTTP {status}){change}"


def _http_status(exchange: Exchange) -> str:
    return str(getattr(exchange.reply, "status", "none"))
