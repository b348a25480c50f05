"""Histories of many players from one stream of lines: segments, ids that players share, and a verdict each.

A player's segment goes from one opening line to the next. It is judged as soon as it is whole, so that memory
holds no more than what is under way.

Where players share ids, a right wallet may take the second player's call for a repeat of the first's, or
apply it for each player; but it does the one or the other. So who shares ids is judged as one whose calls all
count, unless only the other reading explains them, and nothing in the whole file shows that they count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from simulator.core import json as exact_json
from simulator.core.calls import FOREVER, CallForm, Operation
from simulator.core.findings import Outcome
from simulator.core.json import JsonValue, NotJson
from simulator.core.money import Money, parse_written
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean
from simulator.errors import UsageError
from simulator.history.check import Consistency, HistoryVerdict, check_history

_NOTHING_EXPLAINS = 3

_UNDECIDED = 2


@dataclass(frozen=True, slots=True)
class JudgedHistory:
    """The verdict on one segment: where it began, how many calls it has, and them, from `opening` on.

    `shared` counts the calls that were allowed to be ignored, because another player used their ids as well.
    `others_ids` are the ids of calls that another player had used before. `rule` is that of the situation,
    where more is known of it than its name.
    """

    player: str
    place: str
    calls: int
    verdict: HistoryVerdict
    opening: Money
    operations: tuple[Operation, ...]
    others_ids: frozenset[str] = frozenset()
    shared: int = 0
    rule: str = ""

    @property
    def rank(self) -> int:
        """0 is fine; then the warning of tier 2, what could not be decided, and the error of tier 3."""
        verdict = self.verdict
        if verdict.verdict is Consistency.CONSISTENT:
            return 0
        return {2: 1, None: _UNDECIDED, _NOTHING_EXPLAINS: 3}[verdict.tier]


@dataclass(slots=True)
class _Segment:
    opening: Money
    place: str
    operations: list[Operation] = field(default_factory=list)


@dataclass(slots=True)
class _Use:
    """When a player first sent an id, and when the first call with it was accepted; FOREVER if none was."""

    sent: int
    accepted: int


class Histories:
    """Takes in lines and gives out verdicts. `players` counts those that were opened."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._segments: dict[str, _Segment] = {}
        self._users: dict[tuple[Method, str], dict[str, _Use]] = {}
        self._counts_per_player = False
        self._open: list[tuple[JudgedHistory, JudgedHistory]] = []

    @property
    def players(self) -> int:
        """How many players were opened."""
        return len(self._segments)

    def judge(self, lines: Iterable[str]) -> Iterator[JudgedHistory]:
        """The segments with at least one call, as they end; those that ids are in doubt of, last.

        Raises BadLine.
        """
        for number, text in enumerate(lines, 1):
            place = f"{self._name}:{number}"
            match read_line(text, place, number):
                case Begun(player, balance):
                    yield from self._end(player)
                    self._segments[player] = _Segment(balance, place)
                case Operation() as operation:
                    self._add(operation, place, text)
        for player in list(self._segments):
            yield from self._end(player)
        yield from (strict if self._counts_per_player else lenient for strict, lenient in self._open)

    def _add(self, operation: Operation, place: str, text: str) -> None:
        segment = self._segments.get(operation.player)
        if segment is None:
            if '"purpose"' in text:
                # A run's own stream also holds what it sends before a scenario opens a player.
                return
            player = operation.player
            raise BadLine(f'{place}: player: expected an opening line before it, found a call of "{player}"')
        segment.operations.append(operation)
        if operation.transaction_id is not None and operation.outcome is not Outcome.REFUSED:
            users = self._users.setdefault(_key(operation), {})
            use = users.setdefault(operation.player, _Use(operation.sent_ns, FOREVER))
            if operation.outcome is Outcome.ACCEPTED:
                use.accepted = min(use.accepted, operation.ends_ns)

    def _end(self, player: str) -> Iterator[JudgedHistory]:
        segment = self._segments.get(player)
        if segment is None or not segment.operations:
            return
        operations, segment.operations = segment.operations, []
        shared = {each.index for each in operations if self._is_shared(each)}
        judged = JudgedHistory(
            player,
            segment.place,
            len(operations),
            check_history(segment.opening, operations),
            segment.opening,
            tuple(operations),
            frozenset(each.transaction_id or "" for each in operations if self._is_second(each)),
        )
        if not shared or self._counts_per_player:
            yield judged
        elif judged.rank < _UNDECIDED:
            self._counts_per_player = self._is_proof(segment.opening, operations, shared)
            yield judged
        else:
            verdict = check_history(segment.opening, operations, foreign=shared)
            lenient = replace(judged, verdict=verdict, shared=len(shared))
            if lenient.rank < judged.rank:
                self._open.append((judged, lenient))
            else:
                yield judged

    def _is_proof(self, opening: Money, operations: list[Operation], shared: set[int]) -> bool:
        """Whether calls that came second for sure must have counted: ignored, they leave no explanation."""
        ignored = [
            replace(each, form=CallForm.MALFORMED) if each.index in shared and self._is_second(each) else each
            for each in operations
        ]
        if ignored == operations:
            return False
        verdict = check_history(opening, ignored, foreign=shared)
        return verdict.tier == _NOTHING_EXPLAINS

    def _is_shared(self, operation: Operation) -> bool:
        """Whether another player's call with that id was sent before this one was over."""
        return any(use.sent <= operation.ends_ns for use in self._others(operation))

    def _is_second(self, operation: Operation) -> bool:
        """Whether another player's call with that id was accepted before this one was sent."""
        return any(use.accepted < operation.sent_ns for use in self._others(operation))

    def _others(self, operation: Operation) -> Iterator[_Use]:
        if operation.transaction_id is not None and operation.method.moves_money:
            users = self._users.get(_key(operation), {})
            yield from (use for player, use in users.items() if player != operation.player)


