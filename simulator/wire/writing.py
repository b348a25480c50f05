"""Write a request as bytes by a profile, and read bytes back; `send` bodies get the names of the profile.

Each method of a profile is prepared once, so that writing only fills a template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from simulator.core import json as exact_json
from simulator.core.json import JsonValue, quote
from simulator.core.money import ZERO, Money, format_money
from simulator.core.profiles import (
    DOCUMENTED_NAMES,
    MAX_MONEY_DIGITS,
    Constant,
    MoneyForm,
    Source,
    WireField,
    WireProfile,
    field_names,
)
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest, WireRequest
from simulator.wire.profiles import BETRONTECH


class OpenRound(Frozen):
    """The bet that a win or a refund belongs to, for profiles with such fields: its id, stake and game."""

    round_id: str
    stake: Money = ZERO
    game_id: str | None = None


_Fill = Callable[[WebhookRequest, OpenRound | None], str | None]


class _Prepared(Frozen):
    """One method of one profile: the body with a gap for each field, and the sources for the gaps."""

    fields: tuple[WireField, ...]
    template: str
    fills: tuple[_Fill, ...]


@lru_cache(maxsize=256)  # five methods a profile
def _prepared(profile: WireProfile, method: Method) -> _Prepared:
    money = _quoted_money if profile.money is MoneyForm.STRING else format_money
    fields = profile.fields[method]
    gaps = ",".join(quote(each.name).replace("%", "%%") + ":%s" for each in fields)
    return _Prepared(
        fields, "{" + gaps + "}", tuple(_fill(each.source, profile, method, money) for each in fields)
    )


def _quoted_money(amount: Money) -> str:
    return f'"{format_money(amount)}"'


def _quoted(text: str | None) -> str | None:
    return None if text is None else quote(text)


def _fill(
    source: Source | Constant, profile: WireProfile, method: Method, money: Callable[[Money], str]
) -> _Fill:
    match source:
        case Constant(value):
            constant = exact_json.write(value)
            return lambda _request, _round: constant
        case Source.METHOD:
            name = quote(profile.methods[method])
            return lambda _request, _round: name
        case Source.PLAYER:
            return lambda request, _round: quote(request.player)
        case Source.AMOUNT:
            return lambda request, _round: None if request.amount is None else money(request.amount)
        case Source.TRANSACTION:
            return lambda request, _round: _quoted(request.transaction_id)
        case Source.GAME if method is Method.REFUND:
            return _game_of_refund(profile.game)
        case Source.GAME:
            return lambda request, _round: _quoted(request.game_id)
        case Source.STAKE:
            return lambda _request, open_round: money(ZERO if open_round is None else open_round.stake)
        case Source.ROUND:
            return _round_of_win if method is Method.WIN else _round_of_bet
        case Source.SESSION:
            session = quote(profile.session)
            return lambda _request, _round: session


def _round_of_bet(request: WebhookRequest, _round: OpenRound | None) -> str | None:
    """Return the bet's id as the name of the round, so that a refund, which has that id, names it, too."""
    return _quoted(request.transaction_id)


def _round_of_win(request: WebhookRequest, open_round: OpenRound | None) -> str | None:
    """Return the id of a win's bet; a win without a bet is a round of its own."""
    return _quoted(request.transaction_id if open_round is None else open_round.round_id)


def _game_of_refund(default: str) -> _Fill:
    """Return the game of the refunded bet, or the default of the profile."""
    stand_in = quote(default)

    def fill(_request: WebhookRequest, open_round: OpenRound | None) -> str | None:
        return _quoted(open_round.game_id if open_round is not None else None) or stand_in

    return fill


def write(
    request: WebhookRequest,
    profile: WireProfile,
    raw: Mapping[str, JsonValue] = MappingProxyType({}),
    omit: frozenset[str] = frozenset(),
    open_round: OpenRound | None = None,
) -> WireRequest:
    """Return the bytes of one call: compact JSON with the fields in the profile's order, without None.

    `open_round` is the bet of a win or a refund, for profiles with such fields. `raw` replaces or adds JSON
    values, `omit` removes keys; both use the names of the reference, and other names as they are written.
    """
    prepared = _prepared(profile, request.method)
    values = tuple([fill(request, open_round) for fill in prepared.fills])
    if raw or omit or None in values:
        body = _written_oddly(prepared.fields, values, raw, omit)
    else:
        body = prepared.template % values
    return WireRequest(body.encode("ascii"), headers=profile.headers)


def filled(request: WebhookRequest, profile: WireProfile) -> list[tuple[WireField, str | None]]:
    """Return each field of the request's method with its JSON text, or None if the request lacks it."""
    prepared = _prepared(profile, request.method)
    return [(field, fill(request, None)) for field, fill in zip(prepared.fields, prepared.fills, strict=True)]


def _written_oddly(
    fields: tuple[WireField, ...],
    values: tuple[str | None, ...],
    raw: Mapping[str, JsonValue],
    omit: frozenset[str],
) -> str:
    written = {each.name: text for each, text in zip(fields, values, strict=True) if text is not None}
    written.update({_wire_name(name, fields): exact_json.write(value) for name, value in raw.items()})
    gone = {_wire_name(name, fields) for name in omit}
    return "{" + ",".join(f"{quote(key)}:{text}" for key, text in written.items() if key not in gone) + "}"


