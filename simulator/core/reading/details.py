"""Replies to `account_details`: no status, no balance; a 2xx object that names the player is accepted."""

from __future__ import annotations

from decimal import Decimal

from simulator.core.findings import Outcome
from simulator.core.reading.deviation import shown, shown_json
from simulator.core.reading.leaks import note_secrets
from simulator.core.reading.meaning import Call, Reading
from simulator.core.reading.refusal import refused
from simulator.core.scenario import JsonValue

_WRAPPERS = ("data", "result", "response", "payload", "user")


def read_details(call: Call, fields: dict[str, JsonValue]) -> Reading:
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


def _reading(call: Call, outcome: Outcome) -> Reading:
    return Reading(outcome, deviations=tuple(call.deviations.found), http_status=call.reply.status)


def _says_yes(status: JsonValue) -> bool:
    """Whether a status, which is not documented here, leaves the reply an answer: none at all does too."""
    if status is None or status is True or (isinstance(status, Decimal) and status == 1):
        return True
    return isinstance(status, str) and status.strip().lower() in {"1", "success", "ok"}


def _note_nobody(call: Call, fields: dict[str, JsonValue], telling: tuple[str, ...]) -> None:
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


def _note_identity(call: Call, found: JsonValue) -> None:
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


def _note_detail(call: Call, name: str, fields: dict[str, JsonValue]) -> None:
    if name not in fields:
        call.deviations.error("CON-01", f"details-no-{name}", f'there is no "{name}"; the reference lists it')
    elif not isinstance(fields[name], str) or not fields[name]:
        call.deviations.warning(
            "CON-01", f"details-odd-{name}", f'"{name}" is {shown_json(fields[name])}; expected a text'
        )
