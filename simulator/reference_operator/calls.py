"""The calls that the webhook hands to the wallet, and the answers that it gets back. Data only."""

from dataclasses import dataclass
from typing import Any

ACCOUNT_DETAILS = "account_details"

USER_BALANCE = "user_balance"

BET = "transaction_bet"

WIN = "transaction_win"

REFUND = "refund"

METHODS = (ACCOUNT_DETAILS, USER_BALANCE, BET, WIN, REFUND)


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One webhook call as it was sent; its fields are not checked yet."""

    method: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MoneyCall:
    """A checked bet, win or refund. `amount` is in cents; a refund has no game."""

    user_id: str
    method: str
    transaction_id: str
    amount: int
    game_id: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that took effect, with the balance after it in cents.

    `status` is 1; for `user_balance` it is the status of the account.
    """

    balance: int
    status: int = 1


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A call that took no effect. `balance` is in cents, and None where the player is unknown.

    `http_status` None leaves the choice to the webhook, which answers 200, as the protocol's `status` field
    suggests.
    """

    code: str
    message: str
    balance: int | None = None
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """The player's master data."""

    user_id: str
    email: str
    name: str


Answer = Accepted | RefusedCall | AccountDetails


class CallRefused(Exception):
    """Raised within a transaction to roll it back, so that a refused call leaves no trace."""

    def __init__(self, refused: RefusedCall) -> None:
        super().__init__(refused.message)
        self.refused = refused
