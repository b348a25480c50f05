"""A request as bytes: each method of a profile is prepared once, so that writing is filling a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from simulator.core import exact_json
from simulator.core.exact_json import quote
from simulator.core.frozen import Frozen
from simulator.core.money import ZERO, Money, format_money
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import Method, WebhookRequest, WireRequest
from simulator.core.wire.profile import DOCUMENTED_NAMES, Constant, MoneyForm, Source, WireField, WireProfile


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
