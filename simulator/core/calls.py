"""One call to a wallet as one record: what was sent, what came back, how it reads, and why it was made.

`Call` is that record, everywhere: a run's event, a row of the server's journal, a line of a file. `Operation`
is what the checker of concurrent histories needs of one. `call_object` writes a call as JSON and `read_line`
reads it: run's NDJSON, serve's export, the control API and `judge` have no other form for it.
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
    """How a call is written: as documented, valid but odd, or not acceptable at all."""

    CANONICAL = "canonical"
    OPTIONAL = "optional"
    """Written as documented; for another reason a wallet may refuse it."""
    ODD = "odd"
    MALFORMED = "malformed"


class Form(Frozen):
    """What a call is judged as.

    `request` is None when the bytes are no webhook at all. `alternatives` are the same request with the
    other amounts that a wallet may read (a rounded third decimal, a key that stands twice).
    """

    kind: CallForm
    request: WebhookRequest | None
    alternatives: tuple[WebhookRequest, ...] = ()


class FaultKind(StrEnum):
    """The disturbances a step can carry (scenario format, `fault:`)."""

    LOST_REPLY = "lost_reply"
    TIMEOUT = "timeout"
    RESET = "reset"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    SLOW_BODY = "slow_body"
    CHUNKED = "chunked"

    @property
    def is_odd_delivery(self) -> bool:
        """Whether the whole call arrives and is answered, if in an unusual way."""
        return self in {FaultKind.CHUNKED, FaultKind.SLOW_BODY, FaultKind.DELAY}


class FaultSpec(Frozen):
    """A fault of one step; `delay_ns` only for `delay`."""

    kind: FaultKind
    delay_ns: int = 0


class Why(Frozen):
    """Why a call is made: for which scenario and step or which agent, and for what.

    `purpose` is step, probe, adjust, preflight, restore or settle in a run, launch, round, resend, probe or
    hand in the server, and empty in a record that does not say it. `label` is the author's name of the step,
    `phase` the part of a run. `fresh`: nothing with its transaction_id was sent before, not even the bet that
    a refund names.
    """

    scenario_id: str | None
    purpose: str
    label: str = ""
    place: Place | None = None
    agent: str | None = None
    phase: Phase = Phase.STEP
    fresh: bool = True


Player = tuple[str, str]
"""Agent code and user id: one wallet."""


class UnsentCall(Frozen):
    """A call that is ready to go: what it means, its bytes, what it is judged as, why it is made."""

    request: WebhookRequest | None
    wire: WireRequest
    form: Form
    why: Why
    fault: FaultSpec | None = None


class Call(Frozen):
    """One call that was made, how its answer was read, what it is judged as, and why it was made.

    `exchange.request` is the request as it was meant, `form.request` as its bytes read. `number` is how its
    maker counts its calls: that of the journal, or the line of a file.
    """

    exchange: Exchange
    reading: Reading
    form: Form
    why: Why
    number: int = 0

    @property
    def request(self) -> WebhookRequest:
        """The request that it is judged by; one of no player where the bytes are no webhook."""
        return self.form.request or self.exchange.request or _NO_REQUEST

    @property
    def player(self) -> str | None:
        """The user id that the call names; None for bytes that are no webhook."""
        request = self.exchange.request
        return None if request is None else request.player

    @property
    def outcome(self) -> Outcome:
        """What the call did, as far as its answer tells."""
        return self.reading.outcome

    @property
    def balance(self) -> Money | None:
        """The balance that its answer shows, where the ledger may judge by it."""
        return self.reading.balance

    @property
    def for_unknown_player(self) -> Call:
        """The same call, read as the answer for a player who is not known to exist."""
        reading = self.reading.for_unknown_player
        return self if reading is self.reading else replace(self, reading=reading)

    def settled(self, outcome: Outcome) -> Call:
        """Return the call with the outcome that a balance read has shown."""
        return replace(self, reading=replace(self.reading, outcome=outcome, must_settle=False))

    @property
    def nothing_sent(self) -> bool:
        """Whether the wallet provably never saw it."""
        reply = self.exchange.reply
        return isinstance(reply, NoReply) and reply.kind.nothing_sent

    @property
    def answer(self) -> str:
        """The answer in a few words: ``answered HTTP 200, accepted``."""
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
"""In place of the bytes of a call whose record does not hold them."""


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
    """A player's history begins, at a balance that was read or seeded."""

    player: str
    balance: Money
    scenario_id: str | None = None
    agent: str | None = None


