"""Search for an order of the attempts that the law allows: depth first, with an undo log.

The next attempt is always one that was sent before the earliest unfinished answer. Harmless attempts are
taken at once; of interchangeable ones only the most urgent is tried; those that may never have happened are
tried last. States that led nowhere are remembered. Below the search: which balances are still within reach,
which attempt to try first, and the search that only tries one proposed order.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice

from simulator.core.calls import FOREVER, Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.history.attempts import Attempt, TooManySums, certain_move, possible_steps, sums_of
from simulator.history.problem import Case, Earlier, Start
from simulator.history.wallet import ModelWallet, Step
from simulator.law.book import Terms
from simulator.law.roles import Applied, Pending, Tombstone

Choice = tuple[Step, ...]
"""A step; none, where the effect that is lost is overwritten."""

_Place = tuple[int, int, bool, Iterator[Choice] | None]
"""Where to go back to: the wallet's mark, the most urgent attempt, whether a choice was tried, the others."""

WARY = 64
"""For how many places after a dead end the search looks ahead: most histories never need it."""


class Answer(StrEnum):
    """The result of a search."""

    ORDER = "order"
    NO_ORDER = "no order"
    GAVE_UP = "gave up"


class Search:
    """One search over one case. `budget` is how many dead ends it may meet."""

    def __init__(self, case: Case, terms: Terms, budget: int) -> None:
        self.case = case
        self._budget = budget
        start = case.start
        self.wallet = ModelWallet(start.balance, start.order, terms, case.games, then_read=case.then_read)
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
        """Return whether this place may lead on, as far as a short look tells."""
        if not self._wary or self.wallet.owed:
            return True
        self._wary -= 1
        return is_within_reach(self._urgent_attempt, self.case, self.wallet.balance, self._until)

    @property
    def _urgent_attempt(self) -> Attempt | None:
        answered = self.case.by_deadline
        return answered[self._urgent] if self._urgent < len(answered) else None

    def _go_on(self) -> bool:
        """Take an untried choice at the latest place that has one; return False when there is none."""
        stack = self._stack
        while stack and self._budget >= 0:
            mark, self._urgent, tried, choices = stack[-1]
            self.wallet.undo_to(mark)
            self._look()
            if choices is not None:
                choice = next(choices, None)
            elif not tried:
                # The search returns to few places: other choices are only listed when it does.
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
        """Take the steps of a choice in turn; return False when one of them is not possible."""
        if choice:
            self.wallet.take(choice[0])
        else:
            self.wallet.overwrite()
        return True

    # --- without a choice ----------------------------------------------------------------------------

    def _settle(self) -> bool:
        """Take everything harmless; return True when nothing is left to explain."""
        while True:
            self._look()
            if self._until == FOREVER and self._urgent == len(self.case.by_deadline):
                return True
            if not (self._see_shown() | self._take_reads() | self._take_arrivals() | self._take_idlers()):
                return False

    def _look(self) -> None:
        """Find the earliest unfinished answer: attempts that were sent after it cannot be next."""
        answered, urgent = self.case.by_deadline, self._urgent
        then_read = self.case.then_read
        while urgent < len(answered):
            attempt = answered[urgent]
            if not attempt.done or (then_read and not attempt.seen):
                break
            urgent += 1
        self._urgent = urgent
        until = answered[urgent].deadline if urgent < len(answered) else FOREVER
        self._until = min(until, self.case.last_word - 1) if self.wallet.owed else until

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
        """With `then_read`, mark answers as explained that show the present balance after their effect."""
        found = False
        for attempt in self.case.shows_at.get(self.wallet.balance, ()):
            if attempt.seen:
                continue
            known = attempt.group.entry(attempt.method)
            if attempt.done or isinstance(known, Applied | Tombstone):
                self.wallet.see(attempt)
                found = True
        return found

    # --- by choice -----------------------------------------------------------------------------------

    def _choices(self) -> Iterator[Choice]:
        """Yield the steps worth trying from here, the most urgent first. Lazy: reads the wallet's state."""
        tried: set[object] = set()
        if self.wallet.owed:
            yield ()
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
        """Return a number that is equal for states with the same future."""
        state = self.wallet.identity
        for group in self.case.timed_groups:
            bet = group.bet
            if isinstance(bet, Applied) and self.wallet.won_since(bet):
                state ^= group.token
        return state


