"""Play sessions: a user's steps become calls, each sent once, recorded, and counted.

Runs in the engine's processes only. The sender is the one that runs use; gevent's patched sockets make it
cooperative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from time import monotonic, monotonic_ns

import gevent
from gevent.event import Event

from simulator.core.calls import Call, CallForm, FaultKind, FaultSpec, Form, UnsentCall, Why
from simulator.core.findings import Outcome
from simulator.core.money import parse_written
from simulator.core.profiles import WireProfile
from simulator.core.secrets import Secrets
from simulator.core.steps import (
    Balance,
    Bet,
    Details,
    Parallel,
    Play,
    Refund,
    Repeat,
    Resend,
    Round,
    Send,
    Step,
    Wait,
    Win,
)
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, WebhookRequest
from simulator.errors import SimulatorError
from simulator.judge.replies import read_call
from simulator.law.book import Ledger, Terms
from simulator.load.plan import RESEND, Chances, LoadPlan, MixedSession
from simulator.load.record import Recorder
from simulator.scenario.limits import Limits
from simulator.scenario.script import FLOW_ATTEMPTS, CannotSend, Script, after, draws
from simulator.settings import RunSettings
from simulator.wire.sender import Sender
from simulator.wire.writing import write


class LoadEnded(Exception):
    """Raised when the load ends in the middle of a session."""


class Schedule:
    """The moments at which calls are due: the open model, in which answers do not delay the next call.

    A call that no user was free to send in time is sent late, and `late` counts it; `late_s_max` is by how
    much at the most. `calls_per_s` None is the closed model: each call is due at once.
    """

    def __init__(self, calls_per_s: float | None, ramp_s: float, ended: Event) -> None:
        self._rate = calls_per_s
        self._ramp_s = ramp_s
        self._ended = ended
        self._started = monotonic()
        self._taken = 0
        self.late = 0
        self.late_s_max = 0.0

    def start(self) -> None:
        """Begin to count the time."""
        self._started = monotonic()

    def wait(self, calls: int = 1) -> None:
        """Wait until so many more calls are due. Raises LoadEnded."""
        if self._rate is None:
            if self._ended.is_set():
                raise LoadEnded
            return
        self._taken += calls
        due = self._started + self._due_s(self._taken)
        left = due - monotonic()
        if left > 0:
            if self._ended.wait(left):
                self._taken -= calls
                raise LoadEnded
        elif self._ended.is_set():
            self._taken -= calls
            raise LoadEnded
        elif -left > LATE_S:
            self.late += calls
            self.late_s_max = max(self.late_s_max, -left)

    def _due_s(self, number: int) -> float:
        """Return when a call is due: while the rate rises, half as many are due as later."""
        assert self._rate is not None
        rising = self._rate * self._ramp_s / 2
        if number <= rising:
            return float((2 * number * self._ramp_s / self._rate) ** 0.5)
        return self._ramp_s + (number - rising) / self._rate


NOT_THERE_S = 0.2
"""How long a user waits where no connection could be made: a thousand refusals tell no more than one."""

LAST_ATTEMPTS = 2
"""How often a call without an answer is sent again after the load has ended."""

LATE_S = 0.1
"""A call that is sent this much after it was due counts as late."""

Observe = Callable[[Call], None]
"""Is told of each call that is over."""


class Desk:
    """What all users of a worker share: sender, record, schedule and disturbances."""

    def __init__(
        self,
        settings: RunSettings,
        profile: WireProfile,
        secrets: Secrets,
        sender: Sender,
        recorder: Recorder,
        schedule: Schedule,
        ended: Event,
        observe: Observe,
    ) -> None:
        self.settings = settings
        self.profile = profile
        self.limits = Limits.of(settings)
        self.schedule = schedule
        self.ended = ended
        self._secrets = secrets
        self._sender = sender
        self._recorder = recorder
        self._observe = observe

    def send(self, unsent: UnsentCall) -> Call:
        """Send one call, record it, and return what is known of it; a duplicate's best answer counts."""
        # A wallet may answer so fast that no call ever waits: the answers of other users would lie unread.
        gevent.sleep(0)
        slot = self._recorder.under_way(unsent)
        started_ns = monotonic_ns()
        try:
            if unsent.fault is None:
                exchanges: tuple[Exchange, ...] = (self._sender.call(unsent.request, unsent.wire),)
            else:
                exchanges = self._sender.disturb(unsent.request, unsent.wire, unsent.fault, gevent.sleep)
        except gevent.GreenletExit:
            cut = NoReply(NoReplyKind.INJECTED, "the load was stopped before an answer came")
            exchanges = (Exchange(unsent.request, unsent.wire, cut, started_ns, None),)
            self._record(slot, unsent, exchanges)
            raise
        calls = self._record(slot, unsent, exchanges)
        return min(calls, key=lambda call: _BEST.index(call.outcome)) if len(calls) > 1 else calls[0]

    def _record(self, slot: int, unsent: UnsentCall, exchanges: Sequence[Exchange]) -> list[Call]:
        calls = [read_call(each, unsent.form, unsent.why, self.profile, self._secrets) for each in exchanges]
        self._recorder.over(slot, calls)
        for call in calls:
            self._observe(call)
        return calls


