"""One scenario from its players to its verdict."""

from __future__ import annotations

import time
from collections import deque
from random import Random

from simulator.core.events import FindingRaised, Opening, ScenarioFinished, ScenarioStarted
from simulator.core.findings import Finding, Severity, Verdict
from simulator.core.frozen import Frozen
from simulator.core.ledger import Ledger, Terms, TooManyWorlds
from simulator.core.scenario import Scenario
from simulator.runner.cast import Cast, NoPlayer
from simulator.runner.context import RunContext, Stopped, Why
from simulator.runner.finder import Finder, FormLog
from simulator.runner.hooks import HookFailed, Hooks
from simulator.runner.judge import Judge
from simulator.runner.opening import CannotReach
from simulator.runner.opening import Opening as OpeningCalls
from simulator.runner.script import CannotSend, Script
from simulator.runner.steps import Steps
from simulator.settings import Probe

EXCHANGES_KEPT = 500
"""The latest exchanges of a scenario that did not pass; the NDJSON report has all."""


class Ended(Frozen):
    """A verdict with its reason in words."""

    verdict: Verdict
    reason: str = ""


class ScenarioRun:
    """One scenario against the operator. `number` is its place in the run, from 1."""

    def __init__(
        self, scenario: Scenario, number: int, context: RunContext, cast: Cast, hooks: Hooks, forms: FormLog
    ) -> None:
        self._scenario = scenario
        self._number = number
        self._context = context
        self._cast = cast
        self._hooks = hooks
        self._finder = Finder(context, scenario, forms, self._tell)
        self._ledger = Ledger()
        self._judge = Judge(context, scenario.id, self._finder, self._ledger)

    def run(self) -> Ended:
        """Run it and tell how it ended."""
        scenario, context = self._scenario, self._context
        started_ns = time.perf_counter_ns()
        context.emit(ScenarioStarted(scenario=scenario))
        kept = context.kept.setdefault(
            scenario.id, deque(maxlen=None if context.settings.full else EXCHANGES_KEPT)
        )
        ended = self._ended()
        del context.kept[scenario.id]
        passed = ended.verdict in (Verdict.PASSED, Verdict.SKIPPED)
        context.emit(
            ScenarioFinished(
                scenario=scenario,
                verdict=ended.verdict,
                reason=ended.reason,
                findings=tuple(self._finder.found),
                duration_ns=time.perf_counter_ns() - started_ns,
                exchange_count=len(kept),
                exchanges=tuple(kept) if context.settings.full or not passed else (),
            )
        )
        return ended

    # --- inside ------------------------------------------------------------------------------------

    def _tell(self, finding: Finding) -> None:
        self._context.emit(FindingRaised(scenario_id=self._scenario.id, finding=finding))

    def _ended(self) -> Ended:
        if self._context.stopping:
            return Ended(Verdict.BLOCKED, self._context.stopping)
        reason = self._scenario.skip or self._missing()
        if reason:
            return Ended(Verdict.SKIPPED, reason)
        try:
            players = self._cast.take(self._scenario.players)
        except NoPlayer as error:
            return Ended(Verdict.SKIPPED, str(error))
        try:
            return self._verdict(self._played(players))
        except (CannotReach, NoPlayer) as error:
            # An operator that answers nothing usable is not excused by that: what was found counts.
            found = self._verdict("")
            return found if found.verdict is Verdict.FAILED else Ended(Verdict.SKIPPED, str(error))
        finally:
            self._cast.give_back(players.values())

    def _missing(self) -> str | None:
        """What of this scenario's needs the target does not have."""
        settings, needs = self._context.settings, self._scenario.needs
        if "restart" in needs and settings.restart_hook is None:
            return "needs a restart hook: none is configured"
        if "seeding" in needs and settings.seed_hook is None:
            return "needs a seed hook: none is configured"
        if "limits" in needs and settings.max_bet is None:
            return "needs the operator's limit: max_bet is not configured"
        return self._cast.missing(self._scenario)

    def _played(self, players: dict[str, str]) -> str:
        """Play it through; returns what could not be proven, or nothing."""
        rng = Random(f"{self._context.settings.seed}\x1f{self._scenario.id}")
        script = Script(
            self._scenario,
            players,
            self._context.profile,
            self._context.games,
            f"{self._context.run}{self._number:x}",
            rng,
        )
        try:
            if not self._opened(players, script):
                return ""
            steps = Steps(
                self._scenario, self._context, script, self._judge, self._ledger, rng, self._hooks, self._cast
            )
            try:
                steps.run(self._scenario.steps)
            finally:
                if not self._context.stopping:
                    steps.run(self._scenario.finally_, always=True)
            self._last_reads()
            context = self._context
            open_bets = sum(book.open_bets() for book in self._ledger.books.values())
            context.open_bets.note(self._scenario.id, open_bets)
        except (CannotSend, TooManyWorlds, HookFailed, Stopped) as error:
            return str(error)
        return "; ".join(self._judge.unproven)

    def _opened(self, players: dict[str, str], script: Script) -> bool:
        """Bring the players to their balances and open their books."""
        scenario, context = self._scenario, self._context
        why = Why(scenario.id, "adjust", "opening", scenario.place)
        opening = OpeningCalls(context, self._judge, script, why, scenario.place)
        for name, spec in scenario.players.items():
            player = players[name]
            if not spec.exists:
                self._ledger.open(player, spec.balance, Terms(exists=False))
                continue
            balance = opening.read(player)
            if balance != spec.balance:
                context.emit(Opening(scenario_id=scenario.id, player=player, balance=balance))
                if not opening.reach(player, balance, spec.balance):
                    return False
            if spec.blocked:
                self._cast.block(player)
            self._judge.ledger = self._ledger
            self._ledger.open(
                player, spec.balance, Terms(blocked=spec.blocked, max_bet=context.settings.max_bet)
            )
            self._judge.trails.open(player, spec.balance)
            context.emit(Opening(scenario_id=scenario.id, player=player, balance=spec.balance))
        self._judge.ledger = self._ledger
        return True

    def _last_reads(self) -> None:
        """What the answers added up to must be in the wallet at the end, too."""
        if self._context.settings.probe is Probe.NEVER:
            return
        last = (self._scenario.finally_ or self._scenario.steps)[-1].place
        for player, book in self._ledger.books.items():
            if book.terms.exists and player not in self._finder.blocked:
                self._judge.read(book, last)

    def _verdict(self, unproven: str) -> Ended:
        failed = any(finding.severity is Severity.ERROR for finding in self._finder.found)
        if self._scenario.xfail:
            return Ended(Verdict.XFAILED if failed else Verdict.XPASSED, self._scenario.xfail)
        if failed:
            return Ended(Verdict.FAILED)
        return Ended(Verdict.INCONCLUSIVE, unproven) if unproven else Ended(Verdict.PASSED)
