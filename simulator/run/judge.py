"""Drive the referee for one scenario: make the reads that it asks for, and report its findings."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from simulator.core.calls import (
    Call,
    CallForm,
    Deviation,
    Form,
    Operation,
    Reading,
    UnsentCall,
    Why,
    recorded_call,
)
from simulator.core.findings import CallVerdict, Finding, Outcome, Phase, Place, Severity
from simulator.core.money import ZERO, Money
from simulator.core.steps import Scenario
from simulator.core.webhooks import (
    Method,
    WebhookRequest,
    WireRequest,
    answer_line,
    curl_line,
    merged_headers,
)
from simulator.judge.blame import READS_WRONGLY, reads_are_wrong
from simulator.judge.findings import Findings, MoneyFacts, has_cause
from simulator.judge.referee import Referee
from simulator.judge.rulings import NO_ANSWER, Asking, Policy, ReadBalance, Reads, Ruling, Wanting
from simulator.law.book import Book, Ledger, Terms, TooManyWorlds
from simulator.law.situations import Situation, breaks_the_law
from simulator.report.events import LawfulBalance
from simulator.run.context import EXCHANGES_KEPT, RunContext
from simulator.wire.writing import write

_LIMITED = (
    "your wallet had turned this call away by its rate limit, and it was sent again with the same "
    "transaction_id: did it book the call all the same?"
)


Said = TypeVar("Said")

READS_LAG = "your wallet's balance reads lag behind its answers, so only its answers were judged"

WRONG_CALLS_MAX = 3
"""After how many calls with wrong money a player takes no further part in a scenario.

The ledger goes on from the balance that the wallet has, so that one mistake does not hide the next.
"""

IDLE_S = 0.5
"""How long nothing is sent to find out whether somebody else moves the balance."""

DRAINED_MAX = 2
"""How often in a run a refused bet is followed by smaller ones, to find out whether any is taken."""

Send = Callable[[WebhookRequest], Call]
"""Sends one call with nothing else in flight."""


class FormLog:
    """Form findings of the whole run: each rule and form is reported once, then counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def first(self, deviation: Deviation, rule: str) -> bool:
        """Count a deviation; return whether its form is the first of its kind under that rule."""
        with self._lock:
            self._counts[deviation.cause] += 1
            new = (rule, deviation.form) not in self._told
            self._told.add((rule, deviation.form))
            return new

    def times(self) -> dict[str, int]:
        """Return how often each form was seen, by the cause of its finding."""
        return dict(self._counts)


