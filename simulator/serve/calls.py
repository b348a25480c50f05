"""Send one call, judge it, record it in the journal, and settle its obligation together with the record.

The caller has the player's turn. Rounds, the dispatcher and people decide what is sent, and when again.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from simulator.core.calls import Call, CallForm, FaultSpec, Form, Player, Reading, UnsentCall, Why
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import Money
from simulator.core.profiles import WireProfile
from simulator.core.secrets import Secrets, mask_headers
from simulator.core.values import Frozen
from simulator.core.webhooks import (
    Exchange,
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
)
from simulator.errors import UsageError
from simulator.judge.findings import form_findings
from simulator.judge.replies import read_call
from simulator.judge.rulings import ReadBalance, Ruling
from simulator.serve.clock import Clock
from simulator.serve.entries import NOT_ANSWERED, Entry, Purpose
from simulator.serve.journal import Journal
from simulator.serve.referees import Referees, Waiting, seen, with_forms, without_bytes
from simulator.wire.patience import Patience
from simulator.wire.target import Target
from simulator.wire.writing import write

if TYPE_CHECKING:
    from simulator.wire.sender import Sender

REPLY_BYTES_KEPT = 64 * 1024

PROBLEM_LENGTH_MAX = 300


class SessionCall(Frozen, kw_only=True):
    """A call to send for a game session, or by hand for none. `attempt` counts from 1."""

    agent: CalledAgent
    session: str
    unsent: UnsentCall
    attempt: int = 1
    demo: bool = False

    @property
    def player(self) -> Player:
        """Return the player whose turn it needs."""
        return self.agent.code, self.request.player

    @property
    def request(self) -> WebhookRequest:
        """Return the request."""
        assert self.unsent.request is not None
        return self.unsent.request


def unsent(
    agent: CalledAgent,
    request: WebhookRequest,
    purpose: Purpose,
    *,
    wire: WireRequest | None = None,
    kind: CallForm = CallForm.CANONICAL,
    fresh: bool = True,
    fault: FaultSpec | None = None,
) -> UnsentCall:
    """Return a call for an agent's wallet, written as that asks for it where no bytes are given."""
    why = Why(None, purpose, agent=agent.code, fresh=fresh)
    return UnsentCall(request, wire or write(request, agent.wire), Form(kind, request), why, fault)


class Delivered(Frozen):
    """The result of a call. If the answer left `outcome` open, a read settled it.

    `problem` is why there is no answer, or the wallet's reason for its refusal.
    """

    outcome: Outcome
    balance: Money | None
    problem: str
    numbers: tuple[int, ...]
    sent: Call


Settle = Callable[[Outcome], None]


def nothing_owed(_: Outcome) -> None:
    """Do nothing when the call settles no obligation."""


