"""Run a session alone: does it show a cause, is it always so, and what is the least that shows it?

The sessions run in the scenario runner and are judged by its referee.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from simulator.core.calls import FaultKind
from simulator.core.findings import Finding, Severity, Verdict
from simulator.core.money import Drawn, Money, Written
from simulator.core.steps import (
    MAIN_PLAYER,
    Bet,
    Parallel,
    Refund,
    Repeat,
    Resend,
    Scenario,
    Step,
    Win,
    all_steps,
    has_burst,
)
from simulator.core.values import Frozen
from simulator.errors import ExitCode
from simulator.explore.grammar import NOWHERE, SessionPlan
from simulator.explore.shrink import Shrinking, varied
from simulator.report.causes import Cause, Causes
from simulator.report.events import Event, FindingRaised, RunFinished, RunStarted, ScenarioFinished
from simulator.run.suite import run_scenarios
from simulator.scenario.reader import load_text
from simulator.scenario.writing import scenario_text
from simulator.settings import RunSettings
from simulator.wire.patience import Patience

ASKS_MAX = 6
"""How often a session is asked for a cause that it does not always show."""

SHOWN_NEEDED = 2
"""In so many of them it must show it."""

CONFIRMED_TIMES = 3
"""So often in a row a session must show its cause to count as one that always does."""

REPEATED_TIMES = 20
"""So often the calls of a session are repeated where it does not show its cause often."""

STEADIER_FACTORS = (1, 2, 4, 10, 40)
"""By these factors more is repeated so that a file fails each time that it runs, even of one bet in ten."""

TIMES_MAX = 100
"""More often than that nothing is repeated, or sent together, by such a factor."""

MONEY_MAX = Money(10_000_00)
"""Of players with more, some wallets cannot take it back."""

VARIANTS = 3
"""With so many other amounts a session runs where its amounts leave open what is wrong."""


class Interrupted(Exception):
    """Raised when a run was interrupted."""


class OutOfTime(Exception):
    """Raised when the time is over in the middle of shrinking."""


class Aim(Frozen):
    """A session and the cause to look for; `clear`: in findings that nothing else explains."""

    session: SessionPlan
    cause: str
    clear: bool


class Shrunk(Frozen):
    """The smallest session that showed the cause; `steady`: each time that it ran."""

    session: SessionPlan
    cause: str
    steady: bool


class Ran:
    """A fold over one run: the causes of each scenario that failed, the first of them its root."""

    def __init__(self, also: Callable[[Event], None] | None = None) -> None:
        self.started: RunStarted | None = None
        self.ended: RunFinished | None = None
        self.preflight: list[Finding] = []
        self.causes: dict[str, list[Cause]] = {}
        self.failed: list[ScenarioFinished] = []
        self.undecided: list[ScenarioFinished] = []
        self._also = also

    def on(self, event: Event) -> None:
        """Take in one event."""
        if self._also is not None:
            self._also(event)
        match event:
            case RunStarted():
                self.started = event
            case RunFinished():
                self.ended = event
            case FindingRaised(scenario_id=None, finding=finding) if finding.severity is Severity.ERROR:
                self.preflight.append(finding)
            case ScenarioFinished(verdict=Verdict.INCONCLUSIVE):
                self.undecided.append(event)
            case ScenarioFinished(verdict=Verdict.FAILED):
                self.failed.append(event)
                self.causes[event.scenario.id] = errors_of([event])

    @property
    def first(self) -> tuple[str, Finding] | None:
        """Return the cause that explains the run, and the finding to show; the preflight's come first."""
        if self.preflight:
            return self.preflight[0].cause, self.preflight[0]
        for causes in self.causes.values():
            return causes[0].key, causes[0].shown.finding
        return None


def errors_of(failed: Sequence[ScenarioFinished]) -> list[Cause]:
    """Return the causes that are errors, the one that explains most first."""
    causes = Causes()
    for event in failed:
        causes.add_scenario(event)
    return [each for each in causes.ranked() if each.severity is Severity.ERROR]


