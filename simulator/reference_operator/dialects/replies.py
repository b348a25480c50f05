"""Webhooks that write the same answers in another form."""

import json
import time
from dataclasses import replace
from typing import Any

from simulator.reference_operator.calls import Answer, ReceivedCall, RefusedCall
from simulator.reference_operator.switches import dialect
from simulator.reference_operator.webhook import Webhook, WebhookReply

HTTP_1_0 = "http-1.0"

SLOW_ANSWER_S = 0.15

REFUSAL_HTTP_STATUS = {"INVALID_USER": 404, "INSUFFICIENT_FUNDS": 402, "USER_BLOCKED": 403, "DUPLICATE": 409}


@dialect("status-true", "The status is true or false instead of 1 or 0.")
class StatusTrue(Webhook):
    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        return fields | {"status": fields["status"] == 1} if "status" in fields else fields


@dialect("refusal-status-error", 'A refusal has the status "error".')
class RefusalStatusError(Webhook):
    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        return fields | {"status": "error"} if isinstance(answer, RefusedCall) else fields


@dialect("refusal-without-balance", "A refusal does not show the balance.")
class RefusalWithoutBalance(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if isinstance(answer, RefusedCall):
            answer = replace(answer, balance=None)
        return super().reply(call, answer)


@dialect("unknown-player-zero", 'A refusal of an unknown player shows the balance "0.00".')
class UnknownPlayerZero(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if isinstance(answer, RefusedCall) and answer.code == "INVALID_USER":
            answer = replace(answer, balance=0)
        return super().reply(call, answer)


@dialect("refusals-4xx-json", "A refusal has a 4xx HTTP status and a JSON body.")
class Refusals4xxJson(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if isinstance(answer, RefusedCall) and answer.http_status is None:
            answer = replace(answer, http_status=REFUSAL_HTTP_STATUS.get(answer.code, 400))
        return super().reply(call, answer)


@dialect("refusals-4xx-text", "A refusal has a 4xx HTTP status and a sentence as its body.")
class Refusals4xxText(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if isinstance(answer, RefusedCall):
            http_status = answer.http_status or REFUSAL_HTTP_STATUS.get(answer.code, 400)
            return WebhookReply(answer.message.encode(), http_status, "text/plain; charset=utf-8")
        return super().reply(call, answer)


@dialect("balance-as-number", "Balances are JSON numbers with two decimals.")
class BalanceAsNumber(Webhook):
    def encode(self, fields: dict[str, Any]) -> bytes:
        balance = fields.get("balance")
        text = json.dumps(fields)
        return text.replace(f'"balance": "{balance}"', f'"balance": {balance}').encode()


@dialect("balance-short", 'Balances drop trailing zeros: "90.5", "100".')
class BalanceShort(Webhook):
    def money(self, cents: int) -> str:
        return super().money(cents).rstrip("0").rstrip(".")


@dialect("more-fields", "Replies carry fields that the reference does not have, and a charset.")
class MoreFields(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        return replace(super().reply(call, answer), content_type="application/json; charset=utf-8")

    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        return super().fields(call, answer) | {"currency": "TRY", "server": {"node": 1}}


@dialect("slow-150ms", "Every answer takes 150 ms.")
class Slow150Ms(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        time.sleep(SLOW_ANSWER_S)
        return super().reply(call, answer)


@dialect(HTTP_1_0, "The server speaks HTTP/1.0 and closes each connection after its answer.")
class Http10(Webhook):
    """Only registers the name: `server.OperatorServer` sets the HTTP version, below the app."""
