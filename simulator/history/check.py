"""Judge a concurrent history: is there an order of its calls that the law allows?

A verdict never depends on luck: an order that explains the history is found, or every order is excluded, or
the verdict is inconclusive. `Trial` runs the steps: refuters first, then searches.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TypedDict, Unpack

from simulator.core.calls import Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money, format_money
from simulator.core.webhooks import Method
from simulator.history.attempts import Attempt, Move, possible_steps
from simulator.history.explain import Explainer, bet_and_its_refund
from simulator.history.operations import ends_quietly, hide_concurrent_balances, lanes
from simulator.history.orders import Reach, Visits
from simulator.history.problem import Case, Start, starts
from simulator.history.refuters import (
    Refutation,
    degrees,
    is_unsettled,
    may_be_lost,
    no_loss_fits,
    out_of_reach,
    overdrafts,
    sums,
)
from simulator.history.search import Answer, Pieces, Proposed, Search
from simulator.history.walks import Walks
from simulator.law.book import Book, Terms
from simulator.law.situations import Situation

__all__ = ["BUDGET", "Consistency", "HistoryVerdict", "MoneyVerdict", "Operation", "check_history"]

BUDGET = 20_000
"""How many dead ends a search may meet before it gives up as inconclusive."""

TRIES = 300
"""The same, for each of the many small checks that an explanation takes."""

LANES_MAX = 12


class Consistency(StrEnum):
    """Whether some order explains every answer."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    INCONCLUSIVE = "inconclusive"


