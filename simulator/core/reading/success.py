"""The rows of the table for a 2xx: JSON or not, what `status` says, whether a balance can be read."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from simulator.core.exact_json import NotJson
from simulator.core.findings import Outcome
from simulator.core.reading.balance import expected, read_balance
from simulator.core.reading.body import json_of, note_content_type, why_not_json
from simulator.core.reading.details import read_details
from simulator.core.reading.deviation import shown_json
from simulator.core.reading.leaks import note_inside
from simulator.core.reading.meaning import Call, Reading
from simulator.core.reading.refusal import account_status, money_type, refused
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import Method

_WRAPPERS = ("data", "result", "response", "payload")
_ALIKE = frozenset({"1", "success", "ok"})


class Said(Enum):
    """What the `status` of a 2xx reply says."""

    YES = "yes"
    PERHAPS = "perhaps"
    NOTHING = "nothing"
    NO = "no"


def read_success(call: Call) -> Reading:
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


def _read_object(call: Call, fields: dict[str, JsonValue]) -> Reading:
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


def _note_status(call: Call, said: Said, status: JsonValue) -> None:
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


def _note_missing_balance(call: Call) -> None:
    name = call.profile.reply.balance
    rule = "CON-02" if call.method is Method.BALANCE else "CON-06"
    call.deviations.error(
        rule, "balance-missing", f'there is no "{name}"; expected {expected(call.profile.reply.money)}'
    )


def _is_wrapped(fields: dict[str, JsonValue], balance: str) -> bool:
    return fields.get(balance) is None and any(
        isinstance(inner := fields.get(name), dict) and balance in inner for name in _WRAPPERS
    )


def _note_wrapper(call: Call, fields: dict[str, JsonValue]) -> None:
    wrapper = next(name for name in _WRAPPERS if isinstance(fields.get(name), dict))
    call.deviations.error(
        "CON-09", "wrapped", f'the fields stand inside "{wrapper}"; they belong at the top of the object'
    )


def _unknown(call: Call) -> Reading:
    return Reading(Outcome.UNKNOWN, deviations=tuple(call.deviations.found), http_status=call.reply.status)
