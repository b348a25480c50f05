"""The wire profiles that come with the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulator.core.profiles import MoneyForm, ReplyFields, Source, WireField, WireProfile
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean
from simulator.errors import UsageError


def _fields(**sources: Source) -> tuple[WireField, ...]:
    return tuple(WireField(name, source) for name, source in sources.items())


_METHODS: Mapping[Method, str] = MappingProxyType({method: method.value for method in Method})

_WHO = _fields(method=Source.METHOD, user_id=Source.PLAYER)

_BETRONTECH_MONEY = (*_WHO, *_fields(amount=Source.AMOUNT, transaction_id=Source.TRANSACTION))

BETRONTECH = WireProfile(
    name="betrontech",
    methods=_METHODS,
    fields={
        Method.DETAILS: _WHO,
        Method.BALANCE: _WHO,
        Method.BET: (*_BETRONTECH_MONEY, *_fields(game_id=Source.GAME)),
        Method.WIN: (*_BETRONTECH_MONEY, *_fields(game_id=Source.GAME)),
        Method.REFUND: _BETRONTECH_MONEY,
    },
)
"""The documented fields, in the order of the reference."""

DOCUMENTED_FIELDS: Mapping[Method, tuple[str, ...]] = MappingProxyType(
    {method: tuple(each.name for each in fields) for method, fields in BETRONTECH.fields.items()}
)
"""The field names of the reference by method, which scenarios and webhooks by hand use."""

_DRAKON_MONEY = (
    *_WHO,
    *_fields(
        transaction_id=Source.TRANSACTION,
        session_id=Source.SESSION,
        round_id=Source.ROUND,
        game=Source.GAME,
    ),
)

DRAKON = WireProfile(
    name="drakon",
    methods=_METHODS,
    money=MoneyForm.NUMBER,
    path="/drakon_api",
    fields={
        Method.DETAILS: _WHO,
        Method.BALANCE: _WHO,
        Method.BET: (*_DRAKON_MONEY, *_fields(bet=Source.AMOUNT)),
        # A win has the field bet, too: the stake, which must not be charged again.
        Method.WIN: (*_DRAKON_MONEY, *_fields(bet=Source.STAKE, win=Source.AMOUNT)),
        Method.REFUND: (*_DRAKON_MONEY, *_fields(amount=Source.AMOUNT)),
    },
    reply=ReplyFields(money=MoneyForm.EITHER, true_is_one=True, identity=None),
)
"""The sibling family, as public implementations of wallets show it.

Their replies have 1 or true, numbers or strings; details name no player: `email`, `name_jogador`, `date`.
"""

PROFILES: Mapping[str, WireProfile] = MappingProxyType({each.name: each for each in (BETRONTECH, DRAKON)})


def profile_named(name: str) -> WireProfile:
    """Return the shipped profile with that name. Raises UsageError with the nearest name for another."""
    found = PROFILES.get(name)
    if found is not None:
        return found
    known = ", ".join(PROFILES)
    raise UsageError(f'wire profile "{name}" is not known; there are {known}{did_you_mean(name, PROFILES)}')
