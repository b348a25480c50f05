"""One call to a wallet as one record: what was sent, what came back, how it reads, and why it was made."""

from __future__ import annotations

from enum import StrEnum

from simulator.core.findings import Outcome, Place, Severity
from simulator.core.money import Money, format_money
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, NoReply, WebhookRequest


class CallForm(StrEnum):
    """How a call is written: as documented, valid but odd, or not acceptable at all."""

    CANONICAL = "canonical"
    OPTIONAL = "optional"
    """Written as documented; for another reason a wallet may refuse it."""
    ODD = "odd"
    MALFORMED = "malformed"


# --- scenario -------------------------------------------------------------------------------------


class FaultKind(StrEnum):
    """The disturbances a step can carry (scenario format, `fault:`)."""

    LOST_REPLY = "lost_reply"
    TIMEOUT = "timeout"
    RESET = "reset"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    SLOW_BODY = "slow_body"
    CHUNKED = "chunked"


class FaultSpec(Frozen):
    """A fault of one step; `delay_ns` only for `delay`."""

    kind: FaultKind
    delay_ns: int = 0


# --- context --------------------------------------------------------------------------------------


class Call(Frozen):
    """One call that was made, and how its answer was read."""

    exchange: Exchange
    reading: Reading

    @property
    def nothing_sent(self) -> bool:
        """Whether the operator provably never saw it."""
        reply = self.exchange.reply
        return isinstance(reply, NoReply) and reply.kind.nothing_sent


class Why(Frozen):
    """Why a call is made: for which scenario and step, and as what (see `ExchangeRecorded.purpose`)."""

    scenario_id: str | None
    purpose: str
    label: str = ""
    place: Place | None = None


# --- player_queues --------------------------------------------------------------------------------

Player = tuple[str, str]
"""Agent code and user id: one wallet."""


# --- history --------------------------------------------------------------------------------------


class Operation(Frozen):
    """One attempt of a call. `balance` is what its answer shows; None where it shows none.

    `index` tells the operations of one history apart; `label` is the author's name of the step. An operation
    whose outcome is unknown may have taken effect at any moment after `sent_ns`, or never.
    """

    index: int
    player: str
    method: Method
    transaction_id: str | None
    amount: Money | None
    game_id: str | None
    sent_ns: int
    answered_ns: int | None
    outcome: Outcome
    balance: Money | None
    form: CallForm = CallForm.CANONICAL
    label: str = ""

    @property
    def request(self) -> WebhookRequest:
        """The call that was attempted."""
        return WebhookRequest(self.method, self.player, self.amount, self.transaction_id, self.game_id)

    @property
    def is_read(self) -> bool:
        """Whether it is a balance read that shows a balance: evidence, whatever its status says."""
        return self.method is Method.BALANCE and self.balance is not None and self.answered_ns is not None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows what it did."""
        return self.outcome is Outcome.UNKNOWN or self.answered_ns is None

    @property
    def ends_ns(self) -> int:
        """When it was over at the latest."""
        if self.answered_ns is None or (self.is_unknown and not self.is_read):
            return FOREVER
        return self.answered_ns

    @property
    def name(self) -> str:
        """How a sentence calls it: ``bet b1 of 10.00``, ``bet@7 of 10.00``, ``balance read``."""
        noun = self.method.noun
        label = self.label or self.transaction_id or noun
        # A label that only repeats the step's kind says nothing more, and ``bet@7`` says it already.
        words = [label] if label.startswith(f"{noun}@") else [noun]
        if label not in (*noun.split(), *words):
            words.append(label)
        if self.amount is not None:
            words += ["of", format_money(self.amount)]
        return " ".join(words)


FOREVER = 1 << 512
"""Later than every answer: when an attempt without an answer ends."""


# --- meaning --------------------------------------------------------------------------------------


class Reading(Frozen):
    """What one reply means.

    `balance` is what the ledger judges by: the balance that an accepted call shows. With `must_settle` the
    outcome is unknown and `balance` is what a reply with an odd `status` shows: it proves nothing by itself,
    a balance read at once has to tell accepted from refused. `stated_balance` is any readable balance in the
    reply, a refusal's too (INS-03); it is no evidence. `account_status` is the JSON text of `status` in a
    `user_balance` reply: "1" is active, None is a reply without it.

    The dialect: `money_type` is "string" or "number", as the balance was written; `http_status` is the
    reply's; `error_code` is what the operator calls a refusal, where a field says so.
    """

    outcome: Outcome
    balance: Money | None = None
    deviations: tuple[Deviation, ...] = ()
    must_settle: bool = False
    account_status: str | None = None
    money_type: str | None = None
    http_status: int | None = None
    stated_balance: Money | None = None
    error_code: str | None = None

    @property
    def refusal_http(self) -> str | None:
        """The dialect's knob of that name: "200" or "4xx" for a refusal, else None."""
        if self.outcome is not Outcome.REFUSED or self.http_status is None:
            return None
        return "200" if self.http_status < 300 else "4xx"


# --- deviation ------------------------------------------------------------------------------------


class Deviation(Frozen):
    """One way in which a reply is not as it should be written.

    `form` is a short stable key: a run reports one finding for each rule and form, with a count. `message`
    is a sentence, with what was found and what was expected.
    """

    rule: str
    severity: Severity
    form: str
    message: str

    @property
    def is_missing_answer(self) -> bool:
        """Whether no answer came at all: an error of the server, or nothing."""
        return self.form.startswith(("http-5", "no-reply-"))