class Deliverer:
    """Sends, judges and records calls; thread-safe, with one call at a time for each player.

    `free_turn` takes another player's turn if it is free, so that the player's balance can be read, too.
    """

    def __init__(
        self,
        calls: WalletCalls,
        journal: Journal,
        referees: Referees,
        clock: Clock,
        free_turn: Callable[[Player], AbstractContextManager[bool]],
    ) -> None:
        self._calls = calls
        self._journal = journal
        self._referees = referees
        self._clock = clock
        self._free_turn = free_turn
        self._patience: defaultdict[str, Patience] = defaultdict(Patience)

    def forget(self) -> None:
        """Wait again for balances to change: what the calls before have shown counts no more."""
        self._patience.clear()

    def deliver(self, due: SessionCall, settle: Settle = nothing_owed) -> Delivered:
        """Write the call down, send it, judge and record it.

        `settle` writes what is owed now, committed together with the record. Raises NoWebhookUrl and
        JournalUnusable.
        """
        number = self._write_down(due)
        copies = self._calls.send(due)
        # Of copies that were sent at once, the one that was accepted counts as the first.
        first, *others = sorted(copies, key=lambda each: each.outcome is not Outcome.ACCEPTED)
        sent = [first, *(replace(each, why=replace(each.why, fresh=False)) for each in others)]
        one = told(sent)
        outcome, balance = one.reading.outcome, one.reading.balance
        unjudged: list[_Unjudged] = []
        numbers: list[int] = []
        with self._journal.transaction(durable=settle is not nothing_owed):
            for place, each in enumerate(sent):
                copy = due if place == 0 else replace(due, attempt=due.attempt + place)
                if place:
                    number = self._journal.next_number
                said = None if unjudged else self._begin(copy, each, number)
                if isinstance(said, Ruling):
                    if each is one and said.outcome is not outcome:
                        outcome, balance = said.outcome, None
                    numbers.append(self._record(copy, each, said, number))
                else:
                    numbers.append(self._record(copy, each, _READING, number))
                    unjudged.append(_Unjudged(copy, each, numbers[-1], said))
            if not unjudged:
                settle(outcome)
        for late in unjudged:
            ruling, shown = self._finish(late)
            balance = balance if shown is None else shown
            if late.sent is one:
                outcome = ruling.outcome
        if unjudged:
            settle(outcome)
        return Delivered(outcome, balance, problem_of(one), tuple(numbers), one)

    # --- judging -----------------------------------------------------------------------------------

    def _begin(self, due: SessionCall, sent: Call, number: int) -> Ruling | Waiting:
        """Judge a call as far as its answer goes."""
        if due.request.method is Method.DETAILS:
            return Ruling(CallVerdict.UNJUDGED, sent.reading.outcome, reason=NO_MONEY)
        return self._referees.judge(due.agent.code, without_bytes(sent, number))

    def _finish(self, late: _Unjudged) -> tuple[Ruling, Money | None]:
        """Make the reads that a call needs; return the ruling, and the balance that was read last."""
        due, shown = late.due, None
        said = late.said or self._begin(due, late.sent, late.number)
        while isinstance(said, Waiting):
            read = self._read(due, said.wanted)
            if read is not None and read.request.player == due.request.player:
                shown = read.balance
            said = self._referees.go_on(said, read)
        ruling = self._with_forms(late.sent, said)
        if ruling.verdict is CallVerdict.RIGHT:
            # The wallet may have been mended since its mistakes made waiting seem useless.
            self._patience.pop(due.agent.code, None)
        law, difference = self._standing(due, ruling)
        self._journal.judge(late.number, ruling.verdict, law, ruling.findings, ruling.reason, difference)
        return ruling, shown

    def _read(self, due: SessionCall, wanted: ReadBalance) -> Call | None:
        """Read a balance once, or until a wanted one is shown; None if the player's turn is not free."""
        if wanted.player == due.request.player:
            return self._read_now(due, wanted)
        with self._free_turn((due.agent.code, wanted.player)) as is_free:
            return self._read_now(due, wanted) if is_free else None

    def _read_now(self, due: SessionCall, wanted: ReadBalance) -> Call | None:
        if not wanted.until:
            return self._probe(due, wanted.player)
        latest: list[Call] = []

        def read() -> Money | None:
            latest.append(self._probe(due, wanted.player))
            return latest[-1].balance

        self._patience[due.agent.code].await_balance(read, wanted.until)
        return latest[-1] if latest else None

    def _probe(self, due: SessionCall, player: str) -> Call:
        """Read a player's balance because of a call, and record it."""
        request = WebhookRequest(Method.BALANCE, player)
        probe = replace(due, unsent=unsent(due.agent, request, Purpose.PROBE), attempt=1)
        number = self._write_down(probe)
        (sent,) = self._calls.send(probe)
        call = without_bytes(sent, number)
        self._record(probe, sent, seen(call), number)
        return call

    # --- recording ---------------------------------------------------------------------------------

    def _write_down(self, due: SessionCall) -> int:
        """Record a call before it is sent, as one without an answer, which it stays after a kill."""
        if due.agent.target is None:
            raise no_webhook_url(due.agent)
        ready, fault = due.unsent, due.unsent.fault
        exchange = Exchange(
            *(ready.request, ready.wire, NoReply(NoReplyKind.UNKNOWN, NOT_ANSWERED)),
            *(self._clock.now_ns(), None, None if fault is None else fault.kind.value),
        )
        call = Call(exchange, Reading(Outcome.UNKNOWN), ready.form, ready.why)
        entry = entry_of(due, call, _SENDING, at_ms=self._clock.now_ms(), sent_ns=exchange.sent_ns)
        difference = self._referees.difference(due.player)
        return self._journal.record(replace(entry, difference=difference)).number

    def _record(self, due: SessionCall, sent: Call, ruling: Ruling, number: int) -> int:
        """Record a sent call under its number."""
        sent_ns = self._clock.unix_ns(sent.exchange.sent_ns)
        entry = entry_of(
            due, sent, self._with_forms(sent, ruling), at_ms=self._clock.now_ms(), sent_ns=sent_ns
        )
        law, difference = self._standing(due, ruling)
        return self._journal.record(replace(entry, expected=law, difference=difference, number=number)).number

    def _with_forms(self, sent: Call, ruling: Ruling) -> Ruling:
        return (
            with_forms(ruling, form_findings(sent.reading.deviations)) if sent.reading.deviations else ruling
        )

    def _standing(self, due: SessionCall, ruling: Ruling) -> tuple[Money | None, Money]:
        """Return the balance that the law says the player has, where it is one, and what is too much."""
        standing = self._referees.standing(due.player)
        if standing is None:
            return ruling.expected, self._referees.difference(due.player)
        law = standing.law[0] if len(standing.law) == 1 else None
        return (None if ruling.verdict is CallVerdict.UNJUDGED else law), standing.difference