class MoneyVerdict(StrEnum):
    """Whether the outcomes explain the balances that were shown while no other call was in flight."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class HistoryVerdict:
    """The verdict on one history.

    `tier` 1: an order explains every answer. 2: one does only if each answer may show a balance from between
    its own effect and its end. 3: no order explains it. None: not decided. `core` are the operations that
    contradict each other, and `lanes` draws them over time. `final_balances` are those that the wallet may
    have at the end, as far as orders were found. `doubt` is a call whose effect may be lost although an order
    explains every answer (or, in tier 2, although the outcomes are right), as calls without an answer would
    hide it. `proven`: no order explains the answers,
    or it is undecided, but the sum at the end is right, and no lost effect could hide in it.
    """

    verdict: Consistency
    money: MoneyVerdict
    tier: int | None
    situation: Situation | None = None
    explanation: str = ""
    core: tuple[Operation, ...] = ()
    lanes: tuple[str, ...] = ()
    final_balances: tuple[Money, ...] = ()
    doubt: Operation | None = None
    proven: bool = False


class How(TypedDict, total=False):
    """How a history is judged: see `check_history`."""

    terms: Terms | None
    before: Book | None
    foreign: Collection[int]
    budget: int


def check_history(
    opening: Money,
    operations: Sequence[Operation],
    *,
    terms: Terms | None = None,
    before: Book | None = None,
    foreign: Collection[int] = (),
    budget: int = BUDGET,
) -> HistoryVerdict:
    """Return the verdict on the calls of one player.

    `before` is the player's book before the history; it takes precedence over `opening`. `foreign` are the
    indices of the operations whose id another player used too.
    """
    begun = list(starts(opening, before))
    trials = [Trial(begun, terms or Terms(), foreign, each) for each in (budget, min(budget, TRIES))]
    with _without_collector():
        return _History(operations, *trials).judge()


def settled_history(
    opening: Money, operations: Sequence[Operation], **how: Unpack[How]
) -> tuple[list[Operation], HistoryVerdict]:
    """Judge a history in which answers without a clear status count as a later read allows.

    Such an answer that shows a balance is an acceptance; if no order explains that, those bets that would be
    over the balance shown, and have no word for success, may have been refused. Without a later read the call
    stays one without an answer.
    """
    last_read = max((each.sent_ns for each in operations if each.is_read), default=0)
    odd = [each for each in operations if each.must_settle and (each.answered_ns or 0) <= last_read]
    accepted = _answered(operations, odd, Outcome.ACCEPTED)
    verdict = check_history(opening, accepted, **how)
    over = [
        each
        for each in odd
        if each.method is Method.BET and not each.says_yes and (each.amount or 0) > (each.balance or 0)
    ]
    if verdict.tier == 1 or not over:
        return accepted, verdict
    refused = _answered(accepted, over, Outcome.REFUSED)
    other = check_history(opening, refused, **how)
    return (refused, other) if other.tier == 1 else (accepted, verdict)


def _answered(operations: Sequence[Operation], odd: Sequence[Operation], outcome: Outcome) -> list[Operation]:
    indices = {each.index for each in odd}
    return [replace(each, outcome=outcome) if each.index in indices else each for each in operations]


class _History:
    """Judges one history: first whether the money is right, then whether the answers are."""

    def __init__(self, operations: Sequence[Operation], trial: Trial, small: Trial) -> None:
        self._operations = operations
        self._trial = trial
        self._small = small

    @cached_property
    def _hidden(self) -> list[Operation]:
        return hide_concurrent_balances(self._operations)

    @property
    def _sums_prove(self) -> bool:
        """Return whether the last quiet balance is right, and would not be if any one effect were lost."""
        return ends_quietly(self._hidden) and self._trial.sums_prove(self._hidden)

    def judge(self) -> HistoryVerdict:
        # Most histories are right, and an order of them is found at once.
        strict = self._trial.quick(self._operations)
        if strict.answer is not Answer.ORDER:
            wrong = self._trial.refuted(self._hidden, sums)
            if wrong is not None:
                return self._money_wrong(wrong)
            strict = self._trial.strict(self._operations, strict.answer)
        if strict.answer is Answer.ORDER:
            settled = not any(each.is_unknown for each in self._operations if each.method.moves_money)
            sure = settled or self._sums_prove
            doubt = None if sure else self._trial.doubt(self._operations, strict.path)
            final = _balances(strict)
            return HistoryVerdict(_CONSISTENT, MoneyVerdict.RIGHT, 1, final_balances=final, doubt=doubt)
        then_read = self._trial.then_read(self._operations)
        if then_read.answer is Answer.ORDER:
            return self._effect_then_read(strict, then_read)
        quiet = self._trial.quiet(self._hidden)
        if quiet.answer is Answer.NO_ORDER:
            return self._money_wrong(quiet.refutation)
        return self._answers_wrong(strict, then_read, quiet)

    def _effect_then_read(self, strict: Found, then_read: Found) -> HistoryVerdict:
        """Return the verdict of tier 2, or an inconclusive one if the strict search was not finished."""
        decided = strict.answer is Answer.NO_ORDER
        why = strict.refutation
        return HistoryVerdict(
            _INCONSISTENT if decided else _INCONCLUSIVE,
            MoneyVerdict.RIGHT,
            2 if decided else None,
            Situation.EFFECT_THEN_READ if decided else None,
            _explain_then_read(why) if decided else _GAVE_UP,
            core=why.core if why else (),
            lanes=lanes(why.core) if why else (),
            final_balances=_balances(then_read),
            proven=not decided and self._sums_prove,
            doubt=self._trial.any_effect(self._operations) if decided and not self._sums_prove else None,
        )

    def _money_wrong(self, why: Refutation | None) -> HistoryVerdict:
        overdraft = None if why else self._trial.refuted(self._operations, overdrafts)
        if why is not None:
            situation, sentence, core = self._with_twins(why)
        elif overdraft is not None:
            situation, sentence, core = overdraft.situation, overdraft.sentence, overdraft.core
        else:
            situation, sentence, core = Explainer(self._hidden, self._check_quiet).explain()
        if situation is Situation.CONCURRENT_WRONG:
            # The answers tell it from two calls that overwrote each other's effect.
            alone = bet_and_its_refund(self._operations, self._check_strict)
            situation, sentence, core = alone or (situation, sentence, core)
        return HistoryVerdict(
            _INCONSISTENT, MoneyVerdict.WRONG, 3, situation, sentence, core, lanes(core[:LANES_MAX])
        )

    def _with_twins(self, why: Refutation) -> tuple[Situation, str, tuple[Operation, ...]]:
        """Return what to say of a wrong sum; two calls that started from one balance are better evidence."""
        twins = self._trial.refuted(self._operations, overdrafts) or self._trial.refuted(
            self._operations, degrees
        )
        if twins is None or twins.situation not in (Situation.LOST_UPDATE, Situation.OVERDRAFT):
            return why.situation, why.sentence, why.core
        effects = {_effect(each) for each in twins.core}
        if twins.situation is Situation.LOST_UPDATE and not (twins.collides or -why.off in effects):
            return why.situation, why.sentence, why.core
        sentence = f"{twins.sentence.rstrip('.')}: {why.figures}."
        return twins.situation, sentence, (*twins.core, why.core[-1])

    def _answers_wrong(self, strict: Found, then_read: Found, quiet: Found) -> HistoryVerdict:
        proven = quiet.answer is Answer.ORDER and ends_quietly(self._hidden)
        money = MoneyVerdict.RIGHT if proven else MoneyVerdict.UNPROVEN
        sure = proven and self._sums_prove
        impossible = then_read.answer is Answer.NO_ORDER
        if strict.answer is Answer.GAVE_UP and not impossible:
            return HistoryVerdict(
                _INCONCLUSIVE, money, None, None, _GAVE_UP, final_balances=_balances(quiet), proven=sure
            )
        why = then_read.refutation or strict.refutation
        if strict.refutation is not None and strict.refutation.collides:
            why = strict.refutation
        if why is not None:
            situation, sentence, core = why.situation, why.sentence, why.core
        elif impossible:
            situation, sentence, core = Explainer(self._operations, self._check_then_read).explain()
        else:
            situation, sentence, core = Explainer(self._operations, self._check_strict).explain()
        if not impossible:
            sentence = f"{sentence} {_UNDECIDED}"
        return HistoryVerdict(
            _INCONSISTENT,
            money,
            3 if impossible else None,
            situation if impossible else None,
            sentence,
            core,
            lanes(core[:LANES_MAX]),
            _balances(quiet),
            proven=sure,
        )

    def _check_strict(self, operations: Sequence[Operation]) -> Answer:
        return self._small.strict(operations).answer

    def _check_then_read(self, operations: Sequence[Operation]) -> Answer:
        return self._small.then_read(operations).answer

    def _check_quiet(self, operations: Sequence[Operation]) -> Answer:
        return self._small.quiet(operations).answer


def _balances(found: Found) -> tuple[Money, ...]:
    return () if found.balance is None else (Money(found.balance),)


def _explain_then_read(why: Refutation | None) -> str:
    """Return the sentence of tier 2, with an example where one is known."""
    shown = next((each for each in why.core if each.balance is not None), None) if why else None
    if shown is None or shown.balance is None:
        return _THEN_READ
    example = f"{shown.name} shows {format_money(shown.balance)}, which includes the effects of other calls"
    return f"{_THEN_READ} For example, {example}."


def _effect(operation: Operation) -> int:
    amount = operation.amount or Money(0)
    return -amount if operation.method is Method.BET else amount


_CONSISTENT, _INCONSISTENT, _INCONCLUSIVE = Consistency

_THEN_READ = (
    "The money is right, but no order of the calls explains every answer: some answers show a balance from "
    "after their own effect, as a wallet does that reads its balance in a second query."
)

_GAVE_UP = (
    "The calls have too many possible orders to try them all; different amounts would make it easier to tell."
)

_UNDECIDED = "Whether balances that were read later would explain it is undecided: too many orders."


@contextmanager
def _without_collector() -> Iterator[None]:
    """Turn the garbage collector off: a check keeps many small values, which it would scan repeatedly."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# --- the refuters and searches of one history -----------------------------------------------------

