"""Read webhooks that other tools captured: HAR archives, and command lines of curl.

Bodies decide what is a webhook. Headers are not kept, since they may hold secrets.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import quote

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

_DAY_MS = 86_400_000


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
    took_ns = int(took * 1_000_000) if isinstance(took, Decimal) and 0 < took < _DAY_MS else 0
    post = _part(request, "postData")
    wire = WireRequest(_bytes(post), _text(post, "mimeType") or "application/json", method.upper())
    reply = _har_reply(_part(entry, "response"))
    return _Captured(url, wire, reply, sent_ns, sent_ns + took_ns if isinstance(reply, Reply) else None)


def _har_reply(response: JsonValue) -> Reply | NoReply:
    status = _value(response, "status")
    if not isinstance(status, Decimal) or not 100 <= status <= 599:
        # Browsers write 0 for a call without an answer.
        return _NOT_KEPT
    content = _part(response, "content")
    return Reply(int(status), (("Content-Type", _text(content, "mimeType")),), _bytes(content))


def _bytes(content: JsonValue) -> bytes:
    """Return the bytes of a request or an answer; some tools write either in base64."""
    body = _text(content, "text").encode("utf-8", "surrogatepass")
    if _text(content, "encoding") == "base64":
        with suppress(ValueError):
            return b64decode(body)
    return body


def _har_time(text: str, place: str) -> int:
    try:
        at = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        message = (
            f'{place}: startedDateTime must be a time like "2026-01-31T12:00:00.000Z", found "{text[:60]}"'
        )
        raise UsageError(message) from None
    return round(at * 1_000_000) * 1_000


def _value(value: JsonValue, key: str) -> JsonValue:
    return value.get(key) if isinstance(value, dict) else None


def _part(value: JsonValue, key: str) -> JsonValue:
    return _value(value, key)


def _text(value: JsonValue, key: str) -> str:
    found = _value(value, key)
    return found if isinstance(found, str) else ""


# --- curl -----------------------------------------------------------------------------------------

_CURL = re.compile(r"(?m)(^|[\s|;&(`])curl(\.exe)?\s")

# Not shlex: to it the # in an address begins a comment, and it reads no $'…', which browsers write.
_WORD = re.compile(
    r"""
    (?P<between> \s+ | (?<!\S)\#[^\n]* )
    | (?P<redirection> [<>]+&? | &> )
    | (?P<operator> [()|&;`] )
    | (?P<word> (?: [^\s'"\\$()|&;<>`]+ | \\. | '[^']*' | "(?:[^"\\]|\\.)*" | \$'(?:[^'\\]|\\.)*' | \$ )+ )
    """,
    re.DOTALL | re.VERBOSE,
)

_QUOTED = re.compile(
    r"""\$'(?P<escaped>(?:[^'\\]|\\.)*)'|'(?P<plain>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<one>.)""",
    re.DOTALL,
)

_DATA = frozenset(
    {"-d", "--data", "--data-ascii", "--data-raw", "--data-binary", "--data-urlencode", "--json"}
)

_LONG_WITH_VALUE = """
    cacert capath cert cert-type ciphers config connect-timeout connect-to continue-at cookie cookie-jar
    dns-servers dump-header form form-string header interface keepalive-time key key-type limit-rate
    local-port max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer output output-dir pass
    pinnedpubkey preproxy proxy proxy-header proxy-user range rate referer request request-target resolve
    retry retry-delay retry-max-time socks5 socks5-hostname speed-limit speed-time stderr tls-max trace
    trace-ascii unix-socket upload-file url user user-agent write-out
