"""Which few operations of a history contradict each other, and the one mistake that would explain it.

Used where no refuter has a sentence. Everything here is tried out by checking changed histories: with a later
part cut off, with answers hidden, with one mistake put right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from simulator.core.checker.search import Answer
from simulator.core.findings import Outcome
from simulator.core.history import FOREVER, Operation, without_balance
from simulator.core.money import format_money
from simulator.core.situations import Situation

Check = Callable[[Sequence[Operation]], Answer]

OPERATIONS_MAX = 60_000
"""Over all tries of one explanation together: it must not take longer than the check."""
SUSPECTS_MAX = 60
"""How many of the latest answers are tried as the mistake."""


class Explainer:
    """Explains one history of which `check` says that it has no order."""

    def __init__(self, operations: Sequence[Operation], check: Check) -> None:
        self._operations = list(operations)
        self._check = check
        self._left = OPERATIONS_MAX

    def explain(self) -> tuple[Situation, str, tuple[Operation, ...]]:
        """The situation, a sentence, and the handful of operations that contradict each other."""
        prefix = self._shortest_prefix()
        last = max(prefix, key=lambda each: each.ends_ns if each.ends_ns < FOREVER else -1)
        situation, sentence = self._repair(prefix) or (Situation.CONCURRENT_WRONG, "")
        core = self._handful(prefix)
        said = f"No order of the calls explains the answer of {last.name}{_shown(last)}."
        if sentence:
            said += f" One explanation: {sentence}."
        return situation, said, core

    # --- the shortest failing prefix -------------------------------------------------------------------

    def _shortest_prefix(self) -> list[Operation]:
        """Up to the first answer that nothing explains: answers after it are taken as not yet given."""
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

    # --- the one mistake -------------------------------------------------------------------------------

    def _repair(self, operations: Sequence[Operation]) -> tuple[Situation, str] | None:
        """The first single mistake that would explain it, the latest answers first."""
        answered = [each for each in operations if each.ends_ns < FOREVER]
        suspects = sorted(answered, key=lambda each: -each.ends_ns)[:SUSPECTS_MAX]
        for repairs in (_mistakes, _odd_answers):
            for suspect in suspects:
                for situation, sentence, changed in repairs(operations, suspect):
                    if self._left <= 0:
                        return None
                    if self._passes(changed):
                        return situation, sentence
        return None

    # --- the handful -------------------------------------------------------------------------------------

    def _handful(self, operations: Sequence[Operation]) -> tuple[Operation, ...]:
        """What is left when every answer that can be hidden is: without any of them there is an order."""
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

    # --- trying out --------------------------------------------------------------------------------------

    def _fails(self, operations: Sequence[Operation]) -> bool:
        self._left -= len(operations)
        return self._left > 0 and self._check(operations) is Answer.NO_ORDER

    def _passes(self, operations: Sequence[Operation]) -> bool:
        self._left -= len(operations)
        return self._check(operations) is Answer.ORDER


def _until(operations: Sequence[Operation], moment: int) -> list[Operation]:
    return [
        each if each.ends_ns <= moment else _unanswered(each) for each in operations if each.sent_ns <= moment
    ]


def _unanswered(operation: Operation) -> Operation:
    return replace(operation, answered_ns=None, outcome=Outcome.UNKNOWN, balance=None)


def _shown(operation: Operation) -> str:
    if operation.balance is not None and operation.outcome is not Outcome.REFUSED:
        return f" (→ {format_money(operation.balance)})"
    return " (refused)" if operation.outcome is Outcome.REFUSED else ""


_Repair = tuple[Situation, str, list[Operation]]


def _mistakes(operations: Sequence[Operation], suspect: Operation) -> Iterator[_Repair]:
    """Money that moved otherwise than it was answered."""
    name = suspect.name
    if not suspect.method.moves_money:
        return
    if suspect.outcome is Outcome.REFUSED:
        applied = replace(suspect, outcome=Outcome.ACCEPTED, balance=None)
        yield (
            Situation.CONCURRENT_WRONG,
            f"{name} was refused and yet took effect",
            _with(operations, applied),
        )
        without = [each for each in operations if each is not suspect]
        yield Situation.CONCURRENT_WRONG, f"{name} was refused without a reason", without
        return
    again = replace(suspect, index=FOREVER, transaction_id=f"{suspect.transaction_id} again", balance=None)
    without = [each for each in operations if each is not suspect]
    yield Situation.LOST_UPDATE, f"{name} was accepted and took no effect", without
    yield Situation.DOUBLE_EFFECT, f"{name} took effect twice", [*operations, again]
    alone = _with(operations, replace(again, index=suspect.index))
    yield Situation.DOUBLE_EFFECT, f"{name} took effect though it must not have any", alone


def _odd_answers(operations: Sequence[Operation], suspect: Operation) -> Iterator[_Repair]:
    """A wrong number in an answer, with the money right."""
    if suspect.balance is None:
        return
    shown = format_money(suspect.balance)
    kind = Situation.STALE_READ if suspect.is_read else Situation.CONCURRENT_WRONG
    sentence = f"{suspect.name} shows {shown}, which was not the balance at any moment of that call"
    yield kind, sentence, _with(operations, without_balance(suspect))


def _with(operations: Sequence[Operation], changed: Operation) -> list[Operation]:
    return [changed if each.index == changed.index else each for each in operations]
