"""Is there an order of the attempts that the law allows? A depth-first search with an undo log.

The next attempt is always one that was sent before the earliest unfinished answer. What cannot do harm is
taken at once; of attempts that can stand for one another, only the most urgent is tried; what may never have
happened is tried last. States that led nowhere are remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice

from simulator.core.checker.ahead import is_within_reach, useful_unknowns
from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.guide import by_answers, by_urgency, urgency
from simulator.core.checker.wallet import Step, Wallet
from simulator.core.history import FOREVER
from simulator.core.ledger import Terms
from simulator.core.roles import Applied, Tombstone

Choice = tuple[Step, ...]
_Place = tuple[int, int, bool, Iterator[Choice] | None]
"""Where to go back to: the wallet's mark, the most urgent attempt, whether a choice was tried, the others."""


WARY = 64
"""For how many places after a dead end it is looked ahead: most histories never need it."""


class Answer(StrEnum):
    """What a search found."""

    ORDER = "order"
    NO_ORDER = "no order"
    GAVE_UP = "gave up"


class Search:
    """One search over one case. `budget` is how many places may be looked at in vain."""

    def __init__(self, case: Case, terms: Terms, budget: int) -> None:
        self.case = case
        self._budget = budget
        start = case.start
        self.wallet = Wallet(start.balance, start.order, terms, case.games, then_read=case.then_read)
        self._urgent = 0
        self._until = -FOREVER
        self._wary = 0
        self._known: set[int] = set()
        self._stack: list[_Place] = []

    def run(self) -> Answer:
        """Search until an order is found, none is left, or the budget is spent."""
        while True:
            if self._settle():
                return Answer.ORDER
            state = self._state()
            if state not in self._known and self._may_go_on():
                self._known.add(state)
                self._stack.append((self.wallet.mark(), self._urgent, False, None))
            else:
                self._budget -= 1
            if not self._go_on():
                return Answer.GAVE_UP if self._budget < 0 else Answer.NO_ORDER

    def _may_go_on(self) -> bool:
        """Whether something may come of this place, as far as that is seen at a glance."""
        if not self._wary:
            return True
        self._wary -= 1
        return is_within_reach(self._urgent_attempt, self.case, self.wallet.balance, self._until)

    @property
    def _urgent_attempt(self) -> Attempt | None:
        answered = self.case.by_deadline
        return answered[self._urgent] if self._urgent < len(answered) else None

    def _go_on(self) -> bool:
        """Take a choice that was not tried, at the latest place that has one; False when there is none."""
        stack = self._stack
        while stack and self._budget >= 0:
            mark, self._urgent, tried, choices = stack[-1]
            self.wallet.undo_to(mark)
            self._look()
            if choices is not None:
                choice = next(choices, None)
            elif not tried:
                # Most places are never come back to: their other choices are listed when they are.
                choice = next(self._choices(), None)
                stack[-1] = (mark, self._urgent, True, None)
            else:
                choices = islice(self._choices(), 1, None)
                stack[-1] = (mark, self._urgent, True, choices)
                choice = next(choices, None)
            if choice is None:
                stack.pop()
                self._budget -= 1
                self._wary = WARY
            elif self._take(choice):
                return True
        return False

    def _take(self, choice: Choice) -> bool:
        """Let the steps of a choice happen, one after the other; False when one of them cannot be."""
        self.wallet.take(choice[0])
        return True

    # --- what goes without choosing ------------------------------------------------------------------

    def _settle(self) -> bool:
        """Take everything harmless; True when nothing is left to explain."""
        while True:
            self._look()
            if self._until == FOREVER and self._urgent == len(self.case.by_deadline):
                return True
            if not (self._see_shown() | self._take_reads() | self._take_arrivals() | self._take_idlers()):
                return False

    def _look(self) -> None:
        """Find the earliest unfinished answer: what was sent after it cannot be next."""
        answered, urgent = self.case.by_deadline, self._urgent
        then_read = self.case.then_read
        while urgent < len(answered):
            attempt = answered[urgent]
            if not attempt.done or (then_read and not attempt.seen):
                break
            urgent += 1
        self._urgent = urgent
        self._until = answered[urgent].deadline if urgent < len(answered) else FOREVER

    def _take_reads(self) -> bool:
        lane = self.case.reads_at.get(self.wallet.balance)
        found = lane.waiting(self._until) if lane else []
        for attempt in found:
            self.wallet.take_read(attempt)
        return bool(found)

    def _take_arrivals(self) -> bool:
        found = False
        for attempt in self.case.arrivals.waiting(self._until):
            if not attempt.arrived and not attempt.held:
                self.wallet.take(Step(attempt, None, None))
                found = True
        return found

    def _take_idlers(self) -> bool:
        wallet, found = self.wallet, False
        lane = self.case.idlers_at.get(wallet.balance)
        for attempt in [*(lane.waiting(self._until) if lane else ()), *self.case.idlers.waiting(self._until)]:
            if attempt.quick_refusal and not wallet.must_refuse(attempt):
                continue
            step = wallet.harmless(attempt, wallet.steps(attempt))
            if step is not None:
                wallet.take(step)
                found = True
        return found

    def _see_shown(self) -> bool:
        """With `then_read`: answers that show the present balance, after their own effect, are explained."""
        found = False
        for attempt in self.case.shows_at.get(self.wallet.balance, ()):
            if attempt.seen:
                continue
            known = attempt.group.entry(attempt.method)
            if attempt.done or isinstance(known, Applied | Tombstone):
                self.wallet.see(attempt)
                found = True
        return found

    # --- what has to be chosen -----------------------------------------------------------------------

    def _choices(self) -> Iterator[Choice]:
        """The steps worth trying from here, the most urgent first; read only while the wallet is here."""
        tried: set[object] = set()
        for attempt in self._candidates():
            for step in self.wallet.steps(attempt):
                assert step.branch is not None
                if attempt.unknown and not (step.branch.moves or attempt.timed or _remembered(step)):
                    continue
                if attempt.pure is not None:
                    kind = (attempt.pure, step.branch.moves)
                    if kind in tried:
                        continue
                    tried.add(kind)
                yield (step,)
            if attempt.unknown and attempt.held and not attempt.arrived:
                yield (Step(attempt, None, None),)

    def _candidates(self) -> Iterator[Attempt]:
        case, until, balance = self.case, self._until, self.wallet.balance
        if case.then_read:
            yield from self._answers_later()
        else:
            lane = case.effects_at.get(balance)
            yield from sorted(lane.waiting(until), key=urgency) if lane else ()
            yield from by_urgency(case.movers.waiting(until), balance, self._urgent_attempt)
        yield from useful_unknowns(case, balance, until)

    def _answers_later(self) -> list[Attempt]:
        window = self.case.movers.waiting(self._until)
        return by_answers(window, self.wallet.balance, self.wallet.unseen)

    def _state(self) -> int:
        """Equal for states with the same future."""
        state = self.wallet.identity
        for group in self.case.timed_groups:
            bet = group.bet
            if isinstance(bet, Applied) and self.wallet.won_since(bet):
                state ^= group.token
        return state


def _remembered(step: Step) -> bool:
    """Whether an attempt that moves no money is remembered, and somebody asks."""
    return step.branch is not None and step.branch.entry is not None and not step.attempt.group.lonely