SHORT = 40
"""In histories up to this length each effect is tried as the one that was lost."""

SMALL = 12
"""Histories up to this length are searched at once, without a proposed order."""

QUICK_BUDGET = 300
"""How many dead ends the first, quick search may meet."""

LATER_READS_BUDGET = 1_000
"""The same for wallets that read their balance late, where no proposed order held."""

PROPOSED_MAX = 3_000
"""Orders are proposed for histories up to this length."""

WAYS = 8
"""How many walks `Walks` follows side by side at each balance, where nothing is difficult."""

STEPS_MAX = 100
"""How many steps the walks take in all, for each dead end that the search may meet."""

STEPS_EACH = 2_000
"""And for each operation."""

PIECE = 250

LONG = 800

LOST_BUDGET = 2_000
"""How many dead ends a search may meet in longer histories with calls that nothing settles."""

REACHES = (
    Reach(ways=16, nearest=30, choices=2, skipped=1, hidden=4),
    Reach(ways=16, nearest=4, choices=2, skipped=4, hidden=-1),
    Reach(ways=60, nearest=30, choices=2, skipped=1, hidden=4),
    Reach(ways=48, nearest=6, choices=3, skipped=4, hidden=-1),
)
"""In turn for wallets that read at once and answer in any order, and for wallets that read late."""

