"""One call to a wallet as one record: request, bytes, exchange, reading, form, and why it was sent.

`Call` is this record everywhere: a run's event, a row of the server's journal, a line of a file.
`Operation` is the part that the checker of concurrent histories needs. `call_lines` writes calls as JSON.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from operator import attrgetter

from simulator.core.findings import Outcome, Phase, Place, Severity
from simulator.core.money import ZERO, Money, format_money
from simulator.core.values import Frozen, derived
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, Reply, WebhookRequest, WireRequest


class CallForm(StrEnum):
    """How a call is written: as documented, valid but odd, or malformed."""

    CANONICAL = "canonical"
    OPTIONAL = "optional"
    """Written as documented, but a wallet may refuse it for another reason."""
    ODD = "odd"
    MALFORMED = "malformed"


class Form(Frozen):
    """What a call is judged as.

    `request` is None if the bytes are not a webhook. `alternatives` are the same request with other amounts
    that a wallet may read (a rounded third decimal, a duplicate key).
    """

    kind: CallForm
    request: WebhookRequest | None
    alternatives: tuple[WebhookRequest, ...] = ()


class FaultKind(StrEnum):
    """The faults of a step (scenario format, `fault:`)."""

    LOST_REPLY = "lost_reply"
    TIMEOUT = "timeout"
    RESET = "reset"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    SLOW_BODY = "slow_body"
    CHUNKED = "chunked"

    @property
    def is_odd_delivery(self) -> bool:
        """Return whether the whole call arrives in an unusual way, and is answered."""
        return self in {FaultKind.CHUNKED, FaultKind.SLOW_BODY, FaultKind.DELAY}


class FaultSpec(Frozen):
    """A fault of one step; `delay_ns` only for `delay`."""

    kind: FaultKind
    delay_ns: int = 0


class KnownAs(StrEnum):
    """What a sender knows of a player: there is no such one, it is blocked, or the bet is beyond a limit."""

    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    LIMITED = "limited"


class Why(Frozen):
    """Why a call was sent: for which scenario and step, or which agent, and its purpose.

    `purpose` is step, probe, adjust, preflight, restore or settle in a run, launch, round, resend, probe or
    hand in the server, and empty in a record without it. `label` is the author's name of the step, `phase`
    the part of a run. `fresh`: nothing with its transaction_id was sent before, not even the bet that a
    refund names. `account` is what the sender knows of the player's account, None for an ordinary one.
    """

    scenario_id: str | None
    purpose: str
    label: str = ""
    place: Place | None = None
    agent: str | None = None
    phase: Phase = Phase.STEP
    fresh: bool = True
    account: KnownAs | None = None


Player = tuple[str, str]
"""Agent code and user id, which together are one player's wallet."""


class UnsentCall(Frozen):
    """A call that is ready to be sent: its request, bytes and form, and why it is sent."""

    request: WebhookRequest | None
    wire: WireRequest
    form: Form
    why: Why
    fault: FaultSpec | None = None


_NO_REQUEST = WebhookRequest(Method.BALANCE, "")


