"""Explore a wallet: run made-up sessions as scenarios, and keep a short file for each cause of what fails."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol

from simulator.core.findings import Finding, Verdict
from simulator.core.steps import MAIN_PLAYER, Balance, PlayerSpec, Scenario, has_burst
from simulator.core.values import Frozen
from simulator.errors import ExitCode, UsageError
from simulator.explore.alone import (
    ASKS_MAX,
    CONFIRMED_TIMES,
    Alone,
    Interrupted,
    OutOfTime,
    Shrunk,
    scenario_of,
    step_count,
    text_of,
)
from simulator.explore.coverage import Cell, Coverage, promised
from simulator.explore.grammar import NOWHERE, Means, SessionPlan, make_session
from simulator.law.rules import words_of
from simulator.law.situations import Situation
from simulator.report.events import RunStarted, ScenarioFinished
from simulator.report.rerun import rerun_line
from simulator.scenario.files import load_scenarios
from simulator.scenario.formatting import tidied
from simulator.scenario.limits import Limits
from simulator.settings import RunSettings

BATCH = 8
"""How many sessions make a run: preflight and restored balances are shared by them."""

CANDIDATES = 3
"""Of so many sessions the one runs that promises most that was not met yet."""

_UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")


class Bounds(Frozen):
    """When exploration ends at the latest: after so many seconds or sessions, or with the first cause."""

    seconds: float | None = None
    sessions: int | None = None
    first_cause_only: bool = False


class FoundCause(Frozen):
    """One cause: the session that showed it, shrunk, and the file that holds it.

    `step_count` and `steps_before` count calls as written. `fails_alone` is how many of `asked` runs of the
    file alone named the cause first; `asked` is 0 if time or an interrupt ended the shrinking.
    """

    cause: str
    finding: Finding
    session: SessionPlan
    file: Path
    rerun: str
    step_count: int
    steps_before: int
    fails_alone: int
    asked: int


class Listener(Protocol):
    """Is told how exploration goes on."""

    def explored(self, explorer: Explorer) -> None:
        """Take note of a batch that has ended."""

    def shrinking(self, cause: str, steps: int) -> None:
        """Take note of a session with so many steps that is being shrunk."""

    def found(self, found: FoundCause) -> None:
        """Take note of a file that was written."""


class Silent:
    """A listener that takes note of nothing."""

    def explored(self, explorer: Explorer) -> None:
        """Do nothing."""

    def shrinking(self, cause: str, steps: int) -> None:
        """Do nothing."""

    def found(self, found: FoundCause) -> None:
        """Do nothing."""


class Explorer:
    """One exploration of the wallet that the settings name."""

    def __init__(
        self,
        settings: RunSettings,
        budget: Bounds,
        out: Path,
        listener: Listener,
        folder: Path | None = None,
    ) -> None:
        self._settings = replace(settings, paths=(), maxfail=None, reports=(), faults=())
        self._budget = budget
        self._out = out
        self._listener = listener
        self._rng = Random(settings.seed)
        self._means = means_of(settings)
        self._limits = Limits.of(settings)
        self._ends_s = time.monotonic() + (budget.seconds or float("inf"))
        self._promised: set[Cell] = set()
        self._alone = Alone(self._settings, folder, self._ends_s)
        self._unshrunk: dict[str, tuple[SessionPlan, Finding]] = {}
        self._started: RunStarted | None = None
        self.coverage = Coverage()
        self.verdicts: Counter[Verdict] = Counter()
        self.undecided: list[ScenarioFinished] = []
        self.calls = 0
        self.sessions = 0
        self.found: list[FoundCause] = []
        self.known = _known(out)
        self._accepted: frozenset[str] = frozenset()
        self.met_again: Counter[str] = Counter()
        self.root_cause = ""

    def run(self) -> ExitCode:
        """Explore until the budget is spent; return the exit code, as a run of the same sessions would."""
        code: ExitCode | None = None
        try:
            while code is None and self._goes_on():
                code = self._batch()
                self._listener.explored(self)
        except (KeyboardInterrupt, Interrupted):
            code = ExitCode.INTERRUPTED
        self._keep_unshrunk()
        if code is ExitCode.INTERRUPTED:
            return code
        if self.found:
            return ExitCode.FOUND
        if code is not None:
            return code
        return ExitCode.INCONCLUSIVE if self._is_unproven else ExitCode.PASSED

    # --- inside ------------------------------------------------------------------------------------

    @property
    def _is_unproven(self) -> bool:
        judged = self.verdicts[Verdict.PASSED] + self.verdicts[Verdict.FAILED]
        return bool(self.verdicts[Verdict.INCONCLUSIVE]) or not judged

    def _goes_on(self) -> bool:
        if self._budget.sessions is not None and self.sessions >= self._budget.sessions:
            return False
        return self._may_shrink()

    def _may_shrink(self) -> bool:
        if self._budget.first_cause_only and self.found:
            return False
        return time.monotonic() < self._ends_s

    def _batch(self) -> ExitCode | None:
        """Run some sessions, and shrink what failed; return an exit code if no session can run."""
        left = BATCH if self._budget.sessions is None else self._budget.sessions - self.sessions
        sessions = {}
        for _ in range(min(BATCH, left)):
            self.sessions += 1
            session, scenario = self._next_session()
            sessions[scenario.id] = (session, scenario)
        ran = self._alone.run([scenario for _, scenario in sessions.values()], self.coverage.on)
        self._started = ran.started
        self.coverage.forget_ledgers()
        assert ran.started is not None
        assert ran.ended is not None
        self._accepted = frozenset(each.cause for each in ran.started.accepted)
        self.verdicts.update(ran.ended.counts)
        self.calls += ran.ended.calls
        self.undecided += ran.undecided
        if ran.preflight:
            self._failed(_READ_ONLY, ran.preflight[0].cause, ran.preflight[0])
        for scenario_id, causes in ran.causes.items():
            self._failed(sessions[scenario_id][0], causes[0].key, causes[0].shown.finding)
        if ran.ended.root_cause:
            self.root_cause = ran.ended.root_cause
            return ran.ended.exit_code
        return None

    def _next_session(self) -> tuple[SessionPlan, Scenario]:
        """Return the one of some new sessions that promises most that was not met yet."""
        best: tuple[SessionPlan, Scenario, frozenset[Cell]] | None = None
        for _ in range(CANDIDATES):
            session = make_session(self._rng, self._means)
            scenario = scenario_of(session, f"session-{self.sessions}.yaml")
            if self._limits.prevents(scenario):
                continue
            new = promised(scenario, self._settings.seed) - self._promised
            if best is None or len(new) > len(best[2]):
                best = session, scenario, new
        if best is None:
            return session, scenario
        self._promised |= best[2]
        return best[:2]

    # --- what failed -------------------------------------------------------------------------------

    def _failed(self, session: SessionPlan, cause: str, finding: Finding) -> None:
        """Shrink a session that failed, unless its cause is known."""
        if self._knows(cause):
            self.met_again[cause] += 1
            return
        self._unshrunk.setdefault(cause, (session, finding))
        if not self._may_shrink():
            return
        self._listener.shrinking(cause, step_count(session))
        self._alone.best = None
        with suppress(OutOfTime):
            shrunk = self._alone.shrink(session, cause)
            if shrunk is None:
                return
            if self._knows(shrunk.cause):
                self.met_again[shrunk.cause] += 1
            else:
                self._confirm(shrunk, session, finding)
            self._explain(cause)

    def _knows(self, cause: str) -> bool:
        """Return whether the cause is not to be reported: it is accepted, or has a file."""
        return cause in self._accepted or _file_name(cause) in self.known

    def _explain(self, cause: str) -> None:
        """Note that this cause has its file, or follows from one that has: it is not shrunk again."""
        self._unshrunk.pop(cause, None)
        self.known.add(_file_name(cause))

    def _keep_unshrunk(self) -> None:
        """Write what was not shrunk: time was over, or it did not fail again when it ran alone."""
        best = self._alone.best
        for cause, (session, finding) in tuple(self._unshrunk.items()):
            if self._budget.first_cause_only and self.found:
                return
            smaller = best.session if best is not None and best.cause == cause else session
            self._keep(smaller, session, cause, finding, 0, 0)

    def _confirm(self, shrunk: Shrunk, before: SessionPlan, finding: Finding) -> None:
        """Write the file, run it alone, and keep it if it names the cause."""
        session, cause = shrunk.session, shrunk.cause
        file = self._file(cause)
        _write_text(file, text_of(session, _title(cause, finding)))
        (scenario,) = load_scenarios([str(file)])
        asked = CONFIRMED_TIMES if shrunk.steady and not has_burst(session.steps) else ASKS_MAX
        ran = [self._alone.run([scenario]) for _ in range(asked)]
        shown = [each.first[1] for each in ran if each.first is not None and each.first[0] == cause]
        if shown:
            self._keep(session, before, cause, shown[0], len(shown), asked)
        else:
            file.unlink()
            self._keep(before, before, cause, finding, 0, asked)

    def _keep(
        self,
        session: SessionPlan,
        before: SessionPlan,
        cause: str,
        finding: Finding,
        shown: int,
        asked: int,
    ) -> None:
        file = self._file(cause)
        scenario = scenario_of(session, str(file))
        found = FoundCause(
            cause=cause,
            finding=finding,
            session=session,
            file=file,
            rerun=rerun_line(self._started, scenario),
            step_count=step_count(session),
            steps_before=step_count(before),
            fails_alone=shown,
            asked=asked,
        )
        text = text_of(session, _title(cause, finding), self._comment(found))
        _write_text(file, tidied(text, file.name))
        self._explain(cause)
        self.found.append(found)
        self._listener.found(found)

    def _file(self, cause: str) -> Path:
        return self._out / f"{_file_name(cause)}.yaml"

    def _comment(self, found: FoundCause) -> list[str]:
        comment = [
            f"Found by betrontech-sim explore --seed {self._settings.seed}, and shrunk from "
            f"{found.steps_before} calls to {found.step_count}.",
            f"{found.finding.rule}: {found.finding.message}",
            f"To run it again: {found.rerun}",
        ]
        if found.fails_alone < found.asked:
            comment.append(
                f"It depends on chance: run alone, it failed {found.fails_alone} times of {found.asked}."
            )
        return comment


_READ_ONLY = SessionPlan({MAIN_PLAYER: PlayerSpec()}, (Balance(place=NOWHERE),))
"""Shows what the preflight of every run finds."""


def means_of(settings: RunSettings) -> Means:
    """Return what sessions may use of the wallet."""
    seeded = settings.seed_hook is not None
    return Means(
        players=2 if seeded else len(settings.players),
        restart=settings.restart_hook is not None,
        block=settings.block_hook is not None,
        limit=settings.max_bet is not None,
    )


def _title(cause: str, finding: Finding) -> str:
    if cause in set(Situation):
        return f"Explored: {words_of(Situation(cause)).title}"
    return f"Explored: {finding.message}"


def _file_name(cause: str) -> str:
    return _UNSAFE_IN_NAMES.sub("-", cause).strip("-")


def _known(out: Path) -> set[str]:
    """Return the names of the causes that have a file. Raises UsageError if none can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        return {file.stem for file in out.glob("*.yaml")}
    except OSError as error:
        raise UsageError(f"--out {out}: no file can be written there: {error.strerror}") from None


def _write_text(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"--out {file}: the file cannot be written: {error.strerror}") from None
