"""Judge one part of recorded lines: follow the players whose calls do not overlap, check all others."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from heapq import merge
from itertools import accumulate
from json.decoder import JSONDecoder
from json.scanner import make_scanner
from typing import Any, NoReturn, cast

from simulator.archive.division import Misplaced, Portion, is_usual, part_of
from simulator.core.call_lines import BadLine, read_line
from simulator.core.calls import Call, Player
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.errors import UsageError
from simulator.history.check import Consistency, HistoryVerdict, MoneyVerdict
from simulator.history.files import Histories, JudgedHistory, Places
from simulator.history.quick import InTurn, cents
from simulator.judge.recorded import as_played

_UNDECIDED = 2

_RIGHT = HistoryVerdict(Consistency.CONSISTENT, MoneyVerdict.RIGHT, 1)


@dataclass(slots=True)
class Verdicts:
    """Verdicts on histories: those that are kept, and how many there are of each rank."""

    kept: list[JudgedHistory] = field(default_factory=list)
    ranks: Counter[int] = field(default_factory=Counter)
    calls: int = 0
    shared: int = 0

    def add(self, judged: JudgedHistory, *, keep: bool) -> None:
        """Count a verdict; keep it if it says more than "right", or if all are kept."""
        self.ranks[judged.rank] += 1
        self.calls += judged.calls
        self.shared += judged.shared
        if keep or judged.rank or judged.missing:
            self.kept.append(judged)

    def update(self, others: Verdicts) -> None:
        """Add those of another part."""
        self.kept += others.kept
        self.ranks += others.ranks
        self.calls += others.calls
        self.shared += others.shared


@dataclass(slots=True)
class Followed:
    """The verdicts on one part.

    `suspects` are the players who may be wrong, with their verdicts, which `verdicts` does not hold, and with
    the codes of their transaction ids. `codes` are those of all other players, each once a player, `names`
    the players themselves. `error` is the first line that cannot be read, and what is wrong with it.
    """

    verdicts: Verdicts = field(default_factory=Verdicts)
    players: int = 0
    suspects: dict[Player, tuple[list[JudgedHistory], frozenset[int]]] = field(default_factory=dict)
    codes: array[int] = field(default_factory=lambda: array("q"))
    names: list[Player] = field(default_factory=list)
    error: tuple[int, str] | None = None


@dataclass(slots=True)
class _Player:
    rows: array[int] = field(default_factory=lambda: array("Q"))
    in_turn: InTurn | None = None
    over: list[InTurn] = field(default_factory=list)
    for_checker: bool = False
    codes: array[int] = field(default_factory=lambda: array("q"))

    def all_codes(self) -> set[int]:
        """Return the codes of all ids, also of those that were followed."""
        codes = set(self.codes)
        for each in (*self.over, *filter(None, (self.in_turn,))):
            bets, wins = each.ids()
            codes.update(map(hash, bets))
            codes.update(~hash(each) for each in wins)
        return codes


def follow(part: Portion, places: Places, *, keep: bool, is_sure: bool) -> Followed:
    """Judge the histories of a part; `is_sure`: no line can belong to another one.

    Raises Misplaced if a line does.
    """
    with _Lines(part, places) as lines:
        follower = _Follower(part, lines, places, keep, is_sure or part.of == 1)
        try:
            follower.read()
            follower.finish()
        except BadLine as error:
            follower.found.error = follower.number, str(error)
        return follower.found


class _Follower:
    def __init__(self, part: Portion, lines: _Lines, places: Places, keep: bool, is_sure: bool) -> None:
        self.found = Followed()
        self.number = 0
        self._part = part
        self._places = places
        self._keep = keep
        self._is_sure = is_sure
        self._players: dict[Player, _Player] = {}
        self._hostile: array[int] = array("Q")
        self._lines = lines

    def read(self) -> None:
        """Read all lines, and follow each player as far as that is possible."""
        scan, players, unusual = _SCAN, self._players, self._unusual
        for row, line in enumerate(self._lines):
            try:
                value, end = scan(line, 0)
                get = value.get
                user = get("player")
                player = players[get("agent") or "", user]
            except _NOT_PLAIN:
                unusual(row, line)
                continue
            if end != len(line) or get("type") != "exchange" or get("method") in _IGNORED:
                unusual(row, line)
                continue
            player.rows.append(row)
            in_turn = player.in_turn
            if in_turn is None or not in_turn.takes(value, user):
                player.for_checker = True
                code = code_of(value)
                if code is not None:
                    player.codes.append(code)

    def _unusual(self, row: int, line: str) -> None:
        """Read a line that is no call of a known player, or is written in an unusual way."""
        self.number = self._part.numbers[row]
        value = _parsed(line)
        if value is not None and value.get("type") == "opening" and self._opens(row, value):
            return
        call = read_line(line, self._places.of(self.number))
        if call is None:
            return
        if isinstance(call, Call) and call.form.request is None:
            if not self._is_sure and is_usual(line):
                raise Misplaced
            self._hostile.append(row)
            return
        user = call.form.request.player if isinstance(call, Call) and call.form.request else call.player
        agent = (call.why.agent if isinstance(call, Call) else call.agent) or ""
        player = self._player(agent, user or "")
        player.for_checker = True
        player.rows.append(row)
        if isinstance(call, Call) and call.request.transaction_id is not None:
            player.codes.append(_code(call.request.method.value, call.request.transaction_id))

    def _opens(self, row: int, value: Mapping[str, object]) -> bool:
        user, agent = value.get("player"), value.get("agent")
        balance = cents(value.get("balance"))
        if type(user) is not str or not user or not (agent is None or type(agent) is str) or balance is None:
            return False
        player = self._player(agent or "", user)
        player.rows.append(row)
        if player.in_turn is not None and player.in_turn.calls:
            player.over.append(player.in_turn)
        player.in_turn = InTurn(balance, self.number)
        return True

    def _player(self, agent: str, user: str) -> _Player:
        player = self._players.get((agent, user))
        if player is None:
            if not self._is_sure and part_of(user, self._part.of) != self._part.place:
                raise Misplaced
            player = self._players[agent, user] = _Player()
        return player

    def finish(self) -> None:
        """Count what was followed to its end, and have the rest checked."""
        found, rows = self.found, [self._hostile]
        found.names = list(self._players)
        for name, player in self._players.items():
            if player.for_checker:
                rows.append(player.rows)
            else:
                self._count(name, player)
        found.players += sum(not each.for_checker for each in self._players.values())
        checked = self._checked(merge(*rows))
        for name, player in self._players.items():
            codes = player.all_codes()
            if name in checked:
                verdicts = checked.pop(name)
                if any(map(is_suspect, verdicts)):
                    found.suspects[name] = verdicts, frozenset(codes)
                    continue
                for each in verdicts:
                    found.verdicts.add(each, keep=self._keep)
            found.codes.extend(codes)

    def _checked(self, rows: Iterable[int]) -> dict[Player, list[JudgedHistory]]:
        histories = Histories(self._places)
        checked: dict[Player, list[JudgedHistory]] = {}
        for judged in histories.judge_numbered(self._numbered(rows)):
            checked.setdefault((judged.agent, judged.player), []).append(as_played(judged))
        self.found.players += histories.players
        return checked

    def _numbered(self, rows: Iterable[int]) -> Iterator[tuple[int, str]]:
        for row in rows:
            self.number = self._part.numbers[row]
            yield self.number, self._lines[row]

    def _count(self, name: Player, player: _Player) -> None:
        """Count the histories of a player who was followed to the end: all are right."""
        histories = [each for each in (*player.over, player.in_turn) if each is not None and each.calls]
        if not self._keep:
            self.found.verdicts.ranks[0] += len(histories)
            self.found.verdicts.calls += sum(each.calls for each in histories)
            return
        agent, user = name
        for each in histories:
            place, opening = self._places.of(each.number), Money(each.opening)
            judged = JudgedHistory(
                *(user, place, each.calls, _RIGHT, opening, ()),
                agent=agent,
                phase=each.phase,
                number=each.number,
            )
            self.found.verdicts.add(judged, keep=True)


def lines_of(
    part: Portion, places: Places, wanted: Collection[Player], codes: frozenset[int]
) -> list[tuple[int, str]]:
    """Return the lines of the players in question and of all who used ids with these codes, in order.

    Bytes that are no webhook are among them: they concern every player.
    """
    with _Lines(part, places) as lines:
        rows: dict[Player | None, list[int]] = {}
        users: set[Player | None] = {None, *wanted}
        for row, line in enumerate(lines):
            value = _parsed(line)
            if value is None or value.get("type") not in ("opening", "exchange"):
                continue
            user, method = value.get("player"), value.get("method")
            is_hostile = method is None and value.get("type") == "exchange"
            player = None if is_hostile else (str(value.get("agent") or ""), str(user))
            rows.setdefault(player, []).append(row)
            if player not in users and code_of(value) in codes:
                users.add(player)
        chosen = sorted(row for player in users for row in rows.get(player, ()))
        return [(part.numbers[row], lines[row]) for row in chosen]


def is_suspect(judged: JudgedHistory) -> bool:
    """Return whether other players' calls may change or explain the verdict."""
    return judged.rank >= _UNDECIDED and judged.verdict.doubt is None