class Alone:
    """Runs sessions one at a time, each in a run of its own, until the time is over."""

    def __init__(self, settings: RunSettings, folder: Path | None, ends_s: float) -> None:
        self._settings = settings
        self._folder = folder
        self._ends_s = ends_s
        self._rng = Random(settings.seed)
        self._patience = Patience()
        self.best: Shrunk | None = None

    def run(
        self,
        scenarios: Sequence[Scenario],
        also: Callable[[Event], None] | None = None,
        *,
        again: bool = False,
    ) -> Ran:
        """Run scenarios; `again`: for a cause that was met before. Raises Interrupted."""
        ran = Ran(also)
        code = run_scenarios(
            self._settings, scenarios, ran.on, self._folder, patience=self._patience if again else None
        )
        if code is ExitCode.INTERRUPTED:
            raise Interrupted
        # A run that accuses the wallet has looked whether somebody else moves its players.
        self._patience.unshared = self._patience.unshared or ran.first is not None
        return ran

    def shrink(self, session: SessionPlan, cause: str) -> Shrunk | None:
        """Return the least of the session that shows its cause; None if it is not shown again.

        The cause may be another one: that which other amounts prove, or the one that the same calls show
        when nothing is sent together. `best` is what there is so far. Raises OutOfTime, Interrupted.
        """
        aim = self._aim(session, cause)
        steady = all(self._shows(aim.session, aim) for _ in range(CONFIRMED_TIMES))
        if not steady and not self._often_shows(aim.session, aim):
            # What shows once in ten times shows when it is repeated.
            repeated = Repeat(place=NOWHERE, times=REPEATED_TIMES, steps=aim.session.steps)
            aim = replace(aim, session=replace(aim.session, steps=(repeated,)))
            if not self._often_shows(aim.session, aim):
                return None
        self._shrink(aim, steady=steady)
        assert self.best is not None
        if steady and not all(self._shows(self.best.session, aim) for _ in range(CONFIRMED_TIMES)):
            self._shrink(aim, steady=False)
        if not self.best.steady:
            self._make_steadier(aim)
        raced = self.best
        if has_burst(raced.session.steps):
            in_a_row = replace(raced.session, steps=tuple(_in_a_row(raced.session.steps)))
            first = self._alone(in_a_row).first
            if first is not None and first[0] != aim.cause:
                return self.shrink(in_a_row, first[0]) or raced
        return raced

    # --- inside ------------------------------------------------------------------------------------

    def _aim(self, session: SessionPlan, cause: str) -> Aim:
        """Return the session with the cause to look for in it.

        Where other causes explain the finding as well, the session runs with other amounts, too: few amounts
        have two explanations by chance.
        """
        ran = self._alone(session)
        if ran.first is None or _is_clear(*ran.first):
            return Aim(session, cause if ran.first is None else ran.first[0], clear=ran.first is not None)
        tried = [(session, ran)]
        for _ in range(VARIANTS):
            variant = varied(session, self._rng)
            tried.append((variant, self._alone(variant)))
        errors = errors_of([event for _, each in tried for event in each.failed])
        named = errors[0].key if errors else cause
        showing = [(each, ran.first) for each, ran in tried if ran.first and ran.first[0] == named]
        for each, first in showing:
            if _is_clear(*first):
                return Aim(each, named, clear=True)
        return Aim(showing[0][0] if showing else session, named if showing else cause, clear=False)

    def _shrink(self, aim: Aim, *, steady: bool) -> None:
        def shows(simpler: SessionPlan) -> bool:
            if not (self._shows(simpler, aim) if steady else self._often_shows(simpler, aim)):
                return False
            self.best = Shrunk(simpler, aim.cause, steady)
            return True

        self.best = Shrunk(aim.session, aim.cause, steady)
        Shrinking(aim.session, shows).run()

    def _make_steadier(self, aim: Aim) -> None:
        """Repeat more what does not always show its cause, until it shows each time, or else most often.

        What shows it each time is made plain once more: by chance a call needed what was special of it.
        """
        assert self.best is not None
        steps, most = self.best.session.steps, 0
        for factor in STEADIER_FACTORS:
            more = _with_money(replace(self.best.session, steps=tuple(_more(steps, factor))))
            shown = sum(self._shows(more, aim) for _ in range(CONFIRMED_TIMES))
            if shown and shown >= most:
                most, self.best = shown, replace(self.best, session=more)
            if shown == CONFIRMED_TIMES:
                self._make_plainer(more, aim)
                return

    def _make_plainer(self, session: SessionPlan, aim: Aim) -> None:
        def shows(plainer: SessionPlan) -> bool:
            if not all(self._shows(plainer, aim) for _ in range(CONFIRMED_TIMES)):
                return False
            self.best = Shrunk(plainer, aim.cause, steady=False)
            return True

        Shrinking(session, shows).make_plain()

    def _alone(self, session: SessionPlan) -> Ran:
        return self.run([scenario_of(session, "session.yaml")], again=True)

    def _shows(self, session: SessionPlan, aim: Aim) -> bool:
        """Return whether the session, run alone, names the cause first. Raises OutOfTime."""
        if time.monotonic() >= self._ends_s:
            raise OutOfTime
        first = self._alone(session).first
        return first is not None and first[0] == aim.cause and (_is_clear(*first) or not aim.clear)

    def _often_shows(self, session: SessionPlan, aim: Aim) -> bool:
        shown = 0
        for asked in range(ASKS_MAX):
            shown += self._shows(session, aim)
            if shown >= SHOWN_NEEDED:
                return True
            if shown + ASKS_MAX - asked - 1 < SHOWN_NEEDED:
                return False
        return False


