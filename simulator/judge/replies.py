"""How a reply is read: the one table of the specification (restated API, §3), by HTTP status.

The rows of a 2xx stand in `success`, those of a refusal in `refusal`. Whether a balance is right is the
ledger's question.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from simulator.core.calls import Reading
from simulator.core.findings import Outcome
from simulator.core.json import JsonValue, NotJson, write
from simulator.core.money import Money
from simulator.core.profiles import MoneyForm, WireProfile, ordinary_reply
from simulator.core.webhooks import Method, NoReply, NoReplyKind, Reply, WebhookRequest
from simulator.judge.reading import (
    Deviations,
    RepliedCall,
    answer_rule,
    declares_json,
    expected,
    json_of,
    note_content_type,
    note_inside,
    note_secrets,
    read_balance,
    shown,
    shown_json,
    why_not_json,
)

BUSY = frozenset({408, 425, 429})
"""Statuses that say "not now": whether the call had its effect is open."""


def read_reply(
    request: WebhookRequest | None,
    reply: Reply | NoReply,
    profile: WireProfile,
    *,
    injected: bool = False,
    well_formed: bool = True,
) -> Reading:
    """Read one reply; never raises, whatever the bytes.

    `request` is None for bytes that are no canonical webhook. `injected`: a fault of ours disturbed the
    call, so a missing or broken answer is nobody's deviation. `well_formed`: False for a call that the
    operator has every reason to refuse; nothing in the reply's form is then worse than a warning.
    """
    well_formed = well_formed and request is not None
    if isinstance(reply, NoReply):
        return _read_no_reply(request, reply, injected, well_formed)
    status = reply.status
    if status == 200:
        ordinary = _read_ordinary(request, reply, profile)
        if ordinary is not None:
            return ordinary
    call = RepliedCall(request, reply, profile, well_formed, Deviations(well_formed))
    if 200 <= status < 300:
        return read_success(call)
    if 400 <= status < 500 and status not in BUSY:
        return read_refusal(call)
    return _read_no_answer(call, injected)


def _read_ordinary(request: WebhookRequest | None, reply: Reply, profile: WireProfile) -> Reading | None:
    """The accepted reply as documented, without a JSON parser: nearly every reply of a right wallet."""
    found = ordinary_reply(profile).fullmatch(reply.body)
    method = None if request is None else request.method
    if found is None or method is Method.DETAILS or not declares_json(reply.headers):
        return None
    last = found.lastindex or 2
    balance = Money(int(found[last - 1] + found[last][1:].ljust(2, b"0")))
    as_number = last > 4 or profile.reply.money is MoneyForm.NUMBER
    return Reading(
        Outcome.ACCEPTED,
        balance,
        account_status="1" if method is Method.BALANCE else None,
        money_type="number" if as_number else "string",
        http_status=200,
        stated_balance=balance,
    )


def _read_no_reply(
    request: WebhookRequest | None, reply: NoReply, injected: bool, well_formed: bool
) -> Reading:
    deviations = Deviations(well_formed)
    if not injected and reply.kind not in (NoReplyKind.INJECTED, NoReplyKind.STALE):
        deviations.error(answer_rule(request), f"no-reply-{reply.kind}", f"no answer: {shown(reply.detail)}")
    return Reading(Outcome.UNKNOWN, deviations=tuple(deviations.found))


def _read_no_answer(call: RepliedCall, injected: bool) -> Reading:
    """3xx, 408, 425, 429, 5xx and statuses that do not exist: the documented answer is missing."""
    status = call.reply.status
    if injected:
        return Reading(Outcome.UNKNOWN, http_status=status)
    if 300 <= status < 400:
        where = call.reply.header("location")
        to = f" to {shown(where)}" if where else ""
        call.deviations.warning(
            "CON-10", f"redirect-{status}", f"HTTP {status}{to}; redirects are not followed"
        )
    elif status in BUSY:
        call.deviations.warning(
            answer_rule(call.request),
            f"http-{status}",
            f"HTTP {status}: whether the call had its effect is open; expected an answer",
        )
    else:
        call.deviations.error(
            answer_rule(call.request), f"http-{status}", f"HTTP {status} instead of the documented answer"
        )
        note_inside(call.reply.body, call.deviations)
    return Reading(Outcome.UNKNOWN, deviations=tuple(call.deviations.found), http_status=status)


# --- details --------------------------------------------------------------------------------------
# Replies to `account_details`: no status, no balance; a 2xx object that names the player is accepted.

_WRAPPERS = ("data", "result", "response", "payload", "user")


def read_details(call: RepliedCall, fields: dict[str, JsonValue]) -> Reading:
    """A 2xx JSON object in answer to `account_details`."""
    names = call.profile.reply
    telling = names.details if names.identity is None else (names.identity,)
    if all(fields.get(name) is None for name in telling):
        if "error" in fields or not _says_yes(fields.get(names.status)):
            return refused(call, fields)
        _note_nobody(call, fields, telling)
        return _reading(call, Outcome.UNKNOWN)
    if names.identity is not None:
        _note_identity(call, fields[names.identity])
    for name in names.details:
        _note_detail(call, name, fields)
    note_secrets(fields, call.deviations)
    return _reading(call, Outcome.ACCEPTED)


def _reading(call: RepliedCall, outcome: Outcome) -> Reading:
    return Reading(outcome, deviations=tuple(call.deviations.found), http_status=call.reply.status)


def _says_yes(status: JsonValue) -> bool:
    """Whether a status, which is not documented here, leaves the reply an answer: none at all does too."""
    if status is None or status is True or (isinstance(status, Decimal) and status == 1):
        return True
    return isinstance(status, str) and status.strip().lower() in {"1", "success", "ok"}


def _note_nobody(call: RepliedCall, fields: dict[str, JsonValue], telling: tuple[str, ...]) -> None:
    for wrapper in _WRAPPERS:
        inner = fields.get(wrapper)
        if isinstance(inner, dict) and any(name in inner for name in telling):
            call.deviations.error(
                "CON-09",
                "wrapped",
                f'the fields stand inside "{wrapper}"; they belong at the top of the object',
            )
            return
    call.deviations.error("CON-01", "details-nobody", f'there is no "{telling[0]}": whose details are these?')


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


# --- refusal --------------------------------------------------------------------------------------
# Refusals: a 4xx in any form, a 2xx whose `status` says no. The reference documents none of them.

_ERROR_FIELDS = ("error", "error_code", "errorCode", "code", "reason")


def read_refusal(call: RepliedCall) -> Reading:
    """A 4xx, save those that say "not now": refused, whatever the body is."""
    try:
        value = json_of(call)
    except NotJson:
        if call.well_formed:
            call.deviations.note(
                "CON-15",
                "refusal-text",
                f"HTTP {call.reply.status} refuses without JSON; a machine cannot read why",
            )
        note_inside(call.reply.body, call.deviations)
        return Reading(
            Outcome.REFUSED, deviations=tuple(call.deviations.found), http_status=call.reply.status
        )
    note_content_type(call.reply, call.deviations)
    return refused(call, value if isinstance(value, dict) else {})


def refused(call: RepliedCall, fields: dict[str, JsonValue]) -> Reading:
    """A refusal in JSON: what it is called, and the balance that it states."""
    error_code = _error_code(fields)
    if call.well_formed:
        _note_refusal(call, fields, error_code)
    note_inside(call.reply.body, call.deviations)
    names = call.profile.reply
    balance = fields.get(names.balance)
    # A refusal's balance is no evidence, so nobody is told off for its form.
    stated = read_balance(balance, names.money, Deviations())
    return Reading(
        Outcome.REFUSED,
        deviations=tuple(call.deviations.found),
        account_status=account_status(call, fields),
        money_type=money_type(balance, stated),
        http_status=call.reply.status,
        stated_balance=stated,
        error_code=error_code,
    )


def _note_refusal(call: RepliedCall, fields: dict[str, JsonValue], error_code: str | None) -> None:
    status = fields.get(call.profile.reply.status)
    if status is True or (isinstance(status, Decimal) and status == 1):
        call.deviations.warning(
            "CON-15",
            "refusal-says-yes",
            f"HTTP {call.reply.status} refuses and the status is {shown(write(status))}; read as a refusal",
        )
    elif error_code is None:
        call.deviations.warning(
            "CON-15", "refusal-unnamed", 'a refusal without an "error" that a machine can read'
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


def account_status(call: RepliedCall, fields: dict[str, JsonValue]) -> str | None:
    """The JSON text of a `user_balance` reply's status."""
    value = fields.get(call.profile.reply.status)
    if call.method is not Method.BALANCE or value is None or isinstance(value, dict | list):
        return None
    return shown(write(value))


