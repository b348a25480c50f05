"""Name what went wrong when no world allows what a wallet did: the role, the answer and the money tell it."""

from __future__ import annotations

from simulator.core.findings import Outcome
from simulator.core.money import CENT, Money
from simulator.law.roles import Kind, Role, RoleRow
from simulator.law.situations import Situation as S


def situation_of(
    role: Role, outcome: Outcome, amount: Money | None, moved: Money | None, stake: Money | None = None
) -> S:
    """Name what happened.

    `moved` is the balance after minus the balance before, None when it could not be read; `stake` is the
    amount of the bet that a refund names.
    """
    if role is Role.STRANGER:
        return role.row.otherwise
    if moved is None:
        return _wrong_number(outcome)
    size = amount or Money(0)
    match role.row.kind:
        case Kind.IDLE:
            return _idle(role, outcome, size, moved)
        case Kind.BET:
            return _bet(role.row, outcome, size, moved)
        case Kind.WIN:
            return _win(role.row, outcome, size, moved)
        case Kind.REFUND:
            return _refund(outcome, size if stake is None else stake, moved)
        case Kind.OVERDRAFT:
            return _overdraft(outcome, moved)
        case Kind.NAMED:
            return role.row.otherwise


_NEVER_DONE = {
    Role.REPEATED_BET: (1, S.BET_REFUSED),
    Role.REPEATED_WIN: (-1, S.WIN_REFUSED),
    Role.REPEATED_REFUND: (-1, S.REFUND_REFUSED),
}
"""What it is called when a refused repeat shows that no attempt took effect, and the sign of what is off."""


def _idle(role: Role, outcome: Outcome, amount: Money, moved: Money) -> S:
    sign, refused = _NEVER_DONE.get(role, (0, role.row.otherwise))
    if outcome is Outcome.REFUSED and moved and moved == sign * amount:
        return refused
    return role.row.otherwise if moved else S.ANSWER_BALANCE_WRONG


def _bet(row: RoleRow, outcome: Outcome, amount: Money, moved: Money) -> S:
    if moved > 0:
        return S.BET_CREDITED
    if outcome is Outcome.REFUSED:
        return S.BET_REFUSED_BUT_TAKEN if moved else S.BET_REFUSED
    if moved == -amount:
        return _wrong_number(outcome)
    return _other_amount(-moved, amount, row.otherwise) if moved else row.ignored


def _win(row: RoleRow, outcome: Outcome, amount: Money, moved: Money) -> S:
    if outcome is Outcome.REFUSED:
        return S.WIN_REFUSED_BUT_CREDITED if moved else S.WIN_REFUSED
    if moved == amount:
        return _wrong_number(outcome)
    return _other_amount(moved, amount, row.otherwise) if moved else row.ignored


def _overdraft(outcome: Outcome, moved: Money) -> S:
    if moved > 0:
        return S.BET_CREDITED
    return S.OVERDRAFT_REFUSED_BUT_TAKEN if outcome is Outcome.REFUSED else S.OVERDRAFT


def _refund(outcome: Outcome, stake: Money, moved: Money) -> S:
    if moved < 0:
        return S.REFUND_DEBITED
    if moved > stake:
        return _other_amount(moved, stake, S.REFUND_OVER_STAKE)
    if outcome is Outcome.REFUSED:
        return S.REFUND_REFUSED_BUT_CREDITED if moved else S.REFUND_REFUSED
    if not moved:
        return S.REFUND_NOT_CREDITED
    if moved == stake:
        return S.ANSWER_BALANCE_WRONG if outcome is Outcome.ACCEPTED else S.REFUND_WRONG_AMOUNT
    return _other_amount(moved, stake, S.REFUND_WRONG_AMOUNT)


def _wrong_number(outcome: Outcome) -> S:
    return S.ANSWER_BALANCE_WRONG if outcome is Outcome.ACCEPTED else S.BALANCE_READ_WRONG


def _other_amount(moved: int, amount: Money, otherwise: S) -> S:
    """Name another amount than the one that was sent, by a mistake that shows in the figures."""
    if otherwise in (S.ODD_AMOUNT_WRONG, S.SAME_ID_OTHER_PLAYER_MOVED):
        return otherwise
    if amount > CENT and abs(moved - amount) == CENT:
        return S.CENT_OFF
    return S.HUNDREDFOLD if moved == 100 * amount else otherwise