class Reading(Frozen):
    """What one reply means.

    `balance` is what the ledger judges by: the balance that an accepted call shows. With `must_settle` the
    outcome is unknown although there is a balance: the reply's `status` is missing or written oddly, and a
    balance read made at once has to agree before the call counts as accepted. `stated_balance` is any
    readable balance in the reply, a refusal's too (INS-03); it is no evidence. `beyond_cents` is a balance as
    it was written, where it has digits beyond the cent.

    `says_no`: the status or an error text refuses, whatever balance stands beside it; a `user_balance` reply
    is evidence all the same, unless the player is unknown (see `for_unknown_player`). `busy`: the wallet asks
    to come back later, after `retry_after_s` where it says so. `account_status` is the JSON text of `status`
    in a `user_balance` reply: "1" is active, None is a reply without it.

    The dialect: `money_type` is "string" or "number", as the balance was written; `http_status` is the
    reply's; `error_code` is what the wallet calls a refusal, where a field says so.
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
        """The reading if the player is not known to exist: a "no" beside a balance of 0.00 is a refusal."""
        if not self.says_no or self.balance != ZERO:
            return self
        return replace(self, outcome=Outcome.REFUSED, balance=None)

    @property
    def inactive(self) -> bool:
        """Whether a read says that the account is not active; a missing status says nothing."""
        number = (self.account_status or "1").strip('"')
        return number == "false" or (number.isdecimal() and number != "1")

    @property
    def refusal_http(self) -> str | None:
        """The dialect's knob of that name: "200" or "4xx" for a refusal, else None."""
        if self.outcome is not Outcome.REFUSED or self.http_status is None:
            return None
        return "200" if self.http_status < 300 else "4xx"


NO_REPLY = "no-reply-"
"""What the form of a deviation begins with where no answer of the wallet came."""

NO_ANSWER = "no-answer"
"""The cause of a missing answer; `no-answer:KIND` where the wallet was reached."""

_UNREACHED = frozenset({"connect", "closed", "reset"})
"""How a wallet is missed that a gateway would answer for with 502: one cause with it."""


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
        """Whether the wallet itself failed on the call (HTTP 500): the check that asked is not met."""
        return self.form.startswith("http-5")

    @property
    def cause(self) -> str:
        """The code of the cause that a finding of this deviation has, whatever check met it."""
        kind = self.form.removeprefix(NO_REPLY)
        if kind == self.form:
            return f"form:{self.rule}:{self.form}"
        return NO_ANSWER if kind in _UNREACHED or kind.startswith("http-") else f"{NO_ANSWER}:{kind}"


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
    def must_settle(self) -> bool:
        """Whether it was answered with a balance and no clear yes or no: a later read tells what it did."""
        return self.method.moves_money and self.is_unknown and None not in (self.balance, self.answered_ns)

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


# --- as a line of JSON ----------------------------------------------------------------------------
# Money is canonical text, times are integers of nanoseconds, absent facts are null. Headers are left out, and
# with them every secret of the configuration.


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
"""More digits than any amount or clock has; Python refuses to read some thousands."""

_INTEGER = re.compile(r"-?\d+", re.ASCII)

_NANOSECONDS = "a whole number of nanoseconds"

_NOT_KEPT = "the record does not hold the answer"


class BadLine(UsageError):
    """A line says something that cannot be; the message holds place, value and expectation."""


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
    """One object, read key by key: strictly what a verdict needs, and the rest where it is of its type."""

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
            # A call without its amount would be judged as one that may not move money.
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