def _key(operation: Operation) -> tuple[Method, str]:
    """What makes two calls of different players the same to a wallet: a refund stands for its bet."""
    method = Method.WIN if operation.method is Method.WIN else Method.BET
    return method, str(operation.transaction_id)


# --- history_lines --------------------------------------------------------------------------------
# Histories as lines of JSON: what a run's event stream holds, and what anybody can write about their
# wallet.
# A line becomes a `Begun` (a player and the opening balance), an `Operation`, or None for what a judge
# has no use for. Files and segments are `histories`'s.

DIGITS_MAX = 30
"""More digits than any amount or clock has; Python refuses to read some thousands."""

_SHOWN_MAX = 60

_INTEGER = re.compile(r"-?\d+", re.ASCII)


class BadLine(UsageError):
    """A line says something that cannot be; the message holds place, value and expectation."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A history of this player begins at that balance."""

    player: str
    balance: Money


def read_line(text: str, place: str, index: int) -> Begun | Operation | None:
    """Read one line; `place` is ``file:line``, `index` becomes that of the operation.

    Unknown types and keys mean nothing here. Raises BadLine.
    """
    if not text.strip():
        return None
    try:
        value = exact_json.parse(text).value
    except NotJson as error:
        raise BadLine(f"{place}: expected a JSON object, found {_short(text.strip())} ({error})") from None
    if not isinstance(value, Mapping):
        raise BadLine(f"{place}: expected a JSON object, found {_short(text.strip())}")
    line = _Line(value, place)
    match value.get("type"):
        case "opening":
            return Begun(line.player(), line.needed_money("balance"))
        case "exchange":
            return line.operation(index)
        case _:
            return None


class _Line:
    """One object, read key by key."""

    def __init__(self, value: Mapping[str, JsonValue], place: str) -> None:
        self._value = value
        self._place = place

    def operation(self, index: int) -> Operation | None:
        """The attempt; None for one that is no webhook, or that asks for no balance and moves none."""
        method = self._word("method", [each.value for each in Method], optional=True)
        if method is None or method == Method.DETAILS:
            return None
        sent = self._moment("sent_ns")
        if sent is None:
            raise self._bad("sent_ns", "a whole number of nanoseconds")
        answered = self._moment("answered_ns")
        if answered is not None and answered < sent:
            raise self._bad("answered_ns", f"nothing earlier than sent_ns ({sent})")
        form = self._word("form", [each.value for each in CallForm], optional=True)
        if form is None and Method(method).moves_money:
            self._need_whole_call(Method(method))
        return Operation(
            index=index,
            player=self.player(),
            method=Method(method),
            transaction_id=self._text("transaction_id"),
            amount=self._money("amount"),
            game_id=self._text("game_id"),
            sent_ns=sent,
            answered_ns=answered,
            outcome=Outcome(self._word("outcome", [each.value for each in Outcome]) or Outcome.UNKNOWN),
            balance=self._money("balance"),
            form=CallForm(form) if form else CallForm.CANONICAL,
            label=self._text("label") or "",
        )

    def _need_whole_call(self, method: Method) -> None:
        """A call without its amount would be judged as one that may not move money. Raises BadLine."""
        if self._text("transaction_id") is None:
            raise self._bad("transaction_id", f'the id of the {method.noun}, or "form":"malformed" beside it')
        if self._money("amount") is None and method is not Method.REFUND:
            raise self._bad("amount", f'the amount of the {method.noun}, or "form":"malformed" beside it')

    def player(self) -> str:
        found = self._value.get("player")
        if not isinstance(found, str) or not found:
            raise self._bad("player", "a text")
        return found

    def needed_money(self, key: str) -> Money:
        found = self._money(key)
        if found is None:
            raise self._bad(key, 'an amount like "100.00"')
        return found

    def _money(self, key: str) -> Money | None:
        found = self._value.get(key)
        if found is None:
            return None
        text = format(found, "f") if isinstance(found, Decimal) and abs(found.adjusted()) < 99 else found
        if not isinstance(text, str) or len(text) > DIGITS_MAX:
            raise self._bad(key, f'an amount like "100.00" of at most {DIGITS_MAX} characters, or null')
        try:
            return parse_written(text)
        except ValueError as error:
            raise self._bad(key, 'an amount like "100.00", or null', str(error)) from None

    def _moment(self, key: str) -> int | None:
        found = self._value.get(key)
        if found is None:
            return None
        text = str(found) if isinstance(found, Decimal) else ""
        if _INTEGER.fullmatch(text) is None or len(text) > DIGITS_MAX:
            raise self._bad(key, f"a whole number of nanoseconds of at most {DIGITS_MAX} digits")
        return int(text)

    def _text(self, key: str) -> str | None:
        found = self._value.get(key)
        if found is not None and not isinstance(found, str):
            raise self._bad(key, "a text, or null")
        return found

    def _word(self, key: str, known: Collection[str], *, optional: bool = False) -> str | None:
        found = self._value.get(key)
        if found is None and optional:
            return None
        if not isinstance(found, str) or found not in known:
            hint = did_you_mean(found, known) if isinstance(found, str) else ""
            raise self._bad(key, "one of " + ", ".join(known), hint.lstrip("; "))
        return found

    def _bad(self, key: str, expected: str, more: str = "") -> BadLine:
        found = exact_json.write(self._value[key]) if key in self._value else "nothing"
        tail = f"; {more}" if more else ""
        return BadLine(f"{self._place}: {key}: expected {expected}, found {_short(found)}{tail}")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
