"""Bytes back into the webhook that they are: what a `send` step is judged as."""

from __future__ import annotations

import re
from decimal import Decimal

from simulator.core import exact_json
from simulator.core.money import Money
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import Method, WebhookRequest
from simulator.core.wire.profile import MAX_MONEY_DIGITS, MoneyForm, Source, WireProfile

_CANONICAL_AMOUNT = re.compile(r"\d+\.\d{2}", re.ASCII)


def read_request(body: bytes, content_type: str, profile: WireProfile) -> WebhookRequest | None:
    """The webhook that these bytes are, or None when they are not a canonical one.

    Canonical: the profile's fields with the right types; unknown fields and the keys' order do not matter.
    A bet or win without a game is odd but a webhook; of a key written twice the last value counts. The
    content type matters only when it declares another charset than the UTF-8 that JSON is in.
    """
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", content_type, re.IGNORECASE)
    if charset is not None and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        return None
    try:
        value = exact_json.parse(body.decode("utf-8")).value
    except ValueError:  # NotJson and UnicodeDecodeError are both
        return None
    return _webhook(value, profile) if isinstance(value, dict) else None


def _webhook(value: dict[str, JsonValue], profile: WireProfile) -> WebhookRequest | None:
    for method, fields in profile.fields.items():
        names = {each.source: each.name for each in fields if isinstance(each.source, Source)}
        if value.get(names[Source.METHOD]) == profile.methods[method]:
            break
    else:
        return None
    player = value.get(names[Source.PLAYER])
    if not isinstance(player, str) or not player:
        return None
    if not method.moves_money:
        return WebhookRequest(method, player)
    amount = _canonical_amount(value.get(names[Source.AMOUNT]), profile.money)
    transaction_id = value.get(names[Source.TRANSACTION])
    if amount is None or not isinstance(transaction_id, str) or not transaction_id:
        return None
    # A refund's game, where a dialect has one, is the bet's: as in the reference, a refund has none itself.
    named = Source.GAME in names and method is not Method.REFUND
    game = value.get(names[Source.GAME]) if named else None
    return WebhookRequest(method, player, amount, transaction_id, game if isinstance(game, str) else None)


def _canonical_amount(value: JsonValue | None, form: MoneyForm) -> Money | None:
    if form is MoneyForm.STRING:
        if not isinstance(value, str) or _CANONICAL_AMOUNT.fullmatch(value) is None:
            return None
        return Money(int(value[:-3] + value[-2:])) if len(value) <= MAX_MONEY_DIGITS else None
    if not isinstance(value, Decimal) or value.is_signed() or value.adjusted() > MAX_MONEY_DIGITS:
        return None
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not -2 <= exponent <= 0:
        return None
    return Money(int("".join(map(str, digits))) * 10 ** (exponent + 2))
