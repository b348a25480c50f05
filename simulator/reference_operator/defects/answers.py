"""Wallets whose answers differ from what they did, and webhooks that write answers in a wrong form."""

import json
import random
import time
from collections import deque
from dataclasses import replace
from typing import Any

from simulator.reference_operator.calls import (
    BET,
    REFUND,
    USER_BALANCE,
    WIN,
    Accepted,
    AccountDetails,
    Answer,
    MoneyCall,
    ReceivedCall,
    RefusedCall,
)
from simulator.reference_operator.database import Books, Database, Player
from simulator.reference_operator.switches import DefectKind, defect
from simulator.reference_operator.wallet import Wallet
from simulator.reference_operator.webhook import Webhook, WebhookReply

ANSWERS = "answers"

CACHED_READS = 5

REPLICA_LAG_S = 0.25

CHANGES_KEPT = 200

CHANCE_OF_500 = 0.1

CRASHED = WebhookReply(b"<h1>Internal Server Error</h1>", 500, "text/html")


class AppliedThenCrashed(Webhook):
    """Answers accepted calls of `method` with HTTP 500: their money has moved."""

    method = ""

    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if call.method == self.method and isinstance(answer, Accepted):
            return CRASHED
        return super().reply(call, answer)


@defect(
    "bet-charged-then-500",
    "A bet is charged and answered with HTTP 500.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="form:CON-03:http-500",
)
class BetChargedThen500(AppliedThenCrashed):
    method = BET


@defect(
    "win-paid-then-500",
    "A win is credited and answered with HTTP 500.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="form:CON-04:http-500",
)
class WinPaidThen500(AppliedThenCrashed):
    method = WIN


@defect(
    "refund-paid-then-500",
    "A refund is credited and answered with HTTP 500.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="form:REF-14:http-500",
)
class RefundPaidThen500(AppliedThenCrashed):
    method = REFUND


@defect(
    "bet-charged-sometimes-500",
    f"A bet is charged and, with a chance of {CHANCE_OF_500:.0%}, answered with HTTP 500 (--seed decides).",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="form:CON-03:http-500",
)
class BetChargedSometimes500(Webhook):
    def __init__(self, wallet: Wallet) -> None:
        super().__init__(wallet)
        self.chance = random.Random(wallet.seed)

    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if call.method == BET and isinstance(answer, Accepted) and self.chance.random() < CHANCE_OF_500:
            return CRASHED
        return super().reply(call, answer)


