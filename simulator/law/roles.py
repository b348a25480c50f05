"""Which part a call plays in one possible world of the wallet: a fresh bet, a repeat, a refund of nothing …

The parts are the rows of the ledger's table; what each row allows stands in `ledger`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol

from simulator.core.calls import CallForm
from simulator.core.findings import Outcome
from simulator.core.money import CENT, Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.situations import Situation as S


class Applied(NamedTuple):
    """A call that moved money: `amount` as sent, the balance `after` it, its place in `order`."""

    amount: int
    after: int
    order: int
    game: str | None


class Tombstone(NamedTuple):
    """A refund that was accepted before, or without, its bet; `after` is the balance of its answer."""

    after: int


class Mark(StrEnum):
    """What else a wallet may remember of an id."""

    REFUSED = "refused"
    ZERO_REFUND = "refund over nothing"
    """An accepted refund of 0.00: some wallets keep it as a tombstone, some forget it."""


class Pending(NamedTuple):
    """A call without an answer: it may still be applied, once, at any later moment.

    `order` is that of its sending, whenever it is applied: worlds that differ in nothing else stay one.
    """

    request: WebhookRequest
    form: CallForm
    order: int = 0


Entry = Applied | Tombstone | Mark | Pending


class Role(StrEnum):
    """The rows of the ledger's table."""

    FRESH_BET = "bet"
    UNAFFORDABLE_BET = "bet over the balance"
    BARRED_BET = "bet of a blocked player or over a limit"
    ODD_BET = "oddly written bet"
    LOOSE_BET = "bet that may be refused"
    REFUSED_BEFORE_BET = "bet that was refused before"
    LATE_BET = "bet whose refund came first"
    LATE_BET_AFTER_REFUSED_REFUND = "bet whose refund was refused first"
    FRESH_WIN = "win"
    LOOSE_WIN = "win that may be refused"
    LATE_WIN = "win whose refund came first"
    SHARED_ID_BET = "bet with an id used otherwise"
    SHARED_ID_WIN = "win with an id used otherwise"
    FOREIGN_ID_BET = "bet with another player's id"
    FOREIGN_ID_WIN = "win with another player's id"
    REPEATED_BET = "repeated bet"
    REPEATED_WIN = "repeated win"
    REPEATED_REFUND = "repeated refund"
    OTHER_AMOUNT = "known id with another amount"
    DUE_REFUND = "refund"
    LOOSE_REFUND = "refund that may be refused"
    REFUND_OF_UNKNOWN = "refund of an unknown bet"
    REFUND_OF_REFUSED = "refund of a refused bet"
    REFUND_OF_FOREIGN = "refund of another player's bet"
    REFUND_OF_WIN = "refund of a win"
    ZERO = "call over 0.00"
    MALFORMED = "malformed call"
    STRANGER = "call for an unknown player"

    @property
    def moves(self) -> bool:
        """Whether an accepted call of this role is supposed to change the balance."""
        return self in _MOVING


_MOVING = frozenset(
    {
        Role.FRESH_BET,
        Role.ODD_BET,
        Role.LOOSE_BET,
        Role.REFUSED_BEFORE_BET,
        Role.FRESH_WIN,
        Role.LOOSE_WIN,
        Role.SHARED_ID_BET,
        Role.SHARED_ID_WIN,
        Role.DUE_REFUND,
        Role.LOOSE_REFUND,
    }
)

_REPEATS = {
    Method.BET: Role.REPEATED_BET,
    Method.WIN: Role.REPEATED_WIN,
    Method.REFUND: Role.REPEATED_REFUND,
}

_FRESH_BETS = {
    CallForm.CANONICAL: Role.FRESH_BET,
    CallForm.OPTIONAL: Role.LOOSE_BET,
    CallForm.ODD: Role.ODD_BET,
}


class WorldView(Protocol):
    """What a role depends on: one world, and what is known of the player besides."""

    @property
    def balance(self) -> int: ...

    def entry(self, method: Method, transaction_id: str) -> Entry | None: ...

    def used_otherwise(self, request: WebhookRequest) -> bool: ...

    def used_by_another(self, request: WebhookRequest) -> bool: ...

    def has_open_bet(self, game: str | None) -> bool: ...

    def won_since(self, bet: Applied) -> bool: ...

    def bars(self, request: WebhookRequest) -> bool: ...


