"""The five webhooks as values: what is asked, what came back, and the pair with its times.

How a reply is read stands in `reading`; how a request is written as bytes stands in `wire`.
"""

from __future__ import annotations

from enum import StrEnum

from simulator.core.frozen import Frozen
from simulator.core.money import Money


class Method(StrEnum):
    """The value of the `method` field (reference, webhooks)."""

    DETAILS = "account_details"
    BALANCE = "user_balance"
    BET = "transaction_bet"
    WIN = "transaction_win"
    REFUND = "refund"

    @property
    def moves_money(self) -> bool:
        """Whether an accepted call may change a balance."""
        return self in _MONEY_METHODS

    @property
    def noun(self) -> str:
        """How the method is called in a sentence."""
        return _NOUNS[self]


_MONEY_METHODS = frozenset({Method.BET, Method.WIN, Method.REFUND})
_NOUNS = {
    Method.DETAILS: "account details",
    Method.BALANCE: "balance read",
    Method.BET: "bet",
    Method.WIN: "win",
    Method.REFUND: "refund",
}


class WebhookRequest(Frozen):
    """One webhook call as the provider means it, before a wire profile writes it.

    `amount`, `transaction_id` and `game_id` are None where the method has no such field, or where a
    step left the field out on purpose.
    """

    method: Method
    player: str
    amount: Money | None = None
    transaction_id: str | None = None
    game_id: str | None = None


class WireRequest(Frozen):
    """The bytes of one call: what is sent again is exactly this."""

    body: bytes
    content_type: str = "application/json"
    http_method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()


class Reply(Frozen):
    """A whole HTTP answer. `headers` keep their order and spelling; `body` is undecoded."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, compared without case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class NoReplyKind(StrEnum):
    """Why a call has no answer.

    STALE: a kept-alive connection was closed just as the next request went out, before a byte of an answer.
    Servers do that to idle connections: the outcome is unknown, and nobody is to blame. INJECTED: we cut the
    call short ourselves, by a fault or because the run was interrupted.
    """

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"
    STALE = "stale"
    OVERSIZED = "oversized"
    GARBAGE = "garbage"
    INJECTED = "injected"

    @property
    def nothing_sent(self) -> bool:
        """Whether the operator provably never saw a byte of the request."""
        return self in {NoReplyKind.RESOLVE, NoReplyKind.CONNECT, NoReplyKind.TLS}


class NoReply(Frozen):
    """The absence of an answer. `detail` is a sentence for the user."""

    kind: NoReplyKind
    detail: str


class Exchange(Frozen):
    """One call and its answer, or its absence.

    `request` is None for bytes that do not read as one of the five webhooks. `sent_ns` is taken before
    the first byte, `answered_ns` after the last one, both from one monotonic clock; `answered_ns` is None
    when there is no whole answer. `fault` names the disturbance that we injected.
    """

    request: WebhookRequest | None
    wire: WireRequest
    reply: Reply | NoReply
    sent_ns: int
    answered_ns: int | None
    fault: str | None = None

    @property
    def latency_ns(self) -> int | None:
        """Nanoseconds from the first byte sent to the last byte read; None without an answer."""
        return None if self.answered_ns is None else self.answered_ns - self.sent_ns
