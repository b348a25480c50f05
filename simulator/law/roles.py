"""The law of money, with one row for each role that a call can have in a possible state of the wallet.

A row says what a right wallet may do with such a call, whether it moves money, which knob of the dialect it
shows, and the name of the mistake if the wallet does something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from simulator.core.calls import CallForm
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.situations import Situation as S


class Applied(NamedTuple):
    """A call that moved money: its `amount` as sent, the balance `after` it, its place in `order`."""

    amount: int
    after: int
    order: int
    game: str | None


class Tombstone(NamedTuple):
    """A refund that was accepted before, or without, its bet; `after` is the balance of its answer."""

    after: int


class Mark(StrEnum):
    """Other facts that a wallet may remember of an id."""

    REFUSED = "refused"
    ZERO_REFUND = "refund over nothing"
    """An accepted refund of 0.00: some wallets keep it as a tombstone, some forget it."""


class Pending(NamedTuple):
    """A call without an answer, which may still be applied once, at any later moment.

    `order` is that of its sending, whenever it is applied: worlds that differ in nothing else stay one.
    """

    request: WebhookRequest
    form: CallForm
    order: int = 0


Entry = Applied | Tombstone | Mark | Pending


class Branch(NamedTuple):
    """One thing that the wallet may do: its `outcome`, by how much the balance moves, what it remembers.

    `answers` are the balances that an accepting reply may show; with None it may show any, and a balance read
    decides about the money.
    """

    outcome: Outcome
    moves: int
    entry: Entry | None
    answers: tuple[int, ...] | None = ()


class WalletState:
    """The facts that the law asks for: one possible state of a wallet, and what is known of the player."""

    __slots__ = ()

    balance: int

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        """Return what is known of an id under that method."""
        raise NotImplementedError

    def used_otherwise(self, request: WebhookRequest) -> bool:
        """Return whether the id, or one that a careless wallet confuses with it, stands for another call."""
        raise NotImplementedError

    def used_by_another(self, request: WebhookRequest) -> bool:
        """Return whether another player used the id before."""
        raise NotImplementedError

    def has_open_bet(self, game: str | None) -> bool:
        """Return whether an accepted bet of the game is open."""
        raise NotImplementedError

    def won_since(self, bet: Applied) -> bool:
        """Return whether a win of the bet's game came after it."""
        raise NotImplementedError

    def bars(self, request: WebhookRequest) -> bool:
        """Return whether the player may not bet so much, or at all."""
        raise NotImplementedError


# --- what a right wallet may do ---------------------------------------------------------------------

Allows = Callable[[WalletState, WebhookRequest, int], list[Branch]]
"""Returns what a right wallet may do with a call; the last argument is its place in the player's order."""


