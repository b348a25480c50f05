"""Send calls to one wallet: one call makes one exchange, and nothing is ever sent twice."""

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

from requests import Response

from simulator.core.calls import FaultSpec
from simulator.core.webhooks import Exchange, NoReply, NoReplyKind, Reply, WebhookRequest, WireRequest
from simulator.errors import EndpointUnreachable
from simulator.wire.connection import (
    CallFailed,
    Route,
    WebhookAdapter,
    WebhookCall,
    WebhookSession,
    speaks_tls,
)
from simulator.wire.faults import fault_of
from simulator.wire.http import Head, HttpReply, Manner, Message, Whole, head_of
from simulator.wire.target import Target

_HEADS_MAX = 256

_WHOLE = Whole()

RETRY_AFTER_S = 1.0
"""The wait after a 429 that does not say how long."""

RETRY_AFTER_S_MAX = 60.0

HELD_S_MAX = 120.0
"""How long one run holds calls back in all; then it ends."""

BETWEEN_S_MAX = 0.1
"""Calls go out no more slowly than that after a rate limit was met."""

CALLS_TO_SPEED_UP = 200

REST_S_MAX = 5.0

_PROBE = WireRequest(b"", content_type="", http_method="GET")
"""A GET is not a webhook, so it moves nothing; any answer shows that the wallet is up."""

_PROBE_S = 2.0

_PAUSE_S = 0.1

_PAUSE_S_MAX = 1.0

_NOT_YET = frozenset({502, 503, 504})
"""The answers of a proxy while the wallet behind it starts."""


class CallInterrupted(KeyboardInterrupt):
    """Raised for Ctrl-C while calls are in flight; `exchanges` are all of those calls."""

    def __init__(self, exchanges: tuple[Exchange, ...]) -> None:
        super().__init__()
        self.exchanges = exchanges


class _Connection:
    """A session with one connection, which one thread at a time uses."""

    __slots__ = ("adapter", "session")

    def __init__(self, route: Route) -> None:
        self.adapter = WebhookAdapter(route)
        self.session = WebhookSession(self.adapter)