def money_type(value: JsonValue, read: object) -> str | None:
    """The dialect's knob of that name, where a balance could be read."""
    if read is None:
        return None
    return "number" if isinstance(value, Decimal) else "string"


# --- success --------------------------------------------------------------------------------------
# The rows of the table for a 2xx: JSON or not, what `status` says, whether a balance can be read.

_SUCCESS_WRAPPERS = ("data", "result", "response", "payload")

_ALIKE = frozenset({"1", "success", "ok"})


class Said(Enum):
    """What the `status` of a 2xx reply says."""

    YES = "yes"
    PERHAPS = "perhaps"
    NOTHING = "nothing"
    NO = "no"


def read_success(call: RepliedCall) -> Reading:
    """A 2xx reply."""
    try:
        value = json_of(call)
    except NotJson as error:
        form, what = why_not_json(call.reply.body, error)
        call.deviations.error("CON-08", form, f"{what}; expected a JSON object")
        note_inside(call.reply.body, call.deviations)
        return _unknown(call)
    note_content_type(call.reply, call.deviations)
    if not isinstance(value, dict):
        call.deviations.error(
            "CON-08", "not-an-object", f"the body is {shown_json(value)}; expected a JSON object"
        )
        return _unknown(call)
    if call.method is Method.DETAILS:
        return read_details(call, value)
    return _read_object(call, value)


