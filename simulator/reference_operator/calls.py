"""The calls that the webhook hands to the wallet, the answers that it gets back, and their amounts."""

import re
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


# --- amounts on the wire: the simulator, which judges this wallet, has arithmetic of its own, since with
# shared code it would repeat the wallet's mistakes

CANONICAL_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,12})\.([0-9]{2})")


def read_cents(amount: object) -> int | None:
    """Return the cents of a canonical amount such as "10.50", or None for everything else.

    Numbers, signs, spaces, exponents, commas and missing decimals are refused rather than interpreted:
    a wallet that guesses what an amount means will one day guess wrong. With at most thirteen digits before
    the point every sum fits a 64-bit column.
    """
    match = CANONICAL_AMOUNT.fullmatch(amount) if isinstance(amount, str) else None
    return int(match[1]) * 100 + int(match[2]) if match else None


def write_cents(cents: int) -> str:
    """Return cents as text for the wire: 9050 is "90.50"."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return f"{sign}{units}.{rest:02d}"
