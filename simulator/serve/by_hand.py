"""Send calls on request: a webhook by hand, a repeat, the refund of the last bet, an obligation."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from simulator.core.calls import CallForm, FaultKind, FaultSpec, KnownAs
from simulator.core.findings import Outcome
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest, WireRequest
from simulator.errors import UsageError
from simulator.serve.calls import CalledAgent, Delivered, Deliverer, GameSession, SessionCall, unsent
from simulator.serve.clock import Clock
from simulator.serve.dispatcher import Dispatcher, attempt_of
from simulator.serve.entries import Entry, Filter, Purpose
from simulator.serve.fields import webhook_by_hand
from simulator.serve.journal import Journal
from simulator.serve.obligations import Obligation, Obligations, State
from simulator.serve.rounds import owed_refund
from simulator.serve.turns import WalletTurns
from simulator.wire.forms import form_of
from simulator.wire.writing import write


class HandDelivery(Frozen, kw_only=True):
    """Sends calls on request, in the player's turn. Thread-safe.

    Every method raises NoWebhookUrl, PlayerBusy, DeliveryStopped and JournalUnusable, and UsageError if there
    is nothing to send; those that take a session raise DemoSession. `games` are those that a wallet knows; it
    may refuse others.
    """

    turns: WalletTurns
    deliverer: Deliverer
    obligations: Obligations
    dispatcher: Dispatcher
    journal: Journal
    trouble: Trouble
    clock: Clock
    new_id: Callable[[], str]
    games: Collection[str]

    def refund_last_bet(self, session: GameSession) -> Delivered:
        """Send the refund of the session's last bet, and go on with it until answered."""
        with self.turns.of_session(session) as agent:
            last = self.obligations.last_round(agent.code, session.id)
            if last.stake is None:
                raise UsageError(f"session {session.id}: there is no bet yet that could be refunded")
            owed = self.obligations.owed_as(agent.code, Method.REFUND.value, last.bet_id)
            if owed is None:
                request = WebhookRequest(Method.REFUND, last.player, last.stake, last.bet_id)
                owed = owed_refund(
                    *(agent, session.id, request, last.game),
                    since_ms=last.began_ms,
                    due_ms=self.clock.now_ms(),
                )
                owed = self.obligations.add(owed)
            return self._deliver_owed(owed, agent)

    def send_last_again(self, session: GameSession, method: Method | None = None) -> Delivered:
        """Send the session's last bet, win or refund, or the last of that method, again, same bytes.

        A win of 0.00 is sent again only if it is asked for by its method: paid twice, it shows nothing.
        """
        word = "" if method is None else method.value
        wanted = Filter(agent=session.launch.agent.code, session=session.id, method=word)
        for entry in self.journal.latest(wanted):
            request = entry.request
            if request.method.moves_money and (request.amount or method is not None):
                return self.resend(entry.number)
        raise UsageError(f"session {session.id}: there is no webhook of it yet that could be sent again")

    def resend(self, number: int) -> Delivered:
        """Send an exchange's request again, same bytes; an answer settles what was owed by it."""
        entry = self.journal.entry(number)
        if entry is None:
            raise UsageError(f"the journal has no exchange {number}, or has it no more")
        agent, request = self.turns.agent(entry.agent), entry.request
        with self.turns.of_player(agent, request.player):
            owed = self.obligations.owed_as(agent.code, request.method.value, request.transaction_id or "")
            if owed is not None:
                return self._deliver_owed(owed, agent)
            return self.deliverer.deliver(self._again(entry, agent))

    def deliver_again(self, obligation: int) -> Delivered:
        """Send something that is owed, given up or not."""
        owed = self.obligations.of(obligation)
        if owed is None:
            raise UsageError(f"nothing is owed under the number {obligation}, or not any more")
        agent = self.turns.agent(owed.agent)
        with self.turns.of_player(agent, owed.player):
            return self._deliver_owed(owed, agent)

    def fire(
        self,
        agent_code: str,
        fields: Mapping[str, Any],
        session: str = "",
        account: KnownAs | None = None,
        *,
        may_be_refused: bool = False,
    ) -> Delivered:
        """Send one webhook, given by its fields in the reference's names; once, whatever becomes of it.

        `account` is what the sender knows of the player, by which the answer is judged. `may_be_refused`: the
        wallet may have a reason of its own to refuse it, as a limit.
        """
        agent = self.turns.agent(agent_code)
        request = webhook_by_hand(fields, self.new_id())
        with self.turns.of_player(agent, request.player):
            wire = write(request, agent.wire)
            kind = form_of(wire, agent.wire, self.games).kind
            if may_be_refused and kind is CallForm.CANONICAL:
                kind = CallForm.OPTIONAL
            fresh = not self._was_sent(agent_code, request)
            call = unsent(agent, request, Purpose.HAND, wire=wire, kind=kind, fresh=fresh)
            call = replace(call, why=replace(call.why, account=account))
            return self.deliverer.deliver(SessionCall(agent=agent, session=session, unsent=call))

    def _was_sent(self, agent: str, request: WebhookRequest) -> bool:
        """Return whether the journal has a call that may have used this one's id."""
        methods = (Method.WIN,) if request.method is Method.WIN else (Method.BET, Method.REFUND)
        id_ = request.transaction_id or ""
        return any(
            self.journal.count(Filter(agent=agent, method=method.value, transaction_id=id_))
            for method in methods
        )

    def _deliver_owed(self, owed: Obligation, agent: CalledAgent) -> Delivered:
        """Send an obligation once; if it was given up, it stays so without an answer."""

        def settle(outcome: Outcome) -> None:
            if outcome is not Outcome.UNKNOWN or owed.state is State.HELD:
                self.dispatcher.settle(owed, outcome)
            elif owed.state is State.UNDELIVERED:
                self.obligations.attempted(owed.number, owed.attempts + 1, None)

        try:
            return self.deliverer.deliver(attempt_of(owed, agent, Purpose.RESEND), settle)
        finally:
            self.obligations.release(owed.number, self.clock.now_ms())

    def _again(self, entry: Entry, agent: CalledAgent) -> SessionCall:
        request, kept = entry.request, entry.call.exchange.wire
        same = Filter(
            agent=entry.agent, method=request.method.value, transaction_id=request.transaction_id or ""
        )
        wire = WireRequest(kept.body, kept.content_type, headers=agent.wire.headers)
        fault, kind = self.trouble.take_fault(entry.session, request.method), entry.call.form.kind
        call = unsent(agent, request, Purpose.RESEND, wire=wire, kind=kind, fresh=False, fault=fault)
        attempt = self.journal.count(same) + 1 if request.transaction_id else 1
        return SessionCall(agent=agent, session=entry.session, unsent=call, attempt=attempt)


