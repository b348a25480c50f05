"""The transport adapter of requests: one connection, kept alive, never a second send of the same call."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from time import monotonic, monotonic_ns

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter

from simulator.core.webhooks import NoReply, NoReplyKind
from simulator.delivery.connection import Route, open_stream
from simulator.delivery.failures import CallFailed, no_reply
from simulator.delivery.http_reply import HEAD_BYTES_MAX, HttpReply
from simulator.delivery.message import Manner, Message
from simulator.delivery.stream import Stream

IDLE_NS_MAX = 1_000_000_000
"""Servers close a kept-alive connection after two seconds or five: a call must not meet that moment."""
_SEND_BROKE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class WebhookCall(PreparedRequest):
    """A prepared request that knows its bytes, and the manner in which they go out."""

    def __init__(self, url: str, message: Message, manner: Manner) -> None:
        super().__init__()
        self.method = message.head.method
        self.url = url
        self.message = message
        self.manner = manner


class WebhookAdapter(BaseAdapter):
    """Carries calls over one connection of its own; for one thread at a time.

    `answered_ns` is that of the last call that has an answer; `used` says that the connection carried one.
    """

    def __init__(self, route: Route) -> None:
        super().__init__()
        self._route = route
        self._stream: Stream | None = None
        self._line: Stream | None = None  # that of the call under way, or of the last one
        self.used = False
        self._cancelled = False
        self._started_ns = 0
        self.answered_ns = 0

    @property
    def sent_ns(self) -> int:
        """When the first byte of the last call went out: connecting is not in it. Without one, its start."""
        return (self._line.sent_ns if self._line else 0) or self._started_ns

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the signature is that of requests
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,  # noqa: ARG002
        verify: bool | str = True,  # noqa: ARG002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Response:
        """One call, one reply; CallFailed where there is no whole one. Limits are the target's own."""
        assert isinstance(request, WebhookCall)
        target = self._route.target
        deadline = monotonic() + target.timeout_s
        self._line, self._cancelled = None, False
        self._started_ns = monotonic_ns()
        self._line = line = self.connect(deadline)
        line.arm(deadline, target.max_reply_bytes + HEAD_BYTES_MAX)
        if self._cancelled:
            raise CallFailed(NoReplyKind.INJECTED, self.abandoned().detail)
        reused, self.used = self.used, True
        try:
            reply, body = self._converse(line, request)
        except Exception as error:
            self.close()
            if self._cancelled:
                why = self.abandoned()
            else:
                why = no_reply(error, target, received=line.received, reused=reused, ended=line.ended)
            raise CallFailed(why.kind, why.detail) from error
        self.answered_ns = monotonic_ns()
        if reply.will_close or line.surplus or not request.manner.keeps_alive:
            self.close()
        return _response(request, reply, body)

    def _converse(self, line: Stream, request: WebhookCall) -> tuple[HttpReply, bytes]:
        broke = False
        try:
            request.manner.carry(line, request.message)
        except _SEND_BROKE:
            # The operator may have answered before it read everything (413, say): that is its answer.
            broke = True
        reply = HttpReply(line, request.message.head.method)
        reply.begin()
        body = reply.whole_body(self._route.target.max_reply_bytes)
        if broke:
            reply.will_close = True
        return reply, body

    def connect(self, deadline: float | None = None) -> Stream:
        """The connection, opened where there is none that can still carry a call; raises CallFailed."""
        if self._stream is not None:
            long_idle = self.used and monotonic_ns() - self.answered_ns > IDLE_NS_MAX
            if self._stream.idle() and not long_idle:
                return self._stream
            self.close()
        target = self._route.target
        soon = monotonic() + target.connect_timeout_s
        self._stream = open_stream(self._route, soon if deadline is None else min(deadline, soon))
        self.used = False
        return self._stream

    def abandoned(self) -> NoReply:
        """What became of a call that an interrupt tore out of `send`."""
        sent = self._line is not None and self._line.sent_ns
        when = "the whole answer had come" if sent else "anything was sent"
        return NoReply(NoReplyKind.INJECTED, f"the run was interrupted before {when}")

    def cancel(self) -> None:
        """End the call under way, from another thread or a signal handler; without one, no harm is done."""
        self._cancelled = True
        stream = self._stream
        if stream is not None:
            stream.interrupt()

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.shut()


class WebhookSession(Session):
    """A session that follows nothing and reads no environment."""

    def __init__(self, adapter: WebhookAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self._adapter = adapter

    def get_adapter(self, url: str | bytes) -> WebhookAdapter:  # noqa: ARG002 - the signature is that of requests
        """The one there is, whatever the scheme."""
        return self._adapter

    def resolve_redirects(self, *_: object, **__: object) -> Iterator[Response]:
        """None: requests would look at the Location of each reply, and fail on a bad one."""
        return iter(())


# What a response begins with: nobody looks into its jar of cookies, and one more for each call costs time.
_BLANK = vars(Response())


def _response(request: WebhookCall, reply: HttpReply, body: bytes) -> Response:
    response = Response.__new__(Response)
    vars(response).update(
        _BLANK,
        status_code=reply.status,
        reason=reply.reason,
        url=request.url or "",
        request=request,
        # The headers stay in it, in order and spelling: the mapping of requests would keep neither.
        raw=reply,
        # The body is read whole, under deadline and bound; requests must not stream from the socket again.
        _content=body,
        _content_consumed=True,
    )
    return response
