"""Judge the histories in recorded files, part by part, in several processes if there are several parts.

A history that may be wrong is judged again, together with those of other players who used its transaction
ids, which may be in other parts: a wallet's ids may count once for all players.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from heapq import merge
from itertools import chain
from pathlib import Path

from simulator.archive.division import PART_BYTES, Division, Misplaced, Portion, divided
from simulator.archive.following import Followed, Verdicts, follow, lines_of
from simulator.archive.sources import STDIN, LineSource, Progress
from simulator.core.call_lines import BadLine
from simulator.core.calls import Player
from simulator.errors import SimulatorError, UsageError
from simulator.history.files import Histories, JudgedHistory, Places
from simulator.judge.recorded import as_played
from simulator.law.situations import Situation


def judge_files(
    sources: Sequence[LineSource],
    progress: Progress,
    *,
    processes: int,
    keep: bool,
    part_bytes: int = PART_BYTES,
) -> tuple[Verdicts, int]:
    """Judge the histories in these files, which count as one, and return how many players they have, too.

    With `keep`, all verdicts are kept, otherwise only those that say more than "right".
    `part_bytes` is how long a part should be. Raises UsageError if
    a file cannot be read, and BadLine for a line.
    """
    for carefully in (False, True):
        with tempfile.TemporaryDirectory(prefix="betrontech-sim-judge-") as folder:
            try:
                division = divided(
                    sources, Path(folder), progress, carefully=carefully, part_bytes=part_bytes
                )
                return _judged(division, progress, processes, keep=keep, is_sure=carefully)
            except Misplaced:
                if any(source.name == STDIN for source in sources):
                    break
    raise UsageError(f"{STDIN}: a line has a key twice; write the lines to a file to judge them")


def _judged(
    division: Division, progress: Progress, processes: int, *, keep: bool, is_sure: bool
) -> tuple[Verdicts, int]:
    parts = division.parts
    verdicts, players = Verdicts(), 0
    work = partial(_followed, places=division.places, keep=keep, is_sure=is_sure)
    found: list[Followed] = []
    for done, each in enumerate(_in_processes(work, parts, processes), 1):
        verdicts.update(each.verdicts)
        players += each.players
        each.verdicts = Verdicts()
        found.append(each)
        progress("judging", done / len(parts), verdicts.calls)
    errors = [each.error for each in found if each.error is not None]
    if errors:
        raise BadLine(min(errors)[1])
    for judged in _Suspects(division, found).judged():
        verdicts.add(judged, keep=keep)
    verdicts.kept.sort(key=lambda each: each.number)
    return verdicts, players


def _followed(part: Portion, *, places: Places, keep: bool, is_sure: bool) -> Followed:
    return follow(part.loaded(), places, keep=keep, is_sure=is_sure)


def _in_processes(work: partial[Followed], parts: Sequence[Portion], processes: int) -> Iterator[Followed]:
    """Yield what the work on each part returns, as it is done."""
    # Codes of ids are hashes, which are the same in all processes only if they are forked.
    if processes < 2 or len(parts) < 2 or "fork" not in multiprocessing.get_all_start_methods():
        for part in parts:
            yield _without_collector(work, part)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(processes, len(parts)), context, _end_on_interrupt) as pool:
        try:
            for done in as_completed([pool.submit(_without_collector, work, part) for part in parts]):
                yield done.result()
        except BrokenProcessPool:
            raise SimulatorError("a process that judged a part of the calls was ended from outside") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_on_interrupt() -> None:
    """Let an interrupt end this process at once: its parent says what there is to say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _without_collector(work: partial[Followed], part: Portion) -> Followed:
    """Work on a part with the garbage collector off, which would scan its many small values repeatedly."""
    gc.disable()
    try:
        return work(part)
    finally:
        gc.enable()


class _Suspects:
    """The players who may be wrong, and those with whom they share transaction ids."""

    def __init__(self, division: Division, found: Sequence[Followed]) -> None:
        self._division = division
        self._found = found
        self._suspects = {name: each for part in found for name, each in part.suspects.items()}

    def judged(self) -> list[JudgedHistory]:
        """Return their verdicts, judged again where other players' calls may change or explain them."""
        first = [judged for verdicts, _ in self._suspects.values() for judged in verdicts]
        if not first:
            return []
        shared = self._shared()
        again = {
            name
            for name, (verdicts, codes) in self._suspects.items()
            if not codes.isdisjoint(shared) or any(map(_is_of_unknown, verdicts))
        }
        if not again:
            return first
        judged = self._again(again, shared)
        if any(each.shared for each in judged):
            # Any two players of the files may prove that the wallet counts ids for each player.
            judged = self._again(again, self._all_shared())
        return [each for each in first if (each.agent, each.player) not in again] + judged

    def _shared(self) -> frozenset[int]:
        """Return the codes of those ids of suspects that other players used, too."""
        own = Counter(code for _, codes in self._suspects.values() for code in codes)
        shared = {code for code, users in own.items() if users > 1}
        return frozenset(shared.union(*(own.keys() & each.codes for each in self._found)))

    def _all_shared(self) -> frozenset[int]:
        """Return the codes of all ids that several players used."""
        seen: set[int] = set()
        shared: set[int] = set()
        every = [each.codes for each in self._found] + [codes for _, codes in self._suspects.values()]
        for code in chain.from_iterable(every):
            (shared if code in seen else seen).add(code)
        return frozenset(shared)

    def _again(self, wanted: Collection[Player], codes: frozenset[int]) -> list[JudgedHistory]:
        """Judge the players in question, in their true order with all others who used these ids."""
        parts, places = self._division.parts, self._division.places
        names = [name for each in self._found for name in each.names]
        lines = merge(*(lines_of(part.loaded(), places, wanted, codes) for part in parts))
        judged = Histories(places, names).judge_numbered(_each_once(lines))
        return [as_played(each) for each in judged if (each.agent, each.player) in wanted]


def _each_once(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield lines in order, those that are in several parts once."""
    last = (0, "")
    for each in lines:
        if each != last:
            yield each
        last = each


def _is_of_unknown(judged: JudgedHistory) -> bool:
    """Return whether a player who does not exist was accepted: the names of all others then matter."""
    return judged.verdict.situation in (Situation.SAME_PLAYER_ID, Situation.UNKNOWN_PLAYER_ACCEPTED)