# --- faults that a developer has requested for the next calls of a session ------------------------

SESSIONS_MAX = 10_000

SLOW_MS_MAX = 60_000


class RoundTrouble(StrEnum):
    """What goes wrong with the order or the number of a round's calls.

    REFUND_BEFORE_BET: the bet's refund arrives first. WIN_BEFORE_BET: the win does. WIN_TWICE: the win is
    sent again after its answer. SAME_ID_OTHER_AMOUNT: another bet, of 1.00 more, has the same id.
    """

    REFUND_BEFORE_BET = "refund_before_bet"
    WIN_BEFORE_BET = "win_before_bet"
    WIN_TWICE = "win_twice"
    SAME_ID_OTHER_AMOUNT = "same_id_other_amount"

    @property
    def needs_win(self) -> bool:
        """Return whether only a round that wins can have this trouble."""
        return self in {RoundTrouble.WIN_BEFORE_BET, RoundTrouble.WIN_TWICE}


class Armed(Frozen):
    """What will go wrong: `next_fault` once, `slow_ms` before each call, `rounds` in the next round.

    With `next_method` or `slow_method` None, the call may have any method.
    """

    next_fault: FaultKind | None = None
    next_method: Method | None = None
    slow_ms: int = 0
    slow_method: Method | None = None
    rounds: frozenset[RoundTrouble] = frozenset()


_NOTHING = Armed()


class Trouble:
    """The requested faults of each session. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: OrderedDict[str, Armed] = OrderedDict()

    def armed(self, session: str) -> Armed:
        """Return what will go wrong in this session."""
        return self._armed.get(session, _NOTHING)

    def disturb_next(
        self, session: str, kind: FaultKind = FaultKind.LOST_REPLY, method: Method | None = None
    ) -> None:
        """Inject a fault into the session's next bet, win or refund, or the next one of that method."""
        self._change(session, replace(self.armed(session), next_fault=kind, next_method=method))

    def slow_down(self, session: str, slow_ms: int, method: Method | None = None) -> None:
        """Wait that long before each call of the session; 0 ends it. UsageError beyond a minute."""
        if not 0 <= slow_ms <= SLOW_MS_MAX:
            raise UsageError(f"slow_ms: {slow_ms} is not between 0 and {SLOW_MS_MAX} milliseconds")
        self._change(session, replace(self.armed(session), slow_ms=slow_ms, slow_method=method))

    def disturb_round(self, session: str, trouble: RoundTrouble) -> None:
        """Let this happen in the next round of the session that can have it."""
        armed = self.armed(session)
        self._change(session, replace(armed, rounds=armed.rounds | {trouble}))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._armed.clear()

    def take_fault(self, session: str, method: Method) -> FaultSpec | None:
        """Return the fault for the call that is sent now; one for a single call is then used up."""
        armed = self.armed(session)
        if armed.next_fault is not None and armed.next_method in (None, method):
            self._change(session, replace(armed, next_fault=None, next_method=None))
            return FaultSpec(armed.next_fault)
        if armed.slow_ms and armed.slow_method in (None, method):
            return FaultSpec(FaultKind.DELAY, armed.slow_ms * 1_000_000)
        return None

    def take_round(self, session: str, *, wins: bool) -> frozenset[RoundTrouble]:
        """Return what goes wrong in the round that begins now; it is then used up."""
        armed = self.armed(session)
        taken = frozenset(each for each in armed.rounds if wins or not each.needs_win)
        if taken:
            self._change(session, replace(armed, rounds=armed.rounds - taken))
        return taken

    def _change(self, session: str, armed: Armed) -> None:
        with self._lock:
            self._armed.pop(session, None)
            if armed != _NOTHING:
                self._armed[session] = armed
            while len(self._armed) > SESSIONS_MAX:
                self._armed.popitem(last=False)
