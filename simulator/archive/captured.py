"""Read webhooks that other tools captured: HAR archives, and command lines of curl.

Bodies decide what is a webhook. Headers are not kept, since they may hold secrets.
"""

from __future__ import annotations

import re
import shlex
from base64 import b64decode
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from simulator.core.calls import Call, CallForm, Why
from simulator.core.json import JsonValue, NotJson
from simulator.core.json import parse as parse_json
from simulator.core.profiles import WireProfile
from simulator.core.webhooks import Exchange, NoReply, NoReplyKind, Reply, WireRequest
from simulator.errors import UsageError
from simulator.judge.replies import read_call
from simulator.wire.forms import form_of

GAMES = frozenset[str]()
"""Which games a wallet has is not known here; it only decides what may be refused."""

_NOT_KEPT = NoReply(NoReplyKind.UNKNOWN, "the record does not hold the answer")


class _Captured(NamedTuple):
    """One HTTP request with its answer; times in nanoseconds."""

    url: str
    wire: WireRequest
    reply: Reply | NoReply
    sent_ns: int
    answered_ns: int | None


def calls_of(captured: Sequence[_Captured], profile: WireProfile) -> tuple[list[Call], int]:
    """Return the webhooks among the requests, and how many others there are.

    What else was posted to the address of a webhook is a call, too, perhaps one that no wallet should take.
    """
    forms = [form_of(each.wire, profile, GAMES) for each in captured]
    urls = {
        each.url for each, form in zip(captured, forms, strict=True) if form.kind is not CallForm.MALFORMED
    }
    calls = []
    for number, (each, form) in enumerate(zip(captured, forms, strict=True), start=1):
        if each.url in urls and each.wire.http_method != "OPTIONS":
            exchange = Exchange(form.request, each.wire, each.reply, each.sent_ns, each.answered_ns)
            calls.append(read_call(exchange, form, Why(None, "", label=f"entry {number}"), profile))
    calls.sort(key=lambda call: call.exchange.sent_ns)
    return calls, len(captured) - len(calls)


# --- HAR ------------------------------------------------------------------------------------------


def read_har(text: str, name: str) -> list[_Captured] | None:
    """Return the requests of an HTTP archive, None for a text that is no archive. Raises UsageError."""
    try:
        value = parse_json(text).value
    except NotJson:
        return None
    log = value.get("log") if isinstance(value, dict) else None
    if not isinstance(log, dict):
        return None
    entries = log.get("entries")
    if not isinstance(entries, list):
        raise UsageError(
            f'{name}: an HTTP archive has its requests in "log", "entries"; there is no such list'
        )
    return [_har_entry(entry, f"{name}: entry {number}") for number, entry in enumerate(entries, start=1)]


def _har_entry(entry: JsonValue, place: str) -> _Captured:
    request = _part(entry, "request")
    method, url = _text(request, "method"), _text(request, "url")
    if not method or not url:
        raise UsageError(f'{place} has no "request" with a "method" and a "url"')
    sent_ns = _har_time(_text(entry, "startedDateTime"), place)
    took = _value(entry, "time")
    took_ns = int(took * 1_000_000) if isinstance(took, Decimal) and took.is_finite() and took > 0 else 0
    post = _part(request, "postData")
    wire = WireRequest(
        _text(post, "text").encode("utf-8", "surrogatepass"),
        _text(post, "mimeType") or "application/json",
        method.upper(),
    )
    reply = _har_reply(_part(entry, "response"))
    return _Captured(url, wire, reply, sent_ns, sent_ns + took_ns if isinstance(reply, Reply) else None)


def _har_reply(response: JsonValue) -> Reply | NoReply:
    status = _value(response, "status")
    if not isinstance(status, Decimal) or not 100 <= status <= 599:
        # Browsers write 0 for a call without an answer.
        return _NOT_KEPT
    content = _part(response, "content")
    body = _text(content, "text").encode("utf-8", "surrogatepass")
    if _text(content, "encoding") == "base64":
        try:
            body = b64decode(body)
        except ValueError:
            body = b""
    return Reply(int(status), (("Content-Type", _text(content, "mimeType")),), body)