def role_of(view: WorldView, request: WebhookRequest, form: CallForm) -> Role:
    """The row of the table that this call falls under in this world. The method must move money."""
    if form is CallForm.MALFORMED or request.transaction_id is None:
        return Role.MALFORMED
    known = view.entry(request.method, request.transaction_id)
    if isinstance(known, Applied):
        same = request.amount is None or request.amount == known.amount
        return _REPEATS[request.method] if same else Role.OTHER_AMOUNT
    if isinstance(known, Tombstone):
        return Role.REPEATED_REFUND
    if request.method is Method.REFUND:
        return _refund_role(view, request, refused_before=isinstance(known, Mark), form=form)
    if request.amount == 0:
        return Role.ZERO
    if request.method is Method.BET:
        return _bet_role(view, request, known, form)
    return _win_role(view, request, known, form)


def _bet_role(view: WorldView, request: WebhookRequest, known: Entry | None, form: CallForm) -> Role:
    assert request.transaction_id is not None
    refund = view.entry(Method.REFUND, request.transaction_id)
    if isinstance(refund, Applied | Tombstone):
        return Role.LATE_BET
    if _amount(request) > view.balance:
        return Role.UNAFFORDABLE_BET
    if view.bars(request):
        return Role.BARRED_BET
    if isinstance(refund, Mark):
        return Role.LATE_BET_AFTER_REFUSED_REFUND
    if known is not None:
        return Role.REFUSED_BEFORE_BET
    if view.used_by_another(request):
        return Role.FOREIGN_ID_BET
    if view.used_otherwise(request):
        return Role.SHARED_ID_BET
    return _FRESH_BETS[form]


def _win_role(view: WorldView, request: WebhookRequest, known: Entry | None, form: CallForm) -> Role:
    assert request.transaction_id is not None
    if known is not None:
        return Role.LOOSE_WIN
    if isinstance(view.entry(Method.REFUND, request.transaction_id), Tombstone):
        return Role.LATE_WIN
    if view.used_by_another(request):
        return Role.FOREIGN_ID_WIN
    if form is not CallForm.CANONICAL or not view.has_open_bet(request.game_id):
        return Role.LOOSE_WIN
    return Role.SHARED_ID_WIN if view.used_otherwise(request) else Role.FRESH_WIN


def _refund_role(view: WorldView, request: WebhookRequest, *, refused_before: bool, form: CallForm) -> Role:
    assert request.transaction_id is not None
    bet = view.entry(Method.BET, request.transaction_id)
    if isinstance(bet, Applied):
        loose = (
            refused_before
            or form is not CallForm.CANONICAL
            or request.amount != bet.amount
            or request.amount == 0
            or view.won_since(bet)
            or view.used_otherwise(request)
        )
        return Role.LOOSE_REFUND if loose else Role.DUE_REFUND
    if request.amount == 0:
        return Role.ZERO
    if view.used_by_another(request):
        return Role.REFUND_OF_FOREIGN
    if isinstance(view.entry(Method.WIN, request.transaction_id), Applied):
        return Role.REFUND_OF_WIN
    return Role.REFUND_OF_REFUSED if bet is Mark.REFUSED else Role.REFUND_OF_UNKNOWN


def _amount(request: WebhookRequest) -> Money:
    assert request.amount is not None
    return request.amount


# --- diagnosis ------------------------------------------------------------------------------------
# What went wrong, when no world allows what a wallet did: the role, the answer and the money name it.

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


# --- law ------------------------------------------------------------------------------------------
# The law of money: what a right wallet may do with a call, one row a role. Worlds are kept in `ledger`.


class Branch(NamedTuple):
    """One thing that the wallet may do: its `outcome`, by how much the balance moves, what it remembers.

    `answers` are the balances that an accepting reply may show; None is any, and a read judges the money.
    """

    outcome: Outcome
    moves: int
    entry: Entry | None
    answers: tuple[int, ...] | None = ()


def law(role: Role, view: WorldView, request: WebhookRequest, order: int) -> Iterable[Branch]:
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


def _applied(view: WorldView, moves: int, amount: int, request: WebhookRequest, order: int) -> Branch:
    after = view.balance + moves
    game = request.game_id
    return Branch(Outcome.ACCEPTED, moves, Applied(amount, after, order, game), (after,))


