"""What passes between the webhook and the wallet: calls in, answers out. Data only, no behaviour."""

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
    """One webhook call as it was sent: a JSON object whose fields nobody has checked yet."""

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
    """Done, with the balance after it in cents. `status` is 1, or the account's own for `user_balance`."""

    balance: int
    status: int = 1


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """Not done, and nothing moved. `balance` in cents where the player is known.

    `http_status` is None where the webhook's habit decides (200 here, as the protocol's `status` field
    suggests).
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
    """Raised inside a transaction: rolls it back, so that a refused call leaves no trace."""

    def __init__(self, refused: RefusedCall) -> None:
        super().__init__(refused.message)
        self.refused = refused
