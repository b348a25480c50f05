"""Words of error messages: the nearest known one, a text as it is quoted, what an HTTP status hints at."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN_MAX = 20

QUOTED_MAX = 60


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one, compared without case; None where none is alike."""
    # Only mistakes need it, and a run without one should start quickly.
    from difflib import get_close_matches

    by_folded = {name.casefold(): name for name in known}
    # Unbounded input would make the comparison quadratic in it; no known word is that long.
    close = get_close_matches(word[:80].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message: `; did you mean "steps"?`, or nothing."""
    found = nearest(word, known)
    return f'; did you mean "{found}"?' if found else ""


def did_you_mean_or_valid(word: str, known: Iterable[str]) -> str:
    """The end of an error's sentence: `; did you mean "amount"?`, or `; valid: amount, id, …`."""
    words = list(known)
    near = did_you_mean(word, words)
    if near or not words or len(words) > SHOWN_MAX:
        return near
    return f"; valid: {', '.join(words)}"


def shortened(text: str) -> str:
    """Return the text as an error may quote it."""
    return text if len(text) <= QUOTED_MAX else text[: QUOTED_MAX - 3] + "..."


_HINTS = {
    401: "is a header missing? give it with --header 'Name: value'",
    403: "is a header missing, or is this address not on the operator's list?",
    404: "is the path right? the reference uses /betrontech_api",
    405: "the endpoint must take POST; is the path right?",
    407: "a proxy on the way wants a password: give it in --proxy http://user:password@host:port",
    408: "the operator gave up waiting for the call: is a proxy before it slow?",
    411: "something on the way wants a length: is it an old proxy?",
    413: "the operator takes bodies only up to a size that a webhook exceeds",
    415: "the endpoint must take application/json",
    419: "a CSRF check stands before the endpoint: exempt its path",
    421: "the operator does not serve this host name: is --endpoint's host right?",
    426: "the operator wants another protocol: is it https:// rather than http://?",
    429: "the operator limits the rate of calls: lift that for this address",
    502: "the proxy before the operator cannot reach it: does it run?",
    503: "the operator is not ready, or is taken out of service; --wait-for 30s waits for it to come up",
    504: "the proxy before the operator waits in vain for it: look into its log",
}


def status_hint(status: int) -> str:
    """Return what to check when an endpoint answers with that HTTP status; empty where there is nothing."""
    if status in _HINTS:
        return _HINTS[status]
    if 300 <= status < 400:
        return "redirects are not followed: give the final URL"
    return "the operator fails: look into its log" if status >= 500 else ""
