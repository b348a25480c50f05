"""The five webhooks as values: the request, the reply, and the exchange of both with its times.

`judge` reads a reply; `wire` writes a request as bytes.
"""

from __future__ import annotations

import re
from enum import StrEnum

from simulator.core.money import Money
from simulator.core.secrets import Headers, mask_fields, mask_headers, mask_url
from simulator.core.values import Frozen, derived


class Method(StrEnum):
    """The value of the `method` field (reference, webhooks)."""

    DETAILS = "account_details"
    BALANCE = "user_balance"
    BET = "transaction_bet"
    WIN = "transaction_win"
    REFUND = "refund"

    noun: str
    """The method's name in a sentence."""
    moves_money: bool
    """Whether an accepted call may change a balance."""

    def __init__(self, value: str) -> None:
        nouns = {"account_details": "account details", "user_balance": "balance read"}
        self.noun = nouns.get(value, value.removeprefix("transaction_"))
        self.moves_money = value not in nouns


class WebhookRequest(Frozen):
    """One webhook call, independent of the wire profile that writes it.

    `amount`, `transaction_id` and `game_id` are None if the method has no such field, or if a step leaves the
    field out on purpose.
    """

    method: Method
    player: str
    amount: Money | None = None
    transaction_id: str | None = None
    game_id: str | None = None


class IdKind(StrEnum):
    """What a transaction id is written with."""

    TEXT = "text"
    DIGITS = "digits"
    UUID = "uuid"


IDS_LENGTH_MIN = 12
"""Shorter ids would soon meet one of an earlier run."""

IDS_LENGTH_MAX = 64

_DIGITS_LENGTH = 18
"""The most digits that every 64-bit integer holds."""


class IdFormat(Frozen):
    """The form of the transaction ids that a wallet takes; `length` None is as long as they come."""

    kind: IdKind = IdKind.TEXT
    length: int | None = None

    def __str__(self) -> str:
        return self.kind.value if self.length is None else f"{self.kind.value}:{self.length}"

    def admits(self, text: str) -> bool:
        """Return whether an id has the form."""
        match self.kind:
            case IdKind.TEXT:
                return self.length is None or len(text) <= self.length
            case IdKind.DIGITS:
                return re.fullmatch(r"[0-9]+", text) is not None and len(text) <= self._digits
            case IdKind.UUID:
                return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None

    def written(self, text: str) -> str:
        """Return an id in the form: the text itself if it fits, otherwise always the same one for it."""
        if self.admits(text):
            return text
        # Most wallets take any text, and need none of these.
        from hashlib import sha256

        digest = sha256(text.encode()).hexdigest()
        match self.kind:
            case IdKind.TEXT:
                return digest[: self.length]
            case IdKind.DIGITS:
                # The first digit is no zero, which a column of numbers would drop.
                least = 10 ** (self._digits - 1)
                return str(least + int(digest, 16) % (9 * least))
            case IdKind.UUID:
                # Version 4, since some wallets check for it.
                variant = "89ab"[int(digest[16], 16) % 4]
                return (
                    f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
                )

    @property
    def _digits(self) -> int:
        return self.length or _DIGITS_LENGTH


class WireRequest(Frozen):
    """The bytes of one call; a repeat sends exactly the same ones."""

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
        """Return the first header with that name, compared without case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def is_of_gateway(self) -> bool:
        """Return whether a proxy answered, because it cannot reach the wallet behind it."""
        return self.status in _GATEWAY


_GATEWAY = frozenset({502, 503, 504, *range(520, 531)})
"""Statuses of a proxy that cannot reach the wallet behind it; those from 520 on are Cloudflare's."""

COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate"})
"""The content codings of an answer that are undone; its headers still name them."""


class NoReplyKind(StrEnum):
    """Why a call has no answer.

    CUT: an answer began and broke off. HEAD, OVERSIZED: it is larger than the simulator reads. CODING: its
    body is compressed in a way that cannot be undone. GARBAGE: it is not HTTP. SCHEME: one side speaks TLS
    and the other does not. STALE: a kept-alive connection was closed just as the next request went out,
    before a byte of an answer. Servers do that to idle connections: the outcome is unknown, and neither
    side is to blame. INJECTED: the simulator cut the call short itself, by a fault or because the run was
    interrupted. UNKNOWN: the record of the call does not say why.
    """

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    SCHEME = "scheme"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"
    STALE = "stale"
    CUT = "cut"
    HEAD = "head"
    OVERSIZED = "oversized"
    CODING = "coding"
    GARBAGE = "garbage"
    INJECTED = "injected"
    UNKNOWN = "unknown"

    @property
    def nothing_sent(self) -> bool:
        """Return whether the wallet provably never got the request."""
        return self in _NOTHING_SENT


_NOTHING_SENT = frozenset({NoReplyKind.RESOLVE, NoReplyKind.CONNECT, NoReplyKind.TLS, NoReplyKind.SCHEME})


class NoReply(Frozen):
    """A missing answer. `detail` is a sentence for the user.

    `answered`: something came back all the same, but cannot be used as an answer.
    """

    kind: NoReplyKind
    detail: str
    answered: bool = False