def _har_time(text: str, place: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = (
            f'{place}: startedDateTime must be a time like "2026-01-31T12:00:00.000Z", found "{text[:60]}"'
        )
        raise UsageError(message) from None
    return round(at.timestamp() * 1_000_000) * 1_000


def _value(value: JsonValue, key: str) -> JsonValue:
    return value.get(key) if isinstance(value, dict) else None


def _part(value: JsonValue, key: str) -> JsonValue:
    return _value(value, key)


def _text(value: JsonValue, key: str) -> str:
    found = _value(value, key)
    return found if isinstance(found, str) else ""


# --- curl -----------------------------------------------------------------------------------------

_CURL = re.compile(r"(?m)(^|[\s|;&(])curl(\.exe)?\s")

_ANSI_QUOTED = re.compile(r"(?<![\w'\"])\$'((?:[^'\\]|\\.)*)'")

_DATA = frozenset({"-d", "--data", "--data-ascii", "--data-raw", "--data-binary", "--json"})

_TOLD = frozenset({"-X", "--request", "-H", "--header", "--url"})

_WITH_VALUE = frozenset(
    {"-A", "-b", "-c", "-e", "-F", "-K", "-m", "-o", "-u", "-w", "-x", "-E", "-T", "--user", "--output"}
    | {"--user-agent", "--cookie", "--proxy", "--max-time", "--connect-timeout", "--retry", "--write-out"}
    | {"--cacert", "--cert", "--key", "--resolve", "--referer"}
)
"""Flags whose next word is their value, and says nothing of the body."""


def is_curl(text: str) -> bool:
    """Return whether a text has command lines of curl."""
    return _CURL.search(text) is not None


def read_curl(text: str, name: str) -> list[_Captured]:
    """Return the requests of curl's command lines, as browsers and reports copy them. Raises UsageError."""
    joined = re.sub(r"[\\^`]\r?\n", " ", text)
    captured: list[_Captured] = []
    for number, line in _commands(joined):
        place = f"{name}:{number}"
        try:
            words = shlex.split(_ANSI_QUOTED.sub(_unescaped, line), comments=True)
        except ValueError as error:
            raise UsageError(f"{place}: this line cannot be read as a shell reads it: {error}") from None
        captured.append(_curl_request(words, place, len(captured)))
    return captured


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield each command with the number of its line; a quoted text may go on over several lines."""
    waiting, begun = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not waiting and (not line.strip() or line.lstrip().startswith("#") or not is_curl(line + " ")):
            continue
        begun = begun or number
        waiting += ("\n" if waiting else "") + line
        if _is_closed(waiting):
            yield begun, waiting
            waiting, begun = "", 0
    if waiting:
        yield begun, waiting


def _is_closed(line: str) -> bool:
    try:
        shlex.split(_ANSI_QUOTED.sub(_unescaped, line), comments=True)
    except ValueError:
        return False
    return True


def _unescaped(found: re.Match[str]) -> str:
    """Return what bash reads in $'…' as a word in plain quotes."""
    text = found[1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    return shlex.quote(text)


def _curl_request(words: list[str], place: str, number: int) -> _Captured:
    start = next(index for index, word in enumerate(words) if _is_curl_word(word))
    options = _Options(words[start + 1 :])
    body = "&".join(options.bodies)
    if body.startswith("@"):
        piped = _piped(words[:start])
        if body != "@-" or piped is None:
            raise UsageError(f"{place}: the body is in another file ({body}); write it into the line")
        body = piped
    method = options.method or ("POST" if options.bodies else "GET")
    wire = WireRequest(
        body.encode("utf-8", "surrogateescape"), options.content_type or "application/json", method
    )
    # A command line has no times: the calls were made one after the other.
    return _Captured(options.url, wire, _NOT_KEPT, 2 * number, 2 * number + 1)


class _Options:
    """What the words after `curl` say of its request."""

    def __init__(self, words: Sequence[str]) -> None:
        self.url = self.method = self.content_type = ""
        self.bodies: list[str] = []
        waiting = iter(words)
        for word in waiting:
            if word in ("|", ";", "&&", "||"):
                return
            flag, value = _flag_and_value(word)
            if flag and value is None and (flag in _DATA or flag in _TOLD or flag in _WITH_VALUE):
                value = next(waiting, "")
            self._take(flag, value or "")

    def _take(self, flag: str, value: str) -> None:
        if flag in _DATA:
            self.bodies.append(value)
        elif flag in ("-X", "--request"):
            self.method = value
        elif flag in ("-H", "--header"):
            name, _, content_type = value.partition(":")
            if name.strip().lower() == "content-type":
                self.content_type = content_type.strip()
        elif flag in ("", "--url"):
            self.url = self.url or value


def _flag_and_value(word: str) -> tuple[str, str | None]:
    """Return the flag of a word, and the value within the same word, if there is one."""
    if not word.startswith("-"):
        return "", word
    if word.startswith("--"):
        flag, sign, value = word.partition("=")
        return flag, value if sign else None
    if word[:2] in ("-d", "-X", "-H") and len(word) > 2:
        return word[:2], word[2:]
    return word, None


def _is_curl_word(word: str) -> bool:
    return word in ("curl", "curl.exe") or word.endswith("/curl")


def _piped(words: list[str]) -> str | None:
    """Return what the printf before a curl writes into it."""
    if words[:1] != ["printf"] or words[-1:] != ["|"]:
        return None
    if words[1] == "%s":
        return "".join(words[2:-1])
    octal = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), words[1])
    return octal.encode("latin-1").decode("utf-8", "surrogateescape")
