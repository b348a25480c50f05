"""Command lines that repeat a run, or one scenario of it, as they were: to be pasted into a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from simulator.core.calls import FaultKind
from simulator.core.steps import Scenario
from simulator.report.events import RunStarted
from simulator.report.text import visible

RANGE_MIN = 3
"""So many players that follow each other are written as a range."""

_CELL = re.compile(r"\[([a-z_]+)@\d+:\d+\]$")


def rerun_line(started: RunStarted | None, scenario: Scenario, player: str | None = None) -> str:
    """Return the command that runs this scenario again, `player` among its players.

    A cell of the fault matrix comes with the other cells of its fault.
    """
    words = [] if started is None else _options(started.options)
    if started is not None:
        words += _players(_cast(started.players, scenario, player))
    words.append(_path(scenario))
    if (cell := _CELL.search(scenario.id)) and cell[1] in set(FaultKind):
        words.append(f"--faults {cell[1]}")
    return _line(words, started)


def repeat_line(started: RunStarted, *, last_failed: bool) -> str:
    """Return the command that repeats the run, or what did not pass in it."""
    words = [*_options(started.options), *_players(_ranges(started.players)), *_options(started.selection)]
    if last_failed and "--last-failed" not in words:
        words.append("--last-failed")
    return _line([*words, *map(shlex.quote, started.paths)], started)


def whole_line(started: RunStarted) -> str:
    """Return the command that repeats a run of what failed before, or of a few, with all scenarios."""
    selection = tuple(pair for pair in started.selection if pair[0] not in ("--last-failed", "--quick"))
    return repeat_line(replace(started, selection=selection), last_failed=False)


def _line(words: Iterable[str], started: RunStarted | None) -> str:
    program = "betrontech-sim" if started is None else started.program
    seed = [] if started is None else [f"--seed {started.seed}"]
    return visible(" ".join([program, "run", *words, *seed]))


def _options(options: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{flag} {value}".rstrip() for flag, value in options]


def _players(players: Iterable[str]) -> list[str]:
    return [f"--player {shlex.quote(player)}" for player in players]


def _cast(pool: Sequence[str], scenario: Scenario, player: str | None) -> list[str]:
    """Return as many players of the pool as the scenario needs, that one first."""
    wanted = sum(spec.exists for spec in scenario.players.values())
    first = [player] if player is not None and player in pool else []
    return [*first, *(each for each in pool if each not in first)][: max(1, wanted)]


def _path(scenario: Scenario) -> str:
    file = scenario.place.file
    path = file if scenario.id == file else str(scenario.place)
    # A name that begins like a flag is none with its folder before it.
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _ranges(players: Sequence[str]) -> Iterator[str]:
    """Return the players, those that follow each other as ``FIRST..LAST``."""
    begin = 0
    for end in range(1, len(players) + 1):
        if end < len(players) and _follows(players[end - 1], players[end]):
            continue
        run = players[begin:end]
        yield from [f"{run[0]}..{run[-1]}"] if len(run) >= RANGE_MIN else run
        begin = end


def _follows(one: str, other: str) -> bool:
    """Return whether the other player continues the range that one player begins."""
    if not (one.isascii() and other.isascii() and one.isdecimal() and other.isdecimal()):
        return False
    same_form = len(one) == len(other) or not (one.startswith("0") or other.startswith("0"))
    return same_form and int(other) == int(one) + 1 and len(other) <= 18
