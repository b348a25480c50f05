"""Test explore itself: each defect of the example wallet must be found, and nothing in a right wallet."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.core.findings import Verdict
from simulator.core.words import did_you_mean
from simulator.errors import ExitCode, UsageError
from simulator.explore.explorer import Bounds, Explorer, Silent
from simulator.reference_operator import DEFECTS, DIALECTS, DefectKind
from simulator.run.suite import run_scenarios
from simulator.scenario.files import load_scenarios

CALLS_MAX = 6
"""So many calls are a short file."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What exploration came to against one wallet: right for a dialect, wrong for a defect.

    `step_count` is 0 if nothing was found. `alone`: how many of how many runs of the file alone failed.
    `right_passes`: the file passes against a right wallet. `inconclusive` sessions could not be decided.
    """

    name: str
    is_defect: bool
    sessions: int
    seconds: float
    inconclusive: int = 0
    cause: str = ""
    step_count: int = 0
    alone: tuple[int, int] = (0, 0)
    right_passes: bool = False
    text: str = ""

    @property
    def is_good(self) -> bool:
        """Return whether this is what explore promises."""
        if not self.is_defect:
            return not self.cause
        return self.fails_alone and self.right_passes and self.step_count <= CALLS_MAX

    @property
    def fails_alone(self) -> bool:
        """Return whether the file alone fails at least every second time: chance is in some wallets."""
        return 0 < self.alone[1] <= 2 * self.alone[0]

    @property
    def line(self) -> str:
        """Return it in a line of the table."""
        took = f"{self.sessions:>5} sessions {self.seconds:>5.0f} s"
        if not self.cause:
            undecided = f", {self.inconclusive} undecided" if self.inconclusive else ""
            return f"{'MISSED' if self.is_defect else 'nothing':<8} {self.name:<34} {took}{undecided}"
        if not self.is_defect:
            return f"{'FALSE':<8} {self.name:<34} {took}  {self.cause}\n{self.text}"
        defect = DEFECTS[self.name]
        own = "own cause" if self.cause == defect.cause else "also" if self.cause in defect.also else "OTHER"
        passes = "right passes" if self.right_passes else "RIGHT FAILS"
        alone = f"alone {self.alone[0]}/{self.alone[1]}"
        return (
            f"{'found' if self.is_good else 'POOR':<8} {self.name:<34} {took} "
            f"{self.step_count:>2} calls  {alone}  {passes}  {own:<9} {self.cause}"
        )


def try_wallet(name: str, seed: int, seconds: float) -> Tried:
    """Explore an example wallet with one defect until its first cause, or one with a dialect to the end."""
    is_defect = name in DEFECTS
    names = {"defects" if is_defect else "dialects": (name,)}
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, embedded_operator(seed=seed, **names) as operator:
        settings = settings_for(operator, seed=seed)
        explorer = Explorer(settings, Bounds(seconds, first_cause_only=True), Path(folder), Silent())
        explorer.run()
        tried = Tried(
            name=name,
            is_defect=is_defect,
            sessions=explorer.sessions,
            seconds=time.monotonic() - began_s,
            inconclusive=explorer.verdicts[Verdict.INCONCLUSIVE],
        )
        if not explorer.found:
            return tried
        found = explorer.found[0]
        return replace(
            tried,
            cause=found.cause,
            step_count=found.step_count,
            alone=(found.fails_alone, found.asked),
            right_passes=is_defect and _passes_right_wallet(found.file),
            text=found.file.read_text("utf-8"),
        )


def _passes_right_wallet(file: Path) -> bool:
    with embedded_operator() as operator:
        scenarios = load_scenarios([str(file)])
        return run_scenarios(settings_for(operator), scenarios, lambda _event: None) is ExitCode.PASSED


def try_all(
    wallets: Sequence[str], *, seed: int, seconds: float, at_once: int, say: Callable[[str], None]
) -> ExitCode:
    """Explore these wallets, several at a time, each for so many seconds at the most; say a line for each."""
    done: list[Tried] = []
    with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
        pending = [pool.submit(try_wallet, name, seed, seconds) for name in wallets]
        for future in as_completed(pending):
            done.append(future.result())
            say(done[-1].line)
    for title, kinds in (
        ("sequential", (DefectKind.SEQUENTIAL,)),
        ("race", (DefectKind.RACE,)),
        ("other", (DefectKind.FORM, DefectKind.DURABILITY)),
    ):
        some = [each for each in done if each.is_defect and DEFECTS[each.name].kind in kinds]
        if some:
            say(f"{title} defects: {_figures(some)}")
    right = [each for each in done if not each.is_defect]
    if right:
        sessions = sum(each.sessions for each in right)
        wrong = sum(bool(each.cause) for each in right)
        say(f"right wallets: {len(right)}, {sessions:,} sessions, {wrong} with a false error")
    return ExitCode.PASSED if all(each.is_good for each in done) else ExitCode.FOUND


def _figures(tried: Sequence[Tried]) -> str:
    found = [each for each in tried if each.cause]
    short = sum(each.step_count <= CALLS_MAX for each in found)
    alone = sum(each.fails_alone for each in found)
    right = sum(each.right_passes for each in found)
    own = sum(each.cause in (DEFECTS[each.name].cause, *DEFECTS[each.name].also) for each in found)
    share = 100 * len(found) / len(tried)
    return (
        f"{len(found)} of {len(tried)} found ({share:.1f} %); {short} with at most {CALLS_MAX} calls, "
        f"{alone} fail alone, {right} pass against the right wallet, {own} are named by a cause of the defect"
    )


def wallets_named(names: Sequence[str], part: tuple[int, int]) -> list[str]:
    """Return the defects and dialects with these names, else all defects of money. Raises UsageError.

    Of `part` (K, N), every N-th from the K-th.
    """
    known = [*DEFECTS, *DIALECTS]
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or "; betrontech-sim operator --list-defects lists all"
            raise UsageError(f'no defect or dialect is called "{name}"{near}')
    money = (DefectKind.SEQUENTIAL, DefectKind.RACE)
    chosen = names or [name for name, defect in DEFECTS.items() if defect.kind in money]
    number, count = part
    return list(chosen[number - 1 :: count])
