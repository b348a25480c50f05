"""Histories: the calls of one player as closed intervals in time, with what each was answered.

An attempt lasts from before its first byte to after the last byte of its answer, on one monotonic clock. One
without a clear answer stays open for ever. Whether an order explains a history is `consistency`'s.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.money import Money, format_money
from simulator.core.roles import CallForm
from simulator.core.webhooks import Method, WebhookRequest

FOREVER = 1 << 512
"""Later than every answer: when an attempt without an answer ends."""


class Operation(Frozen):
    """One attempt of a call. `balance` is what its answer shows; None where it shows none.

    `index` tells the operations of one history apart; `label` is the author's name of the step. An operation
    whose outcome is unknown may have taken effect at any moment after `sent_ns`, or never.
    """

    index: int
    player: str
    method: Method
    transaction_id: str | None
    amount: Money | None
    game_id: str | None
    sent_ns: int
    answered_ns: int | None
    outcome: Outcome
    balance: Money | None
    form: CallForm = CallForm.CANONICAL
    label: str = ""

    @property
    def request(self) -> WebhookRequest:
        """The call that was attempted."""
        return WebhookRequest(self.method, self.player, self.amount, self.transaction_id, self.game_id)

    @property
    def is_read(self) -> bool:
        """Whether it is a balance read that shows a balance: evidence, whatever its status says."""
        return self.method is Method.BALANCE and self.balance is not None and self.answered_ns is not None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows what it did."""
        return self.outcome is Outcome.UNKNOWN or self.answered_ns is None

    @property
    def ends_ns(self) -> int:
        """When it was over at the latest."""
        if self.answered_ns is None or (self.is_unknown and not self.is_read):
            return FOREVER
        return self.answered_ns

    @property
    def name(self) -> str:
        """How a sentence calls it: ``bet b1 of 10.00``, ``bet@7 of 10.00``, ``balance read``."""
        noun = self.method.noun
        label = self.label or self.transaction_id or noun
        # A label that only repeats the step's kind says nothing more, and ``bet@7`` says it already.
        words = [label] if label.startswith(f"{noun}@") else [noun]
        if label not in (*noun.split(), *words):
            words.append(label)
        if self.amount is not None:
            words += ["of", format_money(self.amount)]
        return " ".join(words)


def without_balance(operation: Operation) -> Operation:
    """The same operation, with the balance of its answer hidden."""
    return replace(operation, balance=None)


def hide_concurrent_balances(operations: Sequence[Operation]) -> list[Operation]:
    """The history as it is when only quiet answers count.

    Hidden are the balances of money calls that overlap another money call, and of reads that overlap a money
    call whose end is known or that was sent during the read. What is left needs no order to be judged: it is
    what the wallet said with nothing else going on. (An attempt without an answer is still open when a later
    read is made, but the read shows the wallet at one moment, whatever arrives late.)
    """
    money = [each for each in operations if each.method.moves_money]
    calls = _Overlaps([(each.sent_ns, each.ends_ns) for each in money])
    known = _Overlaps([(each.sent_ns, each.sent_ns if each.is_unknown else each.ends_ns) for each in money])
    return [_hidden(each, known if each.is_read else calls) for each in operations]


def ends_quietly(hidden: Sequence[Operation]) -> bool:
    """Whether a quiet balance was shown after all that is known to be over; asked of a hidden history."""
    last = max(
        (each.ends_ns for each in hidden if each.method.moves_money and not each.is_unknown), default=0
    )
    shown = (each for each in hidden if each.balance is not None and each.outcome is not Outcome.REFUSED)
    return any(each.sent_ns > last or each.ends_ns == last for each in shown)


def _hidden(operation: Operation, others: _Overlaps) -> Operation:
    if operation.balance is None:
        return operation
    own = 0 if operation.is_read else 1
    quiet = others.count(operation.sent_ns, operation.ends_ns) <= own
    return operation if quiet else without_balance(operation)


class _Overlaps:
    """How many of some intervals overlap a given one: all but those over before it and those sent after."""

    def __init__(self, intervals: Sequence[tuple[int, int]]) -> None:
        self._starts = sorted(start for start, _ in intervals)
        self._ends = sorted(end for _, end in intervals)

    def count(self, start: int, end: int) -> int:
        return bisect_right(self._starts, end) - bisect_left(self._ends, start)