"""

_WITH_VALUE = frozenset(
    _DATA
    | {f"-{letter}" for letter in "AbcCdDeEFHKmoPQrtTuUwxXyYz"}
    | {f"--{name}" for name in _LONG_WITH_VALUE.split()}
)
"""Flags whose next word is their value."""

_NEXT_REQUEST = ("-:", "--next")


def is_curl(text: str) -> bool:
    """Return whether a text has command lines of curl."""
    return _CURL.search(text) is not None


def read_curl(text: str, name: str) -> list[_Captured]:
    """Return the requests of curl's command lines, as browsers and reports copy them. Raises UsageError."""
    captured: list[_Captured] = []
    for number, line in _lines(text.replace("\r\n", "\n")):
        place = f"{name}:{number}"
        if _end_of_words(line) < len(line):
            raise UsageError(f"{place}: this line cannot be read as a shell reads it: a quote is not closed")
        piped: list[str] = []
        for words, operator in _commands(line):
            for options in _requests(words, piped, place):
                captured.append(_captured(options, len(captured)))
            piped = words if operator == "|" else []
    return captured


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that has curl in it, with its number; it may go on over several lines."""
    waiting, begun = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not waiting and (line.lstrip().startswith("#") or not is_curl(line + " ")):
            continue
        begun = begun or number
        waiting += ("\n" if waiting else "") + line
        whole = _joined(waiting)
        if not _goes_on(line) and _end_of_words(whole) == len(whole):
            yield begun, whole
            waiting, begun = "", 0
    if waiting:
        yield begun, _joined(waiting)


def _goes_on(line: str) -> bool:
    """Return whether a shell reads the next line, too; two backquotes are a substitution of bash."""
    return line.endswith(("\\", "^")) or (line.endswith("`") and line.count("`") % 2 == 1)


def _joined(lines: str) -> str:
    """Return a line without the marks of bash, PowerShell and cmd that it goes on below."""
    if '^"' in lines:
        # As browsers copy it for cmd: a caret before each special character, and two line ends for one.
        lines = re.sub(r"\^(.)", r"\1", lines.replace("^\n\n", "\n").replace("^\n", " "))
    return re.sub(r"[\\^`]\n", " ", lines)


def _end_of_words(line: str) -> int:
    """Return up to where a shell could read a line: before a quote that is not closed."""
    at = 0
    while found := _WORD.match(line, at):
        at = found.end()
    return at


def _commands(line: str) -> Iterator[tuple[list[str], str]]:
    """Yield the commands of a line, as a shell reads their words, each with the operator behind it."""
    words: list[str] = []
    is_file = False
    for found in _WORD.finditer(line):
        match found.lastgroup:
            case "operator":
                yield words, found[0]
                words, is_file = [], False
            case "redirection":
                # A digit before it is the number of a stream, and what follows is no word of the command.
                words, is_file = words[:-1] if words[-1:] in (["1"], ["2"]) else words, True
            case "word":
                if not is_file:
                    words.append(_QUOTED.sub(_unquoted, found[0]))
                is_file = False
    yield words, ""


def _unquoted(found: re.Match[str]) -> str:
    """Return what a shell makes of a quoted text, or of a character behind a backslash."""
    text = str(found[found.lastgroup or 0])
    match found.lastgroup:
        case "double":
            return re.sub(r'\\(["\\$`])', r"\1", text)
        case "escaped":
            return re.sub(r"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-7]{3}|[^ux0-7])", _character, text)
        case _:
            return text


def _character(found: re.Match[str]) -> str:
    """Return what bash, and Python, mean by an escape."""
    return found[0].encode("latin-1", "backslashreplace").decode("unicode_escape")


def _requests(words: list[str], piped: list[str], place: str) -> Iterator[_Options]:
    """Yield the requests of a command: none if it is another program."""
    start = next((index for index, word in enumerate(words) if _is_curl_word(word)), None)
    if start is None:
        return
    own: list[str] = []
    for word in (*words[start + 1 :], _NEXT_REQUEST[0]):
        if word in _NEXT_REQUEST:
            yield _Options(own, piped, place)
            own = []
        else:
            own.append(word)


def _captured(options: _Options, number: int) -> _Captured:
    wire = WireRequest(
        "&".join(options.bodies).encode("utf-8", "surrogateescape"),
        options.content_type or "application/json",
        options.method or ("POST" if options.bodies else "GET"),
    )
    # A command line has no times: the calls were made one after the other.
    return _Captured(options.url, wire, _NOT_KEPT, 2 * number, 2 * number + 1)


class _Options:
    """What the words after `curl` say of a request; `piped` is the command that writes to its input."""

    def __init__(self, words: Sequence[str], piped: Sequence[str], place: str) -> None:
        self.method = self.content_type = ""
        self.bodies: list[str] = []
        self._piped = piped
        self._place = place
        self._addresses: list[str] = []
        waiting = iter(words)
        for word in waiting:
            flag, value = _flag_and_value(word)
            self._take(flag, next(waiting, "") if value is None else value)

    @property
    def url(self) -> str:
        """Return the address: the value of an unknown flag may stand before it."""
        return next((each for each in self._addresses if "://" in each), next(iter(self._addresses), ""))

    def _take(self, flag: str, value: str) -> None:
        if value.startswith('{\\"'):
            # So Windows PowerShell hands quotes on to a program; no JSON begins like that.
            value = value.replace('\\"', '"')
        if flag == "--data-raw":
            self.bodies.append(value)
        elif flag in _DATA:
            self.bodies.append(self._body(flag, value))
        elif flag in ("-X", "--request"):
            self.method = value
        elif flag in ("-H", "--header"):
            name, _, content_type = value.partition(":")
            if name.strip().lower() == "content-type":
                self.content_type = content_type.strip()
        elif flag in ("", "--url"):
            self._addresses.append(value)

    def _body(self, flag: str, value: str) -> str:
        """Return the body that a flag gives. Raises UsageError for one that is elsewhere."""
        if value == "@-":
            piped = _piped(self._piped)
            if piped is None:
                raise UsageError(f"{self._place}: the body comes from standard input; write it into the line")
            return piped
        if value.startswith("@"):
            raise UsageError(f"{self._place}: the body is in another file ({value}); write it into the line")
        if flag == "--data-urlencode":
            name, equals, text = value.rpartition("=")
            return f"{name}{equals if name else ''}{quote(text, safe='')}"
        return value


def _flag_and_value(word: str) -> tuple[str, str | None]:
    """Return the flag of a word, and its value: None if that is the next word."""
    if not word.startswith("-") or word == "-":
        return "", word
    if word.startswith("--"):
        flag, sign, value = word.partition("=")
        return flag, value if sign else None if flag in _WITH_VALUE else ""
    # Short flags may stand together, and the last with its value: -sSd'…'.
    for at, letter in enumerate(word[1:], start=2):
        if f"-{letter}" in _WITH_VALUE:
            return f"-{letter}", word[at:] or None
    return word, ""


def _is_curl_word(word: str) -> bool:
    return re.split(r"[/\\]", word)[-1] in ("curl", "curl.exe")


def _piped(words: Sequence[str]) -> str | None:
    """Return what the echo or printf before a curl writes into it; None for another program."""
    match words:
        case ["echo", *written]:
            return " ".join(written[1:] if written[:1] == ["-n"] else written)
        case ["printf", "%s", *written]:
            return "".join(written)
        case ["printf", form]:
            octal = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), form)
            return octal.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
        case _:
            return None
