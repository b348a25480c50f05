"""The wallet client: one call is one exchange. What to send, and what a reply means, is decided elsewhere."""

from __future__ import annotations

import copy
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import Self

from simulator.core.calls import FaultSpec
from simulator.core.webhooks import Exchange, NoReply, NoReplyKind, Reply, WebhookRequest, WireRequest
from simulator.errors import EndpointUnreachable
from simulator.wire.connection import CallFailed, Route, WebhookAdapter, WebhookCall, WebhookSession
from simulator.wire.faults import fault_of
from simulator.wire.http import Head, HttpReply, Manner, Message, Whole, head_of
from simulator.wire.target import Target

_HEADS_MAX = 256

_WHOLE = Whole()


class CallInterrupted(KeyboardInterrupt):
    """Ctrl-C came while calls were under way; `exchanges` are those calls, none of them lost."""

    def __init__(self, exchanges: tuple[Exchange, ...]) -> None:
        super().__init__()
        self.exchanges = exchanges


class _Lane:
    """A session of its own with its one connection; one thread at a time has it."""

    __slots__ = ("adapter", "session")

    def __init__(self, route: Route) -> None:
        self.adapter = WebhookAdapter(route)
        self.session = WebhookSession(self.adapter)


class Sender:
    """Calls one target, from any number of threads at once; each call has a session to itself.

    Sessions that are free are used again, the latest first, so that calls in a row share one connection
    and a hundred threads have a hundred. Nothing is ever sent twice. `call` never raises for what the
    operator or the network does: that is in the exchange.
    """

    def __init__(self, target: Target) -> None:
        """ConfigurationError for a certificate file that cannot be used; UsageError for a bad header."""
        self.target = target
        self._url = target.url
        self._route = Route.to(target)
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...]], Head] = {}
        # Appending to a deque and adding to a set are atomic: a signal handler may come at any point.
        self._idle: deque[_Lane] = deque()
        self._busy: set[_Lane] = set()
        self._closed = False
        # Set once a kept-alive connection was closed as a call went out: one call is lost so, not one in ten.
        self._one_call_each = threading.Event()
        head_of(target, WireRequest(b""))

    def call(self, request: WebhookRequest | None, wire: WireRequest) -> Exchange:
        """Send it once and wait for the answer, at most `timeout_s`.

        Raises CallInterrupted on Ctrl-C, UsageError for headers that no request can carry.
        """
        return self.carry(request, wire, _WHOLE)

    def carry(
        self, request: WebhookRequest | None, wire: WireRequest, manner: Manner, fault: str | None = None
    ) -> Exchange:
        """`call` in another manner; `fault` is how the exchange names it."""
        message = Message(self._head(wire), wire.body)
        lane = self._take()
        adapter = lane.adapter
        try:
            reply = _answer(lane, WebhookCall(self._url, message, manner))
            answered_ns = adapter.answered_ns if isinstance(reply, Reply) else None
            if isinstance(reply, NoReply) and reply.kind is NoReplyKind.STALE:
                self._one_call_each.set()
            return Exchange(request, wire, reply, adapter.sent_ns, answered_ns, fault)
        except KeyboardInterrupt as interrupt:
            adapter.close()
            lost = Exchange(request, wire, adapter.abandoned(), adapter.sent_ns, None, fault)
            raise CallInterrupted((lost,)) from interrupt
        finally:
            self._give_back(lane)

    def disturb(
        self, request: WebhookRequest | None, wire: WireRequest, fault: FaultSpec
    ) -> tuple[Exchange, ...]:
        """`call` under a fault: the exchanges it makes (`duplicate` makes two), in the order they were sent.

        Raises as `call` does.
        """
        manner, name = fault_of(fault), fault.kind.value
        self._head(wire)
        if manner.before_s:
            time.sleep(manner.before_s)
        others: list[Exchange] = []
        own: tuple[Exchange, ...] = ()
        copies = [
            threading.Thread(target=lambda: others.append(self.carry(request, wire, manner, name)))
            for _ in range(manner.copies - 1)
        ]
        for each in copies:
            each.start()
        try:
            own = (self.carry(request, wire, manner, name),)
            for each in copies:
                each.join()
        except KeyboardInterrupt as interrupt:
            self.cancel()
            for each in copies:
                each.join()
            own = interrupt.exchanges if isinstance(interrupt, CallInterrupted) else own
            raise CallInterrupted((*own, *others)) from interrupt
        return tuple(sorted((*own, *others), key=lambda exchange: exchange.sent_ns))

    def reach(self) -> NoReply | None:
        """Open a connection, or see that a free one still stands; why not, or None when it does."""
        lane = self._take()
        try:
            lane.adapter.connect()
        except CallFailed as failed:
            return failed.no_reply
        finally:
            self._give_back(lane)
        return None

    def apart(self) -> Sender:
        """One to the same target with connections of its own; `cancel` of either ends the calls of both."""
        own = copy.copy(self)
        own._idle = deque()
        return own

    def warm_up(self, connections: int = 1) -> int:
        """Open connections ahead, so that calls released together do not wait for handshakes.

        Returns how many stand ready; fewer than asked when the operator takes no more.
        """
        lanes = [self._take() for _ in range(connections)]
        ready = 0
        try:
            for lane in lanes:
                lane.adapter.connect()
                ready += 1
        except CallFailed:
            pass
        finally:
            for lane in lanes:
                self._give_back(lane)
        return ready

    def cool_down(self) -> None:
        """Close the connections that are free now; a wallet that serves one at a time waits for each."""
        while self._idle:
            try:
                self._idle.pop().adapter.close()
            except IndexError:
                return

    def cancel(self) -> None:
        """End all calls under way: they return at once as unknown. Safe in a signal handler."""
        for lane in self._busy.copy():
            lane.adapter.cancel()

    def close(self) -> None:
        """Close the connections that are free now, and the others as their calls end."""
        self._closed = True
        self.cool_down()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _head(self, wire: WireRequest) -> Head:
        key = (wire.http_method, wire.content_type, wire.headers)
        head = self._heads.get(key)
        if head is None:
            head = head_of(self.target, wire)
            if len(self._heads) < _HEADS_MAX:
                self._heads[key] = head
        return head

    def _take(self) -> _Lane:
        try:
            lane = self._idle.pop()
        except IndexError:
            lane = _Lane(self._route)
        self._busy.add(lane)
        return lane

    def _give_back(self, lane: _Lane) -> None:
        self._busy.discard(lane)
        if self._closed or (self._one_call_each.is_set() and lane.adapter.used):
            lane.adapter.close()
        if not self._closed:
            self._idle.append(lane)


