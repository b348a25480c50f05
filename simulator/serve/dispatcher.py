"""Deliver unanswered wins and refunds in the background: retries on the ladder, by a few workers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from simulator.core.calls import Player
from simulator.core.findings import Outcome
from simulator.core.webhooks import WireRequest
from simulator.errors import SimulatorError
from simulator.serve.calls import CalledAgent, Deliverer, SessionCall, unsent
from simulator.serve.clock import Clock, Ladder, Pace
from simulator.serve.entries import Purpose
from simulator.serve.obligations import Obligation, Obligations, State
from simulator.serve.turns import PlayerBusy, PlayerQueues

WORKERS = 8

AGENT_WORKERS = 4
"""How many of them may call the wallet of one agent: one that hangs does not hold up the others."""

AGENT_AWAY_MS = 60_000
"""How long an obligation waits whose agent was removed, or has no webhook URL now."""

_TURN_S = 60.0

_TROUBLE_S = 1.0
"""The pause after a failure of the simulator itself, such as a full disk."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """One thread that finds what is due next, and workers that send it; a player's calls one by one."""

    def __init__(
        self,
        deliverer: Deliverer,
        is_away: Callable[[str], bool],
        obligations: Obligations,
        queues: PlayerQueues,
        clock: Clock,
        ladder: Ladder,
        find_agent: Callable[[str], CalledAgent | None],
    ) -> None:
        self._deliverer = deliverer
        self._is_away = is_away
        self._obligations = obligations
        self._queues = queues
        self._clock = clock
        self.ladder = ladder
        self._find_agent = find_agent
        self._changed = threading.Condition()
        self._busy: set[Player] = set()
        self._stopping = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="delivery")
        clock.on_advance(self.wake)

    def start(self) -> None:
        """Start delivering, beginning with the obligations from before a restart."""
        self._obligations.recover(self._clock.now_ms(), self.ladder)
        self._thread.start()

    def wake(self) -> None:
        """Look again for what is due: there is a new obligation, or the clock was moved."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """Send nothing more. Does not wait for calls in flight."""
        with self._changed:
            self._stopping = True
            self._stopped.set()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._workers.shutdown(wait=False)

    def idle(self, timeout_s: float) -> bool:
        """Wait until no call is in flight; return False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout_s)

    def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is due; return False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._busy and self._obligations.count(State.DUE) == 0, timeout_s
            )

    def _run(self) -> None:
        with self._changed:
            while not self._stopping:
                try:
                    wait_s = self._hand_out()
                except SimulatorError as error:
                    _log.error("what is owed has to wait: %s", error)
                    wait_s = _TROUBLE_S
                if wait_s is None or wait_s > 0:
                    self._changed.wait(wait_s)

    def _hand_out(self) -> float | None:
        """Give due obligations to workers; return how long to wait for the next, None until `wake`."""
        self._obligations.take_up_held(self._clock.now_ms())
        wait_s: float | None = None
        # With so many players, one of them is free or all workers are busy. For each agent, so that an
        # unreachable wallet does not hide the obligations to others.
        for owed in self._obligations.next_due(2 * WORKERS + 1):
            player = (owed.agent, owed.player)
            if len(self._busy) >= WORKERS:
                return None
            of_agent = sum(agent == owed.agent for agent, _ in self._busy)
            if player in self._busy or of_agent >= AGENT_WORKERS:
                continue
            if not self._is_due(owed):
                # The obligations are in the order of their due times, so the first is the next.
                wait_s = self._clock.wait_s(owed.due_ms) if wait_s is None else wait_s
                continue
            self._busy.add(player)
            self._workers.submit(self._send, owed, player)
        return wait_s

    def _is_due(self, owed: Obligation) -> bool:
        """Return whether to send it now: its time has come, or the pace does not wait.

        An unreachable wallet is waited for at any pace: it may be restarting, and retries that follow at once
        would use up the ladder meanwhile.
        """
        if owed.due_ms <= self._clock.now_ms():
            return True
        if self._clock.pace is Pace.REAL or self._is_away(owed.agent):
            return False
        agent = self._find_agent(owed.agent)
        return agent is not None and agent.target is not None

    def _send(self, owed: Obligation, player: Player) -> None:
        try:
            with self._queues.turn(player, _TURN_S):
                self._attempt(owed.number)
        except PlayerBusy:
            pass  # it stays due and is handed out again
        except Exception as error:
            # It is still owed: this worker pauses, and the obligation is handed out again.
            call = f"{owed.method.noun} {owed.transaction_id}"
            if isinstance(error, SimulatorError):
                _log.error("%s could not be sent: %s", call, error)
            else:
                _log.exception("%s could not be sent", call)
            self._stopped.wait(_TROUBLE_S)
        finally:
            with self._changed:
                self._busy.discard(player)
                self._changed.notify_all()

    def _attempt(self, number: int) -> None:
        # It may have been delivered by hand while it waited for its turn.
        owed = self._obligations.of(number)
        if self._stopping or owed is None or owed.state is not State.DUE or not self._is_due(owed):
            return
        agent = self._find_agent(owed.agent)
        if agent is None or agent.target is None:
            self._obligations.postpone(number, self._clock.now_ms() + AGENT_AWAY_MS)
            return
        self._deliverer.deliver(
            attempt_of(owed, agent, Purpose.ROUND), lambda outcome: self.settle(owed, outcome)
        )

    def settle(self, owed: Obligation, outcome: Outcome) -> None:
        """Record the result of an attempt: settled by any answer, else due again or given up."""
        if outcome is not Outcome.UNKNOWN:
            self._obligations.settle(owed.number)
            return
        if self._stopping:
            return  # stopping cut the call short, so it was no attempt
        attempts = owed.attempts + 1
        wait_ms = self.ladder.wait_ms(attempts)
        # The wait counts from when this attempt was due, so that moving the clock ahead passes several waits;
        # if the attempt was early, from now.
        next_ms = None if wait_ms is None else min(owed.due_ms, self._clock.now_ms()) + wait_ms
        self._obligations.attempted(owed.number, attempts, next_ms)


def attempt_of(owed: Obligation, agent: CalledAgent, purpose: Purpose) -> SessionCall:
    """Return the call that delivers an obligation, with the bytes of its first attempt."""
    wire = WireRequest(owed.body, owed.content_type, headers=agent.wire.headers)
    call = unsent(agent, owed.request, purpose, wire=wire, fresh=False)
    return SessionCall(agent=agent, session=owed.session, unsent=call, attempt=owed.attempts + 1)
