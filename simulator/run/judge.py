"""Judges the calls of one scenario: asks the ledger after each one, reads balances where an answer proves
nothing, and makes findings of what no right wallet does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from simulator.core.calls import Call, CallForm, Why
from simulator.core.findings import Outcome, Place
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.book import Book, Ledger, Observation
from simulator.law.roles import Role, knob_shown
from simulator.law.situations import Situation
from simulator.run.accuser import Accuser, Made, Suspect, Trails
from simulator.run.context import RunContext
from simulator.run.finder import Finder, MoneyFacts
from simulator.settings import Probe
from simulator.wire.forms import Form
from simulator.wire.writing import write


class Judge:
    """One scenario's ledger and findings. Players are user ids here.

    `unanswered` are those of whom nobody knows what became of a call, by no fault of ours: what an author
    expects afterwards may fail because of that alone.
    """

    def __init__(self, context: RunContext, scenario_id: str | None, finder: Finder, ledger: Ledger) -> None:
        self._context = context
        self._scenario_id = scenario_id
        self.finder = finder
        self.ledger = ledger
        self.unproven: list[str] = []
        self.unanswered: set[str] = set()
        self.trails = Trails()
        self._accuser = Accuser(finder, self.trails, context.shown)

    # --- money calls -------------------------------------------------------------------------------

    def money_call(self, form: Form, call: Call, place: Place, label: str = "") -> Outcome:
        """Judge one bet, win or refund. Returns the outcome, settled by a balance read where it must be."""
        assert form.request is not None
        request = form.request
        book = self.ledger.books.get(request.player)
        self.note_reply(call, place)
        if book is None:
            return self._stranger(request, call, place)
        before = book.balances[0]
        reading = call.reading
        judged = self._observe(book, form, call)
        made = Made(request, form.form, call, judged.role, place, before, label)
        if reading.outcome is Outcome.UNKNOWN and reading.balance is None and call.exchange.fault is None:
            self.unanswered.add(book.player)
        self.trails.note(made, book.balances if judged.possible else made.expected(book))
        if not judged.possible:
            self._impossible(book, made)
            return reading.outcome
        self._accuser.remember(made)
        self._note_shown(made, book)
        self._mild_findings(made)
        if self._wants_probe(judged):
            self._probe(book, made)
        self._note_dialect(made, book)
        return reading.outcome if book.ambiguous else made.settled(book.balances[0])

    def hostile_call(self, call: Call, players: Mapping[str, Book], place: Place) -> None:
        """Judge bytes that are no webhook: whatever the answer, no player's balance moves."""
        self.finder.reply_form(call, place)
        for book in players.values():
            if self._is_known(book):
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
            self._accuser.confirm(book.player)
            self._context.shown[book.player] = balance
            return balance
        second = self.ask_balance(book.player, place, purpose)
        again = second.reading.balance
        if (again is None or not book.read(again)) and self._accuser.answered_right(book):
            awaited = self.await_balance(book.player, place, book.balances)
            again = again if awaited is None else awaited
        if again is not None and book.read(again):
            self._accuser.confirm(book.player)
            self._accuser.wrong_read(book.player, balance, again, first, place)
            self._context.shown[book.player] = again
            return again
        self._accuser.impossible_read(book, balance if again is None else again, first, place, suspect)
        return balance

    def await_balance(self, player: str, place: Place, wanted: Collection[Money]) -> Money | None:
        """Read again until a wanted balance is shown, as far as the run has patience; else None."""
        return self._context.patience.await_balance(
            lambda: self.ask_balance(player, place).reading.balance, wanted
        )

    def opening_balance(self, player: str, call: Call, place: Place) -> Money | None:
        """The balance that a scenario begins with, from its first read; None if that shows none.

        A read that differs from what the operator showed last is looked at again. If it stays it is believed,
        until the next answer contradicts it.
        """
        balance, shown = call.reading.balance, self._context.shown.get(player)
        if balance is None or shown is None or balance == shown:
            return balance
        if self.await_balance(player, place, (shown,)) is None:
            self._accuser.doubt(player, shown)
            return balance
        self._accuser.wrong_read(player, balance, shown, call, place)
        # The balance is known again, and the scenario can be played.
        self.finder.blocked.discard(player)
        self._context.shown[player] = shown
        return shown

    def ask_balance(self, player: str, place: Place, purpose: str = "probe") -> Call:
        """One `user_balance` call; its form is judged, its number is not."""
        request = WebhookRequest(Method.BALANCE, player)
        why = Why(self._scenario_id, purpose, place=place)
        call = self._context.call(request, write(request, self._context.profile), why)
        self.note_reply(call, place)
        return call

    # --- inside ------------------------------------------------------------------------------------

    def _observe(self, book: Book, form: Form, call: Call) -> Observation:
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

    def _wants_probe(self, judged: Observation) -> bool:
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
                if other is not book and self._is_known(other):
                    self.read(other, made.place, suspect=suspect)

    def _is_known(self, book: Book) -> bool:
        """Whether a balance of that player proves anything: after a money finding it is wrong already."""
        return book.terms.exists and book.player not in self.finder.blocked

    def _impossible(self, book: Book, made: Made) -> None:
        """No right wallet gives this answer, unless the balances that were read before were wrong."""
        actual, answered = self._balance_after(book, made), made.call.reading.balance
        if actual is not None and answered is not None and actual != answered:
            player, place = book.player, made.place
            if self.await_balance(player, place, (answered,)) is not None:
                # Nothing was sent in between: the reads are behind the answers.
                self._accuser.wrong_read(player, actual, answered, made.call, place)
                self._context.shown[player] = answered
                return
        self._accuser.impossible_answer(book, made, actual)
        if answered is not None and made.call.reading.outcome is Outcome.ACCEPTED:
            # Right or wrong, it is what the wallet goes on from; reads may be what is wrong.
            self._context.shown[book.player] = answered

    def _balance_after(self, book: Book, made: Made) -> Money | None:
        """Where the money is after an answer that cannot be; None when nobody can say."""
        if not book.terms.exists:
            return None
        actual = self.ask_balance(book.player, made.place).reading.balance
        if (actual == made.balance_before and made.role.moves) or actual != made.call.reading.balance:
            # A wallet may answer before its own reads see the change: look once more before accusing.
            actual = self.ask_balance(book.player, made.place).reading.balance
        return actual

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
        if shared and made.form is CallForm.CANONICAL and outcome is Outcome.REFUSED:
            self.finder.mild(Situation.SHARED_ID_REFUSED, made.call, made.place, made.request.method)

    def _unreadable(self, call: Call, place: Place) -> None:
        if call.reading.outcome is Outcome.REFUSED:
            self.finder.mild(Situation.READ_REFUSED, call, place, Method.BALANCE)
        self.unproven.append(f"line {place.line}: the balance could not be read")

    def broken_claim(self, message: str, call: Call, player: str, place: Place) -> None:
        """What the author of the scenario claimed of this call does not hold."""
        if player in self.unanswered:
            self.unproven.append(f"line {place.line}: {message}, after a call that got no usable answer")
        else:
            self.finder.expectation(message, call, place)

    def note_reply(self, call: Call, place: Place) -> None:
        """What the reply alone shows: its form, and how this operator writes money and refusals."""
        self.finder.reply_form(call, place)
        reading = call.reading
        for knob, value in (("money_type", reading.money_type), ("refusal_http", reading.refusal_http)):
            if value is not None:
                self._context.dialect.note(knob, value, evidence=f"HTTP {reading.http_status}")
                self.finder.policy(knob, value, call, place)

    def _note_shown(self, made: Made, book: Book) -> None:
        if book.ambiguous:
            self._context.shown.pop(book.player, None)
        elif made.role.moves and made.call.reading.outcome is Outcome.ACCEPTED:
            self._context.shown[book.player] = book.balances[0]

    def _note_dialect(self, made: Made, book: Book) -> None:
        reading = made.call.reading
        if made.role is Role.LOOSE_WIN and made.form is not CallForm.CANONICAL:
            return
        moved = book.balances[0] - made.balance_before
        shown = knob_shown(made.role, made.request.method, reading.outcome, moved)
        if shown is not None:
            self._context.dialect.note(*shown, evidence=made.evidence(moved))
            self.finder.policy(*shown, made.call, made.place)


_PLAIN = frozenset({Role.FRESH_BET, Role.FRESH_WIN, Role.DUE_REFUND, Role.SHARED_ID_BET, Role.SHARED_ID_WIN})
"""Roles whose accepted answer says as much as a read; the last read of the scenario proves it."""

_FOREIGN = {
    Role.REFUND_OF_FOREIGN: Situation.FOREIGN_REFUND_MOVED,
    Role.FOREIGN_ID_BET: Situation.SAME_ID_OTHER_PLAYER_MOVED,
    Role.FOREIGN_ID_WIN: Situation.SAME_ID_OTHER_PLAYER_MOVED,
}
"""Roles that must leave the other players alone."""
