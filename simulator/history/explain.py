"""Find the few operations of a history that contradict each other, and one mistake that would explain it.

Used where no refuter has a sentence. Each guess is tested by checking a changed history: with its end cut
off, with answers hidden, or with one mistake undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from simulator.core.calls import FOREVER, Operation
from simulator.core.findings import Outcome
from simulator.core.money import format_money
from simulator.core.webhooks import Method
from simulator.history.operations import without_balance
from simulator.history.refuters import capital
from simulator.history.search import Answer
from simulator.law.situations import Situation

Check = Callable[[Sequence[Operation]], Answer]

OPERATIONS_MAX = 30_000
"""How many operations one explanation may check in all: it must not take longer than the check itself."""

SUSPECTS_MAX = 60
"""How many of the latest answers are tried as the one that is wrong."""


class Explainer:
    """Explains one history for which `check` finds no order."""

    def __init__(self, operations: Sequence[Operation], check: Check) -> None:
        self._operations = list(operations)
        self._check = check
        self._left = OPERATIONS_MAX

    def explain(self) -> tuple[Situation, str, tuple[Operation, ...]]:
        """Return the situation, a sentence, and the few operations that contradict each other."""
        prefix = self._shortest_prefix()
        last = max(prefix, key=lambda each: each.ends_ns if each.ends_ns < FOREVER else -1)
        situation, sentence = self._repair(prefix) or (Situation.CONCURRENT_WRONG, "")
        core = self._handful(prefix)
        explanation = f"No order of the calls explains the answer to {last.name}{_shown(last)}."
        if sentence:
            explanation += f" One explanation: {sentence}."
        return situation, explanation, core

    def _shortest_prefix(self) -> list[Operation]:
        """Return the history up to the first answer that nothing explains, later answers taken away."""
        ends = sorted({each.ends_ns for each in self._operations if each.ends_ns < FOREVER})
        low, high = 0, len(ends) - 1
        best = self._operations
        while low < high:
            middle = (low + high) // 2
            shorter = _until(self._operations, ends[middle])
            if self._fails(shorter):
                high, best = middle, shorter
            else:
                low = middle + 1
        return best

    def _repair(self, operations: Sequence[Operation]) -> tuple[Situation, str] | None:
        """Return the first mistake that would explain it: likely kinds first, of a kind the latest answer."""
        answered = [each for each in operations if each.ends_ns < FOREVER]
        suspects = sorted(answered, key=lambda each: -each.ends_ns)[:SUSPECTS_MAX]
        for fits, mistake in MISTAKES:
            for suspect in filter(fits, suspects):
                found = mistake(operations, suspect)
                if found is None:
                    continue
                if self._left <= 0:
                    return None
                situation, sentence, changed = found
                if self._passes(changed):
                    return situation, sentence
        return None

    def _handful(self, operations: Sequence[Operation]) -> tuple[Operation, ...]:
        """Return a minimal set of answers that have no order: without any one of them there is an order."""
        kept = [each for each in operations if each.ends_ns < FOREVER]
        size = max(1, len(kept) // 2)
        current = list(operations)
        while size >= 1 and self._left > 0:
            place = 0
            while place < len(kept) and self._left > 0:
                hidden = {each.index for each in kept[place : place + size]}
                shorter = [_unanswered(each) if each.index in hidden else each for each in current]
                if self._fails(shorter):
                    kept = kept[:place] + kept[place + size :]
                    current = shorter
                else:
                    place += size
            size //= 2
        return tuple(kept)

    def _fails(self, operations: Sequence[Operation]) -> bool:
        self._left -= len(operations)
        return self._left > 0 and self._check(operations) is Answer.NO_ORDER

    def _passes(self, operations: Sequence[Operation]) -> bool:
        self._left -= len(operations)
        return self._check(operations) is Answer.ORDER


def bet_and_its_refund(
    operations: Sequence[Operation], check: Check
) -> tuple[Situation, str, tuple[Operation, ...]] | None:
    """Return a refund that was paid before its bet, or wrote over it, if that explains every answer.

    The first takes one call only. Where the two started from one balance, the answer to the bet shows that
    balance less its amount.
    """
    refunds = [each for each in operations if each.method is Method.REFUND and _is_accepted(each)]
    for refund in refunds[:SUSPECTS_MAX]:
        bet = next((each for each in operations if _is_bet_of(each, refund)), None)
        if bet is None:
            continue
        if check(_paid_first(operations, refund, bet)) is Answer.ORDER:
            sentence = f"{capital(refund.name)} was paid before {bet.name}, as every answer shows."
            return Situation.UNKNOWN_REFUND_CREDITED, sentence, (refund, bet)
        if check(_paid_first(operations, refund, without_balance(bet))) is Answer.ORDER:
            sentence = (
                f"{capital(bet.name)} and {refund.name} started from one balance, and the refund wrote last."
            )
            return Situation.LOST_UPDATE, sentence, (bet, refund)
    return None


def _paid_first(operations: Sequence[Operation], refund: Operation, bet: Operation) -> list[Operation]:
    """Return the history with the refund as a win, and after it the bet as a read: it moves nothing."""
    over = max(refund.sent_ns, min(refund.ends_ns, bet.ends_ns - 1))
    paid = replace(refund, method=Method.WIN, amount=bet.amount, answered_ns=over)
    late = replace(
        bet, method=Method.BALANCE, transaction_id=None, amount=None, sent_ns=max(bet.sent_ns, over + 1)
    )
    return _with(_with(operations, paid), late)


def _until(operations: Sequence[Operation], moment: int) -> list[Operation]:
    sent = (each for each in operations if each.sent_ns <= moment)
    return [each if each.ends_ns <= moment else _unanswered(each) for each in sent]


def _unanswered(operation: Operation) -> Operation:
    return replace(operation, answered_ns=None, outcome=Outcome.UNKNOWN, balance=None)


def _shown(operation: Operation) -> str:
    if operation.balance is not None and operation.outcome is not Outcome.REFUSED:
        return f" (→ {format_money(operation.balance)})"
    return " (refused)" if operation.outcome is Outcome.REFUSED else ""


_Repair = tuple[Situation, str, list[Operation]]


def _refused_and_done(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    applied = replace(suspect, outcome=Outcome.ACCEPTED, balance=None)
    sentence = f"{suspect.name} was refused and yet took effect"
    return Situation.CONCURRENT_WRONG, sentence, _with(operations, applied)


def _refused_for_nothing(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    without = [each for each in operations if each is not suspect]
    return _REFUSED[suspect.method], f"{suspect.name} was refused without a reason", without


_REFUSED = {
    Method.BET: Situation.BET_REFUSED,
    Method.WIN: Situation.WIN_REFUSED,
    Method.REFUND: Situation.REFUND_REFUSED,
}
"""What a refusal without a reason is called: this takes one call, such as one that meets a lock."""


def _refund_and_bet(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    """Suppose that the bet was taken although its refund was accepted: the player's money is gone."""
    if suspect.method is not Method.REFUND:
        return None
    bet = next((each for each in operations if _is_bet_of(each, suspect)), None)
    if bet is None:
        return None
    copies = [each for each in operations if _is_accepted(each) and _is_copy_of(each, suspect)]
    without = [each for each in operations if each not in copies]
    sentence = f"{suspect.name} was accepted, but {bet.name} was taken all the same"
    return Situation.LATE_BET_TAKEN, sentence, without


