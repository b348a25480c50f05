"""The one endpoint: read the bytes of a call, ask the wallet, write the bytes of its answer.

It decides nothing about money, and does not know the HTTP server.
"""

# ruff: noqa: ARG002 -- defects and dialects decide by arguments that this webhook does not use

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulator.reference_operator.calls import (
    ACCOUNT_DETAILS,
    BET,
    REFUND,
    USER_BALANCE,
    WIN,
    Accepted,
    AccountDetails,
    Answer,
    CallRefused,
    ReceivedCall,
    RefusedCall,
    write_cents,
)
from simulator.reference_operator.wallet import Wallet

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """One HTTP answer. With `dropped`, the connection is closed without any answer instead."""

    body: bytes
    http_status: int = 200
    content_type: str = JSON_TYPE
    dropped: bool = False


class Webhook:
    """Reads a webhook call, passes it to the wallet, and writes the answer in the protocol's form."""

    def __init__(self, wallet: Wallet) -> None:
        self.wallet = wallet
        self.methods: dict[str, Callable[[ReceivedCall], Answer]] = {
            ACCOUNT_DETAILS: wallet.account_details,
            USER_BALANCE: wallet.user_balance,
            BET: wallet.transaction_bet,
            WIN: wallet.transaction_win,
            REFUND: wallet.refund,
        }

    def receive(self, body: bytes) -> tuple[ReceivedCall, WebhookReply]:
        """Answer one call; return it too, for the caller to count."""
        call = self.read(body)
        return call, self.reply(call, self.answer(call))

    def read(self, body: bytes) -> ReceivedCall:
        """Return the call in the body; its method is empty if the body is not a JSON object."""
        try:
            fields = json.loads(body, parse_float=Decimal, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            return ReceivedCall("", {})
        method = fields.get("method") if isinstance(fields, dict) else None
        return ReceivedCall(method, fields) if isinstance(method, str) else ReceivedCall("", {})

    def answer(self, call: ReceivedCall) -> Answer:
        handle = self.methods.get(call.method)
        if handle is None:
            return RefusedCall("INVALID_METHOD", "expected a JSON object whose method is one of the five")
        try:
            return handle(call)
        except CallRefused as refusal:
            return refusal.refused

    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        http_status = answer.http_status if isinstance(answer, RefusedCall) else None
        return WebhookReply(self.encode(self.fields(call, answer)), http_status or 200)

    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of the reply."""
        match answer:
            case Accepted(balance, status):
                return {"status": status, "balance": self.money(balance)}
            case RefusedCall(code, message, balance):
                refused = {"status": 0, "error": code, "message": message}
                return refused if balance is None else refused | {"balance": self.money(balance)}
            case AccountDetails(user_id, email, name):
                return {"user_id": user_id, "email": email, "name_jogador": name}

    def money(self, cents: int) -> str:
        return write_cents(cents)

    def encode(self, fields: dict[str, Any]) -> bytes:
        return json.dumps(fields).encode()


def refuse_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python's reader accepts although they are not JSON."""
    raise ValueError(f"{name} is not JSON")
