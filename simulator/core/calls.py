"""One call to a wallet as one record: request, bytes, exchange, reading, form, and why it was sent.

`Call` is this record everywhere: a run's event, a row of the server's journal, a line of a file.
`Operation` is the part that the checker of concurrent histories needs. `call_object` writes a call as JSON
and `read_line` reads it, for run's NDJSON, serve's export, the control API and `judge`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from simulator.core.findings import Outcome, Phase, Place, Severity
from simulator.core.json import JsonObject, JsonValue, NotJson, encode
from simulator.core.json import parse as parse_json
from simulator.core.mappings import Fields, Keys, Wrong, one_of
from simulator.core.money import ZERO, Money, format_money, money_text, parse_written
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, Reply, WebhookRequest, WireRequest
from simulator.core.words import shortened
from simulator.errors import UsageError


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


class Why(Frozen):
    """Why a call was sent: for which scenario and step, or which agent, and its purpose.

    `purpose` is step, probe, adjust, preflight, restore or settle in a run, launch, round, resend, probe or
    hand in the server, and empty in a record without it. `label` is the author's name of the step, `phase`
    the part of a run. `fresh`: nothing with its transaction_id was sent before, not even the bet that a
    refund names.
    """

    scenario_id: str | None
    purpose: str
    label: str = ""
    place: Place | None = None
    agent: str | None = None
    phase: Phase = Phase.STEP
    fresh: bool = True


Player = tuple[str, str]
"""Agent code and user id, which together are one player's wallet."""


class UnsentCall(Frozen):
    """A call that is ready to be sent: its request, bytes and form, and why it is sent."""

    request: WebhookRequest | None
    wire: WireRequest
    form: Form
    why: Why
    fault: FaultSpec | None = None


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

    @property
    def request(self) -> WebhookRequest:
        """Return the request that it is judged by; one without a player if the bytes are not a webhook."""
        return self.form.request or self.exchange.request or _NO_REQUEST

    @property
    def player(self) -> str | None:
        """Return the user id in the call, or None if the bytes are not a webhook."""
        request = self.exchange.request
        return None if request is None else request.player

    @property
    def outcome(self) -> Outcome:
        """Return what the call did, as far as its answer tells."""
        return self.reading.outcome

    @property
    def balance(self) -> Money | None:
        """Return the balance in its answer, if the ledger may judge by it."""
        return self.reading.balance

    @property
    def for_unknown_player(self) -> Call:
        """Return the call with its answer read as that for an unknown player."""
        reading = self.reading.for_unknown_player
        return self if reading is self.reading else replace(self, reading=reading)

    def settled(self, outcome: Outcome) -> Call:
        """Return the call with the outcome that a balance read has shown."""
        return replace(self, reading=replace(self.reading, outcome=outcome, must_settle=False))

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


_NO_REQUEST = WebhookRequest(Method.BALANCE, "")

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
    """The beginning of a player's history, at a balance that was read or seeded."""

    player: str
    balance: Money
    scenario_id: str | None = None
    agent: str | None = None


