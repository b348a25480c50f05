"""Histories of many players from one stream of lines: segments, ids that players share, and a verdict each.

A player's segment goes from one opening line to the next. It is judged as soon as it is whole, so that memory
holds no more than what is under way.

Where players share ids, a right wallet may take the second player's call for a repeat of the first's, or
apply it for each player; but it does the one or the other. So who shares ids is judged as one whose calls all
count, unless only the other reading explains them, and nothing in the whole file shows that they count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from simulator.core.consistency import Consistency, HistoryVerdict, check_history
from simulator.core.findings import Outcome
from simulator.core.history import FOREVER, Operation
from simulator.core.history_lines import BadLine, Begun, read_line
from simulator.core.money import Money
from simulator.core.roles import CallForm
from simulator.core.webhooks import Method

_NOTHING_EXPLAINS = 3
_UNDECIDED = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one segment: where it began, how many calls it has.

    `shared` counts the calls that were allowed to be ignored, because another player used their ids as well.
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
        self._open: list[tuple[Judged, Judged]] = []

    @property
    def players(self) -> int:
        """How many players were opened."""
        return len(self._segments)

    def judge(self, lines: Iterable[str]) -> Iterator[Judged]:
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

    def _end(self, player: str) -> Iterator[Judged]:
        segment = self._segments.get(player)
        if segment is None or not segment.operations:
            return
        operations, segment.operations = segment.operations, []
        shared = {each.index for each in operations if self._is_shared(each)}
        judged = Judged(player, segment.place, len(operations), check_history(segment.opening, operations))
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
