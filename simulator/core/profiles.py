"""What a wire profile is: a dialect of the webhooks, as data.

Writing by one is `writing`'s, reading a request back `reading_back`'s; the shipped ones are in `shipped`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from simulator.core.json import JsonValue, quote
from simulator.core.values import Frozen
from simulator.core.webhooks import Method

MAX_MONEY_DIGITS = 1000
"""Amounts with more digits are nobody's money, and Python refuses to print integers beyond 4,300 digits."""


class Source(StrEnum):
    """Where the value of a request's field comes from; the words of a profile's `fields:`."""

    METHOD = "method"
    PLAYER = "player"
    AMOUNT = "amount"
    TRANSACTION = "transaction"
    GAME = "game"
    STAKE = "stake"
    ROUND = "round"
    SESSION = "session"


DOCUMENTED_NAMES: Mapping[str, Source] = MappingProxyType(
    {
        "method": Source.METHOD,
        "user_id": Source.PLAYER,
        "amount": Source.AMOUNT,
        "transaction_id": Source.TRANSACTION,
        "game_id": Source.GAME,
    }
)
"""The reference's field names. `raw:` and `omit:` of a step speak them, whatever the profile calls them."""


class Constant(Frozen):
    """A field with the same JSON value in every request."""

    value: JsonValue


class WireField(Frozen):
    """One field of a request: its name on the wire, and what stands in it."""

    name: str
    source: Source | Constant


class MoneyForm(StrEnum):
    """How money is written: requests are a string or a number; replies may be allowed either."""

    STRING = "string"
    NUMBER = "number"
    EITHER = "either"


class ReplyFields(Frozen):
    """What the profile calls the parts of a reply, and which forms are nothing to remark on.

    `true_is_one`: `"status": true` is as documented as 1. `identity` is the field of `account_details` that
    names the player, None where there is none; `details` are the others that must be there.
    """

    status: str = "status"
    balance: str = "balance"
    money: MoneyForm = MoneyForm.STRING
    true_is_one: bool = False
    identity: str | None = "user_id"
    details: tuple[str, ...] = ("email", "name_jogador")


class WireProfile(Frozen):
    """A dialect of the webhooks, as data.

    `fields` in the order they are written; `methods` the values of the `method` field; `money` how amounts
    of requests are written (string or number); `path` where operators of this dialect listen; `session` and
    `game` what stands in those fields when nothing better is known; `headers` go with every call.
    """

    name: str
    fields: Mapping[Method, tuple[WireField, ...]]
    methods: Mapping[Method, str]
    money: MoneyForm = MoneyForm.STRING
    path: str = "/betrontech_api"
    session: str = "simulator"
    game: str = "SLOT_001"
    headers: tuple[tuple[str, str], ...] = ()
    reply: ReplyFields = field(default_factory=ReplyFields)

    # One object a profile: as the key of a cache it is hashed by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


@lru_cache(maxsize=256)
def ordinary_reply(profile: WireProfile) -> re.Pattern[bytes]:
    """The reply of an accepted call where nothing is to be remarked on: read without a JSON parser.

    Two groups in each alternative: the units, and the point with the cents. Alternatives with a JSON number
    come after the four groups of those with a string.
    """
    reply = profile.reply
    text, number = r'"(\d{1,18})(\.\d\d)"', r"(0|[1-9]\d{0,17})((?:\.\d\d?)?)"
    amounts = {MoneyForm.STRING: [text], MoneyForm.NUMBER: [number], MoneyForm.EITHER: [text, number]}
    status = re.escape(quote(reply.status)) + r"~:~" + ("(?:1|true)" if reply.true_is_one else "1")
    balance = re.escape(quote(reply.balance)) + r"~:~"
    orders = [
        rf"~\{{~{first}~,~{second}~\}}~"
        for amount in amounts[reply.money]
        for first, second in ((status, balance + amount), (balance + amount, status))
    ]
    # JSON's white space is narrower than the \s of a pattern.
    return re.compile("|".join(orders).replace("~", r"[ \t\r\n]*").encode())