def _unmoved(view: WorldView, entry: Entry | None) -> Branch:
    return Branch(Outcome.ACCEPTED, 0, entry, (view.balance,))


def _zero(view: WorldView, request: WebhookRequest, order: int) -> Branch:
    if request.method is Method.REFUND:
        return Branch(Outcome.ACCEPTED, 0, Mark.ZERO_REFUND, answers=None)
    return _unmoved(view, Applied(0, view.balance, order, request.game_id))


def _refused(view: WorldView, request: WebhookRequest) -> Branch:
    """A refusal is remembered, unless more is known: an unanswered call of that id may still be applied."""
    assert request.transaction_id is not None
    known = view.entry(request.method, request.transaction_id)
    return Branch(Outcome.REFUSED, 0, Mark.REFUSED if known is None else known)


def _repeated(view: WorldView, request: WebhookRequest) -> Branch:
    assert request.transaction_id is not None
    known = view.entry(request.method, request.transaction_id)
    first = (known.after,) if isinstance(known, Applied | Tombstone) else ()
    return Branch(Outcome.ACCEPTED, 0, None, (view.balance, *first))


def _refunds(view: WorldView, request: WebhookRequest, order: int) -> Iterator[Branch]:
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


def _win_taken_back(view: WorldView, request: WebhookRequest, order: int) -> Iterator[Branch]:
    assert request.transaction_id is not None
    win = view.entry(Method.WIN, request.transaction_id)
    assert isinstance(win, Applied)
    yield _applied(view, -win.amount, request.amount or 0, request, order)


def _nothing_to_refund(view: WorldView, request: WebhookRequest) -> list[Branch]:
    after_zero = _after_zero_refund(view, request)
    return [_unmoved(view, Tombstone(view.balance)), *after_zero, _refused(view, request)]


def _after_zero_refund(view: WorldView, request: WebhookRequest) -> list[Branch]:
    """A wallet that keeps a refund over nothing as a tombstone takes the next one for a repeat."""
    assert request.transaction_id is not None
    kept = view.entry(request.method, request.transaction_id) is Mark.ZERO_REFUND
    return [Branch(Outcome.ACCEPTED, 0, None, answers=None)] if kept else []


# --- dialect --------------------------------------------------------------------------------------
# The dialect: what this operator does where the field's guides disagree. Observed, not judged.

KNOBS: dict[str, tuple[str, ...]] = {
    "duplicate_bet": ("accepted", "refused"),
    "duplicate_credit": ("accepted", "refused"),
    "unknown_refund": ("accepted", "refused"),
    "late_bet": ("accepted", "refused"),
    "win_without_bet": ("accepted", "refused"),
    "zero_bet": ("accepted", "refused"),
    "zero_win": ("accepted", "refused"),
    "refund_of_win": ("debited", "ignored"),
    "refusal_http": ("200", "4xx"),
    "money_type": ("string", "number"),
    "shared_ids": ("per_player", "global"),
}
"""Every knob with the values it can show; a policy may also pin `any`, which is the default."""

_BY_ROLE = {
    Role.REPEATED_BET: "duplicate_bet",
    Role.REPEATED_WIN: "duplicate_credit",
    Role.REPEATED_REFUND: "duplicate_credit",
    Role.REFUND_OF_UNKNOWN: "unknown_refund",
    Role.LATE_BET: "late_bet",
    Role.LATE_BET_AFTER_REFUSED_REFUND: "late_bet",
    Role.LOOSE_WIN: "win_without_bet",
}


def knob_shown(role: Role, method: Method, outcome: Outcome, moved: int) -> tuple[str, str] | None:
    """The knob that an answered call of this role shows, and its value; None for most calls.

    `moved` is by how much the balance changed.
    """
    if outcome is Outcome.UNKNOWN:
        return None
    if role in _BY_ROLE:
        return _BY_ROLE[role], outcome.value
    if role is Role.ZERO and method is not Method.REFUND:
        return ("zero_bet" if method is Method.BET else "zero_win"), outcome.value
    if role is Role.REFUND_OF_WIN:
        return "refund_of_win", "debited" if moved else "ignored"
    if role in (Role.FOREIGN_ID_BET, Role.FOREIGN_ID_WIN):
        return "shared_ids", "per_player" if moved else "global"
    return None
