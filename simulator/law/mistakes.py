"""Name what went wrong when no world allows what a wallet did: the role, the answer and the money tell it.

`slips_of` is the reverse: by how much each mistake that wallets make everywhere puts a balance wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from simulator.core.calls import CallForm
from simulator.core.findings import Outcome
from simulator.core.money import CENT, Money, format_money
from simulator.core.webhooks import Method
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
        case Kind.REFUND if 0 < 100 * size == moved:
            return S.HUNDREDFOLD
        case Kind.REFUND:
            return _refund(outcome, size, size if stake is None else stake, moved)
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
    if abs(moved) == CENT < amount:
        return S.CENT_OFF
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


def _refund(outcome: Outcome, size: Money, stake: Money, moved: Money) -> S:
    if moved < 0:
        return S.REFUND_DEBITED
    if moved > stake:
        # It pays what was asked for, or the stake twice; any other amount is not from this refund.
        if moved == size > stake:
            return S.REFUND_OVER_STAKE
        asked = moved == 2 * stake or not stake
        return _other_amount(moved, stake, S.REFUND_OVER_STAKE if asked else S.REFUND_WRONG_AMOUNT)
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
    if otherwise is S.ODD_AMOUNT_WRONG:
        return otherwise
    if amount > CENT and abs(moved - amount) == CENT:
        return S.CENT_OFF
    if otherwise is S.SAME_ID_OTHER_PLAYER_MOVED:
        return otherwise
    hundredth = amount >= 100 and moved in (amount // 100, -(-amount // 100))
    return S.HUNDREDFOLD if hundredth or moved == 100 * amount else otherwise


def mild_mistake(role: Role, outcome: Outcome, form: CallForm) -> S | None:
    """Name what is wrong with an answer although the money is right; None if nothing is."""
    if outcome is Outcome.ACCEPTED:
        return S.MALFORMED_ACCEPTED if role is Role.MALFORMED else None
    shared = role in (Role.SHARED_ID_BET, Role.SHARED_ID_WIN) and form is CallForm.CANONICAL
    return S.SHARED_ID_REFUSED if shared and outcome is Outcome.REFUSED else None


# --- mistakes that wallets make everywhere ------------------------------------------------------------

NOTHING_DONE = {
    Method.BET: S.BET_NOT_TAKEN,
    Method.WIN: S.WIN_NOT_CREDITED,
    Method.REFUND: S.REFUND_NOT_CREDITED,
}
"""The situation in which an accepted call of that method moves nothing."""

OTHER_AMOUNT = {
    Method.BET: S.BET_WRONG_AMOUNT,
    Method.WIN: S.WIN_WRONG_AMOUNT,
    Method.REFUND: S.REFUND_WRONG_AMOUNT,
}
"""The situation in which an accepted call of that method moves another amount than the one that was sent."""

TAKEN_AGAIN = {
    Method.BET: S.REPEATED_BET_TAKEN_AGAIN,
    Method.WIN: S.REPEATED_WIN_CREDITED_AGAIN,
    Method.REFUND: S.REPEATED_REFUND_CREDITED_AGAIN,
}
"""The situation in which a call of that method takes effect again when it is sent again."""

QUANTA = (100, 10)
"""Whole units, and tenths of them: what columns without two decimals keep."""


def coarse(amount: int) -> frozenset[int]:
    """Return what an amount becomes in a column with less than two decimals, cut or rounded."""
    found = set()
    for quantum in QUANTA:
        below = amount - amount % quantum
        found |= {below, below + quantum} if amount % quantum else {amount}
    return frozenset(found - {amount})


def cut_by_float(amount: int) -> int:
    """Return the cents of an amount that went through a binary fraction and was cut: 0.29 becomes 28."""
    # Two thirds of all amounts come back whole; this is what such a wallet calculates, not money of ours.
    return int(float(format_money(Money(amount))) * 100)


def sum_cut_by_float(before: int, effect: int) -> int:
    """Return the cents of a balance that is added up as a binary fraction and cut after each call."""
    sign = 1 if effect > 0 else -1
    return int((float(format_money(Money(before))) + sign * float(format_money(Money(abs(effect))))) * 100)


def cuts_by_float(before: int, effect: int) -> tuple[int, ...]:
    """Return by how much a call moves a balance for each way in which a float may cut it.

    What is cut is the amount, the sum of two fractions, the balance as it is read, or as it is written.
    """
    sign, after = (1 if effect > 0 else -1), before + effect
    return (
        sign * cut_by_float(abs(effect)),
        sum_cut_by_float(before, effect) - before,
        _sign_kept(before) + effect - before,
        _sign_kept(after) - before,
    )


def _sign_kept(amount: int) -> int:
    return cut_by_float(amount) if amount >= 0 else -cut_by_float(-amount)


def slips_of(
    method: Method, effect: int, before: int, disproved: Collection[int] = ()
) -> Iterator[tuple[S, int]]:
    """Yield by how much the balance is off after a call with that effect, for each mistake that may be why.

    `before` is the balance that the call met, `disproved` are the ways of `cuts_by_float` that are not this
    wallet's. The same mistake may be off by several amounts.
    """
    if not effect:
        return
    size, sign = abs(effect), 1 if effect > 0 else -1
    yield NOTHING_DONE[method], -effect
    yield S.HUNDREDFOLD, 99 * effect
    for hundredth in {size // 100, -(-size // 100)}:
        yield S.HUNDREDFOLD, sign * hundredth - effect
    for off in (CENT, -CENT):
        yield S.CENT_OFF, off
        yield S.MONEY_KEPT_AS_FLOAT, off
    ways = enumerate(cuts_by_float(before, effect))
    cut = {moved - effect for way, moved in ways if way not in disproved}
    dropped = {sign * each - effect for each in coarse(size)}
    for off in cut - {0}:
        yield S.CENTS_CUT, off
    for off in dropped | {each - before - effect for each in coarse(before + effect)}:
        yield S.FRACTION_DROPPED, off
    for off in dropped:
        yield OTHER_AMOUNT[method], off
