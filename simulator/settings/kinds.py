"""Kinds of values: how a setting's text is read, whichever flag, variable or file it comes from.

Pure. Each reader raises ValueError; one that is `Unfit` says the reason itself, any other means that the text
is not of the kind at all, and the kind's `expects` is the message.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simulator.core.calls import FaultKind
from simulator.core.mappings import Keys, Wrong
from simulator.core.money import Money, format_money, parse_written
from simulator.core.values import Frozen, fields_given
from simulator.core.webhooks import IDS_LENGTH_MAX, IDS_LENGTH_MIN, IdFormat, IdKind
from simulator.core.words import did_you_mean


class Probe(StrEnum):
    """When the runner reads a balance of its own accord (scenario format, steps)."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Color(StrEnum):
    """Whether the terminal report is coloured; auto asks the terminal, TERM and NO_COLOR."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class LadderName(StrEnum):
    """When an unanswered win or refund is sent again; `delivery.ladders` has the waits."""

    PATIENT = "patient"
    HAMMER = "hammer"
    NONE = "none"
    CI = "ci"


class ReportKind(StrEnum):
    """The reports that `--report` writes."""

    JUNIT = "junit"
    JUNIT_FULL = "junit-full"
    JSON = "json"
    NDJSON = "ndjson"
    HTML = "html"
    MARKDOWN = "markdown"
    GITLAB = "gitlab"
    GITHUB = "github"


class Shard(Frozen):
    """One of `count` parts of the selected scenarios; `number` counts from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        """Return it as it is written: ``1/4``."""
        return f"{self.number}/{self.count}"

    def holds(self, scenario_id: str) -> bool:
        """Return whether a scenario is in this part, which only its id decides."""
        digest = hashlib.sha256(scenario_id.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1


class ReportTarget(Frozen):
    """A report and the file it goes to; the file "-" is standard output.

    `file` of a report for GitHub is the summary of the job, "-" if there is none. `top` is the folder from
    which GitHub and GitLab name files.
    """

    kind: ReportKind
    file: Path
    top: Path | None = None


class HttpHook(Frozen):
    """A hook that is a URL to call."""

    url: str = field(repr=False)


class CommandHook(Frozen):
    """A hook that is a command to start, split into its arguments."""

    arguments: tuple[str, ...] = field(repr=False)


Hook = HttpHook | CommandHook


_WITH_FILE = tuple(kind for kind in ReportKind if kind is not ReportKind.GITHUB)

PLAYERS_MAX = 10_000

DURATION_S_MAX = 86_400.0

# Texts, not compiled patterns: a run compiles only those that it needs.
_DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m)?"

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}

_PLAYER_RANGE = r"([0-9]{1,18})\.\.([0-9]{1,18})"

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"

_HOST = r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"

_TRUE = frozenset({"true", "yes", "on", "1"})

_FALSE = frozenset({"false", "no", "off", "0"})


