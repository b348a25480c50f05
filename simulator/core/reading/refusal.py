"""Refusals: a 4xx in any form, a 2xx whose `status` says no. The reference documents none of them."""

from __future__ import annotations

from decimal import Decimal

from simulator.core.exact_json import NotJson, write
from simulator.core.findings import Outcome
from simulator.core.reading.balance import read_balance
from simulator.core.reading.body import json_of, note_content_type
from simulator.core.reading.deviation import Deviations, shown
from simulator.core.reading.leaks import note_inside
from simulator.core.reading.meaning import Call, Reading
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import Method

_ERROR_FIELDS = ("error", "error_code", "errorCode", "code", "reason")


def read_refusal(call: Call) -> Reading:
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


def refused(call: Call, fields: dict[str, JsonValue]) -> Reading:
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


def _note_refusal(call: Call, fields: dict[str, JsonValue], error_code: str | None) -> None:
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


def account_status(call: Call, fields: dict[str, JsonValue]) -> str | None:
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