class Judge:
    """One scenario's referee and its findings. Players are user ids here.

    `wrong` counts the calls with wrong money by player; those with too many are `blocked`. `unanswered` are
    those with a call that got no usable answer without an injected fault: later claims may fail because of
    that alone. `phase` is the part of the run. A call that no step made has the scenario's place.
    `answers_only`: the wallet's reads lag, so that its answers are judged by what they show themselves.
    `drain` takes an amount from a player with bets; it returns why the wallet takes none, or nothing.
    """

    def __init__(
        self,
        context: RunContext,
        scenario: Scenario,
        forms: FormLog,
        tell: Callable[[Finding], None],
        phase: Phase = Phase.STEP,
    ) -> None:
        self._context = context
        self._scenario_id = None if phase in (Phase.PREFLIGHT, Phase.END) else scenario.id
        self._place = scenario.place
        self._forms = forms
        self._tell = tell
        settings = context.settings
        self._findings = Findings(
            covers=scenario.covers,
            level=scenario.level,
            strict=settings.strict,
            pinned={**settings.policy, **scenario.policy},
            curl=self.curl,
            answer=answer_line,
        )
        self.answers_only = context.reads_lag
        policy = Policy(
            reads=Reads.NEVER if self.answers_only else Reads(settings.probe.value),
            cents_kept=context.cents_kept,
            sends_alone=True,
            roots_only=True,
            answers_only=self.answers_only,
        )
        self._referee = Referee(self._findings, policy, context.mistakes, context.traffic)
        self.phase = phase
        self.found: list[Finding] = []
        self.lawful: deque[LawfulBalance] = deque(maxlen=EXCHANGES_KEPT)
        self.blocked: set[str] = set()
        self.wrong: Counter[str] = Counter()
        self.unproven: list[str] = []
        self.unanswered: set[str] = set()
        self._doubted: dict[str, Money] = {}
        self._held: list[Call] = []
        self._holding = False
        self._limited = False
        self._waited_s = 0.0
        self._asked: WebhookRequest | None = None
        self.drain: Callable[[str, Money], str] | None = None

    @property
    def ledger(self) -> Ledger:
        """Return the books of the scenario's players."""
        return self._referee.ledger

    # --- players -----------------------------------------------------------------------------------

    def answered_balance(self, player: str) -> Money | None:
        """Return the balance that answers have shown last, where reads lag; None if it must be read."""
        known = self.answers_only and not self._context.cancelled
        return self._context.shown.get(player) if known else None

    def opening_balance(self, player: str, call: Call) -> Money | None:
        """Return the balance that a scenario begins with, from its first read; None if that shows none."""
        shown = self._context.shown.get(player)
        place = self._place_of(call)
        opening = self._referee.opening(self._placed(call), shown, self._context.past[player])
        balance, ruling = self._driven(opening, place)
        self._take(ruling, player, place)
        if balance is not None and shown is not None:
            # The balance is known, so the scenario can be played.
            self.blocked.discard(player)
            self._context.shown[player] = shown
            if balance != shown:
                self._doubted[player] = shown
        answered = self._context.contradicted.pop(player, None)
        if answered is not None:
            self._doubted.setdefault(player, answered)
        return balance

    def open(self, player: str, balance: Money, terms: Terms | None = None) -> Book:
        """Begin a player's account at the balance that was read or reached."""
        book = self._referee.open(player, balance, terms, self._doubted.pop(player, None))
        self._note_lawful(player)
        return book

    # --- calls -------------------------------------------------------------------------------------

    def money_call(self, call: Call) -> Outcome:
        """Judge one bet, win or refund; return the outcome, settled by a balance read where it must be."""
        request = call.form.request
        assert request is not None
        self._holding = True
        self.note_reply(call)
        if call.outcome is Outcome.UNKNOWN and call.balance is None and call.exchange.fault is None:
            self.unanswered.add(request.player)
        self._limited = call.exchange.wire.body in self._context.limited
        self._asked = request
        try:
            asking = self._referee.call(self._placed(call))
            return self._judged(asking, request.player, self._place_of(call)).outcome
        finally:
            self._limited, self._asked = False, None

    def hostile_call(self, call: Call) -> None:
        """Judge bytes that are no webhook: whatever the answer, no player's balance moves."""
        self.note_form(call)
        players = [player for player in self.ledger.books if player not in self.blocked]
        self._judged(self._referee.hostile(self._placed(call), players), "", self._place_of(call))

    def sent_read(self, call: Call) -> None:
        """Judge a read that an author wrote by hand: no balance moves, and strangers have none."""
        self.note_form(call)
        request = call.form.request
        assert request is not None
        book = self.ledger.books.get(request.player)
        if book is not None and book.terms.exists:
            self.read(request.player, self._place_of(call))
        elif call.outcome is Outcome.ACCEPTED:
            self.mild(Situation.UNKNOWN_PLAYER_ACCEPTED, call, request.method)

    def burst(
        self,
        player: str,
        calls: Sequence[Operation],
        place: Place,
        send: Callable[[WebhookRequest, Why], Call],
    ) -> None:
        """Judge a player's calls that were released together; `send` sends one alone.

        Raises TooManyWorlds.
        """
        why = Why(self._scenario_id, "probe", place=place, phase=self.phase)
        at = recorded_call(WebhookRequest(Method.BALANCE, player), Reading(Outcome.UNKNOWN), why)

        def alone(request: WebhookRequest) -> Call:
            call = send(request, replace(why, purpose="alone"))
            self.note_reply(call)
            return call

        refused = (each for each in calls if each.outcome is Outcome.REFUSED and each.method is Method.BET)
        self._asked = next((each.request for each in refused), None)
        ruling = self._judged(self._referee.burst(player, calls, at), player, place, alone)
        self._asked = None
        # After calls that raced nobody knows which of them took effect.
        self.blocked |= ruling.accused

    def restarted(self) -> None:
        """Note that the wallet was restarted."""
        self._referee.restarted()

    # --- balance reads -----------------------------------------------------------------------------

    def read(self, player: str, place: Place, *, purpose: str = "probe") -> Money | None:
        """Read a balance with nothing in flight and judge it; return the one that the wallet has."""
        self._holding = True
        first = self.settled_read(player, place, purpose)
        if first is None and self.answers_only:
            self.unproven.append(f"line {place.line}: {READS_LAG}")
            return None
        first = first or self.ask_balance(player, place, purpose)
        self._judged(self._referee.read(self._placed(first)), player, place)
        balances = self._referee.balances(player)
        return balances[0] if len(balances) == 1 else None

    def read_before(self, player: str, place: Place, form: Form | None = None) -> bool:
        """Read a balance before a call, or before several at once, if what they do is not seen otherwise.

        Return whether the balance was right, or was wrong already before.
        """
        request, kind = (None, CallForm.CANONICAL) if form is None else (form.request, form.kind)
        if player in self.blocked or not self._referee.needs_read_before(player, request, kind):
            return True
        self.read(player, place)
        return player not in self.blocked

    def ask_balance(self, player: str, place: Place, purpose: str = "probe") -> Call:
        """Make one `user_balance` call; its form is judged, its number is not."""
        request = WebhookRequest(Method.BALANCE, player)
        why = Why(self._scenario_id, purpose, place=place, phase=self.phase)
        form = Form(CallForm.CANONICAL, request)
        wire = write(request, self._context.profile)
        call = self._context.call(UnsentCall(request, wire, form, why))
        self.note_reply(call)
        return call

    def settled_read(self, player: str, place: Place, purpose: str = "probe") -> Call | None:
        """Read a balance as late, and as often, as reads were seen to lag; None if they never come right.

        Where they do not lag, it is None, too.
        """
        wait_s = self._context.patience.settling_s() if self.answers_only else None
        if wait_s is None:
            return None
        self._context.pause(wait_s)
        self._waited_s = wait_s
        for _ in range(self._context.patience.reads - 1):
            self.ask_balance(player, place, purpose)
        return self.ask_balance(player, place, purpose)

    # --- telling -----------------------------------------------------------------------------------

    def mild(self, situation: Situation, call: Call, method: Method | None = None, detail: str = "") -> None:
        """Tell what costs no money by itself."""
        self.tell(self._findings.mild(situation, self._placed(call), method, detail))

    def expectation(self, message: str, call: Call) -> None:
        """Tell what an author claimed and does not hold, unless the referee has named it.

        Of a player whose money was wrong, no claim is evaluated any more. What the referee has only warned of
        is as bad as the claim says.
        """
        if self.wrong[call.player or ""]:
            return
        place = self._place_of(call)
        claimed = self._findings.expectation(message, self._placed(call))
        for number, told in enumerate(self.found):
            if told.place == place and told.severity is not Severity.NOTE and breaks_the_law(told.cause):
                if claimed.severity is Severity.ERROR and told.severity is Severity.WARNING:
                    self.found[number] = replace(told, severity=Severity.ERROR)
                    self._tell(self.found[number])
                return
        self.tell(claimed)

    def broken_claim(self, message: str, call: Call) -> None:
        """Tell what an author claimed and does not hold; after a missing answer it is left open."""
        unusable = any(each.severity is Severity.ERROR for each in call.reading.deviations)
        if call.player in self.unanswered or (call.outcome is Outcome.UNKNOWN and unusable):
            line = self._place_of(call).line
            self.unproven.append(f"line {line}: {message}, after a call that got no usable answer")
        else:
            self.expectation(message, call)

    def note_reply(self, call: Call) -> None:
        """Tell what the reply alone shows: its form, and how this wallet writes money and refusals."""
        if self._holding and call.shows_no_amount:
            # If its player has no balance any more, that is the finding, and not the form of this reply.
            self._held.append(call)
            return
        self.note_form(call)
        reading = call.reading
        for knob, value in (("money_type", reading.money_type), ("refusal_http", reading.refusal_http)):
            if value is not None:
                self._context.dialect.note(knob, value, evidence=f"HTTP {reading.http_status}")
                if self._findings.pinned and self._findings.is_pinned_otherwise(knob, value):
                    self._tell_once(self._findings.policy(knob, value, self._placed(call)))

    def accuse(self, situation: Situation, call: Call, before: Money, after: Money) -> None:
        """Tell wrong money of one call that no account was opened for."""
        facts = self._placed(call)
        player, method = facts.request.player, facts.request.method
        self.tell(self._findings.money(situation, facts, MoneyFacts(player, (before,), after), method))

    def tell(self, finding: Finding) -> None:
        """Keep a finding, and tell it at once."""
        if self._limited and finding.severity is Severity.ERROR:
            finding = replace(finding, why=f"{finding.why}; {_LIMITED}".removeprefix("; "))
        self.found.append(finding)
        self._tell(finding)

    def curl(self, wire: WireRequest) -> str:
        """Return the call as a command line, secrets masked."""
        context = self._context
        headers = merged_headers(context.settings.headers, context.profile.headers)
        return curl_line(context.settings.endpoint, wire, headers)

    # --- inside ------------------------------------------------------------------------------------

    def _judged(self, asking: Asking, player: str, place: Place, send: Send | None = None) -> Ruling:
        self._holding = True
        ruling = self._driven(asking, place, send)
        self._take(ruling, player, place)
        self._note_lawful(player)
        self._note_held()
        lost = self._referee.lost(player)
        if lost:
            raise TooManyWorlds(lost)
        return ruling

    def _note_lawful(self, player: str) -> None:
        """Keep what a right wallet would have now, beside the latest call, for reports that draw it."""
        kept = self._context.kept.get(self._scenario_id or "")
        balances = self._referee.balances(player)
        if kept and len(balances) == 1:
            lawful = Money(balances[0] - self._referee.difference(player))
            self.lawful.append(LawfulBalance(player, kept[-1].exchange.sent_ns, lawful))

    def _note_held(self) -> None:
        held, self._held, self._holding = self._held, [], False
        for call in held:
            if call.player not in self._context.destroyed:
                self.note_reply(call)

    def _driven(self, asking: Wanting[Said], place: Place, send: Send | None = None) -> Said:
        """Make the calls that are asked for until the referee has said its word."""
        try:
            wanted = next(asking)
            while True:
                if isinstance(wanted, ReadBalance):
                    wanted = asking.send(self._read(wanted, place))
                else:
                    wanted = asking.send(None if send is None else send(wanted.request))
        except StopIteration as ended:
            said: Said = ended.value
            return said

    def _read(self, wanted: ReadBalance, place: Place) -> Call | None:
        """Read once, or until one of the wanted balances is shown, as far as the run has patience."""
        if wanted.idle and not self._context.patience.unshared:
            self._context.pause(IDLE_S)
        if not wanted.until:
            call = self.settled_read(wanted.player, place)
            if call is None and not self.answers_only:
                call = self.ask_balance(wanted.player, place)
            return None if call is None else self._placed(call)
        latest: list[Call] = []

        def read() -> Money | None:
            latest.append(self.ask_balance(wanted.player, place))
            return latest[-1].reading.balance

        context = self._context
        lags = reads_are_wrong(context.mistakes) or context.traffic.books_late
        context.patience.await_balance(read, wanted.until, lags=lags, waited_s=self._waited_s)
        return self._placed(latest[-1]) if latest else None

    def _take(self, ruling: Ruling, player: str, place: Place) -> None:
        """Tell what was found, and note whose money is known now."""
        if ruling.verdict is CallVerdict.RIGHT and ruling.expected is not None and ruling.dialect is None:
            self._note_shown(player, ruling.expected)
            return
        if self._takes_no_bets(ruling, place):
            return
        for finding in ruling.findings:
            self._tell_once(finding)
            if finding.cause == Situation.BALANCE_DESTROYED.value and finding.player:
                self._context.destroyed[finding.player] = f"blocked by {self._scenario_id}: {ruling.reason}"
        for accused in ruling.accused:
            self.wrong[accused] += 1
            # What a wallet may do with debts is not known, nor what reads that are wrong show.
            owes = min(self._referee.balances(accused), default=ZERO) < ZERO
            unread = ruling.doubted or any(each.cause in READS_WRONGLY for each in ruling.findings)
            if owes or unread or self.wrong[accused] >= WRONG_CALLS_MAX:
                self.blocked.add(accused)
            answered = self._referee.shown_before(accused)
            if answered is not None:
                self._context.contradicted[accused] = answered
        if ruling.dialect is not None:
            self._context.dialect.note(*ruling.dialect)
        if ruling.reason and ruling.reason != NO_ANSWER:
            self.unproven.append(f"line {place.line}: {ruling.reason}")
        balances = self._referee.balances(player)
        if len(balances) == 1 and self.ledger.books[player].terms.exists:
            self._note_shown(player, balances[0])
        elif balances:
            self._context.shown.pop(player, None)

    def _takes_no_bets(self, ruling: Ruling, place: Place) -> bool:
        """Return whether the bet was refused like all others of its player from now on, the smallest, too.

        Such as a limit on what a player may lose in a day: no mistake of this call.
        """
        bet, context = self._asked, self._context
        causes = {each.cause for each in ruling.findings}
        causes |= {other.cause for each in ruling.findings for other in each.may_be}
        refused = Situation.BET_REFUSED.value in causes
        if bet is None or bet.amount is None or self.drain is None or not refused:
            return False
        if bet.amount > context.largest_bet or context.drained >= DRAINED_MAX:
            return False
        context.drained += 1
        # Its money moves outside this scenario's ledger.
        self.blocked.add(bet.player)
        reason = self.drain(bet.player, bet.amount)
        if not reason:
            return False
        context.drained = 0
        context.destroyed[bet.player] = f"blocked by {self._scenario_id}: {reason}"
        self.unanswered.add(bet.player)
        self.unproven.append(f"line {place.line}: {reason}")
        return True

    def _note_shown(self, player: str, balance: Money) -> None:
        self._context.shown[player] = balance
        self._context.past[player].append(balance)

    def _tell_once(self, finding: Finding) -> None:
        """Report a finding; a broken policy is reported once for each knob."""
        once = finding.cause.startswith(Situation.POLICY_BROKEN.value) or self.wrong[finding.player or ""]
        if not (once and has_cause(self.found, finding.cause)):
            self.tell(finding)

    def note_form(self, call: Call) -> None:
        """Report the deviations in the reply's form; each form is reported once in a run."""
        for deviation in call.reading.deviations:
            if self._forms.first(deviation, self._findings.rule_of_form(deviation, call)):
                self.tell(self._findings.form(deviation, self._placed(call)))

    def _place_of(self, call: Call) -> Place:
        return call.why.place or self._place

    def _placed(self, call: Call) -> Call:
        """Return the call with a place, for findings."""
        return call if call.why.place else replace(call, why=replace(call.why, place=self._place))
