"""One call from the errand to the journal: sent, judged, recorded, and what is owed settled with the record.

Whoever calls has the player's turn. Which calls are made, and when again, is decided by rounds, by the
dispatcher and by people.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from simulator.core.calls import Call, CallForm, FaultSpec
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.profiles import WireProfile
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, NoReply, WebhookRequest, WireRequest, mask_headers
from simulator.errors import UsageError
from simulator.judge.replies import read_reply
from simulator.serve.clock import Clock
from simulator.serve.journal import Entry, Journal, Purpose
from simulator.serve.watch import Judgement, SuspectCall, Watch, seen
from simulator.wire.target import Target
from simulator.wire.writing import write

if TYPE_CHECKING:
    from simulator.wire.sender import Sender

REPLY_BYTES_KEPT = 64 * 1024

PROBLEM_LENGTH_MAX = 300

_PROBES = 2


class Errand(Frozen, kw_only=True):
    """One call that is to be made, and why. `attempt` counts from 1.

    `fresh`: nothing with its transaction_id went out before, not even the bet that a refund names.
    """

    agent: CalledAgent
    session: str
    request: WebhookRequest
    wire: WireRequest
    purpose: Purpose
    fresh: bool
    attempt: int = 1
    form: CallForm = CallForm.CANONICAL
    fault: FaultSpec | None = None
    demo: bool = False

    @property
    def player(self) -> tuple[str, str]:
        """Whose turn it takes."""
        return self.agent.code, self.request.player


class Delivered(Frozen):
    """What became of an errand. `outcome` is settled by a read where the answer left it open; `problem` is
    why there is no answer, or what the operator calls its refusal.
    """

    outcome: Outcome
    balance: Money | None
    problem: str
    numbers: tuple[int, ...]
    sent: Call


Settle = Callable[[Outcome], None]


def nothing_owed(_: Outcome) -> None:
    """Of a call that nothing is owed by."""


class Deliverer:
    """Makes errands' calls; for any threads, one at a time a player."""

    def __init__(self, calls: WalletCalls, journal: Journal, watch: Watch, clock: Clock) -> None:
        self._calls = calls
        self._journal = journal
        self._watch = watch
        self._clock = clock

    def deliver(self, errand: Errand, settle: Settle = nothing_owed) -> Delivered:
        """Send, judge, record. `settle` writes what is owed now, committed together with the record.

        Raises NoWebhookUrl and JournalUnusable.
        """
        copies = self._calls.send(errand.agent, errand.request, errand.wire, errand.fault, demo=errand.demo)
        # Of copies that were sent at once, the one that was accepted counts as the first.
        sent = sorted(copies, key=lambda each: each.reading.outcome is not Outcome.ACCEPTED)
        one = told(sent)
        outcome, balance = one.reading.outcome, one.reading.balance
        suspect: tuple[SuspectCall, int] | None = None
        numbers: list[int] = []
        with self._journal.transaction():
            for place, each in enumerate(sent):
                copy = errand if place == 0 else replace(errand, fresh=False, attempt=errand.attempt + place)
                judgement = self._judge(copy, each)
                numbers.append(self._record(copy, each, judgement))
                if judgement.suspect is not None:
                    suspect = judgement.suspect, numbers[-1]
            if suspect is None:
                settle(outcome)
        if suspect is not None:
            outcome, balance = self._look(errand, *suspect, outcome, balance)
            settle(outcome)
        return Delivered(outcome, balance, problem_of(one), tuple(numbers), one)

    def _judge(self, errand: Errand, sent: Call) -> Judgement:
        if errand.request.method.moves_money:
            return self._watch.money(
                *(errand.player, errand.request, sent),
                fresh=errand.fresh,
                form=errand.form,
                attempt=errand.attempt,
            )
        return self._watch.read(errand.player, sent)

    def _look(
        self, errand: Errand, suspect: SuspectCall, number: int, outcome: Outcome, balance: Money | None
    ) -> tuple[Outcome, Money | None]:
        """Read the balance because of a call, and put the last word into its entry."""
        request = WebhookRequest(Method.BALANCE, errand.request.player)
        probe = replace(
            errand,
            request=request,
            wire=write(request, errand.agent.wire),
            purpose=Purpose.PROBE,
            attempt=1,
            fault=None,
        )
        for turn in range(1, _PROBES + 1):
            (sent,) = self._calls.send(probe.agent, probe.request, probe.wire, demo=probe.demo)
            judgement = self._watch.explain(suspect, sent, last=turn == _PROBES)
            with self._journal.transaction():
                self._record(probe, sent, seen(sent))
                if judgement is not None:
                    self._journal.judge(number, judgement.verdict, judgement.expected, judgement.findings)
            if judgement is not None:
                return judgement.outcome, balance if sent.reading.balance is None else sent.reading.balance
        return outcome, balance

    def _record(self, errand: Errand, sent: Call, judgement: Judgement) -> int:
        sent_ns = self._clock.unix_ns(sent.exchange.sent_ns)
        return self._journal.record(
            entry_of(errand, sent, judgement, at_ms=self._clock.now_ms(), sent_ns=sent_ns)
        ).number