class Call(Frozen):
    """One sent call: its exchange, how the answer reads, what it is judged as, and why it was sent.

    `exchange.request` is the intended request, `form.request` the one in its bytes. `number` is its number in
    the journal, or its line in a file.
    """

    exchange: Exchange
    reading: Reading
    form: Form
    why: Why
    number: int = 0
    request: WebhookRequest = derived(lambda call: call.form.request or call.exchange.request or _NO_REQUEST)
    """The request that it is judged by; one without a player if the bytes are not a webhook."""
    outcome: Outcome = derived(attrgetter("reading.outcome"))
    """What the call did, as far as its answer tells."""
    balance: Money | None = derived(attrgetter("reading.balance"))
    """The balance in its answer, if the ledger may judge by it."""

    @property
    def player(self) -> str | None:
        """Return the user id in the call, or None if the bytes are not a webhook."""
        request = self.exchange.request
        return None if request is None else request.player

    @property
    def stated_balance(self) -> Money | None:
        """Return the balance that a refusal states, which is no proof of the balance."""
        return self.reading.stated_balance if self.outcome is Outcome.REFUSED else None

    @property
    def for_unknown_player(self) -> Call:
        """Return the call with its answer read as that for an unknown player."""
        reading = self.reading.for_unknown_player
        return self if reading is self.reading else replace(self, reading=reading)

    def settled(self, outcome: Outcome) -> Call:
        """Return the call with the outcome that a balance read has shown."""
        return replace(self, reading=replace(self.reading, outcome=outcome, must_settle=False))

    @property
    def shows_no_amount(self) -> bool:
        """Return whether the wallet itself answered, and not with an amount where a balance should be."""
        reply, reading = self.exchange.reply, self.reading
        if not isinstance(reply, Reply) or reading.balance is not None or reading.ambiguous:
            return False
        own = reply.status < 300 or (reply.status >= 500 and not reply.is_of_gateway)
        return own and reading.outcome is Outcome.UNKNOWN and not reading.busy

    @property
    def nothing_sent(self) -> bool:
        """Return whether the wallet provably never got it."""
        reply = self.exchange.reply
        return isinstance(reply, NoReply) and reply.kind.nothing_sent

    @property
    def answer(self) -> str:
        """Return the answer in a few words: ``answered HTTP 200, accepted``."""
        reply, outcome = self.exchange.reply, self.reading.outcome
        if isinstance(reply, NoReply):
            unknown = reply.kind is NoReplyKind.UNKNOWN
            answer = f"answered {outcome.value}" if unknown else reply.detail
        elif outcome is Outcome.UNKNOWN:
            answer = f"answered HTTP {reply.status} (outcome unclear)"
        else:
            answer = f"answered HTTP {reply.status}, {outcome.value}"
        prepares = self.why.phase is Phase.PREPARATION
        return f"{answer}, to a call that only prepares the balance" if prepares else answer


NOT_KEPT = WireRequest(b"")
"""Replaces the bytes of a call whose record does not have them."""


def recorded_call(
    request: WebhookRequest,
    reading: Reading,
    why: Why,
    kind: CallForm = CallForm.CANONICAL,
    *,
    number: int = 0,
) -> Call:
    """Return a call of which only that is known: neither its bytes nor its times."""
    exchange = Exchange(request, NOT_KEPT, NoReply(NoReplyKind.UNKNOWN, ""), 0, None)
    return Call(exchange, reading, Form(kind, request), why, number)


class Opening(Frozen, kw_only=True):
    """The beginning of a player's history, at a balance that was read or seeded; None if it is not known.

    `continued`: the record does not have earlier calls of the player.
    """

    player: str
    balance: Money | None
    scenario_id: str | None = None
    agent: str | None = None
    continued: bool = False