class _Unjudged(Frozen):
    """A call that is recorded but not judged yet. `said` is the referee's request; None if not asked yet."""

    due: SessionCall
    sent: Call
    number: int
    said: Waiting | None


_SENDING = Ruling(CallVerdict.OPEN, Outcome.UNKNOWN, reason="the call was written down before it was sent")
_READING = Ruling(CallVerdict.OPEN, Outcome.UNKNOWN, reason="the balance is being read")
NO_MONEY = "account_details says nothing about money"


def entry_of(due: SessionCall, sent: Call, ruling: Ruling, *, at_ms: int, sent_ns: int) -> Entry:
    """Return the call as the journal keeps it."""
    reply = sent.exchange.reply
    return Entry(
        call=_kept(sent, sent_ns),
        at_ms=at_ms,
        session=due.session,
        attempt=due.attempt,
        expected=ruling.expected,
        verdict=ruling.verdict,
        reason=ruling.reason,
        problem=problem_of(sent),
        findings=ruling.findings,
        reply_bytes=len(reply.body) if isinstance(reply, Reply) else 0,
    )


def _kept(call: Call, sent_ns: int) -> Call:
    """Return the exchange for the journal: by its clock, without secrets, and with the reply cut."""
    exchange, reply = call.exchange, call.exchange.reply
    if isinstance(reply, Reply):
        reply = Reply(reply.status, mask_headers(reply.headers), reply.body[:REPLY_BYTES_KEPT])
    took_ns = exchange.latency_ns
    kept = Exchange(
        exchange.request,
        WireRequest(exchange.wire.body, exchange.wire.content_type),
        reply,
        sent_ns,
        None if took_ns is None else sent_ns + took_ns,
        exchange.fault,
    )
    return Call(kept, call.reading, call.form, call.why)


def problem_of(sent: Call) -> str:
    """Return why there is no answer, or the wallet's reason for a refusal; empty for an accepted call."""
    reply, reading = sent.exchange.reply, sent.reading
    if isinstance(reply, NoReply):
        return reply.detail
    if reading.outcome is Outcome.REFUSED:
        return (reading.error_code or f"HTTP {reply.status}")[:PROBLEM_LENGTH_MAX]
    if reading.outcome is Outcome.UNKNOWN:
        return reading.deviations[0].message if reading.deviations else f"HTTP {reply.status}"
    return ""


# --- agents and game sessions, as delivery needs them ---------------------------------------------


class CalledAgent(Protocol):
    """An agent: the target and the wire profile of its webhooks. `target` is None without a webhook URL."""

    @property
    def code(self) -> str: ...

    @property
    def target(self) -> Target | None: ...

    @property
    def wire(self) -> WireProfile: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def zero_wins(self) -> bool: ...


