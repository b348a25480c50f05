"""Is there an order of the attempts that the law allows? A depth-first search with an undo log.

The next attempt is always one that was sent before the earliest unfinished answer. What cannot do harm is
taken at once; of attempts that can stand for one another, only the most urgent is tried; what may never have
happened is tried last. States that led nowhere are remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.wallet import Step, Wallet
from simulator.core.history import FOREVER
from simulator.core.ledger import Terms
from simulator.core.roles import Applied, Tombstone


class Answer(StrEnum):
    """What a search found."""

    ORDER = "order"
    NO_ORDER = "no order"
    GAVE_UP = "gave up"


class Search:
    """One search over one case. `nodes_left` is what is left of the budget."""

    def __init__(self, case: Case, terms: Terms, budget: int) -> None:
        self.case = case
        self.nodes_left = budget
        start = case.start
        self.wallet = Wallet(start.balance, start.order, terms, case.games, then_read=case.then_read)
        self._urgent = 0
        self._until = -FOREVER
        self._seen: set[int] = set()
        self._stack: list[tuple[int, int, Iterator[Step] | None]] = []

    def run(self) -> Answer:
        """Search until an order is found, none is left, or the budget is spent."""
        while True:
            if self._settle():
                return Answer.ORDER
            state = self._state()
            if state in self._seen:
                step = self._other_choice()
            else:
                if self.nodes_left <= 0:
                    return Answer.GAVE_UP
                self.nodes_left -= 1
                self._seen.add(state)
                step = next(self._choices(), None)
                if step is None:
                    step = self._other_choice()
                else:
                    self._stack.append((self.wallet.mark(), self._urgent, None))
            if step is None:
                return Answer.NO_ORDER
            self.wallet.take(step)

    def _other_choice(self) -> Step | None:
        """Go back to the latest place with a choice that was not tried; None when there is none."""
        stack = self._stack
        while stack:
            mark, self._urgent, choices = stack.pop()
            self.wallet.undo_to(mark)
            self._look()
            if choices is None:
                # Most places are never come back to: their choices are listed again rather than kept.
                choices = islice(self._choices(), 1, None)
            step = next(choices, None)
            if step is not None:
                stack.append((mark, self._urgent, choices))
                return step
        return None

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

    def _choices(self) -> Iterator[Step]:
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
                yield step
            if attempt.unknown and attempt.held and not attempt.arrived:
                yield Step(attempt, None, None)

    def _candidates(self) -> Iterator[Attempt]:
        case, until = self.case, self._until
        lane = case.effects_at.get(self.wallet.balance)
        fitting = sorted(lane.waiting(until), key=_urgency) if lane else []
        yield from fitting
        done = set(fitting)
        yield from (each for each in sorted(case.movers.waiting(until), key=_urgency) if each not in done)
        yield from case.unknowns.waiting(until)

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


def _urgency(attempt: Attempt) -> int:
    return attempt.deadline
