"""Which part a call plays in one possible world of the wallet: a fresh bet, a repeat, a refund of nothing …

The parts are the rows of the ledger's table; what each row allows stands in `ledger`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest


class CallForm(StrEnum):
    """How a call is written: as documented, valid but odd, or not acceptable at all."""

    CANONICAL = "canonical"
    OPTIONAL = "optional"
    """Written as documented; for another reason a wallet may refuse it."""
    ODD = "odd"
    MALFORMED = "malformed"


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


class View(Protocol):
    """What a role depends on: one world, and what is known of the player besides."""

    @property
    def balance(self) -> int: ...

    def entry(self, method: Method, transaction_id: str) -> Entry | None: ...

    def used_otherwise(self, request: WebhookRequest) -> bool: ...

    def used_by_another(self, request: WebhookRequest) -> bool: ...

    def has_open_bet(self, game: str | None) -> bool: ...

    def won_since(self, bet: Applied) -> bool: ...

    def bars(self, request: WebhookRequest) -> bool: ...


def role_of(view: View, request: WebhookRequest, form: CallForm) -> Role:
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


def _bet_role(view: View, request: WebhookRequest, known: Entry | None, form: CallForm) -> Role:
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


def _win_role(view: View, request: WebhookRequest, known: Entry | None, form: CallForm) -> Role:
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


def _refund_role(view: View, request: WebhookRequest, *, refused_before: bool, form: CallForm) -> Role:
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
