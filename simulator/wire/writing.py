"""A request as bytes: each method of a profile is prepared once, so that writing is filling a template."""

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
    """What a win or a refund says of the bet it belongs to, where a dialect asks: its id, stake and game."""

    round_id: str
    stake: Money = ZERO
    game_id: str | None = None


_Fill = Callable[[WebhookRequest, OpenRound | None], str | None]


class _Prepared(Frozen):
    """One method of one profile: the body with a gap for each field, and what fills the gaps."""

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
    """A round is named after its bet, so that a refund, which carries the bet's id, names the same round."""
    return _quoted(request.transaction_id)


def _round_of_win(request: WebhookRequest, open_round: OpenRound | None) -> str | None:
    """A win without a bet is a round of its own."""
    return _quoted(request.transaction_id if open_round is None else open_round.round_id)


def _game_of_refund(default: str) -> _Fill:
    """The reference's refund has no game; a dialect that wants one gets the bet's, or the stand-in."""
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
    """The bytes of one call: compact JSON, fields in the profile's order; a field that is None is left out.

    `open_round` tells a win or a refund of its bet, in dialects whose fields ask for that.
    `raw` replaces or adds JSON values, `omit` removes keys; both take the reference's names, and any other
    name as it stands on the wire.
    """
    prepared = _prepared(profile, request.method)
    values = tuple([fill(request, open_round) for fill in prepared.fills])
    if raw or omit or None in values:
        body = _written_oddly(prepared.fields, values, raw, omit)
    else:
        body = prepared.template % values
    return WireRequest(body.encode("ascii"), headers=profile.headers)


def filled(request: WebhookRequest, profile: WireProfile) -> list[tuple[WireField, str | None]]:
    """Each field of the request's method with its JSON text, None for what the request does not say."""
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


# --- reading_back ---------------------------------------------------------------------------------
# Bytes back into the webhook that they are: what a `send` step is judged as.

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


# --- speaking -------------------------------------------------------------------------------------
# A `send` in the names of a profile: scenarios write the reference's, and run against any dialect.
# The text stays as the author wrote it, white space, order and repetitions included. Only the reference's
# names, the method's value and canonical amounts are put in the profile's words, and what the dialect
# wants besides is added at the end.

_AMOUNT = re.compile(r'"(-?(?:0|[1-9]\d*)\.\d{2})"', re.ASCII)

_SPACE = re.compile(r"[ \t\r\n]*")

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # int() refuses numbers of 4,301 digits


class _Member(Frozen):
    """One member of an object: its key, and where key and value stand in the text."""

    name: str
    key: slice
    value: slice


def spoken(body: bytes, profile: WireProfile) -> bytes:
    """The body of a `send` as the profile says it.

    The same bytes where that is the same, where they are no JSON object, and where they speak the profile's
    own words already.
    """
    if profile.fields is BETRONTECH.fields and profile.methods is BETRONTECH.methods:
        return body
    try:
        text = body.decode("utf-8")
        values = dict(exact_json.pairs(text))
    except ValueError:
        return body
    method = next((each for each in Method if values.get("method") == each), None)
    # A method that nobody knows is told in the words of a bet, so that only the method is wrong.
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
    """The members of the object that the text is; JSON is known to be valid."""
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
    """A canonical amount in the profile's form, a documented method in its word; the rest as written."""
    if source is Source.AMOUNT and profile.money is MoneyForm.NUMBER:
        amount = _AMOUNT.fullmatch(written)
        return written if amount is None else amount[1]
    if source is Source.METHOD:
        return next(
            (quote(said) for each, said in profile.methods.items() if written == quote(each)), written
        )
    return written


def _with_more(text: str, profile: WireProfile, method: Method, values: dict[str, JsonValue]) -> str:
    """The fields that the reference does not know, before the closing brace."""
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