class Reading(Frozen):
    """The meaning of one reply.

    `balance` is the balance of an accepted call, by which the ledger judges. With `must_settle` the outcome
    is unknown although there is a balance: the reply's `status` is missing or written oddly, and a balance
    read that follows at once must agree before the call counts as accepted. `stated_balance` is any readable
    balance in the reply, even of a refusal (INS-03); it is not evidence. `beyond_cents` is the text of a
    balance with digits beyond the cent.

    `says_no`: the status or an error text refuses, whatever the balance; a `user_balance` reply is evidence
    all the same, unless the player is unknown (see `for_unknown_player`). `busy`: the wallet asks to call
    again later, after `retry_after_s` if it says so. `account_status` is the JSON text of `status` in a
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


# --- as a line of JSON ----------------------------------------------------------------------------
# Money is canonical text, times are integers of nanoseconds, missing facts are null. Headers are left out,
# and with them every secret of the configuration.


def line_text(kind: str, written: JsonObject) -> str:
    """Return one line of a stream, ``{"type": KIND, …}``, with its line feed."""
    return f'{{"type":"{kind}",{encode(written)[1:]}\n'


def opening_object(opening: Opening) -> JsonObject:
    """Return what an ``opening`` line says."""
    return {
        "player": opening.player,
        **({} if opening.agent is None else {"agent": opening.agent}),
        "balance": format_money(opening.balance),
        "scenario": opening.scenario_id or opening.agent,
    }


def call_object(call: Call) -> JsonObject:
    """Return what an ``exchange`` line says of a call: its facts, then both bodies."""
    written, exchange = call_facts(call), call.exchange
    _put_body(written, "request", exchange.wire.body)
    reply = exchange.reply
    if isinstance(reply, Reply):
        _put_body(written, "reply", reply.body)
    else:
        written["reply"] = None
        written["no_reply"] = {"kind": reply.kind, "detail": reply.detail}
    return written


def call_facts(call: Call) -> JsonObject:
    """Return what is known of a call, without its bodies.

    The key ``agent`` is there for a call of the server's alone; where a run has its scenario, the server has
    the agent.
    """
    exchange, why = call.exchange, call.why
    request, reply = exchange.request, exchange.reply
    written: JsonObject = {"player": None if request is None else request.player}
    if why.agent is not None:
        written["agent"] = why.agent
    written["method"] = None if request is None else request.method
    written["transaction_id"] = None if request is None else request.transaction_id
    written["amount"] = None if request is None else money_text(request.amount)
    written["sent_ns"] = exchange.sent_ns
    written["answered_ns"] = exchange.answered_ns
    written["outcome"] = call.reading.outcome
    written["balance"] = money_text(call.reading.balance)
    written["scenario"] = why.scenario_id or why.agent
    written["label"] = why.label
    written["purpose"] = why.purpose
    written["line"] = why.place.line if why.place else None
    written["game_id"] = None if request is None else request.game_id
    written["form"] = call.form.kind
    written["fault"] = exchange.fault
    written["http"] = reply.status if isinstance(reply, Reply) else None
    return written


def body_object(key: str, body: bytes) -> JsonObject:
    """Return the text of a body under `key`; bytes that are no UTF-8 as base64 under ``key_base64``."""
    written: JsonObject = {}
    _put_body(written, key, body)
    return written


def _put_body(written: JsonObject, key: str, body: bytes) -> None:
    try:
        written[key] = body.decode()
    except UnicodeDecodeError:
        from base64 import b64encode  # rare: an operator that answers in bytes of another encoding

        written[key] = None
        written[f"{key}_base64"] = b64encode(body).decode()


DIGITS_MAX = 30
"""No amount or clock has more digits, and Python refuses to read some thousands."""

_INTEGER = re.compile(r"-?\d+", re.ASCII)

_NANOSECONDS = "a whole number of nanoseconds"

_NOT_KEPT = "the record does not hold the answer"


class BadLine(UsageError):
    """Raised for an invalid line; the message has place, value and expectation."""


def read_line(text: str, place: str) -> Opening | Call | None:
    """Read one line of recorded calls; `place` is ``file:line``.

    None is a line that no history has a use for: a blank one, another type, a call that is no webhook, or one
    that asks for no balance and moves none. Unknown types and keys mean nothing here. Raises BadLine.
    """
    if not text.strip():
        return None
    try:
        value = parse_json(text).value
    except NotJson as error:
        raise BadLine(f"{place}: expected a JSON object, found {shortened(text.strip())} ({error})") from None
    if not isinstance(value, Mapping):
        raise BadLine(f"{place}: expected a JSON object, found {shortened(text.strip())}")
    line = _Line(value.items(), Keys("a line", None))
    try:
        match value.get("type"):
            case "opening":
                return line.opening()
            case "exchange":
                return line.call()
            case _:
                return None
    except Wrong as wrong:
        raise BadLine(f"{place}: {wrong}") from None


class _Line(Fields):
    """One object, read key by key: strictly for what a verdict needs, leniently for the rest."""

    def opening(self) -> Opening:
        balance = self.needed("balance", _money, 'an amount like "100.00"')
        agent = self._text("agent") or None
        return Opening(
            player=self._player(), balance=balance, scenario_id=self._told("scenario"), agent=agent
        )

    def call(self) -> Call | None:
        method = self.optional("method", *one_of(Method))
        if method is None or method is Method.DETAILS:
            return None
        sent = self.needed("sent_ns", _moment, _NANOSECONDS)
        answered = self.optional("answered_ns", _moment, f"{_NANOSECONDS} of at most {DIGITS_MAX} digits")
        if answered is not None and answered < sent:
            raise self.unfit("answered_ns", f"nothing earlier than sent_ns ({sent})")
        form = self.optional("form", *one_of(CallForm))
        transaction_id, amount = self._text("transaction_id"), self._amount("amount")
        if form is None and method.moves_money:
            # Without its amount, a call would be judged as one that must not move money.
            beside = ', or "form":"malformed" beside it'
            if transaction_id is None:
                raise self.unfit("transaction_id", f"the id of the {method.noun}{beside}")
            if amount is None and method is not Method.REFUND:
                raise self.unfit("amount", f"the amount of the {method.noun}{beside}")
        request = WebhookRequest(method, self._player(), amount, transaction_id, self._text("game_id"))
        reply = self._reply()
        outcome = self.needed("outcome", *one_of(Outcome))
        status = reply.status if isinstance(reply, Reply) else None
        return Call(
            Exchange(request, WireRequest(self._body("request")), reply, sent, answered, self._told("fault")),
            Reading(outcome, self._amount("balance"), http_status=status),
            Form(form or CallForm.CANONICAL, request),
            self._why(),
        )

    def _why(self) -> Why:
        line = self.value("line")
        place = Place("", int(line)) if isinstance(line, Decimal) and 0 < line < 10**9 else None
        agent, label = self._text("agent") or None, self._text("label") or ""
        return Why(self._told("scenario"), self._told("purpose") or "", label, place, agent)

    def _reply(self) -> Reply | NoReply:
        status = self.value("http")
        if isinstance(status, Decimal) and 99 < status < 1000:
            return Reply(int(status), (), self._body("reply"))
        told = self.value("no_reply")
        kind, detail = (told.get("kind"), told.get("detail")) if isinstance(told, Mapping) else (None, None)
        known = next((each for each in NoReplyKind if each == kind), NoReplyKind.UNKNOWN)
        return NoReply(known, detail if isinstance(detail, str) else _NOT_KEPT)

    def _body(self, key: str) -> bytes:
        coded = self._told(f"{key}_base64")
        if coded is None:
            return (self._told(key) or "").encode("utf-8", "surrogatepass")
        from base64 import b64decode  # rare, as when it is written

        try:
            return b64decode(coded)
        except ValueError:
            return b""

    def _player(self) -> str:
        return self.needed("player", _filled_text, "a text")

    def _text(self, key: str) -> str | None:
        return self.optional(key, _any_text, "a text, or null")

    def _amount(self, key: str) -> Money | None:
        return self.optional(key, _money, 'an amount like "100.00", or null')

    def _told(self, key: str) -> str | None:
        """Return a text that no verdict needs; None for anything else."""
        found = self.value(key)
        return found if isinstance(found, str) else None


def _money(value: JsonValue) -> Money:
    text = format(value, "f") if isinstance(value, Decimal) and abs(value.adjusted()) < 99 else value
    if not isinstance(text, str):
        raise ValueError
    if len(text) > DIGITS_MAX:
        raise ValueError(f"at most {DIGITS_MAX} characters are read")
    return parse_written(text)


def _moment(value: JsonValue) -> int:
    text = str(value) if isinstance(value, Decimal) else ""
    if _INTEGER.fullmatch(text) is None or len(text) > DIGITS_MAX:
        raise ValueError
    return int(text)


def _any_text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _filled_text(value: JsonValue) -> str:
    if not value:
        raise ValueError
    return _any_text(value)