def _is_bet_of(operation: Operation, refund: Operation) -> bool:
    same = operation.method is Method.BET and operation.transaction_id == refund.transaction_id
    return same and operation.outcome is Outcome.ACCEPTED


def _is_copy_of(operation: Operation, other: Operation) -> bool:
    return (operation.method, operation.transaction_id) == (other.method, other.transaction_id)


def _no_effect(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    without = [each for each in operations if each is not suspect]
    return Situation.LOST_UPDATE, f"{suspect.name} was accepted and took no effect", without


def _none_of_its_kind(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    method = suspect.method
    without = [each for each in operations if each.method is not method or each.outcome is Outcome.REFUSED]
    sentence = f"none of the {method.noun}s took effect, though they were accepted"
    return Situation.LOST_UPDATE, sentence, without


def _only_one_of_its_kind(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    """Suppose that calls which started from one balance overwrote each other, and this one wrote last."""
    method = suspect.method
    others = [
        each for each in operations if each.method is method and _is_accepted(each) and each is not suspect
    ]
    without = [each for each in operations if each not in others]
    sentence = f"of {len(others) + 1} accepted {method.noun}s only {suspect.name} took effect"
    return Situation.LOST_UPDATE, sentence, without


def _twice(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    copies = [each for each in operations if _is_copy_of(each, suspect)]
    if suspect.method is Method.REFUND and len(copies) == 1:
        # Sent once, it rather was paid before its bet, or wrote over it.
        return None
    sentence = f"{suspect.name} took effect twice"
    return Situation.DOUBLE_EFFECT, sentence, [*operations, _again(suspect)]


def _for_nothing(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    alone = _with(operations, replace(_again(suspect), index=suspect.index))
    return Situation.DOUBLE_EFFECT, f"{suspect.name} took effect although it must not", alone


def _again(operation: Operation) -> Operation:
    # A refund with another id would be that of an unknown bet.
    method = Method.WIN if operation.method is Method.REFUND else operation.method
    id_ = f"{operation.transaction_id} again"
    return replace(operation, index=FOREVER, method=method, transaction_id=id_, balance=None)


def _odd_answer(operations: Sequence[Operation], suspect: Operation) -> _Repair | None:
    """Suppose that the answer shows a wrong number and the money is right, as later answers show."""
    if suspect.balance is None or not any(_shows_later(each, suspect) for each in operations):
        return None
    shown = format_money(suspect.balance)
    kind = Situation.STALE_READ if suspect.is_read else Situation.CONCURRENT_WRONG
    sentence = f"{suspect.name} shows {shown}, which was not the balance at any moment of that call"
    return kind, sentence, _with(operations, without_balance(suspect))


def _shows_later(operation: Operation, suspect: Operation) -> bool:
    return operation.balance is not None and operation.ends_ns > suspect.ends_ns


def _is_refused(operation: Operation) -> bool:
    return operation.method.moves_money and operation.outcome is Outcome.REFUSED


def _is_accepted(operation: Operation) -> bool:
    return operation.method.moves_money and operation.outcome is Outcome.ACCEPTED


def _shows(operation: Operation) -> bool:
    return operation.balance is not None


MISTAKES: tuple[
    tuple[Callable[[Operation], bool], Callable[[Sequence[Operation], Operation], _Repair | None]], ...
] = (
    (_is_accepted, _refund_and_bet),
    (_is_refused, _refused_for_nothing),
    (_is_refused, _refused_and_done),
    (_is_accepted, _no_effect),
    (_is_accepted, _none_of_its_kind),
    (_is_accepted, _only_one_of_its_kind),
    (_is_accepted, _twice),
    (_is_accepted, _for_nothing),
    (_shows, _odd_answer),
)
"""Which answers each mistake fits, and the function that returns the history without it, or None."""


def _with(operations: Sequence[Operation], changed: Operation) -> list[Operation]:
    return [changed if each.index == changed.index else each for each in operations]