_BEST = (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN)


class UserPlayers:
    """One user's place: its players, by their latest balances, and its number among all users."""

    def __init__(self, number: int, balances: dict[str, str]) -> None:
        self.number = number
        self.players = tuple(balances)
        self.ledger = Ledger()
        self.sessions = 0
        for player, balance in balances.items():
            self.ledger.open(player, parse_written(balance), Terms())

    def note(self, call: Call) -> None:
        """Take the balance that an answer shows, for amounts that depend on it."""
        if call.reading.balance is not None and call.player in self.ledger.books:
            self.ledger.books[call.player].worlds[0].balance = call.reading.balance


class Sessions:
    """Plays the sessions of one user, drawn by weight."""

    def __init__(self, plan: LoadPlan, mix: Sequence[MixedSession], desk: Desk, own: UserPlayers) -> None:
        self._plan = plan
        self._mix = mix
        self._weights = [session.weight for session in mix]
        self._desk = desk
        self._own = own
        self._rng = draws(plan.seed, f"user-{own.number}")
        self._chances = Chances(plan.disturbances, self._rng)
        limit = desk.settings.max_bet
        if limit is not None:
            for book in own.ledger.books.values():
                book.terms = Terms(max_bet=limit)

    def play(self) -> None:
        """Play one session. Raises LoadEnded."""
        own = self._own
        (session,) = self._rng.choices(self._mix, self._weights)
        scenario = session.scenario
        prefix = f"{self._plan.run}{own.number:x}z{own.sessions:x}"
        own.sessions += 1
        players = dict(zip(scenario.players, own.players, strict=False))
        script = Script(
            *(scenario, players, self._desk.profile, prefix),
            *(Random(self._rng.getrandbits(64)), self._desk.limits),
        )
        steps = _Steps(self._desk, own, script, self._chances)
        try:
            steps.run(scenario.steps)
            steps.run(scenario.finally_)
        except CannotSend:
            # A win of what was bet before, say, after a bet that was refused: the session ends here.
            return
        except LoadEnded:
            steps.settle_rest()
            raise

    def read_balances(self) -> None:
        """Read the balance of each player, after which nothing of this user follows."""
        for player in self._own.players:
            request, why = WebhookRequest(Method.BALANCE, player), Why(None, "end", "last read")
            wire = write(request, self._desk.profile)
            self._desk.send(UnsentCall(request, wire, Form(CallForm.CANONICAL, request), why))