class Reading(Frozen):
    """The meaning of one reply.

    `balance` is the balance of an accepted call, by which the ledger judges. With `must_settle` the outcome
    is unknown although there is a balance: the reply's `status` is missing or written oddly, and a balance
    read that follows at once must agree before the call counts as accepted. `stated_balance` is any readable
    balance in the reply, even of a refusal (INS-03); it is not evidence. `beyond_cents` is the text of a
    balance with digits beyond the cent, `ambiguous` is one that may mean two amounts, such as "1.234".

    `says_no`: the status or an error text refuses, whatever the balance; a `user_balance` reply is evidence
    all the same, unless the player is unknown (see `for_unknown_player`). `says_yes`: a reply that must be
    settled has a word for success and no error, so it is no refusal. `busy`: the wallet asks to call again
    later, after `retry_after_s` if it says so. `account_status` is the JSON text of `status` in a
    `user_balance` reply: "1" is active, None is a reply without it.

    For the dialect: `money_type` is "string" or "number", as the balance was written; `http_status` is that
    of the reply; `error_code` is the wallet's code of a refusal, if it has one.
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
    beyond_cents: str | None = None
    says_no: bool = False
    says_yes: bool = False
    ambiguous: bool = False
    busy: bool = False
    retry_after_s: int | None = None

    @property
    def for_unknown_player(self) -> Reading:
        """Return the reading for an unknown player: with a "no", a balance of 0.00 is a refusal."""
        if not self.says_no or self.balance != ZERO:
            return self
        return replace(self, outcome=Outcome.REFUSED, balance=None)

    @property
    def inactive(self) -> bool:
        """Return whether a read shows that the account is not active; a missing status shows nothing."""
        number = (self.account_status or "1").strip('"')
        if number == str(self.http_status):
            return False
        return number == "false" or (number.isdecimal() and number != "1")

    @property
    def refusal_http(self) -> str | None:
        """Return the value of the knob `refusal_http`: "200" or "4xx" for a refusal, otherwise None."""
        if self.outcome is not Outcome.REFUSED or self.http_status is None:
            return None
        return "200" if self.http_status < 300 else "4xx"


NO_REPLY = "no-reply-"
"""The beginning of the form of a deviation if the wallet gave no answer."""

NO_ANSWER = "no-answer"
"""The cause of a missing answer; `no-answer:KIND` if the wallet was reached."""

KEPT_AS_FLOAT = "money-kept-as-float"
"""The cause that shows in the form of a balance, and makes bets of the whole balance fail, too."""

BEYOND_CENTS = "balance-noise"
"""The form of a balance with digits beyond the cent."""

_UNREACHED = frozenset({"connect", "closed", "reset"})
"""The kinds of missing answers that have one cause with the 502 of a gateway."""


class Deviation(Frozen):
    """One way in which a reply is not written as it should be.

    `form` is a short stable key: a run reports one finding for each rule and form, with a count. `message` is
    a sentence with the found and the expected text.
    """

    rule: str
    severity: Severity
    form: str
    message: str

    @property
    def is_missing_answer(self) -> bool:
        """Return whether the wallet itself failed on the call (HTTP 500), which breaks the check."""
        return self.form.startswith("http-5")

    @property
    def cause(self) -> str:
        """Return the code of the cause of a finding of this deviation."""
        if self.form == BEYOND_CENTS:
            return KEPT_AS_FLOAT
        kind = self.form.removeprefix(NO_REPLY)
        if kind == self.form:
            return f"form:{self.rule}:{self.form}"
        return NO_ANSWER if kind in _UNREACHED or kind.startswith("http-") else f"{NO_ANSWER}:{kind}"


class Operation(Frozen):
    """One attempt of a call. `balance` is the one in its answer, or None.

    `index` identifies the operation in its history; `label` is the author's name of the step. An operation
    with an unknown outcome may have taken effect at any moment after `sent_ns`, or never.
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
    account: KnownAs | None = None
    stated_balance: Money | None = None
    says_yes: bool = False

    @classmethod
    def of(cls, call: Call, index: int) -> Operation:
        """Return what a history has to know of a call whose bytes read as a webhook."""
        request, exchange = call.form.request, call.exchange
        assert request is not None
        return cls(
            index=index,
            player=request.player,
            method=request.method,
            transaction_id=request.transaction_id,
            amount=request.amount,
            game_id=request.game_id,
            sent_ns=exchange.sent_ns,
            answered_ns=exchange.answered_ns,
            outcome=call.reading.outcome,
            balance=call.reading.balance,
            form=call.form.kind,
            label=call.why.label,
            account=call.why.account,
            stated_balance=call.stated_balance,
            says_yes=call.reading.says_yes,
        )

    @property
    def request(self) -> WebhookRequest:
        """Return the request of the attempt."""
        return WebhookRequest(self.method, self.player, self.amount, self.transaction_id, self.game_id)

    @property
    def is_read(self) -> bool:
        """Return whether it is a balance read that shows a balance, which is evidence for any status."""
        return self.method is Method.BALANCE and self.balance is not None and self.answered_ns is not None

    @property
    def is_unknown(self) -> bool:
        """Return whether its outcome is unknown."""
        return self.outcome is Outcome.UNKNOWN or self.answered_ns is None

    @property
    def must_settle(self) -> bool:
        """Return whether its answer has a balance but no clear outcome, which a later read decides."""
        return self.method.moves_money and self.is_unknown and None not in (self.balance, self.answered_ns)

    @property
    def ends_ns(self) -> int:
        """Return when it was over at the latest."""
        if self.answered_ns is None or (self.is_unknown and not self.is_read):
            return FOREVER
        return self.answered_ns

    @property
    def name(self) -> str:
        """Return its name in a sentence: ``bet b1 of 10.00``, ``bet@7 of 10.00``, ``balance read``."""
        noun = self.method.noun
        label = self.label or self.transaction_id or noun
        # A label may repeat the kind of the step, or include it, as ``bet@7``.
        words = [label] if label.startswith(f"{noun}@") else [noun]
        if label not in (*noun.split(), *words):
            words.append(label)
        if self.amount is not None:
            words += ["of", format_money(self.amount)]
        return " ".join(words)


FOREVER = 1 << 512
"""The end of an attempt without an answer, later than every answer."""