class PlayedGame(Protocol):
    """A game of the catalogue."""

    @property
    def id(self) -> str: ...


class PlayedLaunch(Protocol):
    """A launch. `kind` is CHARGED or DEMO; `zero_wins` None follows the agent."""

    @property
    def agent(self) -> CalledAgent: ...

    @property
    def player(self) -> str: ...

    @property
    def game(self) -> PlayedGame: ...

    @property
    def kind(self) -> str: ...

    @property
    def zero_wins(self) -> bool | None: ...


class GameSession(Protocol):
    """One session in play. `number` counts the sessions of an agent, and is a part of the seed of spins."""

    @property
    def id(self) -> str: ...

    @property
    def number(self) -> int: ...

    @property
    def launch(self) -> PlayedLaunch: ...


DEMO = "DEMO"


def is_demo(session: GameSession) -> bool:
    """Return whether the session plays for play money."""
    return session.launch.kind == DEMO


# --- calls to wallets -----------------------------------------------------------------------------


class NoWebhookUrl(UsageError):
    """Raised for an agent without a webhook URL."""


class WalletCalls:
    """Calls wallets, with a sender for each agent. Thread-safe.

    `charged_calls` and `demo_calls` count the sent calls, by the kind of the session. `found_again` is called
    when a wallet can be connected to again.
    """

    def __init__(self, found_again: Callable[[], None]) -> None:
        self._found_again = found_again
        self._senders: dict[str, Sender] = {}
        self._away: set[str] = set()
        self._lock = threading.Lock()
        self.charged_calls = 0
        self.demo_calls = 0

    def send(self, due: SessionCall) -> tuple[Call, ...]:
        """Send it once, or as its fault wants it, and read what comes. Raises NoWebhookUrl."""
        agent, call, request = due.agent, due.unsent, due.request
        sender = self._sender(agent)
        with self._lock:
            if due.demo:
                self.demo_calls += 1
            else:
                self.charged_calls += 1
        if call.fault is None:
            exchanges: tuple[Exchange, ...] = (sender.call(request, call.wire),)
        else:
            exchanges = sender.disturb(request, call.wire, call.fault)
        sent = tuple(read_call(each, call.form, call.why, agent.wire, agent.secrets) for each in exchanges)
        self._note_away(agent.code, is_away=all(each.nothing_sent for each in sent))
        return sent

    def is_away(self, agent_code: str) -> bool:
        """Return whether the last call to that agent's wallet could not connect."""
        return agent_code in self._away

    def _note_away(self, agent_code: str, *, is_away: bool) -> None:
        with self._lock:
            was_away = agent_code in self._away
            if is_away:
                self._away.add(agent_code)
            else:
                self._away.discard(agent_code)
        if was_away and not is_away:
            self._found_again()

    def stop(self) -> None:
        """End all calls under way: they come back as unknown. Close the connections."""
        with self._lock:
            senders = list(self._senders.values())
        for sender in senders:
            sender.cancel()
            sender.close()

    def _sender(self, agent: CalledAgent) -> Sender:
        """Return the agent's sender, a new one if its URL or its headers have changed."""
        target = agent.target
        if target is None:
            raise no_webhook_url(agent)
        # Importing the HTTP library takes most of a start; a server without a webhook URL does without it.
        from simulator.wire.sender import Sender

        with self._lock:
            kept = self._senders.get(agent.code)
            if kept is not None and kept.target == target:
                return kept
            sender = self._senders[agent.code] = Sender(target)
        if kept is not None:
            kept.close()
        return sender


def no_webhook_url(agent: CalledAgent) -> NoWebhookUrl:
    """Return the error for an agent that cannot be called."""
    return NoWebhookUrl(
        f'agent "{agent.code}" has no webhook URL; say with --webhook-url (serve.webhook_url in the '
        "configuration file) where your wallet answers webhooks"
    )


def told(sent: Sequence[Call]) -> Call:
    """Return the exchange that decides about a call: one with an answer, if there is one."""
    answered = [each for each in sent if each.reading.outcome is not Outcome.UNKNOWN]
    return answered[0] if answered else sent[0]
