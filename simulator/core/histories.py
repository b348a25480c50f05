"""Histories of many players from one stream of lines: segments, ids that players share, and a verdict each.

A player's segment goes from one opening line to the next. It is judged as soon as it is whole, so that memory
holds no more than what is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simulator.core.consistency import Consistency, HistoryVerdict, check_history
from simulator.core.findings import Outcome
from simulator.core.history import Operation
from simulator.core.history_lines import BadLine, Begun, read_line
from simulator.core.money import Money
from simulator.core.webhooks import Method


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one segment: where it began, how many calls it has.

    `shared` counts the calls whose id another player used as well: a wallet may ignore those.
    """

    player: str
    place: str
    calls: int
    verdict: HistoryVerdict
    shared: int = 0

    @property
    def rank(self) -> int:
        """0 is fine; then the warning of tier 2, what could not be decided, and the error of tier 3."""
        verdict = self.verdict
        if verdict.verdict is Consistency.CONSISTENT:
            return 0
        return {2: 1, None: 2, 3: 3}[verdict.tier]


@dataclass(slots=True)
class _Segment:
    opening: Money
    place: str
    operations: list[Operation] = field(default_factory=list)


class Histories:
    """Takes in lines and gives out verdicts. `players` counts those that were opened."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._segments: dict[str, _Segment] = {}
        self._users: dict[tuple[Method, str], dict[str, int]] = {}

    @property
    def players(self) -> int:
        """How many players were opened."""
        return len(self._segments)

    def judge(self, lines: Iterable[str]) -> Iterator[Judged]:
        """The segments with at least one call, as they end. Raises BadLine."""
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
            users.setdefault(operation.player, operation.sent_ns)

    def _end(self, player: str) -> Iterator[Judged]:
        segment = self._segments.get(player)
        if segment is None or not segment.operations:
            return
        operations = segment.operations
        foreign = {each.index for each in operations if self._is_foreign(each)}
        verdict = check_history(segment.opening, operations, foreign=foreign)
        segment.operations = []
        yield Judged(player, segment.place, len(operations), verdict, len(foreign))

    def _is_foreign(self, operation: Operation) -> bool:
        """Whether another player's call with that id was sent before this one was over."""
        if operation.transaction_id is None or not operation.method.moves_money:
            return False
        users = self._users.get(_key(operation), {})
        return any(sent <= operation.ends_ns for player, sent in users.items() if player != operation.player)


def _key(operation: Operation) -> tuple[Method, str]:
    """What makes two calls of different players the same to a wallet: a refund stands for its bet."""
    method = Method.WIN if operation.method is Method.WIN else Method.BET
    return method, str(operation.transaction_id)
