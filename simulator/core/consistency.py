"""Concurrent histories: is there an order of the calls that the ledger allows?

The parts stand in `checker`; the law is `law`'s. What is said here of a history never depends on luck: an
order that explains it is found, or every order is excluded, or the verdict is inconclusive.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from simulator.core.book import Book
from simulator.core.checker.explain import Explainer
from simulator.core.checker.lanes import lanes
from simulator.core.checker.refuters import Refutation, degrees, overdrafts
from simulator.core.checker.search import Answer
from simulator.core.checker.start import starts
from simulator.core.checker.sums import sums
from simulator.core.checker.trial import Found, Trial
from simulator.core.history import Operation, ends_quietly, hide_concurrent_balances
from simulator.core.money import Money, format_money
from simulator.core.situations import Situation
from simulator.core.webhooks import Method
from simulator.core.worlds import Terms

__all__ = ["BUDGET", "Consistency", "HistoryVerdict", "MoneyVerdict", "Operation", "check_history"]

BUDGET = 20_000
"""How many places a search may look at in vain before it is given up as inconclusive."""
TRIES = 300
"""The same for each of the many small checks that an explanation takes."""
LANES_MAX = 12


class Consistency(StrEnum):
    """Whether some order explains every answer."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    INCONCLUSIVE = "inconclusive"


class MoneyVerdict(StrEnum):
    """Whether the outcomes explain the balances that were read with nothing else going on."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class HistoryVerdict:
    """What a history shows.

    `tier` 1: an order explains every answer. 2: only if each answer shows a balance from between its own
    effect and its end. 3: nothing explains it. None: not decided. `core` are the operations that contradict
    each other; `lanes` the same as lines of text over time. `final_balances` are those that the wallet may
    have at the end, as far as orders were found.
    """

    verdict: Consistency
    money: MoneyVerdict
    tier: int | None
    situation: Situation | None = None
    explanation: str = ""
    core: tuple[Operation, ...] = ()
    lanes: tuple[str, ...] = ()
    final_balances: tuple[Money, ...] = ()


def check_history(
    opening: Money,
    operations: Sequence[Operation],
    *,
    terms: Terms | None = None,
    before: Book | None = None,
    foreign: Collection[int] = (),
    budget: int = BUDGET,
) -> HistoryVerdict:
    """Judge the calls of one player.

    `before` is the player's book as it was before the history; it wins over `opening`. `foreign` are the
    indices of operations whose id another player used too.
    """
    begun = list(starts(opening, before))
    trials = [Trial(begun, terms or Terms(), foreign, each) for each in (budget, min(budget, TRIES))]
    with _without_collector():
        return _History(operations, *trials).judge()


class _History:
    """One history on its way to a verdict: first whether the money is right, then what the answers say."""

    def __init__(self, operations: Sequence[Operation], trial: Trial, small: Trial) -> None:
        self._operations = operations
        self._trial = trial
        self._small = small

    @cached_property
    def _hidden(self) -> list[Operation]:
        return hide_concurrent_balances(self._operations)

    def judge(self) -> HistoryVerdict:
        # Most histories are right, and an order of them is found at once.
        strict = self._trial.quick(self._operations)
        if strict.answer is not Answer.ORDER:
            wrong = self._trial.refuted(self._hidden, sums)
            if wrong is not None:
                return self._money_wrong(wrong)
            strict = self._trial.strict(self._operations, strict.answer)
        if strict.answer is Answer.ORDER:
            return HistoryVerdict(_CONSISTENT, MoneyVerdict.RIGHT, 1, final_balances=_balances(strict))
        then_read = self._trial.then_read(self._operations)
        if then_read.answer is Answer.ORDER:
            return self._effect_then_read(strict, then_read)
        quiet = self._trial.quiet(self._hidden)
        if quiet.answer is Answer.NO_ORDER:
            return self._money_wrong(quiet.refutation)
        return self._answers_wrong(strict, then_read, quiet)

    def _effect_then_read(self, strict: Found, then_read: Found) -> HistoryVerdict:
        """The money is right; whether all answers are, only if the strict search came to an end."""
        decided = strict.answer is Answer.NO_ORDER
        why = strict.refutation
        return HistoryVerdict(
            _INCONSISTENT if decided else _INCONCLUSIVE,
            MoneyVerdict.RIGHT,
            2 if decided else None,
            Situation.EFFECT_THEN_READ if decided else None,
            _said_later(why) if decided else _GAVE_UP,
            core=why.core if why else (),
            lanes=lanes(why.core) if why else (),
            final_balances=_balances(then_read),
        )

    def _money_wrong(self, why: Refutation | None) -> HistoryVerdict:
        overdraft = None if why else self._trial.refuted(self._operations, overdrafts)
        if why is not None:
            situation, sentence, core = self._with_twins(why)
        elif overdraft is not None:
            situation, sentence, core = overdraft.situation, overdraft.sentence, overdraft.core
        else:
            situation, sentence, core = Explainer(self._hidden, self._check_quiet).explain()
        return HistoryVerdict(
            _INCONSISTENT, MoneyVerdict.WRONG, 3, situation, sentence, core, lanes(core[:LANES_MAX])
        )

    def _with_twins(self, why: Refutation) -> tuple[Situation, str, tuple[Operation, ...]]:
        """An effect is missing: the two calls that started from one balance are better evidence, if seen."""
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
        impossible = then_read.answer is Answer.NO_ORDER
        if strict.answer is Answer.GAVE_UP and not impossible:
            return HistoryVerdict(_INCONCLUSIVE, money, None, None, _GAVE_UP, final_balances=_balances(quiet))
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
        )

    def _check_strict(self, operations: Sequence[Operation]) -> Answer:
        return self._small.strict(operations).answer

    def _check_then_read(self, operations: Sequence[Operation]) -> Answer:
        return self._small.then_read(operations).answer

    def _check_quiet(self, operations: Sequence[Operation]) -> Answer:
        return self._small.quiet(operations).answer


def _balances(found: Found) -> tuple[Money, ...]:
    return () if found.balance is None else (Money(found.balance),)


def _said_later(why: Refutation | None) -> str:
    """The sentence of tier 2, with an example where one is known."""
    shown = next((each for each in why.core if each.balance is not None), None) if why else None
    if shown is None or shown.balance is None:
        return _THEN_READ
    example = f"{shown.name} shows {format_money(shown.balance)}, when other calls had taken effect as well"
    return f"{_THEN_READ} For example, {example}."


def _effect(operation: Operation) -> int:
    amount = operation.amount or Money(0)
    return -amount if operation.method is Method.BET else amount


_CONSISTENT, _INCONSISTENT, _INCONCLUSIVE = Consistency
_THEN_READ = (
    "The money is right, but no order of the calls explains every answer: each shows a balance from between "
    "its own effect and its end, as a wallet does that reads its balance in a second query."
)
_GAVE_UP = (
    "Too many orders of the calls are possible to try them all; more different amounts make it easy to tell."
)
_UNDECIDED = "Whether answers from a later read would explain it was not found out: too many orders."


@contextmanager
def _without_collector() -> Iterator[None]:
    """A check makes many small values that all stay: the collector would look at them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
