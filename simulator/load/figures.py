"""The figures of a load, from the lines of its records: latency and throughput over time, and errors.

Times of one worker are of one clock. Workers are laid side by side by the time of day of each, which only
moves curves: no verdict depends on it.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from simulator.core import json as exact_json
from simulator.core.values import Frozen

SECONDS_SHOWN_MAX = 120
"""A longer load is shown in so many steps of several seconds."""

_CALL = re.compile(
    rb'^\{"type":"exchange","player":(?:null|(?P<player>"(?:[^"\\]|\\.)*")),"method":(?:null|"(?P<method>[a-z_]+)")'
    rb'.*?,"sent_ns":(?P<sent>\d+),"answered_ns":(?:null|(?P<answered>\d+)),"outcome":"(?P<outcome>[a-z]+)"'
    rb'.*?,"purpose":"(?P<purpose>[a-z]*)".*?,"fault":(?:null|"(?P<fault>[a-z_]+)"),"http":(?:null|(?P<http>\d+))'
)

_KIND = re.compile(rb'"no_reply":\{"kind":"(?P<kind>[a-z]+)","detail":"(?P<detail>(?:[^"\\]|\\.)*)"')

_INJECTED = b"injected"

LAST_READ = b"end"
"""The purpose of the balance read with which a user ends."""

_SECOND_NS = 1_000_000_000

_LEAST_S = 0.1
"""A step of time that is shorter has its calls in this time: a rate over a moment is none."""


class Percentiles(Frozen):
    """Percentiles of the answers to some calls, in milliseconds; None where there was no answer."""

    answers: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Moment(Frozen):
    """One step of time: `calls` a second sent in it, `errors` a second, and how long answers took."""

    at_s: float
    calls_per_s: float
    errors_per_s: float
    latencies: Percentiles | None


class Figures(Frozen, kw_only=True):
    """All figures of one load. `by_method` is by the noun of the call.

    `clocks` holds for each player its worker, and when the load began by that worker's clock. `unread` are
    the players whose last balance read has no answer, or was not sent.
    """

    calls: int
    seconds: float
    errors: int
    refused: int
    disturbed: int
    details: int
    reasons: tuple[tuple[str, int], ...]
    latencies: Percentiles | None
    by_method: tuple[tuple[str, int, Percentiles | None], ...]
    moments: tuple[Moment, ...]
    clocks: Mapping[str, tuple[str, int]]
    unread: tuple[str, ...]

    @property
    def calls_per_s(self) -> float:
        """Return the mean throughput."""
        return self.calls / self.seconds if self.seconds else 0.0

    @property
    def error_share(self) -> float:
        """Return the share of the calls that got no usable answer."""
        return self.errors / self.calls if self.calls else 0.0


def figures_of(files: Sequence[Path]) -> Figures:
    """Return the figures of these records."""
    count = _Count()
    for file in files:
        with file.open("rb") as lines:
            count.add(file, lines)
    return count.figures()


class _Count:
    def __init__(self) -> None:
        self._by_second: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._sent: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()
        self._by_method: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._methods: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._first_ns = self._last_ns = 0
        self._played: dict[bytes | None, tuple[str, int]] = {}
        self._read: set[bytes | None] = set()
        self.refused = self.disturbed = self.details = 0

    def add(self, file: Path, lines: Iterable[bytes]) -> None:
        """Add the record of one worker."""
        offset_ns = 0
        for line in lines:
            match = _CALL.match(line)
            if match is None:
                offset_ns = _clock(line, offset_ns)
                continue
            player, method, sent, answered, outcome, purpose, fault, http = match.groups()
            at_ns = int(sent) + offset_ns
            if player not in self._played:
                self._played[player] = file.stem, offset_ns
            if purpose == LAST_READ and outcome == b"accepted":
                self._read.add(player)
            end_ns = int(answered) + offset_ns if answered else at_ns
            self._first_ns = min(self._first_ns or at_ns, at_ns)
            self._last_ns = max(self._last_ns, end_ns)
            second = at_ns // _SECOND_NS
            self._sent[second] += 1
            noun = _NOUNS.get(method, "other")
            self._methods[noun] += 1
            self.details += method == b"account_details"
            self.refused += outcome == b"refused"
            if fault is not None:
                self.disturbed += 1
            elif answered:
                self._by_second[second].append(end_ns - at_ns)
                self._by_method[noun].append(end_ns - at_ns)
            if outcome == b"unknown" and fault is None:
                self._fail(line, second, http)

    def _fail(self, line: bytes, second: int, http: bytes | None) -> None:
        if http is not None:
            reason = f"HTTP {http.decode()}, outcome unclear"
        else:
            found = _KIND.search(line)
            if found is None or found["kind"] == _INJECTED:
                return
            reason = _text(b'"' + found["detail"] + b'"')
        self._failed[second] += 1
        self._reasons[reason] += 1

    def figures(self) -> Figures:
        """Return what was counted."""
        seconds = sorted(self._sent)
        width = 1 + (seconds[-1] - seconds[0]) // SECONDS_SHOWN_MAX if seconds else 1
        every = array("q")
        for taken in self._by_second.values():
            every.extend(taken)
        return Figures(
            calls=sum(self._sent.values()),
            seconds=(self._last_ns - self._first_ns) / 1e9,
            errors=sum(self._failed.values()),
            refused=self.refused,
            disturbed=self.disturbed,
            details=self.details,
            reasons=tuple(self._reasons.most_common()),
            latencies=_latencies(every),
            by_method=tuple(
                (noun, count, _latencies(self._by_method[noun]))
                for noun, count in self._methods.most_common()
            ),
            moments=tuple(self._moments(seconds, width)),
            clocks={
                _text(player): (worker, self._first_ns - offset_ns)
                for player, (worker, offset_ns) in self._played.items()
                if player is not None
            },
            unread=tuple(_text(each) for each in self._played if each is not None and each not in self._read),
        )

    def _moments(self, seconds: Sequence[int], width: int) -> Iterable[Moment]:
        if not seconds:
            return
        for start in range(seconds[0], seconds[-1] + 1, width):
            within = range(start, start + width)
            # The first second and the last one are not whole.
            begins, ends = max(start * _SECOND_NS, self._first_ns), (start + width) * _SECOND_NS
            lasted_s = max(_LEAST_S, (min(ends, self._last_ns) - begins) / _SECOND_NS)
            taken = [each for second in within for each in self._by_second.get(second, ())]
            yield Moment(
                float(start - seconds[0]),
                sum(self._sent[second] for second in within) / lasted_s,
                sum(self._failed[second] for second in within) / lasted_s,
                _latencies(taken),
            )


_NOUNS = {
    b"transaction_bet": "bet",
    b"transaction_win": "win",
    b"refund": "refund",
    b"user_balance": "balance read",
    b"account_details": "account details",
}


def _text(quoted: bytes) -> str:
    return str(exact_json.parse(quoted.decode()).value)


def _clock(line: bytes, before: int) -> int:
    """Return what to add to the times of a record to get the time of day, if the line says it."""
    if not line.startswith(b'{"type":"worker"'):
        return before
    said = exact_json.parse(line.decode()).value
    assert isinstance(said, dict)
    return int(str(said["unix_ns"])) - int(str(said["monotonic_ns"]))


def _latencies(taken_ns: Sequence[int]) -> Percentiles | None:
    if not taken_ns:
        return None
    ordered = sorted(taken_ns)

    def at(percent: int) -> float:
        return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] / 1e6

    return Percentiles(len(ordered), at(50), at(95), at(99), at(100))