def code_of(value: Mapping[str, object]) -> int | None:
    """Return a number for what makes two players' calls the same call; None for a call without an id."""
    id_, method = value.get("transaction_id"), value.get("method")
    return _code(method, id_) if isinstance(id_, str) else None


def _code(method: object, id_: str) -> int:
    return ~hash(id_) if method == "transaction_win" else hash(id_)


class _Lines:
    """The lines of a part as text, one at a time: the part is long, and nearly every line is read once."""

    def __init__(self, part: Portion, places: Places) -> None:
        self._numbers = part.numbers
        self._places = places
        self._stream = part.opened()
        self._starts = array("Q", accumulate(map(len, self._stream), initial=0))

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[str]:
        self._stream.seek(0)
        for row, line in enumerate(self._stream):
            yield self._decoded(row, line)

    def __getitem__(self, row: int) -> str:
        self._stream.seek(self._starts[row])
        return self._decoded(row, self._stream.readline())

    def _decoded(self, row: int, line: bytes) -> str:
        """Return a line without its end. Raises UsageError for bytes that are no text."""
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            place, found = self._places.of(self._numbers[row]), line[error.start]
            raise UsageError(f"{place}: expected UTF-8 text, found byte {found:#x}") from None
        return text[: -2 if text.endswith("\r\n") else -1]


def _refuse(_text: str) -> NoReturn:
    raise ValueError


_SCAN: Callable[[str, int], tuple[Any, int]] = make_scanner(
    cast(Any, JSONDecoder(parse_float=Decimal, parse_constant=_refuse))
)
"""Reads numbers exactly. Of a key that stands twice the last value counts, as in `core.json`."""

_IGNORED = (None, Method.DETAILS.value)

_NOT_PLAIN = (
    StopIteration, ValueError, AttributeError, TypeError, KeyError, RecursionError, InvalidOperation,
)  # fmt: skip
"""What comes of a line that is no JSON object, has no usual player, or is of a player without an opening."""


def _parsed(line: str) -> Mapping[str, object] | None:
    try:
        value, end = _SCAN(line, 0)
    except _NOT_PLAIN:
        return None
    return value if isinstance(value, dict) and not line[end:].strip() else None