class Sender:
    """Sends calls to one target. It is thread-safe.

    Connections that are free are used again, the latest first, so that calls in a row share one and a
    hundred threads have a hundred. `call` never raises for what the wallet or the network does: that is in
    the exchange.
    """

    def __init__(self, target: Target) -> None:
        """Raise ConfigurationError for an unusable certificate file, UsageError for a bad header."""
        self.target = target
        self._url = target.url
        self._route = Route.to(target)
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...]], Head] = {}
        # Appending to a deque and adding to a set are atomic: a signal handler may come at any point.
        self._idle: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()
        self._closed = False
        # Set once a kept-alive connection was closed just as a call was sent, so that only one call is lost.
        self._one_call_each = threading.Event()
        head_of(target, WireRequest(b""))

    def call(self, request: WebhookRequest | None, wire: WireRequest) -> Exchange:
        """Send a call once and wait for the answer, at most `timeout_s`.

        Raises CallInterrupted on Ctrl-C, UsageError for headers that no request can carry.
        """
        return self.carry(request, wire, _WHOLE)

    def carry(
        self, request: WebhookRequest | None, wire: WireRequest, manner: Manner, fault: str | None = None
    ) -> Exchange:
        """Send a call as `call` does, in another manner; `fault` is how the exchange names it."""
        message = Message(self._head(wire), wire.body)
        connection = self._take()
        adapter = connection.adapter
        try:
            reply = self._answer(connection, WebhookCall(self._url, message, manner))
            answered_ns = adapter.answered_ns if isinstance(reply, Reply) else None
            if isinstance(reply, NoReply) and reply.kind is NoReplyKind.STALE:
                self._one_call_each.set()
            return Exchange(request, wire, reply, adapter.sent_ns, answered_ns, fault)
        except KeyboardInterrupt as interrupt:
            adapter.close()
            lost = Exchange(request, wire, adapter.abandoned(), adapter.sent_ns, None, fault)
            raise CallInterrupted((lost,)) from interrupt
        except BaseException:
            # Its answer may still come, and must not be read as that of a later call.
            adapter.close()
            raise
        finally:
            self._give_back(connection)

    def disturb(
        self,
        request: WebhookRequest | None,
        wire: WireRequest,
        fault: FaultSpec,
        pause: Callable[[float], None] = time.sleep,
    ) -> tuple[Exchange, ...]:
        """Send a call under a fault, and return its exchanges in the order in which they were sent.

        `duplicate` makes two. `pause` waits before a delayed call. Raises as `call` and `pause` do.
        """
        manner, name = fault_of(fault), fault.kind.value
        self._head(wire)
        if manner.before_s:
            pause(manner.before_s)
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
        """Open a connection, or see that a free one is still open; return why there is none, or None."""
        connection = self._take()
        try:
            connection.adapter.connect()
        except CallFailed as failed:
            return failed.no_reply
        finally:
            self._give_back(connection)
        return None

    def apart(self) -> Sender:
        """Return a sender with connections of its own; `cancel` of either ends the calls of both."""
        own = copy.copy(self)
        own._idle = deque()
        return own

    def warm_up(self, count: int = 1) -> int:
        """Open connections ahead, so that calls released together do not wait for handshakes.

        Return how many are open; fewer than asked when the wallet's server takes no more.
        """
        connections = [self._take() for _ in range(count)]
        ready = 0
        try:
            for connection in connections:
                connection.adapter.connect()
                ready += 1
        except CallFailed:
            pass
        finally:
            for connection in connections:
                self._give_back(connection)
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
        for connection in self._busy.copy():
            connection.adapter.cancel()

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

    def _answer(self, connection: _Connection, call: WebhookCall) -> Reply | NoReply:
        try:
            response = self._response(connection, call)
        except CallFailed as failed:
            return failed.no_reply
        raw = response.raw
        assert isinstance(raw, HttpReply)
        return Reply(response.status_code, raw.fields, response.content)

    def _response(self, connection: _Connection, call: WebhookCall) -> Response:
        return connection.session.send(call)

    def _head(self, wire: WireRequest) -> Head:
        key = (wire.http_method, wire.content_type, wire.headers)
        head = self._heads.get(key)
        if head is None:
            head = head_of(self.target, wire)
            if len(self._heads) < _HEADS_MAX:
                self._heads[key] = head
        return head

    def _take(self) -> _Connection:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _Connection(self._route)
        self._busy.add(connection)
        return connection

    def _give_back(self, connection: _Connection) -> None:
        self._busy.discard(connection)
        if self._closed or (self._one_call_each.is_set() and connection.adapter.used):
            connection.adapter.close()
        if not self._closed:
            self._idle.append(connection)


