"""Webhooks that write right money in a wrong form."""

import json
from dataclasses import replace
from typing import Any

from simulator.reference_operator.calls import REFUND, USER_BALANCE, Accepted, Answer, Call, Details
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.webhook import Reply, Webhook

GROUP = "form"


@defect("no-status", "Replies have no status.", Kind.FORM, GROUP)
class NoStatus(Webhook):
    def fields(self, call: Call, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if isinstance(answer, Accepted):
            del fields["status"]
        return fields


@defect("status-as-word", 'The status of success is "success".', Kind.FORM, GROUP)
class StatusAsWord(Webhook):
    def fields(self, call: Call, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        return fields | {"status": "success"} if isinstance(answer, Accepted) else fields


@defect("no-balance", "Bets, wins and refunds are answered without the balance.", Kind.FORM, GROUP)
class NoBalance(Webhook):
    def fields(self, call: Call, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if isinstance(answer, Accepted) and call.method != USER_BALANCE:
            del fields["balance"]
        return fields


@defect("html-before-json", "A notice of the script language stands before the JSON.", Kind.FORM, GROUP)
class HtmlBeforeJson(Webhook):
    def reply(self, call: Call, answer: Answer) -> Reply:
        reply = super().reply(call, answer)
        notice = b"<br />\n<b>Notice</b>:  Undefined index: currency in <b>wallet.php</b><br />\n"
        return replace(reply, body=notice + reply.body, content_type="text/html; charset=UTF-8")


@defect("wrapped-in-data", 'Replies are wrapped: {"data": {"status": 1, ...}}.', Kind.FORM, GROUP)
class WrappedInData(Webhook):
    def encode(self, fields: dict[str, Any]) -> bytes:
        return json.dumps({"data": fields}).encode()


@defect("refund-reply-empty", "A refund is credited and answered with an empty body.", Kind.FORM, GROUP)
class RefundReplyEmpty(Webhook):
    def reply(self, call: Call, answer: Answer) -> Reply:
        reply = super().reply(call, answer)
        return replace(reply, body=b"") if call.method == REFUND else reply


@defect("reply-ok", 'Accepted calls are answered with the text "OK".', Kind.FORM, GROUP)
class ReplyOk(Webhook):
    def reply(self, call: Call, answer: Answer) -> Reply:
        if isinstance(answer, Accepted) and call.method != USER_BALANCE:
            return Reply(b"OK", content_type="text/plain")
        return super().reply(call, answer)


@defect("thousands-separators", 'Balances have thousands separators: "1,234.56".', Kind.FORM, GROUP)
class ThousandsSeparators(Webhook):
    def money(self, cents: int) -> str:
        # Other defects may have written the rest already.
        written = super().money(cents)
        units = written[: len(written) - len(written.lstrip("-0123456789"))]
        return f"{int(units):,}{written[len(units) :]}"


@defect("comma-decimals", 'Balances have a decimal comma: "90,50".', Kind.FORM, GROUP)
class CommaDecimals(Webhook):
    def money(self, cents: int) -> str:
        return super().money(cents).replace(".", ",")


@defect("four-decimals", 'Balances have four decimals: "90.5000".', Kind.FORM, GROUP)
class FourDecimals(Webhook):
    def money(self, cents: int) -> str:
        return super().money(cents) + "00"


@defect("currency-in-balance", 'Balances name their currency: "90.50 TRY".', Kind.FORM, GROUP)
class CurrencyInBalance(Webhook):
    def money(self, cents: int) -> str:
        return super().money(cents) + " TRY"


@defect("balance-in-cents", 'Balances are written in cents: "9050".', Kind.SEQUENTIAL, GROUP)
class BalanceInCents(Webhook):
    def money(self, cents: int) -> str:
        return str(cents)


@defect("details-without-name", "account_details has no name_jogador.", Kind.FORM, GROUP)
class DetailsWithoutName(Webhook):
    def fields(self, call: Call, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if isinstance(answer, Details):
            del fields["name_jogador"]
        return fields


@defect("details-of-another-player", "account_details answers with another user_id.", Kind.FORM, GROUP)
class DetailsOfAnotherPlayer(Webhook):
    def fields(self, call: Call, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        return fields | {"user_id": "1"} if isinstance(answer, Details) else fields
