"""Trouble on demand: what a developer asked to go wrong in a session's next calls. Sending is elsewhere."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from simulator.core.frozen import Frozen
from simulator.core.scenario import FaultKind, FaultSpec
from simulator.core.webhooks import Method
from simulator.errors import UsageError

SESSIONS_MAX = 10_000
SLOW_MS_MAX = 60_000


class Armed(Frozen):
    """What will go wrong: `next_fault` once, `slow_ms` before each call, `refund_first` in the next round.

    `next_method` None: the fault hits whatever goes out next.
    """

    next_fault: FaultKind | None = None
    next_method: Method | None = None
    slow_ms: int = 0
    refund_first: bool = False


_NOTHING = Armed()


class Trouble:
    """What is armed, a session each; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: OrderedDict[str, Armed] = OrderedDict()

    def armed(self, session: str) -> Armed:
        """What will go wrong in this session."""
        return self._armed.get(session, _NOTHING)

    def disturb_next(
        self, session: str, kind: FaultKind = FaultKind.LOST_REPLY, method: Method | None = None
    ) -> None:
        """Disturb the session's next bet, win or refund, or the next one of that method."""
        self._change(session, replace(self.armed(session), next_fault=kind, next_method=method))

    def slow_down(self, session: str, slow_ms: int) -> None:
        """Wait that long before each call of the session; 0 ends it. UsageError beyond a minute."""
        if not 0 <= slow_ms <= SLOW_MS_MAX:
            raise UsageError(f"slow_ms: {slow_ms} is not between 0 and {SLOW_MS_MAX} milliseconds")
        self._change(session, replace(self.armed(session), slow_ms=slow_ms))

    def refund_first(self, session: str) -> None:
        """Send the refund of the next bet before the bet itself."""
        self._change(session, replace(self.armed(session), refund_first=True))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._armed.clear()

    def take_fault(self, session: str, method: Method) -> FaultSpec | None:
        """The fault of the call that goes out now; what was armed for one call is spent."""
        armed = self.armed(session)
        if armed.next_fault is not None and armed.next_method in (None, method):
            self._change(session, replace(armed, next_fault=None, next_method=None))
            return FaultSpec(armed.next_fault)
        if armed.slow_ms:
            return FaultSpec(FaultKind.DELAY, armed.slow_ms * 1_000_000)
        return None

    def take_refund_first(self, session: str) -> bool:
        """Whether the round that begins now sends its refund first; spent by asking."""
        armed = self.armed(session)
        if armed.refund_first:
            self._change(session, replace(armed, refund_first=False))
        return armed.refund_first

    def _change(self, session: str, armed: Armed) -> None:
        with self._lock:
            self._armed.pop(session, None)
            if armed != _NOTHING:
                self._armed[session] = armed
            while len(self._armed) > SESSIONS_MAX:
                self._armed.popitem(last=False)