class RateLimit:
    """Holds the next call back after a wallet said that there are too many, and lets calls go out more slowly
    from there on. It is thread-safe.

    `times` is how often it said so, `said` its first answer, `held_s` how long calls were held back for that
    in all, `between_s` the seconds from one call to the next.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self.between_s = 0.0
        self._next = 0.0
        self._sent: deque[float] = deque(maxlen=1_000)
        self._held_max_s = HELD_S_MAX
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.times = 0
        self.said = ""
        self.held_s = 0.0

    def note(self, retry_after_s: float | None, *, alone: bool = True, said: str = "") -> None:
        """Take in an answer that `said` so, and how long to wait if it said that.

        A call that was sent `alone` shows that calls follow each other too fast, one of a burst does not.
        """
        with self._lock:
            self.times += 1
            self.said = self.said or said
            now = self._clock()
            if alone and now >= self._until:
                self._slow_down(now)
            until = now + min(RETRY_AFTER_S if retry_after_s is None else retry_after_s, RETRY_AFTER_S_MAX)
            longer_s = min(until - max(self._until, now), self._held_max_s - self.held_s)
            if longer_s > 0:
                self._until = max(self._until, now) + longer_s
                self.held_s += longer_s

    def wait(self) -> None:
        """Wait until the next call may go out: not at all where nothing was said."""
        now = self._clock()
        if not self._until:
            self._sent.append(now)
            return
        with self._lock:
            at = max(now, self._until, self._next)
            self._next = at + self.between_s
            self._sent.append(at)
            if len(self._sent) > CALLS_TO_SPEED_UP and self._sent[-CALLS_TO_SPEED_UP] > self._until:
                # Nothing was said for so many calls: a limit that is not one of the rate slows down less.
                self.between_s *= 0.999
        self._ended.wait(max(0.0, at - now))

    def rest(self, calls: int) -> None:
        """Wait until so many calls may go out at once, as far as a wallet's limit is known."""
        if self.between_s:
            self._ended.wait(min(calls * self.between_s, REST_S_MAX))

    def allow_more(self) -> None:
        """Let calls be held back for a while more, such as those that put balances back, also after `end`.

        Calls that were given up while they waited have left their turn.
        """
        with self._lock:
            self._held_max_s = max(self._held_max_s, self.held_s + RETRY_AFTER_S_MAX)
            self._next = 0.0
            self._ended.clear()

    @property
    def left_s(self) -> float:
        """Return how long the next call will be held back."""
        return max(0.0, self._until - self._clock())

    def _slow_down(self, now: float) -> None:
        """Let calls go out at four fifths of the rate at which the wallet has taken them."""
        of_last_second = sum(now - sent <= 1.0 for sent in self._sent)
        slower_s = max(1.25 / max(of_last_second, 1), 1.25 * self.between_s)
        self.between_s = min(slower_s, BETWEEN_S_MAX)

    @property
    def is_spent(self) -> bool:
        """Return whether calls were held back as long as they may be in all."""
        return self.held_s >= self._held_max_s

    def in_words(self) -> list[str]:
        """Return the note for a report's end; none where the wallet limits nothing."""
        if not self.times:
            return []
        times = "once" if self.times == 1 else f"{self.times:,} times"
        return [
            f"your wallet limited the rate of calls {times}, and the run waited {self.held_s:.0f} s for it; "
            f"lift the limit for this address; it answered {self.said}"
        ]

    def end(self) -> None:
        """End all waiting, now and later. Safe in a signal handler."""
        self._ended.set()


def wants_tls(target: Target) -> NoReply | None:
    """Return that a server takes TLS alone, if the target is plain HTTP and TLS succeeds there; else None."""
    if target.endpoint.scheme != "http":
        return None
    sender = Sender(replace(target, endpoint=replace(target.endpoint, scheme="https"), insecure=True))
    try:
        return speaks_tls(target.endpoint).no_reply if sender.reach() is None else None
    finally:
        sender.close()


class DirectSender(Sender):
    """A sender that counts its exchanges in `sent`, for loads.

    Its calls skip the session of requests: cookies and hooks, which nobody uses, take 5 % of a call.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.sent = 0

    def carry(
        self, request: WebhookRequest | None, wire: WireRequest, manner: Manner, fault: str | None = None
    ) -> Exchange:
        """Send a call as any sender does."""
        self.sent += 1
        return super().carry(request, wire, manner, fault)

    def _response(self, connection: _Connection, call: WebhookCall) -> Response:
        return connection.adapter.send(call)


def wait_for(
    reach: Callable[[], Target], seconds: float, *, pause: Callable[[float], None] = time.sleep
) -> Target:
    """Ask again and again until the endpoint answers anything but "not yet", at most `seconds`.

    `reach` makes the target (`make_target`): its name may not resolve yet either. With 0 seconds nothing is
    asked. Raises EndpointUnreachable with the last reason, and what `reach` raises besides.
    """
    if seconds <= 0:
        return reach()
    end = monotonic() + seconds
    between_s = _PAUSE_S
    while True:
        try:
            target = reach()
            reason = _why_not_yet(target, end)
        except EndpointUnreachable as unreachable:
            reason = str(unreachable)
        else:
            if not reason:
                return target
            reason = f"endpoint {target.endpoint}: {reason}"
        left = end - monotonic()
        if left <= 0:
            raise EndpointUnreachable(f"{reason}\nwaited {seconds:g} s for it")
        pause(min(between_s, left))
        between_s = min(between_s * 1.5, _PAUSE_S_MAX)


def _why_not_yet(target: Target, end: float) -> str:
    bound_s = max(_PAUSE_S, min(_PROBE_S, target.timeout_s, end - monotonic()))
    with Sender(replace(target, timeout_s=bound_s, connect_timeout_s=bound_s)) as sender:
        match sender.call(None, _PROBE).reply:
            case NoReply(detail=detail):
                return detail
            case Reply(status=status):
                return f"HTTP {status}" if status in _NOT_YET else ""