def _remembered(step: Step) -> bool:
    """Return whether the step leaves an entry that affects other attempts."""
    return step.branch is not None and step.branch.entry is not None and not step.attempt.group.lonely


# --- looking ahead --------------------------------------------------------------------------------
# A place that an order leads through is never called out of reach. (The crosscheck in the tests compares
# what is concluded from this with every order.)

PLACES_MAX = 400
"""With more balances than this on the way, anything may be within reach."""

UNKNOWNS_MAX = 10
"""With more unanswered attempts than this, every balance may be within reach."""


def is_within_reach(urgent: Attempt | None, case: Case, balance: int, until: int) -> bool:
    """Return whether attempts that were sent by then may make the balance that the most urgent one needs."""
    if urgent is None or urgent.shown is None or case.then_read or case.movers.waiting(until):
        return True
    own = certain_move(urgent)
    if own is None:
        return True
    free = _free_moves(case, until)
    if free is None:
        return True
    needed = urgent.shown - own
    found, ahead = {balance}, [balance]
    while ahead:
        here = ahead.pop()
        if here == needed or len(found) > PLACES_MAX:
            return True
        lane = case.effects_at.get(here)
        steps = {each.shown for each in lane.waiting(until)} if lane else set()
        for there in steps.union(here + move for move in free):
            if there is not None and there not in found:
                found.add(Money(there))
                ahead.append(there)
    return False


def _free_moves(case: Case, until: int) -> set[int] | None:
    """Return the moves that may happen at any balance, or never; None when they cannot be listed."""
    waiting = case.unknowns.waiting(until)
    if not all(_is_plain(each) for each in waiting):
        return None
    return {each.moves for each in waiting}


def useful_unknowns(case: Case, balance: int, until: int) -> Sequence[Attempt]:
    """Return the attempts without an answer that are worth trying at this balance.

    A plain one is not, unless it leads, alone or with others, to a balance that another attempt needs:
    otherwise it may as well happen later.
    """
    waiting = case.unknowns.waiting(until)
    if not waiting or case.then_read or len(waiting) > UNKNOWNS_MAX:
        return waiting
    if case.movers.waiting(until) or case.idlers.waiting(until):
        return waiting
    try:
        sums = sums_of([{0, *possible_steps(each)} for each in waiting])
    except TooManySums:
        return waiting
    wanted = _balances_waited_for(case, until)
    return [
        each
        for each in waiting
        if not _is_plain(each) or any(there - balance - each.moves in sums for there in wanted)
    ]


def _balances_waited_for(case: Case, until: int) -> set[int]:
    wanted: set[int] = {each.shown for each in case.reads.waiting(until) if each.shown is not None}
    for each in case.steps.waiting(until):
        assert each.shown is not None
        wanted.update(each.shown - move for move in {0, *possible_steps(each)})
    return wanted


def _is_plain(attempt: Attempt) -> bool:
    """Return whether it has one possible movement, and no other attempt depends on it."""
    return attempt.pure == "unknown" and attempt.amount > 0 and not attempt.held


# --- which attempt to try first -------------------------------------------------------------------
# Guesses that save time and decide nothing: a search tries every step before it says that there is no order.


def urgency(attempt: Attempt) -> int:
    """Return the sort key by which attempts that were answered early come first."""
    return attempt.deadline


def by_urgency(window: Iterable[Attempt], balance: int, urgent: Attempt | None) -> list[Attempt]:
    """Return the most urgent first; bets before all others when a refused bet needs a lower balance."""
    sinking = urgent is not None and urgent.wanted is Outcome.REFUSED and urgent.amount <= balance
    if sinking:
        return sorted(window, key=lambda each: (each.moves >= 0, each.deadline))
    return sorted(window, key=urgency)