Refuter = Callable[[int, Sequence[Attempt]], Refutation | None]


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search: the final balance of the order that was found, or why there is none.

    `path` is what moved the balance in it.
    """

    answer: Answer
    balance: int | None = None
    refutation: Refutation | None = None
    path: tuple[Move, ...] = ()


class Trial:
    """Runs the searches of one check from every possible start. `budget`: dead ends a search may meet."""

    def __init__(self, starts: Sequence[Start], terms: Terms, foreign: Collection[int], budget: int) -> None:
        self._starts = starts
        self._terms = terms
        self._foreign = foreign
        self._budget = budget

    def quick(self, operations: Sequence[Operation]) -> Found:
        """Look for an order that explains every answer, almost without trying alternatives."""
        found = self.in_pieces(operations) if len(operations) > PROPOSED_MAX else None
        return found or self._search(operations, min(self._budget, QUICK_BUDGET), then_read=False)

    def in_pieces(self, operations: Sequence[Operation], size: int = PIECE) -> Found | None:
        """Look for an order of a long history in pieces of about that size; None if none was found."""
        start = self._starts[0]
        if len(self._starts) > 1 or not Pieces.suits(operations, start):
            return None
        balance = Pieces(operations, start, self._piece, size).balance()
        return None if balance is None else Found(Answer.ORDER, balance)

    def _piece(
        self, piece: Sequence[Operation], start: Start, recurring: Collection[str], horizon: int
    ) -> Search | None:
        def case() -> Case:
            foreign = self._foreign
            return Case(piece, start, then_read=False, foreign=foreign, recurring=recurring, horizon=horizon)

        search = Search(case(), self._terms, QUICK_BUDGET)
        if search.run() is Answer.ORDER:
            return search
        walked = case()
        order = Walks(walked, WAYS, STEPS_EACH * len(piece)).order()
        search = Proposed(walked, self._terms, order or ())
        return search if order is not None and search.run() is Answer.ORDER else None

    def strict(self, operations: Sequence[Operation], known: Answer = Answer.GAVE_UP) -> Found:
        """Look for an order that explains every answer. `known` is what the quick search has found."""
        refutation = self._refuted(operations, (overdrafts, degrees))
        if refutation is not None or known is Answer.NO_ORDER:
            return Found(Answer.NO_ORDER, refutation=refutation)
        return self._search(operations, self._budget, then_read=False)

    def then_read(self, operations: Sequence[Operation]) -> Found:
        """Look for an order if answers may show a balance from between their own effect and their end."""
        refutation = self._refuted(operations, (out_of_reach,))
        if refutation is not None:
            return Found(Answer.NO_ORDER, refutation=refutation)
        return self._search(operations, self._budget, then_read=True)

    def quiet(self, hidden: Sequence[Operation]) -> Found:
        """Look for an order of a history whose concurrent balances are hidden."""
        refutation = self.refuted(hidden, sums)
        if refutation is not None:
            return Found(Answer.NO_ORDER, refutation=refutation)
        return self._search(hidden, self._budget, then_read=False)

    def refuted(self, operations: Sequence[Operation], refuter: Refuter) -> Refutation | None:
        """Return the refutation, if the refuter has one for every possible start."""
        found = None
        for start in self._starts:
            case = Case(operations, start, then_read=False, foreign=self._foreign)
            found = refuter(start.balance, case.attempts) if self._terms.exists else None
            if found is None:
                return None
        return found

    def sums_prove(self, hidden: Sequence[Operation]) -> bool:
        """Return whether the sums prove the money right, whatever calls without an answer did."""
        start = self._starts[0]
        case = Case(hidden, start, then_read=False, foreign=self._foreign)
        return len(self._starts) == 1 and no_loss_fits(start.balance, case.attempts)

    def doubt(self, operations: Sequence[Operation], path: Sequence[Move]) -> Operation | None:
        """Return a call that may be lost although an order explains every answer; None if none may.

        Of a short history each call is tried.
        """
        start = self._starts[0]
        case = Case(operations, start, then_read=False, foreign=self._foreign)
        if not any(map(is_unsettled, case.attempts)):
            return None
        if len(operations) > SHORT:
            return may_be_lost(start.balance, case.attempts, path)
        suspects = (
            each for each in case.attempts if each.deadline < case.last_word and possible_steps(each) != {0}
        )
        return next((each.operation for each in suspects if self._fits_without(operations, each)), None)

    def any_effect(self, operations: Sequence[Operation]) -> Operation | None:
        """Return an effect that may be lost if answers may show later balances; None if none may."""
        case = Case(operations, self._starts[0], then_read=True, foreign=self._foreign)
        if not any(map(is_unsettled, case.attempts)):
            return None
        effects = (each for each in case.attempts if not each.unknown and possible_steps(each) != {0})
        return next((each.operation for each in effects), None)

    def _fits_without(self, operations: Sequence[Operation], suspect: Attempt) -> bool:
        """Return whether an order may explain every answer although the effect of that call was lost."""
        if any(each.held for each in suspect.group.attempts):
            return True
        for start in self._starts:
            case = Case(operations, start, then_read=False, foreign=self._foreign)
            case.lose(suspect.operation.index)
            if Search(case, self._terms, min(self._budget, TRIES)).run() is not Answer.NO_ORDER:
                return True
        return False

    def _refuted(self, operations: Sequence[Operation], refuters: Sequence[Refuter]) -> Refutation | None:
        found = (self.refuted(operations, refuter) for refuter in refuters)
        return next((refutation for refutation in found if refutation is not None), None)

    def _search(self, operations: Sequence[Operation], budget: int, *, then_read: bool) -> Found:
        answers = set()
        for start in self._starts:
            answer = Answer.NO_ORDER
            for search in self._searches(operations, start, budget, then_read):
                answer = search.run()
                if answer is Answer.ORDER:
                    return Found(answer, search.wallet.balance, path=tuple(search.wallet.path()))
            answers.add(answer)
        return Found(Answer.GAVE_UP if Answer.GAVE_UP in answers else Answer.NO_ORDER)

    def _searches(
        self, operations: Sequence[Operation], start: Start, budget: int, then_read: bool
    ) -> Iterator[Search]:
        """Yield the searches to try; only the failure of the last one proves anything."""
        if SMALL < len(operations) <= PROPOSED_MAX:
            if then_read:
                yield from self._proposed(operations, start, REACHES)
                budget = min(budget, LATER_READS_BUDGET)
            elif budget > QUICK_BUDGET:
                steps = min(STEPS_MAX * budget, STEPS_EACH * len(operations))
                yield from self._proposed(operations, start, [steps])
        case = Case(operations, start, then_read=then_read, foreign=self._foreign)
        if len(operations) > LONG and any(map(is_unsettled, case.attempts)):
            budget = min(budget, LOST_BUDGET)
        yield Search(case, self._terms, budget)

    def _proposed(
        self, operations: Sequence[Operation], start: Start, settings: Sequence[Reach | int]
    ) -> Iterator[Search]:
        for setting in settings:
            then_read = isinstance(setting, Reach)
            case = Case(operations, start, then_read=then_read, foreign=self._foreign)
            guide = Visits(case, setting) if isinstance(setting, Reach) else Walks(case, WAYS, setting)
            order = guide.order()
            if order is not None:
                yield Proposed(case, self._terms, order)