def _wire_name(name: str, fields: tuple[WireField, ...]) -> str:
    source = DOCUMENTED_NAMES.get(name)
    return next((each.name for each in fields if source is not None and each.source is source), name)


# --- reading bytes back: what a `send` is judged as -----------------------------------------------

_CANONICAL_AMOUNT = re.compile(r"(?:0|[1-9]\d*)\.\d{2}", re.ASCII)


def read_request(body: bytes, content_type: str, profile: WireProfile) -> WebhookRequest | None:
    """Return the webhook in these bytes, or None if they are not a canonical one.

    Canonical are the fields of the profile with the right types; unknown fields and the order of keys do not
    matter. A bet or win without a game is odd but a webhook; of a duplicate key the last value counts. The
    content type only matters if it declares another charset than UTF-8.
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
    method = profile.method_of(value)
    if method is None:
        return None
    names = field_names(profile, method)
    player = value.get(names[Source.PLAYER])
    if not isinstance(player, str) or not player:
        return None
    if not method.moves_money:
        return WebhookRequest(method, player)
    amount = _canonical_amount(value.get(names[Source.AMOUNT]), profile.money)
    transaction_id = value.get(names[Source.TRANSACTION])
    if amount is None or not isinstance(transaction_id, str) or not transaction_id:
        return None
    # If a profile has a game in refunds, it is that of the bet: in the reference, refunds have none.
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


# --- `send` bodies in the names of a profile ------------------------------------------------------
# Scenarios use the names of the reference and run with any profile. The text keeps its white space, order
# and duplicate keys; only the names of the reference, the value of the method and canonical amounts are
# translated, and further fields of the profile are added at the end.

_AMOUNT = re.compile(r'"(-?(?:0|[1-9]\d*)\.\d{2})"', re.ASCII)

_SPACE = re.compile(r"[ \t\r\n]*")

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # int() refuses numbers of 4,301 digits


class _Member(Frozen):
    """One member of an object: its key, and the places of key and value in the text."""

    name: str
    key: slice
    value: slice


def spoken(body: bytes, profile: WireProfile) -> bytes:
    """Return the body of a `send` in the names of the profile.

    It stays the same if the names are the same, if it is not a JSON object, or if it already uses names that
    only the profile has.
    """
    if profile.fields is BETRONTECH.fields and profile.methods is BETRONTECH.methods:
        return body
    try:
        text = body.decode("utf-8")
        values = dict(exact_json.pairs(text))
    except ValueError:
        return body
    method = next((each for each in Method if values.get("method") == each), None)
    # An unknown method is translated like a bet, so that only the method is wrong.
    fields = profile.fields[method or Method.BET]
    if any(each.name in values for each in fields if each.name not in DOCUMENTED_NAMES):
        return body
    said = _renamed(text, field_names(profile, method or Method.BET), profile)
    if method is not None:
        said = _with_more(said, profile, method, values)
    return said.encode("utf-8")


def _renamed(text: str, words: Mapping[Source, str], profile: WireProfile) -> str:
    pieces: list[str] = []
    at = 0
    for member in _members(text):
        source = DOCUMENTED_NAMES.get(member.name)
        if source is not None and source in words:
            between = text[member.key.stop : member.value.start]
            value = _value(text[member.value], source, profile)
            pieces += [text[at : member.key.start], quote(words[source]), between, value]
            at = member.value.stop
    return "".join(pieces) + text[at:]


def _members(text: str) -> Iterator[_Member]:
    """Return the members of the object in the text, which is known to be valid JSON."""
    at = _after_space(text, _after_space(text, 0) + 1)
    while text[at] != "}":
        name, key_end = _DECODER.raw_decode(text, at)
        value_start = _after_space(text, _after_space(text, key_end) + 1)
        _, value_end = _DECODER.raw_decode(text, value_start)
        yield _Member(name, slice(at, key_end), slice(value_start, value_end))
        at = _after_space(text, value_end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _value(written: str, source: Source, profile: WireProfile) -> str:
    """Return a canonical amount in the profile's form, a documented method in its word, others as written."""
    if source is Source.AMOUNT and profile.money is MoneyForm.NUMBER:
        amount = _AMOUNT.fullmatch(written)
        return written if amount is None else amount[1]
    if source is Source.METHOD:
        return next(
            (quote(said) for each, said in profile.methods.items() if written == quote(each)), written
        )
    return written


def _with_more(text: str, profile: WireProfile, method: Method, values: dict[str, JsonValue]) -> str:
    """Return the text with the fields that only the profile has, before the closing brace."""
    transaction_id = values.get("transaction_id")
    request = WebhookRequest(
        method, "", transaction_id=transaction_id if isinstance(transaction_id, str) else None
    )
    documented = {Source.METHOD, Source.PLAYER, Source.AMOUNT, Source.TRANSACTION}
    if method is not Method.REFUND:  # whose game is not the reference's
        documented.add(Source.GAME)
    more = "".join(
        f",{quote(field.name)}:{value}"
        for field, value in filled(request, profile)
        if value is not None and field.source not in documented
    )
    end = text.rindex("}")
    return text[:end] + more + text[end:]