def _takes(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    amount = request.amount or 0
    return [_applied(state, -amount, amount, request, order)]


def _takes_or_refuses(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    return [*_takes(state, request, order), _refused(state, request)]


def _takes_or_not(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    return [*_takes(state, request, order), _unmoved(state, None), _refused(state, request)]


def _credits(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    amount = request.amount or 0
    return [_applied(state, amount, amount, request, order)]


def _credits_or_refuses(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    return [*_credits(state, request, order), _refused(state, request)]


def _credits_or_not(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    return [*_credits(state, request, order), _unmoved(state, None), _refused(state, request)]


def _refuses(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:  # noqa: ARG001  # `Allows`
    return [_refused(state, request)]


def _repeats(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:  # noqa: ARG001  # `Allows`
    return [_repeated(state, request), Branch(Outcome.REFUSED, 0, None)]


def _stays(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:  # noqa: ARG001  # `Allows`
    return [_unmoved(state, None), Branch(Outcome.REFUSED, 0, None)]


def _zero_or_refuses(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    return [_zero(state, request, order), _refused(state, request)]


def _refunds_or_refuses(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    return [
        *_refunds(state, request, order),
        *_after_zero_refund(state, request),
        _refused(state, request),
    ]


def _takes_win_back_or_not(state: WalletState, request: WebhookRequest, order: int) -> list[Branch]:
    return [*_win_taken_back(state, request, order), *_nothing_to_refund(state, request)]


def _has_nothing_to_refund(
    state: WalletState,
    request: WebhookRequest,
    order: int,  # noqa: ARG001  # `Allows`
) -> list[Branch]:
    return _nothing_to_refund(state, request)


def _moves_nothing(*_call: object) -> list[Branch]:
    return [Branch(Outcome.ACCEPTED, 0, None, answers=None), Branch(Outcome.REFUSED, 0, None)]


def _refuses_stranger(*_call: object) -> list[Branch]:
    return [Branch(Outcome.REFUSED, 0, None)]


def _applied(state: WalletState, moves: int, amount: int, request: WebhookRequest, order: int) -> Branch:
    after = state.balance + moves
    game = request.game_id
    return Branch(Outcome.ACCEPTED, moves, Applied(amount, after, order, game), (after,))


def _unmoved(state: WalletState, entry: Entry | None) -> Branch:
    return Branch(Outcome.ACCEPTED, 0, entry, (state.balance,))


def _zero(state: WalletState, request: WebhookRequest, order: int) -> Branch:
    if request.method is Method.REFUND:
        return Branch(Outcome.ACCEPTED, 0, Mark.ZERO_REFUND, answers=None)
    return _unmoved(state, Applied(0, state.balance, order, request.game_id))


def _refused(state: WalletState, request: WebhookRequest) -> Branch:
    """Remember a refusal unless more is known: an unanswered call with that id may still be applied."""
    assert request.transaction_id is not None
    known = state.entry(request.method, request.transaction_id)
    return Branch(Outcome.REFUSED, 0, Mark.REFUSED if known is None else known)


def _repeated(state: WalletState, request: WebhookRequest) -> Branch:
    assert request.transaction_id is not None
    known = state.entry(request.method, request.transaction_id)
    first = (known.after,) if isinstance(known, Applied | Tombstone) else ()
    return Branch(Outcome.ACCEPTED, 0, None, (state.balance, *first))


def _refunds(state: WalletState, request: WebhookRequest, order: int) -> Iterator[Branch]:
    """Return what a refund may pay: the stake, or its own amount if that is less."""
    assert request.transaction_id is not None
    bet = state.entry(Method.BET, request.transaction_id)
    assert isinstance(bet, Applied)
    amounts = {bet.amount}
    if request.amount is not None and 0 <= request.amount <= bet.amount:
        amounts.add(request.amount)
    asked = bet.amount if request.amount is None else request.amount
    for credit in sorted(amounts):
        yield _applied(state, credit, asked, request, order)


def _win_taken_back(state: WalletState, request: WebhookRequest, order: int) -> Iterator[Branch]:
    assert request.transaction_id is not None
    win = state.entry(Method.WIN, request.transaction_id)
    assert isinstance(win, Applied)
    yield _applied(state, -win.amount, request.amount or 0, request, order)


def _nothing_to_refund(state: WalletState, request: WebhookRequest) -> list[Branch]:
    after_zero = _after_zero_refund(state, request)
    return [_unmoved(state, Tombstone(state.balance)), *after_zero, _refused(state, request)]


def _after_zero_refund(state: WalletState, request: WebhookRequest) -> list[Branch]:
    """Allow a repeat: a wallet may have kept the refund of 0.00 as a tombstone."""
    assert request.transaction_id is not None
    kept = state.entry(request.method, request.transaction_id) is Mark.ZERO_REFUND
    return [Branch(Outcome.ACCEPTED, 0, None, answers=None)] if kept else []


# --- the dialect ------------------------------------------------------------------------------------
# How wallets behave where integration guides differ; it is observed, not judged.

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
"""Every knob with its possible values; a policy may also be `any`, which is the default."""

Knob = Callable[[Method, Outcome, int], tuple[str, str]]
"""Returns which knob an answered call shows, and its value; the last argument is how the balance moved."""


def _answer(knob: str) -> Knob:
    return lambda _method, outcome, _moved: (knob, outcome.value)


def _movement(knob: str, moved_value: str, ignored_value: str) -> Knob:
    return lambda _method, _outcome, moved: (knob, moved_value if moved else ignored_value)


def _zero_answer(method: Method, outcome: Outcome, _moved: int) -> tuple[str, str]:
    return ("zero_bet" if method is Method.BET else "zero_win"), outcome.value


# --- the rows ---------------------------------------------------------------------------------------


class Kind(StrEnum):
    """The kind of a call, by which a mistake with it is named."""

    BET = "bet"
    WIN = "win"
    REFUND = "refund"
    OVERDRAFT = "overdraft"
    IDLE = "idle"
    """No money may move, whatever the answer."""
    NAMED = "named"
    """Every mistake with such a call has the same name."""


class RoleRow(NamedTuple):
    """The row of a role.

    `ignored` names the mistake if an accepted call moved nothing although it must; `otherwise`, if it moved
    another amount, or moved although it must not. `must`: it must be accepted. `moves`: if accepted, it
    should change the balance. `is_plain`: its accepted answer proves as much as a read. `others_moved` names
    the mistake if another player's balance moves. `is_remarkable`: its name is about what readers see in the
    file, not about what a wallet may do.
    """

    allows: Allows
    kind: Kind
    otherwise: S
    ignored: S = S.ANSWER_BALANCE_WRONG
    must: bool = False
    moves: bool = False
    is_plain: bool = False
    knob: Knob | None = None
    others_moved: S | None = None
    is_remarkable: bool = True


class Role(StrEnum):
    """The rows of the table, by their names in a ledger line."""

    row: RoleRow

    def __new__(cls, words: str, row: RoleRow) -> Role:
        """Make a role that is its words and knows its row."""
        role = str.__new__(cls, words)
        role._value_ = words
        role.row = row
        return role

    FRESH_BET = (
        "bet",
        RoleRow(_takes, Kind.BET, S.BET_WRONG_AMOUNT, S.BET_NOT_TAKEN, must=True, moves=True, is_plain=True),
    )
    UNAFFORDABLE_BET = "bet over the balance", RoleRow(_refuses, Kind.OVERDRAFT, S.OVERDRAFT)
    BARRED_BET = (
        "bet of a blocked player or over a limit",
        RoleRow(_refuses, Kind.NAMED, S.BLOCKED_PLAYER_WRONG),
    )
    ODD_BET = (
        "oddly written bet",
        RoleRow(
            _takes_or_refuses, Kind.BET, S.ODD_AMOUNT_WRONG, S.BET_NOT_TAKEN, moves=True, is_remarkable=False
        ),
    )
    LOOSE_BET = (
        "bet that may be refused",
        RoleRow(
            _takes_or_refuses, Kind.BET, S.BET_WRONG_AMOUNT, S.BET_NOT_TAKEN, moves=True, is_remarkable=False
        ),
    )
    REFUSED_BEFORE_BET = (
        "bet that was refused before",
        RoleRow(_takes_or_refuses, Kind.BET, S.BET_WRONG_AMOUNT, S.REPEAT_OF_REFUSED_WRONG, moves=True),
    )
    LATE_BET = (
        "bet whose refund came first",
        RoleRow(_stays, Kind.IDLE, S.LATE_BET_TAKEN, knob=_answer("late_bet")),
    )
    LATE_BET_AFTER_REFUSED_REFUND = (
        "bet whose refund was refused first",
        RoleRow(_takes_or_not, Kind.BET, S.BET_WRONG_AMOUNT, S.BET_NOT_TAKEN, knob=_answer("late_bet")),
    )
    FRESH_WIN = (
        "win",
        RoleRow(
            _credits, Kind.WIN, S.WIN_WRONG_AMOUNT, S.WIN_NOT_CREDITED, must=True, moves=True, is_plain=True
        ),
    )
    LOOSE_WIN = (
        "win that may be refused",
        RoleRow(
            _credits_or_refuses,
            Kind.WIN,
            S.WIN_WRONG_AMOUNT,
            S.WIN_NOT_CREDITED,
            moves=True,
            knob=_answer("win_without_bet"),
            is_remarkable=False,
        ),
    )
    LATE_WIN = (
        "win whose refund came first",
        RoleRow(_credits_or_not, Kind.WIN, S.WIN_WRONG_AMOUNT, S.WIN_NOT_CREDITED),
    )
    SHARED_ID_BET = (
        "bet with an id used otherwise",
        RoleRow(
            _takes_or_refuses, Kind.BET, S.BET_WRONG_AMOUNT, S.SHARED_ID_SWALLOWED, moves=True, is_plain=True
        ),
    )
    SHARED_ID_WIN = (
        "win with an id used otherwise",
        RoleRow(
            _credits_or_refuses,
            Kind.WIN,
            S.WIN_WRONG_AMOUNT,
            S.SHARED_ID_SWALLOWED,
            moves=True,
            is_plain=True,
            is_remarkable=False,
        ),
    )
    FOREIGN_ID_BET = (
        "bet with another player's id",
        RoleRow(
            _takes_or_not,
            Kind.BET,
            S.SAME_ID_OTHER_PLAYER_MOVED,
            moves=True,
            knob=_movement("shared_ids", "per_player", "global"),
            others_moved=S.SAME_ID_OTHER_PLAYER_MOVED,
        ),
    )
    FOREIGN_ID_WIN = (
        "win with another player's id",
        RoleRow(
            _credits_or_not,
            Kind.WIN,
            S.SAME_ID_OTHER_PLAYER_MOVED,
            moves=True,
            knob=_movement("shared_ids", "per_player", "global"),
            others_moved=S.SAME_ID_OTHER_PLAYER_MOVED,
        ),
    )
    REPEATED_BET = (
        "repeated bet",
        RoleRow(_repeats, Kind.IDLE, S.REPEATED_BET_TAKEN_AGAIN, knob=_answer("duplicate_bet")),
    )
    REPEATED_WIN = (
        "repeated win",
        RoleRow(_repeats, Kind.IDLE, S.REPEATED_WIN_CREDITED_AGAIN, knob=_answer("duplicate_credit")),
    )
    REPEATED_REFUND = (
        "repeated refund",
        RoleRow(_repeats, Kind.IDLE, S.REPEATED_REFUND_CREDITED_AGAIN, knob=_answer("duplicate_credit")),
    )
    OTHER_AMOUNT = "known id with another amount", RoleRow(_repeats, Kind.IDLE, S.SAME_ID_OTHER_AMOUNT_MOVED)
    DUE_REFUND = (
        "refund",
        RoleRow(
            _credits,
            Kind.REFUND,
            S.REFUND_WRONG_AMOUNT,
            S.REFUND_NOT_CREDITED,
            must=True,
            moves=True,
            is_plain=True,
        ),
    )
    LOOSE_REFUND = (
        "refund that may be refused",
        RoleRow(
            _refunds_or_refuses,
            Kind.REFUND,
            S.REFUND_WRONG_AMOUNT,
            S.REFUND_NOT_CREDITED,
            moves=True,
            is_remarkable=False,
        ),
    )
    REFUND_OF_UNKNOWN = (
        "refund of an unknown bet",
        RoleRow(_has_nothing_to_refund, Kind.IDLE, S.UNKNOWN_REFUND_CREDITED, knob=_answer("unknown_refund")),
    )
    REFUND_OF_REFUSED = (
        "refund of a refused bet",
        RoleRow(_has_nothing_to_refund, Kind.IDLE, S.REFUSED_BET_REFUND_CREDITED),
    )
    REFUND_OF_FOREIGN = (
        "refund of another player's bet",
        RoleRow(
            _has_nothing_to_refund, Kind.IDLE, S.FOREIGN_REFUND_MOVED, others_moved=S.FOREIGN_REFUND_MOVED
        ),
    )
    REFUND_OF_WIN = (
        "refund of a win",
        RoleRow(
            _takes_win_back_or_not,
            Kind.IDLE,
            S.WIN_ID_REFUND_CREDITED,
            knob=_movement("refund_of_win", "debited", "ignored"),
        ),
    )
    ZERO = "call over 0.00", RoleRow(_zero_or_refuses, Kind.IDLE, S.ZERO_MOVED, knob=_zero_answer)
    MALFORMED = "malformed call", RoleRow(_moves_nothing, Kind.IDLE, S.MALFORMED_MOVED)
    STRANGER = "call for an unknown player", RoleRow(_refuses_stranger, Kind.NAMED, S.UNKNOWN_PLAYER_ACCEPTED)


REPEATS = {
    Method.BET: Role.REPEATED_BET,
    Method.WIN: Role.REPEATED_WIN,
    Method.REFUND: Role.REPEATED_REFUND,
}

_FRESH_BETS = {
    CallForm.CANONICAL: Role.FRESH_BET,
    CallForm.OPTIONAL: Role.LOOSE_BET,
    CallForm.ODD: Role.ODD_BET,
}


def knob_shown(role: Role, method: Method, outcome: Outcome, moved: int) -> tuple[str, str] | None:
    """Return the knob that an answered call of this role shows, and its value; None for most calls.

    `moved` is by how much the balance changed.
    """
    knob = role.row.knob
    if knob is None or outcome is Outcome.UNKNOWN or (role is Role.ZERO and method is Method.REFUND):
        return None
    return knob(method, outcome, moved)


# --- the choice of the row --------------------------------------------------------------------------


def role_of(state: WalletState, request: WebhookRequest, form: CallForm) -> Role:
    """Return the row for a call in this world. The method must move money."""
    if form is CallForm.MALFORMED or request.transaction_id is None:
        return Role.MALFORMED
    known = state.entry(request.method, request.transaction_id)
    if isinstance(known, Applied):
        same = request.amount is None or request.amount == known.amount
        return REPEATS[request.method] if same else Role.OTHER_AMOUNT
    if isinstance(known, Tombstone):
        return Role.REPEATED_REFUND
    if request.method is Method.REFUND:
        return _refund_role(state, request, refused_before=isinstance(known, Mark), form=form)
    if request.amount == 0:
        return Role.ZERO
    if request.method is Method.BET:
        return _bet_role(state, request, known, form)
    return _win_role(state, request, known, form)


def _bet_role(state: WalletState, request: WebhookRequest, known: Entry | None, form: CallForm) -> Role:
    assert request.transaction_id is not None
    refund = state.entry(Method.REFUND, request.transaction_id)
    if isinstance(refund, Applied | Tombstone):
        return Role.LATE_BET
    if _amount(request) > state.balance:
        return Role.UNAFFORDABLE_BET
    if state.bars(request):
        return Role.BARRED_BET
    if isinstance(refund, Mark):
        return Role.LATE_BET_AFTER_REFUSED_REFUND
    if known is not None:
        return Role.REFUSED_BEFORE_BET
    if state.used_by_another(request):
        return Role.FOREIGN_ID_BET
    if state.used_otherwise(request):
        return Role.SHARED_ID_BET
    return _FRESH_BETS[form]


def _win_role(state: WalletState, request: WebhookRequest, known: Entry | None, form: CallForm) -> Role:
    assert request.transaction_id is not None
    if known is not None:
        return Role.LOOSE_WIN
    if isinstance(state.entry(Method.REFUND, request.transaction_id), Tombstone):
        return Role.LATE_WIN
    if state.used_by_another(request):
        return Role.FOREIGN_ID_WIN
    if form is not CallForm.CANONICAL or not state.has_open_bet(request.game_id):
        return Role.LOOSE_WIN
    return Role.SHARED_ID_WIN if state.used_otherwise(request) else Role.FRESH_WIN


def _refund_role(
    state: WalletState, request: WebhookRequest, *, refused_before: bool, form: CallForm
) -> Role:
    assert request.transaction_id is not None
    bet = state.entry(Method.BET, request.transaction_id)
    if isinstance(bet, Applied):
        loose = (
            refused_before
            or form is not CallForm.CANONICAL
            or request.amount != bet.amount
            or request.amount == 0
            or state.won_since(bet)
            or state.used_otherwise(request)
        )
        return Role.LOOSE_REFUND if loose else Role.DUE_REFUND
    if request.amount == 0:
        return Role.ZERO
    if state.used_by_another(request):
        return Role.REFUND_OF_FOREIGN
    if isinstance(state.entry(Method.WIN, request.transaction_id), Applied):
        return Role.REFUND_OF_WIN
    return Role.REFUND_OF_REFUSED if bet is Mark.REFUSED else Role.REFUND_OF_UNKNOWN


def _amount(request: WebhookRequest) -> Money:
    assert request.amount is not None
    return request.amount