def _more(steps: Sequence[Step], factor: int) -> Iterator[Step]:
    """Yield the steps with what is repeated, or sent together, so many times more often."""
    repeats = [step for step in steps if isinstance(step, Repeat | Parallel)]
    if factor > 1 and not repeats:
        yield Repeat(place=NOWHERE, times=factor, steps=tuple(steps))
        return
    for step in steps:
        if isinstance(step, Repeat | Parallel):
            yield replace(step, times=max(step.times, min(step.times * factor, TIMES_MAX)))
        else:
            yield step


def _with_money(session: SessionPlan) -> SessionPlan:
    """Return the session with enough money for the bets that its main player repeats."""
    main = session.players[MAIN_PLAYER]
    stakes = Money(min(_stakes(session.steps), MONEY_MAX))
    if stakes <= main.balance:
        return session
    return replace(session, players={**session.players, MAIN_PLAYER: replace(main, balance=stakes)})


def _stakes(steps: Sequence[Step]) -> int:
    total = 0
    for step in steps:
        if isinstance(step, Repeat | Parallel):
            total += step.times * _stakes(step.steps)
        elif isinstance(step, Bet) and step.player is None:
            amount = step.amount
            total += amount.money if isinstance(amount, Written) else 0
            total += amount.high if isinstance(amount, Drawn) else 0
    return total


def _is_clear(cause: str, finding: Finding) -> bool:
    """Return whether nothing but the cause explains the finding."""
    return {other.cause for other in finding.may_be} <= {cause}


# --- sessions as scenarios ------------------------------------------------------------------------


def step_count(session: SessionPlan) -> int:
    """Return how many calls are written in the session."""
    return sum(not isinstance(step, Repeat | Parallel) for step in all_steps(session.steps))


def scenario_of(session: SessionPlan, file: str) -> Scenario:
    """Return the session as a scenario, read from the text of its file."""
    (scenario,) = load_text(text_of(session, "An explored session").encode(), file, _no_other_file)
    return scenario


def _in_a_row(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps with nothing sent together: one after the other, and a doubled call sent again."""
    for step in steps:
        fault = getattr(step, "fault", None)
        if isinstance(step, Parallel):
            yield Repeat(place=step.place, times=step.times, steps=tuple(_in_a_row(step.steps)))
        elif isinstance(step, Repeat):
            yield replace(step, steps=tuple(_in_a_row(step.steps)))
        elif fault is not None and fault.kind is FaultKind.DUPLICATE:
            assert isinstance(step, Bet | Win | Refund | Resend)
            yield replace(step, fault=None)
            yield Resend(place=step.place, of=step.of if isinstance(step, Resend) else step.label)
        else:
            yield step


def _no_other_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def text_of(session: SessionPlan, name: str, comment: Sequence[str] = ()) -> str:
    """Return the file of a session."""
    return scenario_text(name, session.steps, session.players, comment)
