"""The law of money: what a right wallet may do with a call, one row a role. Worlds are kept in `ledger`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simulator.core.findings import Outcome
from simulator.core.roles import Applied, Entry, Mark, Role, Tombstone, View
from simulator.core.webhooks import Method, WebhookRequest


class Branch(NamedTuple):
    """One thing that the wallet may do: its `outcome`, by how much the balance moves, what it remembers.

    `answers` are the balances that an accepting reply may show; None is any, and a read judges the money.
    """

    outcome: Outcome
    moves: int
    entry: Entry | None
    answers: tuple[int, ...] | None = ()


def law(role: Role, view: View, request: WebhookRequest, order: int) -> Iterable[Branch]:
    """The ledger's table: one row a role (design: what an operator's wallet may do)."""
    amount = request.amount or 0
    match role:
        case Role.FRESH_BET:
            return [_applied(view, -amount, amount, request, order)]
        case (
            Role.ODD_BET
            | Role.LOOSE_BET
            | Role.REFUSED_BEFORE_BET
            | Role.SHARED_ID_BET
            | Role.LATE_BET_AFTER_REFUSED_REFUND
        ):
            late = role is Role.LATE_BET_AFTER_REFUSED_REFUND
            ignored = [_unmoved(view, None)] if late else []
            return [_applied(view, -amount, amount, request, order), *ignored, _refused(view, request)]
        case Role.FRESH_WIN:
            return [_applied(view, amount, amount, request, order)]
        case Role.LOOSE_WIN | Role.SHARED_ID_WIN:
            return [_applied(view, amount, amount, request, order), _refused(view, request)]
        case Role.FOREIGN_ID_BET | Role.FOREIGN_ID_WIN | Role.LATE_WIN:
            moves = -amount if role is Role.FOREIGN_ID_BET else amount
            applied = _applied(view, moves, amount, request, order)
            return [applied, _unmoved(view, None), _refused(view, request)]
        case Role.UNAFFORDABLE_BET | Role.BARRED_BET:
            return [_refused(view, request)]
        case Role.REPEATED_BET | Role.REPEATED_WIN | Role.REPEATED_REFUND | Role.OTHER_AMOUNT:
            return [_repeated(view, request), Branch(Outcome.REFUSED, 0, None)]
        case Role.LATE_BET:
            return [_unmoved(view, None), Branch(Outcome.REFUSED, 0, None)]
        case Role.ZERO:
            return [_zero(view, request, order), _refused(view, request)]
        case Role.DUE_REFUND:
            return [_applied(view, amount, amount, request, order)]
        case Role.LOOSE_REFUND:
            return [
                *_refunds(view, request, order),
                *_after_zero_refund(view, request),
                _refused(view, request),
            ]
        case Role.REFUND_OF_WIN:
            return [*_win_taken_back(view, request, order), *_nothing_to_refund(view, request)]
        case Role.REFUND_OF_UNKNOWN | Role.REFUND_OF_REFUSED | Role.REFUND_OF_FOREIGN:
            return _nothing_to_refund(view, request)
        case Role.MALFORMED:
            return [Branch(Outcome.ACCEPTED, 0, None, answers=None), Branch(Outcome.REFUSED, 0, None)]
        case Role.STRANGER:
            return [Branch(Outcome.REFUSED, 0, None)]


def _applied(view: View, moves: int, amount: int, request: WebhookRequest, order: int) -> Branch:
    after = view.balance + moves
    game = request.game_id
    return Branch(Outcome.ACCEPTED, moves, Applied(amount, after, order, game), (after,))


def _unmoved(view: View, entry: Entry | None) -> Branch:
    return Branch(Outcome.ACCEPTED, 0, entry, (view.balance,))


def _zero(view: View, request: WebhookRequest, order: int) -> Branch:
    if request.method is Method.REFUND:
        return Branch(Outcome.ACCEPTED, 0, Mark.ZERO_REFUND, answers=None)
    return _unmoved(view, Applied(0, view.balance, order, request.game_id))


def _refused(view: View, request: WebhookRequest) -> Branch:
    """A refusal is remembered, unless more is known: an unanswered call of that id may still be applied."""
    assert request.transaction_id is not None
    known = view.entry(request.method, request.transaction_id)
    return Branch(Outcome.REFUSED, 0, Mark.REFUSED if known is None else known)


def _repeated(view: View, request: WebhookRequest) -> Branch:
    assert request.transaction_id is not None
    known = view.entry(request.method, request.transaction_id)
    first = (known.after,) if isinstance(known, Applied | Tombstone) else ()
    return Branch(Outcome.ACCEPTED, 0, None, (view.balance, *first))


def _refunds(view: View, request: WebhookRequest, order: int) -> Iterator[Branch]:
    """A refund whose amount is not the stake pays the stake or the amount, never more than the stake."""
    assert request.transaction_id is not None
    bet = view.entry(Method.BET, request.transaction_id)
    assert isinstance(bet, Applied)
    amounts = {bet.amount}
    if request.amount is not None and 0 <= request.amount <= bet.amount:
        amounts.add(request.amount)
    asked = bet.amount if request.amount is None else request.amount
    for credit in sorted(amounts):
        yield _applied(view, credit, asked, request, order)


def _win_taken_back(view: View, request: WebhookRequest, order: int) -> Iterator[Branch]:
    assert request.transaction_id is not None
    win = view.entry(Method.WIN, request.transaction_id)
    assert isinstance(win, Applied)
    yield _applied(view, -win.amount, request.amount or 0, request, order)


def _nothing_to_refund(view: View, request: WebhookRequest) -> list[Branch]:
    after_zero = _after_zero_refund(view, request)
    return [_unmoved(view, Tombstone(view.balance)), *after_zero, _refused(view, request)]


def _after_zero_refund(view: View, request: WebhookRequest) -> list[Branch]:
    """A wallet that keeps a refund over nothing as a tombstone takes the next one for a repeat."""
    assert request.transaction_id is not None
    kept = view.entry(request.method, request.transaction_id) is Mark.ZERO_REFUND
    return [Branch(Outcome.ACCEPTED, 0, None, answers=None)] if kept else []