def entry_of(errand: Errand, sent: Call, judgement: Judgement, *, at_ms: int, sent_ns: int) -> Entry:
    """The exchange as the journal keeps it."""
    request, reply = errand.request, sent.exchange.reply
    answered = None if isinstance(reply, NoReply) else reply
    return Entry(
        at_ms=at_ms,
        agent=errand.agent.code,
        session=errand.session,
        player=request.player,
        method=request.method.value,
        transaction_id=request.transaction_id or "",
        game=request.game_id or "",
        amount=request.amount,
        purpose=errand.purpose,
        attempt=errand.attempt,
        outcome=sent.reading.outcome,
        balance=sent.reading.balance,
        expected=judgement.expected,
        verdict=judgement.verdict,
        fault=sent.exchange.fault or "",
        http_status=None if answered is None else answered.status,
        duration_ns=sent.exchange.latency_ns,
        problem=problem_of(sent),
        findings=judgement.findings,
        content_type=errand.wire.content_type,
        request_body=errand.wire.body,
        reply_headers=() if answered is None else mask_headers(answered.headers),
        reply_bytes=0 if answered is None else len(answered.body),
        reply_body=b"" if answered is None else answered.body[:REPLY_BYTES_KEPT],
        sent_ns=sent_ns,
    )


def problem_of(sent: Call) -> str:
    """Why there is no answer, or what the operator calls its refusal; nothing for an accepted call."""
    reply, reading = sent.exchange.reply, sent.reading
    if isinstance(reply, NoReply):
        return reply.detail
    if reading.outcome is Outcome.REFUSED:
        return (reading.error_code or f"HTTP {reply.status}")[:PROBLEM_LENGTH_MAX]
    if reading.outcome is Outcome.UNKNOWN:
        return reading.deviations[0].message if reading.deviations else f"HTTP {reply.status}"
    return ""


# --- parties --------------------------------------------------------------------------------------
# What delivery needs to know of agents and game sessions, whoever keeps them.


class CalledAgent(Protocol):
    """An operator's account: where its webhooks go, and in which words. `target` None: nowhere yet."""

    @property
    def code(self) -> str: ...

    @property
    def target(self) -> Target | None: ...

    @property
    def wire(self) -> WireProfile: ...


class PlayedGame(Protocol):
    """A game of the catalogue."""

    @property
    def id(self) -> str: ...


class PlayedLaunch(Protocol):
    """What was launched. `kind` is CHARGED or DEMO."""

    @property
    def agent(self) -> CalledAgent: ...

    @property
    def player(self) -> str: ...

    @property
    def game(self) -> PlayedGame: ...

    @property
    def kind(self) -> str: ...


class GameSession(Protocol):
    """One launch that is played. `number` counts an agent's sessions: it is part of a spin's seed."""

    @property
    def id(self) -> str: ...

    @property
    def number(self) -> int: ...

    @property
    def launch(self) -> PlayedLaunch: ...


DEMO = "DEMO"


def is_demo(session: GameSession) -> bool:
    """Whether play money is played for."""
    return session.launch.kind == DEMO


# --- wallet_calls ---------------------------------------------------------------------------------
# One call to an agent's wallet: its own sender, faults on demand, and how the reply reads.
# What is recorded, owed or judged because of it is decided elsewhere.


class NoWebhookUrl(UsageError):
    """An agent has nowhere to send webhooks to."""


class WalletCalls:
    """Calls wallets, each agent's by a sender of its own; for any threads.

    `charged_calls` and `demo_calls` count the calls that left, by what the session was played for.
    `found_again` is called when somebody is there to call again.
    """

    def __init__(self, found_again: Callable[[], None]) -> None:
        self._found_again = found_again
        self._senders: dict[str, Sender] = {}
        self._away: set[str] = set()
        self._lock = threading.Lock()
        self.charged_calls = 0
        self.demo_calls = 0

    def send(
        self,
        agent: CalledAgent,
        request: WebhookRequest,
        wire: WireRequest,
        fault: FaultSpec | None = None,
        *,
        demo: bool = False,
    ) -> tuple[Call, ...]:
        """Send it once, or as the fault wants it, and read what comes. Raises NoWebhookUrl."""
        sender = self._sender(agent)
        with self._lock:
            if demo:
                self.demo_calls += 1
            else:
                self.charged_calls += 1
        if fault is None:
            exchanges: tuple[Exchange, ...] = (sender.call(request, wire),)
        else:
            exchanges = sender.disturb(request, wire, fault)
        sent = tuple(
            Call(each, read_reply(request, each.reply, agent.wire, injected=each.fault is not None))
            for each in exchanges
        )
        self._note_away(agent.code, is_away=all(each.nothing_sent for each in sent))
        return sent

    def is_away(self, agent_code: str) -> bool:
        """Whether the latest call to that agent's wallet found nobody to connect to."""
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
        """The agent's sender, a new one when it is called elsewhere or with other headers than before."""
        target = agent.target
        if target is None:
            raise no_webhook_url(agent)
        # The HTTP library behind it costs most of a start, which a server without a webhook URL is spared.
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
    """What to say of an agent that cannot be called."""
    return NoWebhookUrl(
        f'agent "{agent.code}" has no webhook URL; say with --webhook-url (serve.webhook_url in the '
        "configuration file) where the operator answers webhooks"
    )


def told(sent: Sequence[Call]) -> Call:
    """The one of a call's exchanges that says what became of it: an answer beats none."""
    answered = [each for each in sent if each.reading.outcome is not Outcome.UNKNOWN]
    return answered[0] if answered else sent[0]