def _read_object(call: RepliedCall, fields: dict[str, JsonValue]) -> Reading:
    names = call.profile.reply
    said = _said(fields.get(names.status))
    if said is Said.NO and call.method is not Method.BALANCE:
        return refused(call, fields)
    written = fields.get(names.balance)
    before = len(call.deviations.found)
    balance = read_balance(written, names.money, call.deviations)
    if balance is None and said is Said.NO:
        del call.deviations.found[before:]  # a refused read need not show a balance, so its form is nobody's
        return refused(call, fields)
    if _is_wrapped(fields, names.balance):
        _note_wrapper(call, fields)
    else:
        if written is None:
            _note_missing_balance(call)
        _note_status(call, said, fields.get(names.status))
    proven = said is Said.YES or call.method is Method.BALANCE
    return Reading(
        Outcome.ACCEPTED if proven and balance is not None else Outcome.UNKNOWN,
        balance,
        tuple(call.deviations.found),
        must_settle=balance is not None and not proven,
        account_status=account_status(call, fields),
        money_type=money_type(written, balance),
        http_status=call.reply.status,
        stated_balance=balance,
    )


def _said(status: JsonValue) -> Said:
    if status is None:
        return Said.NOTHING
    if status is True or (isinstance(status, Decimal) and status == 1):
        return Said.YES
    if isinstance(status, str) and status.strip().lower() in _ALIKE:
        return Said.PERHAPS
    return Said.NO


def _note_status(call: RepliedCall, said: Said, status: JsonValue) -> None:
    names = call.profile.reply
    if said is Said.NOTHING:
        rule = "CON-02" if call.method is Method.BALANCE else "CON-07"
        call.deviations.error(rule, "status-missing", f'there is no "{names.status}"; expected 1')
    elif said is Said.PERHAPS:
        call.deviations.error(
            "CON-07", "status-text", f"the status is {shown_json(status)}; expected the number 1"
        )
    elif status is True and not names.true_is_one:
        call.deviations.warning("CON-07", "status-true", "the status is true; expected the number 1")
    elif isinstance(status, Decimal) and said is Said.YES and str(status) != "1":
        call.deviations.warning("CON-07", "status-decimal", f"the status is {status}; expected the number 1")


def _note_missing_balance(call: RepliedCall) -> None:
    name = call.profile.reply.balance
    rule = "CON-02" if call.method is Method.BALANCE else "CON-06"
    call.deviations.error(
        rule, "balance-missing", f'there is no "{name}"; expected {expected(call.profile.reply.money)}'
    )


def _is_wrapped(fields: dict[str, JsonValue], balance: str) -> bool:
    return fields.get(balance) is None and any(
        isinstance(inner := fields.get(name), dict) and balance in inner for name in _SUCCESS_WRAPPERS
    )


def _note_wrapper(call: RepliedCall, fields: dict[str, JsonValue]) -> None:
    wrapper = next(name for name in _SUCCESS_WRAPPERS if isinstance(fields.get(name), dict))
    call.deviations.error(
        "CON-09", "wrapped", f'the fields stand inside "{wrapper}"; they belong at the top of the object'
    )


def _unknown(call: RepliedCall) -> Reading:
    return Reading(Outcome.UNKNOWN, deviations=tuple(call.deviations.found), http_status=call.reply.status)