@defect(
    "bet-charged-then-refused",
    "A bet is charged and answered as refused.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="bet-refused-but-taken",
)
class BetChargedThenRefused(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if call.method == BET and isinstance(answer, Accepted):
            answer = RefusedCall("INTERNAL_ERROR", "the bet could not be placed", answer.balance)
        return super().reply(call, answer)


@defect(
    "bet-charged-then-dropped",
    "A bet is charged and the connection closed without an answer.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="no-answer",
)
class BetChargedThenDropped(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        reply = super().reply(call, answer)
        return replace(reply, dropped=call.method == BET and isinstance(answer, Accepted))


@defect(
    "win-reply-cut-short",
    "A win is credited; the JSON of its answer ends in the middle.",
    DefectKind.FORM,
    ANSWERS,
    cause="form:CON-08:not-json",
)
class WinReplyCutShort(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        reply = super().reply(call, answer)
        return replace(reply, body=reply.body[:-9]) if call.method == WIN else reply


@defect(
    "bet-answered-not-charged",
    "A bet is answered with the reduced balance and never charged.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="bet-not-taken",
)
class BetAnsweredNotCharged(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        if call.method == BET:
            books.set_balance(player.user_id, player.balance)
        return answer


@defect(
    "win-answered-not-paid",
    "A win is answered with the raised balance and never credited.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="win-not-credited",
)
class WinAnsweredNotPaid(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        if call.method == WIN:
            books.set_balance(player.user_id, player.balance)
        return answer


@defect(
    "stale-balance-after-bet",
    "A bet is answered with the balance before it.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="answer-balance-wrong",
)
class StaleBalanceAfterBet(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        answer = super().apply(books, player, call, moved)
        return Accepted(player.balance) if call.method == BET else answer


@defect(
    "balance-cached",
    f"user_balance caches its value and shows it {CACHED_READS} times before it reads again.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="stale-read",
)
class BalanceCached(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.cache: dict[str, tuple[int, Answer]] = {}

    def user_balance(self, call: ReceivedCall) -> Answer:
        user_id = str(call.fields.get("user_id"))
        reads_left, cached = self.cache.get(user_id, (0, Accepted(0)))
        if reads_left == 0:
            reads_left, cached = CACHED_READS, super().user_balance(call)
        self.cache[user_id] = reads_left - 1, cached
        return cached


@defect(
    "replica-lag",
    f"user_balance reads from a copy of the database that is {REPLICA_LAG_S} s behind.",
    DefectKind.SEQUENTIAL,
    ANSWERS,
    cause="stale-read",
)
class ReplicaLag(Wallet):
    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.changes: dict[str, deque[tuple[float, int]]] = {}

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        changes = self.changes.setdefault(player.user_id, deque(maxlen=CHANGES_KEPT))
        changes.append((time.monotonic() + REPLICA_LAG_S, player.balance))
        return super().apply(books, player, call, moved)

    def user_balance(self, call: ReceivedCall) -> Answer:
        answer = super().user_balance(call)
        changes = tuple(self.changes.get(str(call.fields.get("user_id")), ()))
        behind = [balance for shown_until, balance in changes if shown_until > time.monotonic()]
        return replace(answer, balance=behind[0]) if behind and isinstance(answer, Accepted) else answer


FORM = "form"


@defect("no-status", "Replies have no status.", DefectKind.FORM, FORM, cause="form:CON-02:status-missing")
class NoStatus(Webhook):
    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if isinstance(answer, Accepted):
            del fields["status"]
        return fields


@defect(
    "status-as-word",
    'Success is answered with the status "success".',
    DefectKind.FORM,
    FORM,
    cause="form:CON-07:status-text",
)
class StatusAsWord(Webhook):
    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        return fields | {"status": "success"} if isinstance(answer, Accepted) else fields


@defect(
    "no-balance",
    "Bets, wins and refunds are answered without the balance.",
    DefectKind.FORM,
    FORM,
    cause="form:CON-06:balance-missing",
)
class NoBalance(Webhook):
    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if isinstance(answer, Accepted) and call.method != USER_BALANCE:
            del fields["balance"]
        return fields


@defect(
    "html-before-json",
    "A PHP notice precedes the JSON.",
    DefectKind.FORM,
    FORM,
    cause="form:CON-08:text-before-json",
)
class HtmlBeforeJson(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        reply = super().reply(call, answer)
        notice = b"<br />\n<b>Notice</b>:  Undefined index: currency in <b>wallet.php</b><br />\n"
        return replace(reply, body=notice + reply.body, content_type="text/html; charset=UTF-8")


@defect(
    "wrapped-in-data",
    'Replies are wrapped: {"data": {"status": 1, ...}}.',
    DefectKind.FORM,
    FORM,
    cause="form:CON-09:wrapped",
)
class WrappedInData(Webhook):
    def encode(self, fields: dict[str, Any]) -> bytes:
        return json.dumps({"data": fields}).encode()


@defect(
    "refund-reply-empty",
    "A refund is credited and answered with an empty body.",
    DefectKind.FORM,
    FORM,
    cause="form:CON-08:empty-body",
)
class RefundReplyEmpty(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        reply = super().reply(call, answer)
        return replace(reply, body=b"") if call.method == REFUND else reply


@defect(
    "reply-ok",
    'Accepted calls are answered with the text "OK".',
    DefectKind.FORM,
    FORM,
    cause="form:CON-08:not-json",
)
class ReplyOk(Webhook):
    def reply(self, call: ReceivedCall, answer: Answer) -> WebhookReply:
        if isinstance(answer, Accepted) and call.method != USER_BALANCE:
            return WebhookReply(b"OK", content_type="text/plain")
        return super().reply(call, answer)


@defect(
    "thousands-separators",
    'Balances have thousands separators: "1,234.56".',
    DefectKind.FORM,
    FORM,
    cause="form:MON-05:balance-separators",
)
class ThousandsSeparators(Webhook):
    def money(self, cents: int) -> str:
        # Other defects may have written the rest already.
        written = super().money(cents)
        units = written[: len(written) - len(written.lstrip("-0123456789"))]
        return f"{int(units):,}{written[len(units) :]}"


@defect(
    "comma-decimals",
    'Balances have a decimal comma: "90,50".',
    DefectKind.FORM,
    FORM,
    cause="form:MON-05:balance-separators",
)
class CommaDecimals(Webhook):
    def money(self, cents: int) -> str:
        return super().money(cents).replace(".", ",")


@defect(
    "four-decimals",
    'Balances have four decimals: "90.5000".',
    DefectKind.FORM,
    FORM,
    cause="form:MON-04:balance-many-decimals",
)
class FourDecimals(Webhook):
    def money(self, cents: int) -> str:
        return super().money(cents) + "00"


@defect(
    "currency-in-balance",
    'Balances name their currency: "90.50 TRY".',
    DefectKind.FORM,
    FORM,
    cause="form:CON-06:balance-unreadable",
)
class CurrencyInBalance(Webhook):
    def money(self, cents: int) -> str:
        return super().money(cents) + " TRY"


@defect(
    "balance-in-cents",
    'Balances are written in cents: "9050".',
    DefectKind.SEQUENTIAL,
    FORM,
    cause="hundredfold",
)
class BalanceInCents(Webhook):
    def money(self, cents: int) -> str:
        return str(cents)


@defect(
    "details-without-name",
    "account_details has no name_jogador.",
    DefectKind.FORM,
    FORM,
    cause="form:CON-01:details-no-name_jogador",
)
class DetailsWithoutName(Webhook):
    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        if isinstance(answer, AccountDetails):
            del fields["name_jogador"]
        return fields


@defect(
    "details-of-another-player",
    "account_details answers with another user_id.",
    DefectKind.FORM,
    FORM,
    cause="form:CON-01:details-other-player",
)
class DetailsOfAnotherPlayer(Webhook):
    def fields(self, call: ReceivedCall, answer: Answer) -> dict[str, Any]:
        fields = super().fields(call, answer)
        return fields | {"user_id": "1"} if isinstance(answer, AccountDetails) else fields
