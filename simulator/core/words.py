"""Words of error messages: the nearest known one, a text as it is quoted, what an HTTP status hints at."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.core.webhooks import NoReplyKind

SHOWN_MAX = 20

QUOTED_MAX = 60


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like this one, compared without case, or None."""
    # Imported here because only mistakes need it.
    from difflib import get_close_matches

    by_folded = {name.casefold(): name for name in known}
    # The comparison is quadratic in the length; no known word is as long as the limit.
    close = get_close_matches(word[:80].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of an error message: `; did you mean "steps"?`, or nothing."""
    found = nearest(word, known)
    return f'; did you mean "{found}"?' if found else ""


def did_you_mean_or_valid(word: str, known: Iterable[str]) -> str:
    """Return the end of an error message: `; did you mean "amount"?`, or `; valid: amount, id, …`."""
    words = list(known)
    near = did_you_mean(word, words)
    if near or not words or len(words) > SHOWN_MAX:
        return near
    return f"; valid: {', '.join(words)}"


def shortened(text: str) -> str:
    """Return the text as an error may quote it."""
    return text if len(text) <= QUOTED_MAX else text[: QUOTED_MAX - 3] + "..."


_HINTS = {
    401: "is a header missing? add it with --header 'Name: value'",
    403: "is a header missing, or does your wallet only accept a list of addresses?",
    404: "is the path right? the reference uses /betrontech_api",
    405: "the endpoint must accept POST; is the path right?",
    407: "a proxy on the way needs a password: add it to --proxy http://user:password@host:port",
    408: "your wallet did not get the whole request in time; is a proxy before it slow?",
    411: "a server on the way requires a Content-Length; is it an old proxy?",
    413: "your wallet's limit on the size of a body is too small for webhooks",
    415: "the endpoint must accept application/json",
    419: "a CSRF check protects the endpoint; exempt its path",
    421: "the server does not serve this host name; is the host in --endpoint right?",
    426: "the server requires another protocol; is it https:// rather than http://?",
    429: "your wallet limits the rate of calls; lift the limit for this address",
    502: "the proxy before your wallet cannot reach it; is your wallet running?",
    503: "your wallet is not ready or out of service; --wait-for 30s waits for it to start",
    504: "the proxy before your wallet got no answer from it; your wallet's log should say why",
}


_REFUSALS = frozenset({400, 401, 402, 403, 404, 409, 410, 412, 418, 422, 423, 424, 451})
"""Statuses with which a wallet may refuse a single call, as for an unknown player or too small a balance."""


def call_hint(status: int) -> str:
    """Return what to check when a single call is answered with that status; empty for an own refusal."""
    return "" if status in _REFUSALS else status_hint(status)


def status_hint(status: int) -> str:
    """Return what to check when an endpoint answers with that HTTP status; empty where there is nothing."""
    if status in _HINTS:
        return _HINTS[status]
    if 300 <= status < 400:
        return "redirects are not followed: give the final URL"
    return "your wallet answered with a server error; its own log should say why" if status >= 500 else ""


NOT_CONNECTED = (
    "is your wallet running on that port, and does it listen on that address "
    "(in a container it must listen on 0.0.0.0)?"
)

_SILENCES = {
    NoReplyKind.CONNECT: NOT_CONNECTED,
    NoReplyKind.TIMEOUT: "your wallet is stuck or slow; --timeout 30s waits longer",
    NoReplyKind.CLOSED: "your wallet may have crashed on the call; its log should say why",
    NoReplyKind.RESET: "your wallet may have crashed on the call; its log should say why",
    NoReplyKind.CUT: "your wallet may have crashed while it answered; its log should say why",
    NoReplyKind.GARBAGE: "what listens there does not speak HTTP/1.1: is it the right port?",
    NoReplyKind.OVERSIZED: "a wallet's answer is short: is it the right path?",
}


def silence_hint(kind: NoReplyKind) -> str:
    """Return what to check when a call got no answer; empty where there is nothing to say."""
    return _SILENCES.get(kind, "")
