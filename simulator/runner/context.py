"""What all scenarios of one run share, and how one call is made, recorded and read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from simulator.core.events import Event, ExchangeRecorded
from simulator.core.findings import Place
from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.core.reading import Reading, read_reply
from simulator.core.roles import CallForm
from simulator.core.scenario import FaultSpec
from simulator.core.webhooks import Exchange, NoReply, WebhookRequest, WireRequest
from simulator.core.wire import WireProfile
from simulator.delivery.sender import CallInterrupted, Sender
from simulator.runner.dialect import DialectLog
from simulator.runner.open_bets import OpenBets
from simulator.runner.patience import Patience
from simulator.settings import RunSettings

SILENT_CALLS_MAX = 5
"""So many calls in a row without an answer, none of them our doing, and the operator counts as gone."""


class Stopped(Exception):
    """The run ends before this scenario does: an interrupt, or the operator stopped answering."""


class Call(Frozen):
    """One call that was made, and how its answer was read."""

    exchange: Exchange
    reading: Reading

    @property
    def nothing_sent(self) -> bool:
        """Whether the operator provably never saw it."""
        reply = self.exchange.reply
        return isinstance(reply, NoReply) and reply.kind.nothing_sent


class Why(Frozen):
    """Why a call is made: for which scenario and step, and as what (see `ExchangeRecorded.purpose`)."""

    scenario_id: str | None
    purpose: str
    label: str = ""
    place: Place | None = None


class RunContext:
    """One run: settings, the way out, and the stream that everything is told to.

    `emit` may be called from any thread. `run` is the random part of this run's transaction ids. `kept` holds
    the latest exchanges of every scenario that is running. `stopping` is why no scenario may call any more;
    while `ending`, what has to be put in order after the scenarios may. `shown`, by player, is the
    balance that the operator last showed and goes on from, as far as it is known. A player is one scenario's
    at a time; the mapping is shared by all.
    """

    def __init__(
        self,
        *,
        settings: RunSettings,
        profile: WireProfile,
        run: str,
        games: frozenset[str],
        report: Callable[[Event], None],
    ) -> None:
        self.settings = settings
        self.profile = profile
        self.run = run
        self.games = games
        self.report = report
        self.dialect = DialectLog()
        self.kept: dict[str, deque[ExchangeRecorded]] = {}
        self.calls = 0
        self.open_bets = OpenBets()
        self.stopping = ""
        self.ending = False
        self._sender: Sender | None = None
        self.shown: dict[str, Money] = {}
        self.patience = Patience()
        self._silent = 0
        self._lock = threading.Lock()

    @property
    def sender(self) -> Sender:
        """The way out; there is none before the endpoint was reached."""
        assert self._sender is not None
        return self._sender

    @sender.setter
    def sender(self, sender: Sender) -> None:
        self._sender = sender

    def close(self) -> None:
        """Close the connections."""
        if self._sender is not None:
            self._sender.close()

    def emit(self, event: Event) -> None:
        """Hand an event to the reports, one at a time."""
        with self._lock:
            self.report(event)

    def stop(self, reason: str) -> None:
        """Let every scenario end at its next call."""
        self.stopping = self.stopping or reason

    def call(
        self,
        request: WebhookRequest | None,
        wire: WireRequest,
        why: Why,
        *,
        form: CallForm = CallForm.CANONICAL,
    ) -> Call:
        """Send, record and read one call. Raises Stopped when the run is ending."""
        if self.stopping and not self.ending:
            raise Stopped(self.stopping)
        try:
            exchange = self.sender.call(request, wire)
        except CallInterrupted as interrupt:
            for lost in interrupt.exchanges:
                self.record(lost, why)
            raise
        return self.record(exchange, why, form=form)

    def disturb(
        self, request: WebhookRequest, wire: WireRequest, fault: FaultSpec, why: Why
    ) -> tuple[Call, ...]:
        """One call under a fault; two exchanges for a duplicate. Raises Stopped when the run is ending."""
        if self.stopping:
            raise Stopped(self.stopping)
        try:
            exchanges = self.sender.disturb(request, wire, fault)
        except CallInterrupted as interrupt:
            for lost in interrupt.exchanges:
                self.record(lost, why)
            raise
        return tuple(self.record(exchange, why) for exchange in exchanges)

    def record(self, exchange: Exchange, why: Why, *, form: CallForm = CallForm.CANONICAL) -> Call:
        """Put an exchange into the event stream and read its reply."""
        reading = read_reply(
            exchange.request,
            exchange.reply,
            self.profile,
            injected=exchange.fault is not None,
            well_formed=form is not CallForm.MALFORMED,
        )
        request = exchange.request
        event = ExchangeRecorded(
            scenario_id=why.scenario_id,
            player=request.player if request is not None else None,
            purpose=why.purpose,
            exchange=exchange,
            outcome=reading.outcome,
            balance=reading.balance,
            label=why.label,
            place=why.place,
            form=form,
        )
        with self._lock:
            self.calls += 1
            self.report(event)
        if why.scenario_id in self.kept:
            self.kept[why.scenario_id].append(event)
        self._watch_silence(exchange)
        return Call(exchange, reading)

    @property
    def gone(self) -> bool:
        """Whether the operator stopped answering."""
        return self._silent >= SILENT_CALLS_MAX

    def _watch_silence(self, exchange: Exchange) -> None:
        if not isinstance(exchange.reply, NoReply):
            self._silent = 0
        elif exchange.fault is None:
            self._silent += 1
            if self._silent >= SILENT_CALLS_MAX:
                self.stop(f"the operator stopped answering: {exchange.reply.detail}")
