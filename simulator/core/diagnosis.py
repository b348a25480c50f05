"""What went wrong, when no world allows what a wallet did: the role, the answer and the money name it."""

from __future__ import annotations

from simulator.core.findings import Outcome
from simulator.core.money import CENT, Money
from simulator.core.roles import Role
from simulator.core.situations import Situation as S

_BETS = frozenset(
    {
        Role.FRESH_BET,
        Role.ODD_BET,
        Role.LOOSE_BET,
        Role.REFUSED_BEFORE_BET,
        Role.LATE_BET_AFTER_REFUSED_REFUND,
        Role.SHARED_ID_BET,
        Role.FOREIGN_ID_BET,
    }
)
_WINS = frozenset({Role.FRESH_WIN, Role.LOOSE_WIN, Role.SHARED_ID_WIN, Role.FOREIGN_ID_WIN, Role.LATE_WIN})

_MUST_NOT_MOVE = {
    Role.REPEATED_BET: S.REPEATED_BET_TAKEN_AGAIN,
    Role.REPEATED_WIN: S.REPEATED_WIN_CREDITED_AGAIN,
    Role.REPEATED_REFUND: S.REPEATED_REFUND_CREDITED_AGAIN,
    Role.OTHER_AMOUNT: S.SAME_ID_OTHER_AMOUNT_MOVED,
    Role.LATE_BET: S.LATE_BET_TAKEN,
    Role.REFUND_OF_UNKNOWN: S.UNKNOWN_REFUND_CREDITED,
    Role.REFUND_OF_REFUSED: S.REFUSED_BET_REFUND_CREDITED,
    Role.REFUND_OF_FOREIGN: S.FOREIGN_REFUND_MOVED,
    Role.REFUND_OF_WIN: S.WIN_ID_REFUND_CREDITED,
    Role.ZERO: S.ZERO_MOVED,
    Role.MALFORMED: S.MALFORMED_MOVED,
}


def situation_of(
    role: Role, outcome: Outcome, amount: Money | None, moved: Money | None, stake: Money | None = None
) -> S:
    """Name what happened.

    `moved` is the balance after minus the balance before, None when it could not be read; `stake` is the
    amount of the bet that a refund names.
    """
    if role is Role.STRANGER:
        return S.UNKNOWN_PLAYER_ACCEPTED
    if moved is None:
        return S.ANSWER_BALANCE_WRONG if outcome is Outcome.ACCEPTED else S.BALANCE_READ_WRONG
    size = amount or Money(0)
    if role in _MUST_NOT_MOVE:
        return _MUST_NOT_MOVE[role] if moved else S.ANSWER_BALANCE_WRONG
    if role in _BETS:
        return _bet(role, outcome, size, moved)
    if role in _WINS:
        return _win(role, outcome, size, moved)
    if role is Role.UNAFFORDABLE_BET:
        return _overdraft(outcome, moved)
    if role is Role.BARRED_BET:
        return S.BLOCKED_PLAYER_WRONG
    return _refund(outcome, size if stake is None else stake, moved)


def _bet(role: Role, outcome: Outcome, amount: Money, moved: Money) -> S:
    if moved > 0:
        return S.BET_CREDITED
    if outcome is Outcome.REFUSED:
        return S.BET_REFUSED_BUT_TAKEN if moved else S.BET_REFUSED
    if moved == -amount:
        return S.ANSWER_BALANCE_WRONG if outcome is Outcome.ACCEPTED else S.BALANCE_READ_WRONG
    if role is Role.FOREIGN_ID_BET:
        return S.SAME_ID_OTHER_PLAYER_MOVED if moved else S.ANSWER_BALANCE_WRONG
    if moved:
        return (
            S.ODD_AMOUNT_WRONG if role is Role.ODD_BET else _other_amount(-moved, amount, S.BET_WRONG_AMOUNT)
        )
    if role is Role.SHARED_ID_BET:
        return S.SHARED_ID_SWALLOWED
    return S.REPEAT_OF_REFUSED_WRONG if role is Role.REFUSED_BEFORE_BET else S.BET_NOT_TAKEN


def _win(role: Role, outcome: Outcome, amount: Money, moved: Money) -> S:
    if outcome is Outcome.REFUSED:
        return S.WIN_REFUSED_BUT_CREDITED if moved else S.WIN_REFUSED
    if moved == amount:
        return S.ANSWER_BALANCE_WRONG if outcome is Outcome.ACCEPTED else S.BALANCE_READ_WRONG
    if role is Role.FOREIGN_ID_WIN:
        return S.SAME_ID_OTHER_PLAYER_MOVED if moved else S.ANSWER_BALANCE_WRONG
    if moved:
        return _other_amount(moved, amount, S.WIN_WRONG_AMOUNT)
    return S.SHARED_ID_SWALLOWED if role is Role.SHARED_ID_WIN else S.WIN_NOT_CREDITED


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


def _other_amount(moved: int, amount: Money, otherwise: S) -> S:
    """Another amount than the one that was sent, by a mistake that shows in the figures."""
    if amount > CENT and abs(moved - amount) == CENT:
        return S.CENT_OFF
    return S.HUNDREDFOLD if moved == 100 * amount else otherwise
