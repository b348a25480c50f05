"""One call from the errand to the journal: sent, judged, recorded, and what is owed settled with the record.

Whoever calls has the player's turn. Which calls are made, and when again, is decided by rounds, by the
dispatcher and by people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simulator.core.curl import mask_headers
from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.core.roles import CallForm
from simulator.core.scenario import FaultSpec
from simulator.core.webhooks import Method, NoReply, WebhookRequest, WireRequest
from simulator.core.wire import write
from simulator.delivery.clock import Clock
from simulator.delivery.journal import Journal
from simulator.delivery.journal_entry import Entry, Purpose
from simulator.delivery.parties import Agent
from simulator.delivery.wallet_calls import Sent, WalletCalls, told
from simulator.delivery.watch import Judgement, Watch, seen
from simulator.delivery.watch_findings import Suspect

REPLY_BYTES_KEPT = 64 * 1024
PROBLEM_LENGTH_MAX = 300
_PROBES = 2


class Errand(Frozen, kw_only=True):
    """One call that is to be made, and why. `attempt` counts from 1.

    `fresh`: nothing with its transaction_id went out before, not even the bet that a refund names.
    """

    agent: Agent
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
    sent: Sent


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
        suspect: tuple[Suspect, int] | None = None
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

    def _judge(self, errand: Errand, sent: Sent) -> Judgement:
        if errand.request.method.moves_money:
            return self._watch.money(
                *(errand.player, errand.request, sent),
                fresh=errand.fresh,
                form=errand.form,
                attempt=errand.attempt,
            )
        return self._watch.read(errand.player, sent)

    def _look(
        self, errand: Errand, suspect: Suspect, number: int, outcome: Outcome, balance: Money | None
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

    def _record(self, errand: Errand, sent: Sent, judgement: Judgement) -> int:
        sent_ns = self._clock.unix_ns(sent.exchange.sent_ns)
        return self._journal.record(
            entry_of(errand, sent, judgement, at_ms=self._clock.now_ms(), sent_ns=sent_ns)
        ).number


def entry_of(errand: Errand, sent: Sent, judgement: Judgement, *, at_ms: int, sent_ns: int) -> Entry:
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


def problem_of(sent: Sent) -> str:
    """Why there is no answer, or what the operator calls its refusal; nothing for an accepted call."""
    reply, reading = sent.exchange.reply, sent.reading
    if isinstance(reply, NoReply):
        return reply.detail
    if reading.outcome is Outcome.REFUSED:
        return (reading.error_code or f"HTTP {reply.status}")[:PROBLEM_LENGTH_MAX]
    if reading.outcome is Outcome.UNKNOWN:
        return reading.deviations[0].message if reading.deviations else f"HTTP {reply.status}"
    return ""