def _answer(lane: _Lane, call: WebhookCall) -> Reply | NoReply:
    try:
        response = lane.session.send(call, allow_redirects=False, proxies={})
    except CallFailed as failed:
        return failed.no_reply
    raw = response.raw
    assert isinstance(raw, HttpReply)
    return Reply(response.status_code, raw.fields, response.content)


# --- wait -----------------------------------------------------------------------------------------
# Waiting until an endpoint answers: for operators that start at the same time as we do.

# A GET is no webhook, so it moves nothing; that it is answered at all is what counts.
KNOCK = WireRequest(b"", content_type="", http_method="GET")

ONE_KNOCK_S = 2.0

PAUSE_S = 0.1

PAUSE_MAX_S = 1.0

# What stands before an operator answers so while it starts.
NOT_YET = frozenset({502, 503, 504})


def wait_for(
    reach: Callable[[], Target], seconds: float, *, pause: Callable[[float], None] = time.sleep
) -> Target:
    """Ask again and again until the endpoint answers anything but "not yet", at most `seconds`.

    `reach` makes the target (`guard.make_target`): its name may not resolve yet either. With 0 seconds
    nothing is asked. Raises EndpointUnreachable with the last reason, and what `reach` raises besides.
    """
    if seconds <= 0:
        return reach()
    end = monotonic() + seconds
    between_s = PAUSE_S
    while True:
        try:
            target = reach()
            reason = _why_not_yet(target, end)
        except EndpointUnreachable as unreachable:
            reason = str(unreachable)
        else:
            if not reason:
                return target
            reason = f"endpoint {target.url}: {reason}"
        left = end - monotonic()
        if left <= 0:
            raise EndpointUnreachable(f"{reason}\nwaited {seconds:g} s for it")
        pause(min(between_s, left))
        between_s = min(between_s * 1.5, PAUSE_MAX_S)


def _why_not_yet(target: Target, end: float) -> str:
    bound_s = max(PAUSE_S, min(ONE_KNOCK_S, target.timeout_s, end - monotonic()))
    with Sender(replace(target, timeout_s=bound_s, connect_timeout_s=bound_s)) as sender:
        match sender.call(None, KNOCK).reply:
            case NoReply(detail=detail):
                return detail
            case Reply(status=status):
                return f"HTTP {status}" if status in NOT_YET else ""