def by_answers(window: Sequence[Attempt], balance: int, unseen: Iterable[Attempt]) -> list[Attempt]:
    """Return, for wallets that read late, the attempts that make a balance which an answer shows first.

    Best is a step to a balance that a past effect has yet to show; then a step whose own answer shows it at
    once; then one that a second step could complete; then the rest, the most urgent first.
    """
    wanted = {each.shown for each in unseen}
    pairs = {each.moves for each in window}
    before = {each.shown - each.moves for each in window if each.shown is not None}

    def rank(each: Attempt) -> tuple[int, int]:
        after = balance + each.moves
        shown = each.shown
        worth = 2 * (after in wanted) + (shown is None or after == shown)
        if worth == 0 and ((shown is not None and shown - after in pairs) or after in before):
            return -1, each.deadline
        return -2 * worth, each.deadline

    return sorted(window, key=rank)


class Proposed(Search):
    """A search that tries only the given order; the law decides whether each step is allowed."""

    def __init__(self, case: Case, terms: Terms, order: Sequence[Attempt]) -> None:
        super().__init__(case, terms, 0)
        self._order = order

    def _choices(self) -> Iterator[Choice]:
        attempt = next((each for each in self._order if not each.done), None)
        if attempt is None or attempt.sent > self._until:
            return
        steps = self.wallet.steps(attempt)
        expected = [each for each in steps if each.branch and each.branch.moves == attempt.moves]
        for step in (expected or steps)[:1]:
            yield (step,)


# --- long histories, piece by piece ---------------------------------------------------------------


class Pieces:
    """Looks for an order of a long history in pieces, so that it needs no more memory than for one.

    `find` searches one piece, up to a moment at which its last calls are not over. Only the first half of the
    order is kept, so that it leads on. Where the pieces have an order, so has the history; where not, nothing
    is proven.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        start: Start,
        find: Callable[[Sequence[Operation], Start, Collection[str], int], Search | None],
        size: int,
    ) -> None:
        self._later = iter(sorted(operations, key=lambda each: each.sent_ns))
        self._start = start
        self._find = find
        self._size = size
        self._left = Counter(each.transaction_id for each in operations if each.transaction_id is not None)
        self._recurring = {id_ for id_, count in self._left.items() if count > 1}
        self._earlier = Earlier()

    @staticmethod
    def suits(operations: Sequence[Operation], start: Start) -> bool:
        """Return whether each piece only has to know the balance and the ids before it."""
        return start.world is None and not any(
            each.method.moves_money
            and (each.is_unknown or (each.outcome is Outcome.REFUSED and each.method is not Method.BET))
            for each in operations
        )

    def balance(self) -> int | None:
        """Return the balance at the end of an order, or None where no order was found."""
        piece: list[Operation] = []
        start = self._start
        while True:
            ahead = self._size + len(piece)
            more = list(islice(self._later, ahead))
            piece += more
            last = len(more) < ahead
            search = self._find(piece, start, self._recurring, FOREVER if last else more[-1].sent_ns)
            if search is None or last:
                return None if search is None else search.wallet.balance
            search.wallet.undo_to(search.wallet.mark_after(more[len(more) // 2].sent_ns))
            kept = [each.operation for each in search.case.attempts if not each.done]
            if len(kept) == len(piece):
                return None
            self._keep(search.case, piece, kept)
            start = Start(search.wallet.balance, search.wallet.order, world=self._earlier)
            piece = kept
            # What a search holds refers to itself, and the collector is off while histories are judged.
            del search
            gc.collect(0)

    def _keep(self, case: Case, piece: Sequence[Operation], kept: Sequence[Operation]) -> None:
        """Keep what is known of the ids that will be needed again."""
        self._left.subtract(each.transaction_id for each in piece if each.transaction_id is not None)
        self._left.update(each.transaction_id for each in kept if each.transaction_id is not None)
        for id_, group in case.groups.items():
            for method in (Method.BET, Method.WIN, Method.REFUND):
                entry = group.entry(method)
                if self._left[id_] and entry is not None and not isinstance(entry, Pending):
                    self._earlier.entries[method, id_] = entry
                else:
                    self._earlier.entries.pop((method, id_), None)
