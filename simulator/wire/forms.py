"""Tell how a call is written: as documented, valid but odd, or malformed; and what it then asks for.

The bytes decide, not the intention of their author: a `send` of a canonical webhook is judged as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from simulator.core import json as exact_json
from simulator.core.calls import CallForm, Form
from simulator.core.json import JsonValue
from simulator.core.money import Money
from simulator.core.profiles import Source, WireProfile, field_names
from simulator.core.webhooks import Method, WebhookRequest, WireRequest
from simulator.wire.writing import read_request

ORDINARY_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

_PLAIN_NUMBER = re.compile(r"\d{1,30}(\.\d{0,30})?", re.ASCII)

LARGEST_ORDINARY = Money(99_999_999_99)
"""The limit of a DECIMAL(10,2) column; a larger amount may be refused."""


def form_of(wire: WireRequest, profile: WireProfile, games: Collection[str]) -> Form:
    """Return the form of a call's bytes. `games` are the ids that the wallet is known to have."""
    if wire.http_method != "POST":
        return Form(CallForm.MALFORMED, None)
    value = _object(wire.body)
    if value is None:
        return Form(CallForm.MALFORMED, None)
    canonical = read_request(wire.body, wire.content_type, profile)
    if canonical is None:
        return _odd(value, wire.body, profile)
    if not canonical.method.moves_money:
        return Form(CallForm.CANONICAL, canonical)
    if _amount_key(profile, canonical.method) in exact_json.parse(wire.body.decode()).twice:
        return _odd(value, wire.body, profile)
    return Form(CallForm.CANONICAL if _ordinary(canonical, wire, games) else CallForm.OPTIONAL, canonical)


def _ordinary(request: WebhookRequest, wire: WireRequest, games: Collection[str]) -> bool:
    assert request.transaction_id is not None
    assert request.amount is not None
    known_game = request.method is Method.REFUND or request.game_id in games
    json_type = wire.content_type.split(";")[0].strip().lower() == "application/json"
    plain_id = ORDINARY_ID.fullmatch(request.transaction_id) is not None
    return known_game and json_type and plain_id and request.amount <= LARGEST_ORDINARY


def _object(body: bytes) -> dict[str, JsonValue] | None:
    try:
        value = exact_json.parse(body.decode()).value
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _odd(value: dict[str, JsonValue], body: bytes, profile: WireProfile) -> Form:
    """Return the form of a call that a lenient wallet may understand; malformed if none could."""
    method = profile.method_of(value)
    if method is None:
        return Form(CallForm.MALFORMED, None)
    names = field_names(profile, method)
    player = _id_text(value.get(names[Source.PLAYER]))
    if player is None:
        return Form(CallForm.MALFORMED, None)
    request = WebhookRequest(method, player)
    if not method.moves_money:
        return Form(CallForm.ODD, request)
    transaction_id = _id_text(value.get(names[Source.TRANSACTION]))
    game = value.get(names[Source.GAME]) if Source.GAME in names else None
    request = replace(request, transaction_id=transaction_id, game_id=game if isinstance(game, str) else None)
    key = names[Source.AMOUNT]
    if transaction_id is None:
        return Form(CallForm.MALFORMED, request)
    if method is Method.REFUND and key not in value:
        return Form(CallForm.ODD, request)
    amounts = [amount for written in _values_of(key, body) for amount in _amounts(written)]
    if not amounts:
        return Form(CallForm.MALFORMED, request)
    readings = [replace(request, amount=amount) for amount in dict.fromkeys(amounts)]
    return Form(CallForm.ODD, readings[0], tuple(readings[1:]))


def _id_text(value: JsonValue) -> str | None:
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(value)
    return value if isinstance(value, str) and value else None


def _values_of(key: str, body: bytes) -> list[JsonValue]:
    """Return every value of that key, the last first, which nearly every parser takes."""
    return [value for name, value in reversed(exact_json.pairs(body.decode())) if name == key]


def _amounts(value: JsonValue) -> list[Money]:
    """Return the amounts that a lenient wallet may read from a value; none if it is not an amount."""
    text = format(value, "f") if isinstance(value, Decimal) and abs(value.adjusted()) < 30 else value
    if not isinstance(text, str):
        return []
    text = text.strip().removeprefix("+")
    if _PLAIN_NUMBER.fullmatch(text) is None:
        return []
    cents = Decimal(text.rstrip(".")) * 100
    whole = [cents.to_integral_value(rounding) for rounding in (ROUND_FLOOR, ROUND_CEILING)]
    return [Money(int(amount)) for amount in dict.fromkeys(whole)]


def _amount_key(profile: WireProfile, method: Method) -> str:
    return next(each.name for each in profile.fields[method] if each.source is Source.AMOUNT)
