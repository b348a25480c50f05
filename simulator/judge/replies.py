"""Read a reply: decide by HTTP status and `status` which outcome it means.

The entry points are `read_call` and `read_reply`. `reading` reads the parts (the JSON, the balance); the
referee says whether the balance is right and whether the player exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from enum import Enum

from simulator.core.calls import NO_REPLY, Call, CallForm, Deviation, Form, Reading, Why
from simulator.core.findings import Outcome, Severity
from simulator.core.json import JsonValue, NotJson, write
from simulator.core.money import ZERO, Money
from simulator.core.profiles import MoneyForm, WireProfile, ordinary_reply
from simulator.core.secrets import NO_SECRETS, Secrets
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, Reply, WebhookRequest
from simulator.core.words import status_hint
from simulator.judge.reading import (
    Deviations,
    ReadAmount,
    asks_to_wait,
    declares_json,
    expected,
    means_two_amounts,
    note_content_type,
    note_inside,
    note_secrets,
    read_balance,
    read_json,
    retry_after_s,
    shown,
    shown_json,
    why_not_json,
)
from simulator.law.rules import rule_of
from simulator.law.situations import Situation

DETAIL_CHARACTERS = 400
"""How much is shown of the reason for a missing answer: all that the transport writes."""

BUSY = frozenset({408, 425, 429})
"""Statuses that ask to wait: the call may have had its effect."""

_QUOTE = ord('"')


class RepliedCall(Frozen):
    """One reply on its way through the table. `well_formed` as in `read_reply`."""

    request: WebhookRequest | None
    reply: Reply
    profile: WireProfile
    well_formed: bool
    deviations: Deviations

    @property
    def method(self) -> Method | None:
        """Return None for bytes that are not a canonical webhook; read them like a method with a balance."""
        return None if self.request is None else self.request.method

    def json(self) -> JsonValue:
        """Return the JSON value of the body. Raises NotJson."""
        names = self.profile.reply
        return read_json(self.reply, (names.status, names.balance, names.identity), self.deviations)

    def reading(self, outcome: Outcome) -> Reading:
        """Return the reading of a reply that shows no balance."""
        return Reading(outcome, deviations=tuple(self.deviations.found), http_status=self.reply.status)


def read_call(
    exchange: Exchange, form: Form, why: Why, profile: WireProfile, secrets: Secrets = NO_SECRETS
) -> Call:
    """Return a call with the meaning of its answer, which no longer repeats a secret."""
    reading = read_reply(
        exchange.request,
        exchange.reply,
        profile,
        injected=exchange.fault is not None,
        well_formed=form.kind is not CallForm.MALFORMED,
    )
    if secrets.any_known:
        exchange, reading = _masked_exchange(exchange, secrets), _masked_reading(reading, secrets)
    return Call(exchange, reading, form, why)


def _masked_exchange(exchange: Exchange, secrets: Secrets) -> Exchange:
    reply, wire = exchange.reply, exchange.wire
    masked: Reply | NoReply
    if isinstance(reply, NoReply):
        masked = replace(reply, detail=secrets.text(reply.detail))
    elif secrets.are_in(reply.body) or secrets.are_among(reply.headers):
        masked = Reply(reply.status, secrets.headers(reply.headers), secrets.body(reply.body))
    elif not wire.headers:
        # Nearly every answer: nothing is made anew.
        return exchange
    else:
        masked = reply
    return replace(exchange, reply=masked, wire=replace(wire, headers=secrets.headers(wire.headers)))


def _masked_reading(reading: Reading, secrets: Secrets) -> Reading:
    if not reading.deviations and reading.error_code is None:
        return reading
    deviations = tuple(replace(each, message=secrets.text(each.message)) for each in reading.deviations)
    error_code = None if reading.error_code is None else secrets.text(reading.error_code)
    return replace(reading, deviations=deviations, error_code=error_code)


def read_reply(
    request: WebhookRequest | None,
    reply: Reply | NoReply,
    profile: WireProfile,
    *,
    injected: bool = False,
    well_formed: bool = True,
) -> Reading:
    """Read one reply; never raises, whatever the bytes.

    `request` is None for bytes that are not a canonical webhook. `injected`: an injected fault disturbed the
    call, so a missing or broken answer is not a deviation. `well_formed`: False for a call that the wallet
    may well refuse; then no fault in the reply's form is worse than a warning.
    """
    well_formed = well_formed and request is not None
    if isinstance(reply, NoReply):
        return _read_no_reply(reply, injected, well_formed)
    status = reply.status
    if status == 200:
        ordinary = _read_ordinary(request, reply, profile)
        if ordinary is not None:
            return ordinary
    call = RepliedCall(request, reply, profile, well_formed, Deviations(well_formed))
    if 200 <= status < 300:
        return _read_success(call)
    if 400 <= status < 500 and status not in BUSY:
        return _read_refusal(call)
    return _read_no_answer(request, reply, call.deviations, injected)


def missing_answer(request: WebhookRequest | None, reply: Reply | NoReply) -> Deviation | None:
    """Return how a recorded reply fails to be an answer, whatever the wire profile; None for another one."""
    if isinstance(reply, NoReply):
        found = _read_no_reply(reply, injected=False, well_formed=True).deviations
    elif 200 <= reply.status < 300 or (400 <= reply.status < 500 and reply.status not in BUSY):
        return None
    else:
        found = _read_no_answer(request, reply, Deviations(), injected=False).deviations
    return found[0] if found else None


def _read_ordinary(request: WebhookRequest | None, reply: Reply, profile: WireProfile) -> Reading | None:
    """Read the accepted reply as documented, without a JSON parser: nearly every reply of a right wallet."""
    found = ordinary_reply(profile).fullmatch(reply.body)
    method = None if request is None else request.method
    if found is None or method is Method.DETAILS or not declares_json(reply.headers):
        return None
    last = found.lastindex or 2
    balance = Money(int(found[last - 1] + found[last][1:].ljust(2, b"0")))
    as_text = reply.body[found.start(last - 1) - 1] == _QUOTE and profile.reply.money is not MoneyForm.NUMBER
    return Reading(
        Outcome.ACCEPTED,
        balance,
        account_status="1" if method is Method.BALANCE and not profile.reply.status_absent else None,
        money_type="string" if as_text else "number",
        http_status=200,
        stated_balance=balance,
    )


# --- no answer ------------------------------------------------------------------------------------


def _answer_rule(request: WebhookRequest | None) -> str:
    """Return the rule that a missing answer to this call breaks; None is for bytes that are not a webhook."""
    return rule_of(Situation.NO_ANSWER, (), None if request is None else request.method)


def _read_no_reply(reply: NoReply, injected: bool, well_formed: bool) -> Reading:
    deviations = Deviations(well_formed)
    if not injected and reply.kind not in (NoReplyKind.INJECTED, NoReplyKind.STALE):
        deviations.error(
            "CON-18", f"{NO_REPLY}{reply.kind}", f"no usable answer: {shown(reply.detail, DETAIL_CHARACTERS)}"
        )
    return Reading(Outcome.UNKNOWN, deviations=tuple(deviations.found))


def _read_no_answer(
    request: WebhookRequest | None, reply: Reply, deviations: Deviations, injected: bool
) -> Reading:
    """Read 3xx, 408, 425, 429, 5xx and statuses that do not exist: the documented answer is missing."""
    status = reply.status
    if injected:
        return Reading(Outcome.UNKNOWN, http_status=status)
    if 300 <= status < 400:
        where = reply.header("location")
        to = f" to {shown(where)}" if where else ""
        deviations.warning("CON-10", f"redirect-{status}", f"HTTP {status}{to}; redirects are not followed")
    elif status in BUSY:
        deviations.warning(
            _answer_rule(request),
            f"http-{status}",
            f"HTTP {status} does not say whether the call had its effect; expected an answer",
        )
    elif reply.is_of_gateway:
        deviations.error(
            "CON-18", f"{NO_REPLY}http-{status}", f"HTTP {status} of a gateway instead of an answer"
        )
    else:
        deviations.error(
            _answer_rule(request), f"http-{status}", f"HTTP {status} instead of the documented answer"
        )
        note_inside(reply.body, deviations)
    busy = status == 429
    return Reading(
        Outcome.UNKNOWN,
        deviations=tuple(deviations.found),
        http_status=status,
        busy=busy,
        retry_after_s=retry_after_s(reply) if busy else None,
    )


# --- a 2xx ----------------------------------------------------------------------------------------

_WRAPPERS = ("data", "result", "response", "payload")

_ALIKE = re.compile(r"0*1(?:\.0+)?|true|success|ok", re.ASCII | re.IGNORECASE)
"""Texts that probably mean 1; a balance read decides."""

_ERROR_TEXTS = ("error", "error_code", "errorCode")
"""Fields that mean a refusal by themselves; a success may have a `code` or a `reason`, too."""

SUCCESS_WITH_ERROR = "success-with-error"

_NO_ERROR = frozenset({"", "0", "false", "no", "no error", "none", "null", "ok", "success"})


class Said(Enum):
    """The meaning of `status` in a 2xx reply."""

    YES = "yes"
    PERHAPS = "perhaps"
    NOTHING = "nothing"
    NO = "no"


def _read_success(call: RepliedCall) -> Reading:
    try:
        value = call.json()
    except NotJson as error:
        form, what = why_not_json(call.reply, error)
        call.deviations.error("CON-08", form, f"{what}; expected a JSON object")
        note_inside(call.reply.body, call.deviations)
        return call.reading(Outcome.UNKNOWN)
    note_content_type(call.reply, call.deviations)
    if not isinstance(value, dict):
        call.deviations.error(
            "CON-08", "not-an-object", f"the body is {shown_json(value)}; expected a JSON object"
        )
        return call.reading(Outcome.UNKNOWN)
    if call.method is Method.DETAILS:
        return _read_details(call, value)
    return _read_object(call, value)


def _read_object(call: RepliedCall, fields: dict[str, JsonValue]) -> Reading:
    names, deviations, is_read = call.profile.reply, call.deviations, call.method is Method.BALANCE
    said = _said_in(call, fields)
    if said is Said.NO and (not is_read or asks_to_wait(call.reply)):
        return _refused(call, fields)
    written = fields.get(names.balance)
    before = len(deviations.found)
    amount = read_balance(written, names.money, deviations)
    if said is Said.NO and (amount is None or amount.money == ZERO):
        del deviations.found[before:]  # a refusal need not show a balance in any form
    if said is Said.NO and amount is None:
        return _refused(call, fields)
    shows_none = written is None and call.method not in names.without_balance
    if said is Said.YES and shows_none and _says_error(fields):
        # It names a reason, and shows no balance: a refusal with the status of a success.
        _note_error(fields, deviations.error)
        return _with_balance(call, fields, Outcome.REFUSED, None)
    _note_object(call, fields, said, written)
    proven = said is Said.YES or is_read
    accepted = proven and (amount is not None or (written is None and call.method in names.without_balance))
    return _with_balance(
        call,
        fields,
        Outcome.ACCEPTED if accepted else Outcome.UNKNOWN,
        amount,
        must_settle=amount is not None and not proven,
        says_no=said is Said.NO,
        says_yes=amount is not None and not proven and said is Said.PERHAPS and not _says_error(fields),
    )


def _with_balance(
    call: RepliedCall,
    fields: dict[str, JsonValue],
    outcome: Outcome,
    amount: ReadAmount | None,
    *,
    must_settle: bool = False,
    says_no: bool = False,
    says_yes: bool = False,
) -> Reading:
    """Return the reading of a reply with fields, and with a balance where it shows one."""
    names, refused = call.profile.reply, outcome is Outcome.REFUSED
    balance = None if amount is None else amount.money
    money_type = "number" if isinstance(fields.get(names.balance), Decimal) else "string"
    busy = refused and asks_to_wait(call.reply)
    status = fields.get(names.status)
    told = call.method is Method.BALANCE and status is not None and not isinstance(status, dict | list)
    return Reading(
        # The call was turned away unread, or so it says: that is no refusal of this bet or win.
        Outcome.UNKNOWN if busy else outcome,
        None if refused else balance,
        tuple(call.deviations.found),
        must_settle=must_settle,
        account_status=shown(write(status)) if told else None,
        money_type=None if balance is None else money_type,
        http_status=call.reply.status,
        stated_balance=balance,
        error_code=_error_code(fields) if refused or says_no else None,
        beyond_cents=None if amount is None else amount.beyond,
        says_no=refused or says_no,
        says_yes=says_yes,
        ambiguous=amount is None and means_two_amounts(fields.get(names.balance)),
        busy=busy,
        retry_after_s=retry_after_s(call.reply) if busy else None,
    )


def _said(status: JsonValue) -> Said:
    if status is None:
        return Said.NOTHING
    if status is True or (isinstance(status, Decimal) and status == 1):
        return Said.YES
    if isinstance(status, str) and _ALIKE.fullmatch(status.strip()):
        return Said.PERHAPS
    return Said.NO


def _said_in(call: RepliedCall, fields: dict[str, JsonValue]) -> Said:
    """Return what a reply says; one without a status refuses by its error, or is as the profile has it."""
    names = call.profile.reply
    status = fields.get(names.status)
    said = _said(status)
    if (
        said is Said.NO
        and isinstance(status, str | Decimal)
        and str(status).strip() == str(call.reply.status)
        and not _says_error(fields)
    ):
        # The status of HTTP once more, as many frameworks write it.
        return Said.PERHAPS
    if said is not Said.NOTHING:
        return said
    if _says_error(fields):
        return Said.NO
    return Said.YES if names.status_absent else Said.NOTHING


def _says_error(fields: dict[str, JsonValue]) -> bool:
    return any(_is_error(fields.get(name)) for name in _ERROR_TEXTS)


def _is_error(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO_ERROR
    return bool(value)


def _note_object(call: RepliedCall, fields: dict[str, JsonValue], said: Said, written: JsonValue) -> None:
    """Note how the fields of a reply are not as documented."""
    names = call.profile.reply
    wrapper = _wrapper(fields, names.balance)
    if written is None and wrapper is not None:
        _note_wrapped(call, wrapper)
        return
    if written is None and call.method not in names.without_balance:
        rule = "CON-02" if call.method is Method.BALANCE else "CON-06"
        message = f'there is no "{names.balance}"; expected {expected(names.money)}'
        call.deviations.error(rule, "balance-missing", message)
    _note_status(call, said, fields.get(names.status))
    if said is not Said.NO and _says_error(fields):
        _note_error(fields, call.deviations.warning)


def _note_error(fields: dict[str, JsonValue], note: Callable[[str, str, str], None]) -> None:
    error = _error_code(fields) or shown_json(fields.get("error"))
    note("CON-15", SUCCESS_WITH_ERROR, f"the answer says success, and an error beside it: {error}")


def _note_status(call: RepliedCall, said: Said, status: JsonValue) -> None:
    names, deviations = call.profile.reply, call.deviations
    if said is Said.NOTHING:
        # One rule for all methods, so that one mistake is reported once.
        message = f'there is no "{names.status}" in the answer; the reference documents "{names.status}": 1'
        deviations.error("CON-02", "status-missing", message)
    elif said is Said.PERHAPS:
        form = "status-text" if isinstance(status, str) else "status-http"
        deviations.error("CON-07", form, f"the status is {shown_json(status)}; expected the number 1")
    elif status is True and not names.true_is_one:
        deviations.warning("CON-07", "status-true", "the status is true; expected the number 1")
    elif isinstance(status, Decimal) and said is Said.YES and str(status) != "1":
        deviations.warning("CON-07", "status-decimal", f"the status is {status}; expected the number 1")


def _wrapper(fields: dict[str, JsonValue], *inside: str, names: tuple[str, ...] = _WRAPPERS) -> str | None:
    """Return the field with an object that holds one of the wanted fields; None if there is none."""
    for name in names:
        inner = fields.get(name)
        if isinstance(inner, dict) and any(each in inner for each in inside):
            return name
    return None


def _note_wrapped(call: RepliedCall, wrapper: str) -> None:
    call.deviations.error(
        "CON-09", "wrapped", f'the fields stand inside "{wrapper}"; they belong at the top of the object'
    )


def every_call(reply: Reply) -> Deviation:
    """Return the deviation of an endpoint that answers every call with the status of this reply."""
    status = reply.status
    hint = status_hint(status) or "is the path right?"
    where = reply.header("location")
    message = f"the endpoint answers every call with {status}{f' to {shown(where)}' if where else ''}; {hint}"
    if status < 400:
        return Deviation("CON-10", Severity.ERROR, f"redirect-{status}", message)
    return Deviation("CON-18", Severity.ERROR, f"{NO_REPLY}http-{status}", message)


# --- details --------------------------------------------------------------------------------------


def _read_details(call: RepliedCall, fields: dict[str, JsonValue]) -> Reading:
    """Read a 2xx object in answer to `account_details`, which has neither status nor balance."""
    names = call.profile.reply
    telling = names.details if names.identity is None else (names.identity,)
    if all(fields.get(name) is None for name in telling):
        if _says_error(fields) or _said(fields.get(names.status)) is Said.NO:
            return _refused(call, fields)
        wrapper = _wrapper(fields, *telling, names=(*_WRAPPERS, "user"))
        if wrapper is not None:
            _note_wrapped(call, wrapper)
        else:
            message = f'there is no "{telling[0]}" in the answer to account_details'
            call.deviations.error("CON-01", "details-nobody", message)
        return call.reading(Outcome.UNKNOWN)
    if names.identity is not None:
        _note_identity(call, fields[names.identity])
    for name in names.details:
        _note_detail(call, name, fields)
    note_secrets(fields, call.deviations)
    return call.reading(Outcome.ACCEPTED)


def _note_identity(call: RepliedCall, found: JsonValue) -> None:
    asked = "" if call.request is None else call.request.player
    written = str(found) if isinstance(found, Decimal) else found
    if written != asked:
        call.deviations.error(
            "CON-01",
            "details-other-player",
            f'the user_id is {shown_json(found)}; the request asked for "{shown(asked)}"',
        )
    elif not isinstance(found, str):
        call.deviations.warning(
            "CON-01", "details-id-number", f'the user_id is the number {asked}; expected the string "{asked}"'
        )


def _note_detail(call: RepliedCall, name: str, fields: dict[str, JsonValue]) -> None:
    if name not in fields:
        call.deviations.error("CON-01", f"details-no-{name}", f'there is no "{name}"; the reference lists it')
    elif not isinstance(fields[name], str) or not fields[name]:
        call.deviations.warning(
            "CON-01", f"details-odd-{name}", f'"{name}" is {shown_json(fields[name])}; expected a text'
        )


# --- refusals -------------------------------------------------------------------------------------

_ERROR_FIELDS = (*_ERROR_TEXTS, "code", "reason")


def _read_refusal(call: RepliedCall) -> Reading:
    """Read a 4xx, save those that say "not now": a refusal, whatever the body is."""
    try:
        value = call.json()
    except NotJson:
        if call.well_formed:
            message = f"HTTP {call.reply.status} refuses without JSON, so a program cannot tell why"
            call.deviations.note("CON-15", "refusal-text", message)
        note_inside(call.reply.body, call.deviations)
        return _with_balance(call, {}, Outcome.REFUSED, None)
    note_content_type(call.reply, call.deviations)
    return _refused(call, value if isinstance(value, dict) else {})


def _refused(call: RepliedCall, fields: dict[str, JsonValue]) -> Reading:
    """Return the reading of a refusal in JSON: its error code, and the balance that it states."""
    names = call.profile.reply
    if call.well_formed:
        _note_refusal(call, fields.get(names.status), _error_code(fields))
    note_inside(call.reply.body, call.deviations)
    # A refusal's balance is not evidence, so its form is not a deviation.
    stated = read_balance(fields.get(names.balance), names.money, Deviations())
    return _with_balance(call, fields, Outcome.REFUSED, stated)


def _note_refusal(call: RepliedCall, status: JsonValue, error_code: str | None) -> None:
    if _said(status) is Said.YES:
        call.deviations.warning(
            "CON-15",
            "refusal-says-yes",
            f"HTTP {call.reply.status} refuses and the status is {shown(write(status))}; taken as a refusal",
        )
    elif error_code is None:
        call.deviations.warning(
            "CON-15", "refusal-unnamed", 'the refusal has no machine-readable "error" field'
        )


def _error_code(fields: dict[str, JsonValue]) -> str | None:
    for name in _ERROR_FIELDS:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return shown(value)
        if isinstance(value, Decimal):
            return shown(write(value))
        if isinstance(value, dict):
            return _error_code(value)
    return None