class Exchange(Frozen):
    """One call and its answer, or its absence.

    `request` is None for bytes that do not read as one of the five webhooks. `sent_ns` is taken before
    the first byte, `answered_ns` after the last one, both from one monotonic clock; `answered_ns` is None
    when there is no whole answer. `fault` names the fault that the simulator injected.
    """

    request: WebhookRequest | None
    wire: WireRequest
    reply: Reply | NoReply
    sent_ns: int
    answered_ns: int | None
    fault: str | None = None
    latency_ns: int | None = derived(
        lambda its: None if its.answered_ns is None else its.answered_ns - its.sent_ns
    )
    """The nanoseconds from the first byte sent to the last byte read, or None."""


# --- how calls are shown: as a curl line and an answer, without secrets ---------------------------

ANSWER_CHARACTERS_MAX = 300

_SAFE_WORD = re.compile(r"[\w@%+=:,./-]+", re.ASCII)

# The arguments of a program are limited (128 KiB each on Linux), those of a shell builtin are not.
_ARGUMENT_BYTES_MAX = 65_536


def curl_line(endpoint: str, wire: WireRequest, headers: Headers = (), *, masked: bool = True) -> str:
    """Return a line that sends the same method, headers and body with curl, from any POSIX shell.

    `headers` are those that every call has; the request's own override them. If `masked`, they and what is
    secret in the endpoint are written as `***`, for the reader to fill in.
    """
    fields = merged_headers(headers, wire.headers)
    if masked:
        endpoint, fields = mask_url(endpoint), mask_headers(fields, (name for name, _ in headers))
    named = {name.lower() for name, _ in fields}
    if "content-type" not in named:
        # By default, curl declares any body to be a form.
        fields = (("Content-Type", wire.content_type), *fields)
    words = ["curl", "-s", "-X", wire.http_method, endpoint]
    if any(sign in endpoint for sign in "[]{}"):
        words.insert(2, "-g")
    for name, value in fields:
        # curl sends an empty header for "name;", and leaves out one of its own for "name:".
        empty = f"{name}:" if name == "Content-Type" else f"{name};"
        words += ["-H", f"{name}: {value}" if value else empty]
    if len(wire.body) >= 1_000_000 and "expect" not in named:
        words += ["-H", "Expect:"]
    return _with_body(" ".join(_quoted(word) for word in words), wire.body, wire.http_method)


def merged_headers(beaten: Headers, by: Headers) -> Headers:
    """Return all headers, those of `by` in place of equally named ones; names compare without case."""
    names = {name.lower() for name, _ in by}
    return (*(field for field in beaten if field[0].lower() not in names), *by)


def answer_line(exchange: Exchange) -> str:
    """Return an answer as one line of bounded length: ``HTTP 200 {"status":1,"balance":"110.00"}``.

    Fields whose names say that they are secret are `***`; known values were masked when the call was read.
    Nothing in the line can act on a screen.
    """
    reply = exchange.reply
    if isinstance(reply, NoReply):
        return f"no answer: {printable(reply.detail)}"
    # Cut as bytes first: a body can be large. The mask comes before the second cut, which may split a secret.
    text = reply.body[: 16 * ANSWER_CHARACTERS_MAX].decode("utf-8", "backslashreplace")
    text = mask_fields(text)
    text = re.sub(r"\s*[\r\n]\s*", " ", text).strip()
    shown = printable(text[:ANSWER_CHARACTERS_MAX])
    if len(text) > ANSWER_CHARACTERS_MAX:
        shown += f"… ({len(reply.body):,} bytes)"
    return f"HTTP {reply.status} {shown or '(empty)'}"


def printable(text: str) -> str:
    """Return the text with escapes for all that moves a cursor, turns text around or cannot be encoded."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


def _with_body(command: str, body: bytes, http_method: str) -> str:
    if not body:
        return command if http_method in ("GET", "HEAD") else f"{command} -d ''"
    text = _text(body)
    if text is None:
        return f"printf {_quoted(_octal(body))} | {command} --data-binary @-"
    if len(body) > _ARGUMENT_BYTES_MAX:
        return f"printf %s {_quoted(text)} | {command} --data-binary @-"
    # -d reads a file where its value begins with @.
    return f"{command} {'--data-raw' if text.startswith('@') else '-d'} {_quoted(text)}"


def _text(body: bytes) -> str | None:
    """Return the body as text if it survives a terminal and a clipboard, otherwise None."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # Line breaks would break the line, and marks that change the text direction could hide parts of it.
    return text if text.isprintable() else None


def _octal(body: bytes) -> str:
    """Return a printf format that writes these bytes, each with three digits so that no other joins them."""
    # Escape "-", because a format that begins with it would be an option.
    plain = set(range(0x20, 0x7F)) - set(b"%\\'-")
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in body)


def _quoted(word: str) -> str:
    """Return the word quoted for a POSIX shell."""
    if _SAFE_WORD.fullmatch(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"