class _Steps:
    """The steps of one session."""

    def __init__(self, desk: Desk, own: UserPlayers, script: Script, chances: Chances) -> None:
        self._desk = desk
        self._own = own
        self._script = script
        self._chances = chances
        self._open: dict[tuple[str, str | None], UnsentCall] = {}

    def run(self, steps: Iterable[Step]) -> None:
        """Run steps one after the other. Raises LoadEnded, CannotSend."""
        for step in steps:
            self._do(step)

    def _do(self, step: Step) -> None:
        script, ledger = self._script, self._own.ledger
        match step:
            case Bet() | Win():
                self._call_settled(script.money_step(step, ledger))
            case Refund():
                self._call_settled(script.refund_step(step, ledger))
            case Resend():
                for _ in range(step.times):
                    self._call_settled(script.resend_step(step, ledger))
            case Balance() | Details():
                self._call(script.read(step))
            case Send():
                self._call(script.send_step(step, ledger))
            case Round() | Play():
                calls = script.rounds(step, ledger)
                unsent = next(calls, None)
                while unsent is not None:
                    unsent = after(calls, self._call(unsent))
            case Parallel():
                self._together(step)
            case Repeat():
                for _ in range(step.times):
                    self.run(step.steps)
            case Wait():
                if self._desk.ended.wait(step.duration_ns / 1e9 * self._desk.settings.time_scale):
                    raise LoadEnded

    def _together(self, step: Parallel) -> None:
        planned = iter([each.call for each in self._script.together(step, self._own.ledger)])
        width = min(step.in_flight, len(step.steps) * step.times)

        failed: list[Exception] = []

        def work() -> None:
            try:
                for unsent in planned:
                    if self._desk.ended.is_set():
                        return
                    self._settle(unsent, self._call_due(unsent))
            except (SimulatorError, LoadEnded) as error:
                failed.append(error)

        self._desk.schedule.wait(len(step.steps) * step.times)
        workers = [gevent.spawn(work) for _ in range(width - 1)]
        try:
            work()
            gevent.joinall(workers, raise_error=True)
            if failed:
                raise failed[0]
        except gevent.GreenletExit:
            gevent.killall(workers)
            raise

    def _call(self, unsent: UnsentCall) -> Outcome:
        self._desk.schedule.wait()
        return self._call_due(unsent)

    def _call_settled(self, unsent: UnsentCall) -> None:
        self._settle(unsent, self._call(unsent))

    def _note_open(self, unsent: UnsentCall, outcome: Outcome) -> None:
        """Keep the first call of an id that has no answer until one with that id has."""
        assert unsent.form.request is not None
        key = unsent.form.request.player, unsent.form.request.transaction_id
        if outcome is Outcome.UNKNOWN:
            self._open.setdefault(key, unsent)
        else:
            self._open.pop(key, None)

    def settle_rest(self) -> None:
        """Settle the calls that still have no answer as the load ends: what they did would stay open."""
        for unsent in tuple(self._open.values()):
            again = self._to_settle(unsent)
            try:
                for _ in range(LAST_ATTEMPTS):
                    if self._call_due(again, is_last=True) is not Outcome.UNKNOWN:
                        break
            except LoadEnded:
                # No connection can be made any more.
                return

    def _settle(self, unsent: UnsentCall, outcome: Outcome) -> None:
        """Do as providers do after a money call without an answer: refund a bet, send others again."""
        if outcome is not Outcome.UNKNOWN or not _moves_money(unsent):
            return
        again = self._to_settle(unsent)
        for _ in range(FLOW_ATTEMPTS):
            if self._call(again) is not Outcome.UNKNOWN:
                return

    def _to_settle(self, unsent: UnsentCall) -> UnsentCall:
        request = unsent.form.request
        if request is not None and request.method is Method.BET:
            refund = WebhookRequest(Method.REFUND, request.player, request.amount, request.transaction_id)
            why = replace(unsent.why, label=f"refund of {unsent.why.label}")
            return self._script.flow_call(refund, why)
        return replace(unsent, fault=None, why=replace(unsent.why, label=f"{unsent.why.label} again"))

    def _call_due(self, unsent: UnsentCall, *, is_last: bool = False) -> Outcome:
        """Send a call that is due, perhaps disturbed; one of the `is_last` calls of a load never is."""
        request = unsent.form.request
        moves = _moves_money(unsent)
        disturbance = self._chances.draw() if moves and unsent.fault is None and not is_last else ""
        if disturbance and disturbance != RESEND:
            unsent = _disturbed(unsent, FaultKind(disturbance))
        call = self._desk.send(unsent)
        self._own.note(call)
        if moves:
            self._note_open(unsent, call.outcome)
        if call.nothing_sent and self._desk.ended.wait(NOT_THERE_S):
            raise LoadEnded
        if disturbance == RESEND:
            call = self._desk.send(
                replace(unsent, why=replace(unsent.why, label=f"{unsent.why.label} again"))
            )
        accepted = call.outcome is Outcome.ACCEPTED
        if request is not None and request.method is Method.BET and accepted:
            self._script.accepted_bet(request)
        return call.outcome


def _moves_money(unsent: UnsentCall) -> bool:
    return unsent.form.request is not None and unsent.form.request.method.moves_money


def _disturbed(unsent: UnsentCall, kind: FaultKind) -> UnsentCall:
    """Return the call with a fault; a wallet may refuse an odd delivery."""
    form = unsent.form
    if kind.is_odd_delivery and form.kind is CallForm.CANONICAL:
        form = replace(form, kind=CallForm.OPTIONAL)
    return replace(unsent, fault=FaultSpec(kind), form=form)
