"""One call as one line of JSON: `call_object` writes it and `read_line` reads it.

Run's NDJSON, serve's export, the control API and `judge` have the same lines. Money is canonical text, times
are integers of nanoseconds, missing facts are null. Headers are left out, and with them every secret of the
configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from simulator.core.calls import NOT_KEPT, Call, CallForm, Form, KnownAs, Opening, Reading, Why
from simulator.core.findings import Outcome, Place
from simulator.core.json import JsonObject, JsonValue, NotJson, encode
from simulator.core.json import parse as parse_json
from simulator.core.mappings import Fields, Keys, Wrong, one_of
from simulator.core.money import Money, money_text, parse_written
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, Reply, WebhookRequest, WireRequest
from simulator.core.words import shortened
from simulator.errors import UsageError


def line_text(kind: str, written: JsonObject) -> str:
    """Return one line of a stream, ``{"type": KIND, …}``, with its line feed."""
    return f'{{"type":"{kind}",{encode(written)[1:]}\n'


def opening_object(opening: Opening) -> JsonObject:
    """Return what an ``opening`` line says."""
    return {
        "player": opening.player,
        **({} if opening.agent is None else {"agent": opening.agent}),
        "balance": money_text(opening.balance),
        "scenario": opening.scenario_id or opening.agent,
        **({"continued": True} if opening.continued else {}),
    }


def call_object(call: Call) -> JsonObject:
    """Return what an ``exchange`` line says of a call: its facts, then both bodies."""
    written, exchange = call_facts(call), call.exchange
    _put_body(written, "request", exchange.wire.body)
    for name in _UNUSUAL:
        if (found := getattr(exchange.wire, name)) != getattr(NOT_KEPT, name):
            written[name] = found
    reply = exchange.reply
    if isinstance(reply, Reply):
        _put_body(written, "reply", reply.body)
    else:
        written["reply"] = None
        written["no_reply"] = {"kind": reply.kind, "detail": reply.detail}
    return written


_UNUSUAL = ("content_type", "http_method")
"""What a line says of the request only where it is not as usual."""


def call_facts(call: Call) -> JsonObject:
    """Return what is known of a call, without its bodies.

    The key ``agent`` is there for a call of the server's alone; where a run has its scenario, the server has
    the agent. The key ``account`` is there where the sender knows that the player is unknown or blocked.
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
    if call.stated_balance is not None:
        written["stated_balance"] = money_text(call.stated_balance)
    written["scenario"] = why.scenario_id or why.agent
    written["label"] = why.label
    written["purpose"] = why.purpose
    written["line"] = why.place.line if why.place else None
    written["game_id"] = None if request is None else request.game_id
    written["form"] = call.form.kind
    if why.account is not None:
        written["account"] = why.account
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


def read_line(text: str, place: str, *, details: bool = False) -> Opening | Call | None:
    """Read one line of recorded calls; `place` is ``file:line``.

    None is a line that no history has a use for: a blank one, another type, or a call that asks for no
    balance and moves none, unless `details` are wanted. A call without a method counts if its form is
    "malformed", as bytes that are no webhook. Unknown types and keys mean nothing here. Raises BadLine.
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
                return line.call(details=details)
            case _:
                return None
    except Wrong as wrong:
        raise BadLine(f"{place}: {wrong}") from None


class _Line(Fields):
    """One object, read key by key: strictly for what a verdict needs, leniently for the rest."""

    def opening(self) -> Opening:
        # Only null says that the balance is not known: a missing one is a mistake.
        known = "balance" not in self or self.value("balance") is not None
        balance = self.needed("balance", _money, 'an amount like "100.00"') if known else None
        agent = self._text("agent") or None
        return Opening(
            player=self._player(),
            balance=balance,
            scenario_id=self._told("scenario"),
            agent=agent,
            continued=self.value("continued") is True,
        )

    def call(self, *, details: bool) -> Call | None:
        method = self.optional("method", *one_of(Method))
        if (method is Method.DETAILS and not details) or (
            method is None and self.value("form") != CallForm.MALFORMED
        ):
            return None
        sent = self.needed("sent_ns", _moment, _NANOSECONDS)
        answered = self.optional("answered_ns", _moment, f"{_NANOSECONDS} of at most {DIGITS_MAX} digits")
        if answered is not None and answered < sent:
            raise self.unfit("answered_ns", f"nothing earlier than sent_ns ({sent})")
        form = self.optional("form", *one_of(CallForm))
        request = None if method is None else self._request(method, form)
        reply = self._reply()
        outcome = self.needed("outcome", *one_of(Outcome))
        status = reply.status if isinstance(reply, Reply) else None
        stated = self._amount("stated_balance")
        return Call(
            Exchange(request, self._wire(), reply, sent, answered, self._told("fault")),
            Reading(outcome, self._amount("balance"), http_status=status, stated_balance=stated),
            Form(form or CallForm.CANONICAL, request),
            self._why(),
        )

    def _request(self, method: Method, form: CallForm | None) -> WebhookRequest:
        transaction_id, amount = self._text("transaction_id"), self._amount("amount")
        if form is None and method.moves_money:
            # Without its amount, a call would be judged as one that must not move money.
            beside = ', or "form":"malformed" beside it'
            if transaction_id is None:
                raise self.unfit("transaction_id", f"the id of the {method.noun}{beside}")
            if amount is None and method is not Method.REFUND:
                raise self.unfit("amount", f"the amount of the {method.noun}{beside}")
        return WebhookRequest(method, self._player(), amount, transaction_id, self._text("game_id"))

    def _why(self) -> Why:
        line = self.value("line")
        place = Place("", int(line)) if isinstance(line, Decimal) and 0 < line < 10**9 else None
        agent, label = self._text("agent") or None, self._text("label") or ""
        account = self.optional("account", *one_of(KnownAs))
        return Why(self._told("scenario"), self._told("purpose") or "", label, place, agent, account=account)

    def _wire(self) -> WireRequest:
        if "request" not in self and "request_base64" not in self:
            return NOT_KEPT
        content_type, http_method = (self._told(name) or getattr(NOT_KEPT, name) for name in _UNUSUAL)
        return WireRequest(self._body("request"), content_type, http_method)

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
