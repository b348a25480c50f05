"""How an agent is written as one item: NAME=VALUE words on the command line, a mapping in the file. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import Any

from simulator.core.nearest import did_you_mean
from simulator.settings.kinds import AGENT_CODE, ENDPOINT, HEADERS, TEXT, Kind, Unfit
from simulator.settings.values import AgentSettings


def _agent_token(text: str) -> str:
    if not text or ":" in text:
        # Credentials are split at the first colon.
        raise ValueError
    return text


AGENT_TOKEN = Kind("TEXT", "some text without a colon", _agent_token)

_PARTS: dict[str, Kind] = {
    "code": AGENT_CODE,
    "token": AGENT_TOKEN,
    "secret_key": TEXT,
    "webhook_url": ENDPOINT,
    "wire": TEXT,
    "headers": HEADERS,
}
_NEEDED = ("code", "token", "secret_key")


def _agent(text: str) -> AgentSettings:
    found: dict[str, list[Any]] = {}
    for word in _words(text):
        name, equals, value = word.partition("=")
        if name not in _PARTS or not equals:
            hint = did_you_mean(name, _PARTS) or f"; it has {', '.join(_PARTS)}"
            raise Unfit(f'an agent has no "{name[:60]}"{hint}')
        found.setdefault(name, []).append(_part(name, value))
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise Unfit(f"an agent needs {', '.join(_NEEDED)}; {missing[0]} is missing")
    twice = [name for name, values in found.items() if len(values) > 1 and name != "headers"]
    if twice:
        raise Unfit(f"{twice[0]} stands there twice")
    headers = tuple(found.pop("headers", ()))
    return AgentSettings(headers=headers, **{name: values[0] for name, values in found.items()})


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


AGENTS = Kind(
    "'NAME=VALUE …'", "an agent like 'code=acme token=t secret_key=s'", _agent, tuple, None, _as_words
)