class Unfit(ValueError):
    """A text that cannot be used for a reason of its own; `hint` follows what was found."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


class ValueKind(Frozen):
    """How one item of a setting is read.

    `expects` completes "expected …". `gather` makes the setting's value of all items; None means that the
    setting has one item, which is the value. `joiner` joins the name and value of a YAML mapping to an item.
    `mapped` makes the text of an item that the file writes as a mapping, from its names and values. `write`
    makes the texts of a value's items, which are read as that value again. What `names_file` may hold bytes
    that are no text, as the names of files do.
    """

    metavar: str
    expects: str
    parse: Callable[[str], Any]
    gather: Callable[[Sequence[Any]], Any] | None = None
    joiner: str | None = None
    mapped: Callable[[Iterable[tuple[str, str]]], str] | None = None
    write: Callable[[Any], Iterable[str]] = lambda value: (str(value),)
    names_file: bool = False


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _switch(text: str) -> bool:
    folded = text.casefold()
    if folded not in _TRUE | _FALSE:
        raise ValueError
    return folded in _TRUE


def _duration_s(text: str) -> float:
    match = re.fullmatch(_DURATION, text)
    if match is None:
        raise ValueError
    duration_s = float(match[1]) * _SECONDS[match[2]]
    if duration_s > DURATION_S_MAX:
        raise Unfit("expected a day at the most")
    return duration_s


def _duration_above_zero_s(text: str) -> float:
    duration_s = _duration_s(text)
    if duration_s <= 0:
        raise Unfit("expected a duration above zero")
    return duration_s


def _duration_ms(text: str) -> int:
    return max(1, round(_duration_above_zero_s(text) * 1000))


def _factor(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text) is None:
        raise ValueError
    return float(text)


def _money(text: str) -> Money:
    try:
        amount = parse_written(text)
    except ValueError as error:
        raise Unfit(str(error)) from None
    if amount <= 0:
        raise ValueError
    return amount


def _url(text: str) -> str:
    """Check only that the text looks like a URL: host and port are checked when delivery parses it."""
    if re.search(r"\s", text):
        raise ValueError
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError
    return text


def _url_without_login(text: str) -> str:
    if urlsplit(_url(text)).username is not None:
        raise Unfit("a login inside a URL would end up in reports; send it as a header instead")
    return text


def _host(text: str) -> str:
    labels = text.rstrip(".").split(".")
    if len(text) > 253 or not all(re.fullmatch(_HOST, label) for label in labels):
        raise ValueError
    return text.lower()


def _allowed_host(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    return bare.lower() if re.fullmatch(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", bare) else _host(text)


def _agent_code(text: str) -> str:
    if re.fullmatch(r"[0-9A-Za-z_.-]{1,64}", text) is None:
        raise ValueError
    return text


def _players(text: str) -> tuple[str, ...]:
    text = _text(text)
    match = re.fullmatch(_PLAYER_RANGE, text)
    if match is None:
        return (text,)
    first, last = int(match[1]), int(match[2])
    if last < first:
        raise Unfit("the range ends before it begins")
    if last - first >= PLAYERS_MAX:
        raise Unfit(f"the range has {last - first + 1} players, at most {PLAYERS_MAX} can take part")
    width = len(match[1]) if match[1].startswith("0") else 0
    return tuple(str(number).zfill(width) for number in range(first, last + 1))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or re.fullmatch(_HEADER_NAME, name) is None:
        raise ValueError
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise Unfit("a header's value can hold only Latin-1 characters") from None
    if name.lower() in {"content-length", "transfer-encoding", "host", "connection"}:
        raise Unfit(f"{name} belongs to the call itself and cannot be set")
    return name, value.strip()


def _id_format(text: str) -> IdFormat:
    word, colon, length = text.partition(":")
    if word not in set(IdKind):
        raise Unfit(f"expected {_listed(IdKind)}", did_you_mean(word, IdKind))
    kind = IdKind(word)
    if not colon:
        return IdFormat(kind)
    if kind is IdKind.UUID:
        raise Unfit("a uuid has its own length; expected uuid")
    if re.fullmatch(r"[0-9]{1,3}", length) is None or not IDS_LENGTH_MIN <= int(length) <= IDS_LENGTH_MAX:
        raise Unfit(f"expected a length from {IDS_LENGTH_MIN} to {IDS_LENGTH_MAX} after the colon")
    return IdFormat(kind, int(length))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ValueError
    return name.strip(), value.strip()


def _hook(text: str) -> Hook:
    if re.match(r"https?://", text, re.IGNORECASE):
        return HttpHook(_url(text))
    try:
        arguments = tuple(shlex.split(text))
    except ValueError:
        raise Unfit("a quote is not closed") from None
    if not arguments:
        raise ValueError
    return CommandHook(arguments)


def _report(text: str) -> ReportTarget:
    kind, colon, file = text.partition(":")
    if text == ReportKind.GITHUB:
        return ReportTarget(ReportKind.GITHUB, Path("-"))
    if not colon or not file:
        raise ValueError
    if kind == ReportKind.GITHUB:
        raise Unfit("github takes no file: it writes to the log and to the summary of the job")
    if kind not in _WITH_FILE:
        raise Unfit(f"expected {_listed(_WITH_FILE)} before the colon", did_you_mean(kind, _WITH_FILE))
    return ReportTarget(ReportKind(kind), Path(file))


def _faults(text: str) -> tuple[FaultKind, ...]:
    words = [word.strip() for word in text.split(",")]
    if words == ["all"]:
        return tuple(FaultKind)
    for word in words:
        if word not in set(FaultKind):
            raise Unfit(f"expected all, or some of {_listed(FaultKind)}", did_you_mean(word, FaultKind))
    return tuple(FaultKind(word) for word in words)


def _distinct_faults(items: Sequence[tuple[FaultKind, ...]]) -> tuple[FaultKind, ...]:
    return tuple(dict.fromkeys(fault for item in items for fault in item))


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


def _flat(items: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    players = tuple(dict.fromkeys(player for item in items for player in item))
    if len(players) > PLAYERS_MAX:
        raise Unfit(f"{len(players)} players are named, at most {PLAYERS_MAX} can take part")
    return players


def _mapping(items: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in items:
        if found.setdefault(name, value) != value:
            raise Unfit(f'"{name}" is given twice, with different values')
    return found


def many(kind: ValueKind) -> ValueKind:
    """Return the kind of a list of such items."""
    return ValueKind(kind.metavar, kind.expects, kind.parse, tuple, write=lambda items: map(str, items))


def _written_number(value: float, unit: str = "") -> tuple[str]:
    """Return a number without an exponent, which none of the kinds reads."""
    return (f"{value:.9f}".rstrip("0").rstrip(".") + unit,)


def _written_seconds(value: float) -> tuple[str]:
    return _written_number(value, "s")


def _written_hook(value: Hook) -> tuple[str]:
    return (value.url if isinstance(value, HttpHook) else shlex.join(value.arguments),)


def whole(low: int, high: int) -> ValueKind:
    """Return the kind of a whole number from `low` to `high`, both included."""

    def parse(text: str) -> int:
        if re.fullmatch(r"-?[0-9]{1,18}", text) is None or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return ValueKind("N", f"a whole number from {low} to {high}", parse)


def choice(words: type[StrEnum]) -> ValueKind:
    """Return the kind of one word of an enumeration."""

    def parse(text: str) -> StrEnum:
        if text not in set(words):
            raise Unfit(f"expected {_listed(words)}", did_you_mean(text, words))
        return words(text)

    return ValueKind("|".join(words), _listed(words), parse)


def _shard(text: str) -> Shard:
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError
    return Shard(int(found[1]), int(found[2]))


SHARD = ValueKind("K/N", "a part of a whole, such as 1/4", _shard, write=lambda shard: (str(shard),))

TEXT = ValueKind("TEXT", "some text", _text)

PROFILE = ValueKind("TEXT", "the name of a wire profile, or of a file", _text, names_file=True)

TEXTS = many(TEXT)

FILE = ValueKind("FILE", "the name of a file", lambda text: Path(_text(text)), names_file=True)

FOLDER = ValueKind("DIR", "the name of a folder", lambda text: Path(_text(text)), names_file=True)

SWITCH = ValueKind("", "true or false", _switch, write=lambda on: ("true" if on else "false",))


AUTO = 0
"""The number of jobs that stands for as many as there are players."""

JOBS_MAX = 256


def _jobs(text: str) -> int:
    if text == "auto":
        return AUTO
    if re.fullmatch(r"[0-9]{1,4}", text) is None or not 1 <= int(text) <= JOBS_MAX:
        raise ValueError
    return int(text)


JOBS = ValueKind("N|auto", f"auto or a whole number from 1 to {JOBS_MAX}", _jobs)


def _verbosity(text: str) -> int:
    if text.casefold() in _TRUE | _FALSE:
        return int(_switch(text))
    if re.fullmatch("[0-3]", text) is None:
        raise ValueError
    return int(text)


VERBOSITY = ValueKind("0..3", "a number from 0 to 3", _verbosity)

DURATION_S = ValueKind("DURATION", "a duration like 250ms, 3s or 2m", _duration_s, write=_written_seconds)

DURATION_ABOVE_ZERO_S = ValueKind(
    "DURATION", "a duration like 250ms, 3s or 2m", _duration_above_zero_s, write=_written_seconds
)

DURATION_MS = ValueKind(
    "DURATION", "a duration like 250ms, 3s or 2m", _duration_ms, write=lambda ms: (f"{ms}ms",)
)

FACTOR = ValueKind("FACTOR", "a number such as 0.1 or 1", _factor, write=_written_number)

MONEY = ValueKind(
    "AMOUNT", "an amount above zero like 10.00", _money, write=lambda amount: (format_money(amount),)
)

ENDPOINT = ValueKind("URL", "a URL like http://localhost:9000/betrontech_api", _url_without_login)

URL = ValueKind("URL", "a URL like https://simulator.example", _url)

HOST = ValueKind("ADDRESS", "a host name or an address like 127.0.0.1", _allowed_host)

AGENT_CODE = ValueKind("CODE", "letters, digits, - and _", _agent_code)

PROXY = ValueKind("URL", "a URL like http://localhost:3128", _url)

ALLOWED_HOSTS = many(ValueKind("NAME", "a host name or address, without scheme and port", _allowed_host))

PLAYERS = ValueKind(
    "ID", "a user id, or a range of them like 1000..1099", _players, _flat, write=lambda players: players
)

HEADERS = ValueKind(
    "'NAME: VALUE'",
    "a header like 'X-Api-Key: abc'",
    _header,
    tuple,
    ": ",
    write=lambda pairs: map(": ".join, pairs),
)

PAIRS = ValueKind(
    "NAME=VALUE",
    "a name and its value like late_bet=refused",
    _pair,
    _mapping,
    "=",
    write=lambda pairs: map("=".join, pairs.items()),
)

ID_FORMAT = ValueKind("KIND[:LENGTH]", f"{_listed(IdKind)}, and a length like digits:16", _id_format)

HOOK = ValueKind("URL|COMMAND", "a URL or a command line", _hook, write=_written_hook)

FAULTS = ValueKind(
    "LIST",
    f"all, or some of {_listed(FaultKind)}, with commas",
    _faults,
    _distinct_faults,
    write=lambda kinds: (",".join(kinds),),
)

REPORTS = ValueKind(
    *("KIND:FILE", f"github, or KIND:FILE, where KIND is {_listed(_WITH_FILE)}", _report, tuple, ":"),
    names_file=True,
)


def _agent_token(text: str) -> str:
    if not text or ":" in text:
        # Credentials are split at the first colon.
        raise ValueError
    return text


AGENT_TOKEN = ValueKind("TEXT", "some text without a colon", _agent_token)


class AgentSettings(Frozen, kw_only=True):
    """The account of one wallet. `webhook_url` None leaves CHARGED launches to an error.

    `zero_wins` None follows the setting for all agents.
    It is written as NAME=VALUE words on the command line, and as a mapping in the file.
    """

    code: str = field(metadata={"kind": AGENT_CODE})
    token: str = field(repr=False, metadata={"kind": AGENT_TOKEN})
    secret_key: str = field(repr=False, metadata={"kind": TEXT})
    webhook_url: str | None = field(default=None, metadata={"kind": ENDPOINT})
    wire: str = field(default="betrontech", metadata={"kind": TEXT})
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False, metadata={"kind": HEADERS})
    zero_wins: bool | None = field(default=None, metadata={"kind": SWITCH})


_PARTS: dict[str, ValueKind] = {name: each.metadata["kind"] for name, each in fields_given(AgentSettings)}

_AGENT_KEYS = Keys[str](
    "an agent", _PARTS, (name for name, each in fields_given(AgentSettings) if each.default is MISSING)
)


def _agent(text: str) -> AgentSettings:
    pairs: list[tuple[str, str]] = []
    headers: list[tuple[str, str]] = []
    for word in _words(text):
        name, equals, value = word.partition("=")
        if not equals:
            raise Unfit("an agent is written as NAME=VALUE words")
        if name == "headers":
            headers.append(_part(name, value))
        else:
            pairs.append((name, value))
    try:
        found = _AGENT_KEYS.gather(pairs)
    except Wrong as wrong:
        raise Unfit(str(wrong)) from None
    values = {name: _part(name, value) for name, (_, value) in found.items()}
    return AgentSettings(headers=tuple(headers), **values)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise Unfit("a quote is not closed") from None


def _part(name: str, value: str) -> Any:
    parse: Callable[[str], Any] = _PARTS[name].parse
    try:
        return parse(value)
    except Unfit as error:
        raise Unfit(f"{name} of an agent: {error}") from None
    except ValueError:
        raise Unfit(f"{name} of an agent: expected {_PARTS[name].expects}") from None


def _as_words(pairs: Iterable[tuple[str, str]]) -> str:
    return shlex.join(f"{name}={value}" for name, value in pairs)


AGENTS = ValueKind(
    "'NAME=VALUE …'", "an agent like 'code=acme token=t secret_key=s'", _agent, tuple, None, _as_words
)
