"""Write steps as the text of a scenario file, which `reader` reads back as the same steps.

Steps with claims are not written here: what a machine makes up or records expects nothing of the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from simulator.core import json as exact_json
from simulator.core import steps
from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.json import JsonValue
from simulator.core.money import format_money, written
from simulator.core.steps import MAIN_PLAYER, PlayerSpec, Step, all_steps

Fields = list[tuple[str, str]]
"""The keys of a step with their values as YAML."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_READ_AS_OTHER = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def scenario_text(
    name: str, played: Iterable[Step], players: Mapping[str, PlayerSpec], comment: Iterable[str] = ()
) -> str:
    """Return a scenario file with these steps; each line of the comment stands above it.

    Only steps that others name keep their id.
    """
    played = tuple(played)
    named = {step.of for step in all_steps(played) if isinstance(step, steps.Resend | steps.Refund)}
    lines = [*(f"# {line}".rstrip() for line in comment), f"name: {quoted(name)}"]
    main = players.get(MAIN_PLAYER, PlayerSpec())
    if main != PlayerSpec():
        lines.append(f"player: {_player(main)}")
    others = {each: spec for each, spec in players.items() if each != MAIN_PLAYER}
    if others:
        lines.append("players:")
        lines += [f"  {each}: {_player(spec)}" for each, spec in others.items()]
    lines.append("steps:")
    lines += [f"  {line}" for step in played for line in _lines(_unlabelled(step, named))]
    return "\n".join(lines) + "\n"


def _unlabelled(step: Step, named: set[str | None]) -> Step:
    match step:
        case steps.Repeat() | steps.Parallel():
            return replace(step, steps=tuple(_unlabelled(inner, named) for inner in step.steps))
        case steps.Bet() | steps.Win() | steps.Refund() if step.label not in named:
            return replace(step, label="@")
        case _:
            return step


def quoted(text: str) -> str:
    """Return text as a YAML scalar, in quotes unless it is one plain word."""
    if _PLAIN.fullmatch(text) and text.lower() not in _READ_AS_OTHER:
        return text
    return in_quotes(text)


def in_quotes(text: str) -> str:
    """Return text as a YAML scalar in quotes: double ones, unless it holds such."""
    if '"' in text and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"


def _player(spec: PlayerSpec) -> str:
    if not spec.exists:
        return "{exists: false}"
    blocked = [("blocked", "true")] if spec.blocked else []
    return _braces([("balance", format_money(spec.balance)), *blocked])


def _lines(step: Step) -> Iterator[str]:
    """Yield the lines of one step, the first with its dash."""
    match step:
        case steps.Parallel() | steps.Repeat():
            yield f"- {type(step).__name__.lower()}:"
            if step.times != 1 or isinstance(step, steps.Repeat):
                yield f"    times: {step.times}"
            if (
                isinstance(step, steps.Parallel)
                and step.in_flight != steps.Parallel(place=step.place, steps=()).in_flight
            ):
                yield f"    in_flight: {step.in_flight}"
            yield "    steps:"
            for inner in step.steps:
                yield from (f"      {line}" for line in _lines(inner))
        case steps.Restart():
            yield "- restart"
        case steps.Wait():
            yield f"- wait: {step.duration_ns // 1_000_000}ms"
        case _:
            fields = list(_fields(step))
            word = type(step).__name__.lower()
            yield f"- {word}: {_value(word, fields)}" if fields else f"- {word}"


_SHORT = {"bet": "amount", "win": "amount", "refund": "of", "resend": "step", "balance": "is"}
"""The key of a step that may be left out if it has no other."""


def _value(word: str, fields: Fields) -> str:
    if len(fields) == 1 and fields[0][0] == _SHORT.get(word):
        return fields[0][1]
    return _braces(fields)


def _braces(fields: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields) + "}"


def _fields(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the fields of a step that is written on one line."""
    match step:
        case steps.Bet() | steps.Win():
            yield "amount", written(step.amount)
            yield from _label(step.label)
            yield from _named("game", step.game)
        case steps.Refund():
            yield from _named("of", step.of)
            yield from _named("transaction_id", step.transaction_id)
            if step.amount is not None:
                yield "amount", written(step.amount)
            yield from _label(step.label)
        case steps.Resend():
            yield "step", step.of or "last"
            if step.times != 1:
                yield "times", str(step.times)
            if step.amount is not None:
                yield "amount", written(step.amount)
        case steps.Balance(is_=amount) if amount is not None:
            yield "is", format_money(amount)
        case steps.Round() | steps.Play():
            yield from _round(step)
        case steps.Send():
            yield from _send(step)
    yield from _named("player", getattr(step, "player", None))
    if isinstance(step, steps.Bet | steps.Win | steps.Refund | steps.Resend) and step.fault is not None:
        yield "fault", _fault(step.fault)
    if isinstance(step, steps.Bet | steps.Win | steps.Refund):
        if step.raw:
            yield "raw", _braces((key, _json(value)) for key, value in step.raw.items())
        if step.omit:
            yield "omit", f"[{', '.join(sorted(step.omit))}]"


def _round(step: steps.Round | steps.Play) -> Iterator[tuple[str, str]]:
    if isinstance(step, steps.Round):
        yield "bet", written(step.bet)
        if step.win is not None:
            yield "win", written(step.win)
        if step.spins != 1:
            yield "spins", str(step.spins)
    else:
        yield "rounds", str(step.rounds)
        yield "stake", written(step.stake)
        yield "volatility", step.volatility
        if step.seed is not None:
            yield "seed", str(step.seed)
    yield from _named("game", step.game)


def _send(step: steps.Send) -> Iterator[tuple[str, str]]:
    yield "body", quoted(step.body.decode("utf-8"))
    if step.content_type != "application/json":
        yield "content_type", quoted(step.content_type)
    if step.http_method != "POST":
        yield "method", step.http_method
    if step.headers:
        yield "headers", _braces((name, quoted(value)) for name, value in step.headers)


def _named(key: str, value: str | None) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield key, quoted(value)


def _label(label: str) -> Iterator[tuple[str, str]]:
    # The reader gives a step without an id a label with a "@", which no author can write.
    if "@" not in label:
        yield "id", label


def _fault(fault: FaultSpec) -> str:
    if fault.kind is FaultKind.DELAY:
        return f"{{delay: {fault.delay_ns // 1_000_000}ms}}"
    return fault.kind.value


def _json(value: JsonValue) -> str:
    return in_quotes(value) if isinstance(value, str) else exact_json.write(value)
