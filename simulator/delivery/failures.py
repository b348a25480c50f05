"""Why a call got no answer: exceptions as sentences for the user."""

from __future__ import annotations

import errno
import ssl
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected

from requests import RequestException

from simulator.core.webhooks import NoReply, NoReplyKind
from simulator.delivery.stream import ReplyTooLargeError
from simulator.delivery.target import Endpoint, Target


class CallFailed(RequestException):
    """A call that got no whole answer; adapters of requests raise RequestException."""

    def __init__(self, kind: NoReplyKind, detail: str) -> None:
        super().__init__(detail)
        self.no_reply = NoReply(kind, detail)


_CONNECT_HINTS = {
    errno.ECONNREFUSED: "nothing listens at {place} (connection refused)",
    errno.EHOSTUNREACH: "no route to {place}",
    errno.ENETUNREACH: "no network leads to {place}",
    errno.EADDRNOTAVAIL: "{place} has no address that can be connected to",
    errno.EMFILE: "too many open files here to connect to {place}; raise the limit (ulimit -n)",
    errno.ENFILE: "too many open files on this machine to connect to {place}",
    errno.EACCES: "this machine forbids connecting to {place}",
    errno.EPERM: "this machine forbids connecting to {place}",
}


def connect_sentence(error: OSError, place: str) -> str:
    """Why nothing connects to that place."""
    if isinstance(error, TimeoutError):
        return f"no connection to {place} within the time to connect; is a firewall dropping it?"
    template = _CONNECT_HINTS.get(error.errno or 0, "cannot connect to {place} ({why})")
    return template.format(place=place, why=error.strerror or error)


_CERTIFICATE_HINTS = {
    9: "is not valid yet; is the clock of one side wrong?",
    10: "has expired",
    18: "is signed by itself; give it as --cacert FILE, or pass --insecure",
    19: "comes from an authority of its own; give that as --cacert FILE, or pass --insecure",
    20: "comes from an unknown authority or lacks its chain; give --cacert FILE, or pass --insecure",
    62: "is for another name than {host}",
    64: "is not for the address {host}",
}


def tls_sentence(error: OSError, endpoint: Endpoint) -> str:
    """Why there is no TLS with that endpoint."""
    place = endpoint.place
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = _CERTIFICATE_HINTS.get(error.verify_code, f"is not accepted: {error.verify_message}")
        return f"the certificate of {place} {hint.format(host=endpoint.host)}"
    if isinstance(error, TimeoutError):
        return f"no TLS with {place} within the time to connect"
    reason = getattr(error, "reason", None) or error.strerror or "connection closed"
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"{place} does not speak TLS; is it http:// rather than https://?"
    return f"no TLS with {place}: {str(reason).replace('_', ' ').lower()}"


def no_reply(error: Exception, target: Target, *, received: int, reused: bool, ended: bool) -> NoReply:
    """Why there is no whole answer to a request of which bytes were sent.

    `received` bytes of an answer had come; `ended` says that the other side had closed; `reused` that the
    connection had carried a call before.
    """
    so_far = f"after {received} bytes of an answer" if received else "without an answer"
    match error:
        case CallFailed():
            return error.no_reply
        case TimeoutError():
            what = f"only {received} bytes of an answer" if received else "no answer"
            return NoReply(NoReplyKind.TIMEOUT, f"{what} within {target.timeout_s:g} s")
        case ReplyTooLargeError():
            return NoReply(NoReplyKind.OVERSIZED, f"the reply is larger than {target.max_reply_bytes} bytes")
        case ConnectionError() | ssl.SSLEOFError() if reused and not received:
            return NoReply(NoReplyKind.STALE, "a kept-alive connection was closed just as the call went out")
        case RemoteDisconnected() | ssl.SSLEOFError():
            return NoReply(NoReplyKind.CLOSED, f"the operator closed the connection {so_far}")
        case ConnectionError():
            return NoReply(NoReplyKind.RESET, f"the operator reset the connection {so_far}")
        case IncompleteRead() if ended:
            return NoReply(
                NoReplyKind.CLOSED, f"the operator closed the connection {so_far}; the body is incomplete"
            )
        case BadStatusLine():
            return NoReply(NoReplyKind.GARBAGE, _not_http(str(error.args[0])))
        case HTTPException():
            what = "broken chunks" if isinstance(error, IncompleteRead) else str(error)
            return NoReply(NoReplyKind.GARBAGE, f"the reply is not HTTP that can be read: {what}")
        case OSError():
            why = getattr(error, "reason", None) or error.strerror or error
            return NoReply(NoReplyKind.RESET, f"the connection broke {so_far}: {why}")
        case _:
            raise error


def _not_http(line: str) -> str:
    if line.startswith(("\x15\x03", "\x16\x03")):
        return "the answer is TLS, not HTTP; is it https:// rather than http://?"
    return f"the answer does not begin like HTTP: {line.rstrip()[:60]!r}"
