"""Wire profiles, which describe as data how webhooks and their replies are written.

`wire/writing.py` writes requests by a profile and reads them back, `judge/replies.py` reads replies by it;
`wire/profiles.py` has the shipped profiles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType

from simulator.core.json import JsonValue, quote
from simulator.core.values import Frozen
from simulator.core.webhooks import Method

MAX_MONEY_DIGITS = 1000
"""No balance has more digits, and Python refuses to print integers beyond 4,300 digits."""


class Source(StrEnum):
    """The source of the value of a request's field; the words of a profile's `fields:`."""

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
"""The field names of the reference, which `raw:` and `omit:` of a step use with every profile."""


class Constant(Frozen):
    """A field with the same JSON value in every request."""

    value: JsonValue


class WireField(Frozen):
    """One field of a request: its name on the wire, and the source of its value."""

    name: str
    source: Source | Constant


class MoneyForm(StrEnum):
    """How money is written: as a string or a number; in replies, either may be allowed."""

    STRING = "string"
    NUMBER = "number"
    EITHER = "either"


class ReplyFields(Frozen):
    """The names of the parts of a reply, and which forms are as documented.

    `true_is_one`: `"status": true` is as documented as 1. `identity` is the field of `account_details` that
    names the player, None where there is none; `details` are the others that must be there. `status_absent`:
    answers carry no status, and one with a readable balance and no error is accepted. `without_balance` are
    the methods whose answers need not show a balance.
    """

    status: str = "status"
    balance: str = "balance"
    money: MoneyForm = MoneyForm.STRING
    true_is_one: bool = False
    identity: str | None = "user_id"
    details: tuple[str, ...] = ("email", "name_jogador")
    status_absent: bool = False
    without_balance: frozenset[Method] = frozenset()


class WireProfile(Frozen):
    """How webhooks and their replies are written.

    `fields` are in the order in which they are written; `methods` are the values of the `method` field, which
    two methods may share if a constant field tells them apart; `money` is how requests write amounts (string
    or number); `path` is the usual path of the endpoint; `session` and `game` are the values of those fields
    when no better one is known; `headers` are sent with every call.
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

    # There is one object for each profile: as the key of a cache it is hashed by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def constants(self, method: Method) -> dict[str, JsonValue]:
        """Return the fields of a method that have one value in every request."""
        return {
            each.name: each.source.value for each in self.fields[method] if isinstance(each.source, Constant)
        }

    def method_of(self, fields: Mapping[str, JsonValue]) -> Method | None:
        """Return the method that a request with these fields calls, None for one that is not known.

        Where two methods have the same word, their constant fields tell them apart.
        """
        found = [
            method
            for method in self.fields
            if fields.get(field_names(self, method)[Source.METHOD]) == self.methods[method]
        ]
        if len(found) > 1:
            found = [each for each in found if self.constants(each).items() <= fields.items()]
        return found[0] if found else None

    def alike(self) -> tuple[Method, Method] | None:
        """Return two methods that no wallet could tell apart: the same word, and no constants that differ."""
        for one, other in combinations(self.fields, 2):
            mine, others = self.constants(one), self.constants(other)
            differ = any(mine[name] != others[name] for name in mine.keys() & others.keys())
            if self.methods[one] == self.methods[other] and not differ:
                return one, other
        return None


@lru_cache(maxsize=256)  # five methods a profile
def field_names(profile: WireProfile, method: Method) -> Mapping[Source, str]:
    """Return the names of the fields of a method, by their sources."""
    return {each.source: each.name for each in profile.fields[method] if isinstance(each.source, Source)}


@lru_cache(maxsize=256)
def ordinary_reply(profile: WireProfile) -> re.Pattern[bytes]:
    """Return the pattern of an accepted reply that is just as documented: read without a JSON parser.

    Each alternative has two groups: the units, and the point with the cents.
    """
    reply = profile.reply
    text, number = r'"(\d{1,18})(\.\d\d)"', r"(0|[1-9]\d{0,17})((?:\.\d\d?)?)"
    amounts = {MoneyForm.STRING: [text], MoneyForm.NUMBER: [number], MoneyForm.EITHER: [text, number]}
    status = re.escape(quote(reply.status)) + r"~:~" + ("(?:1|true)" if reply.true_is_one else "1")
    balance = re.escape(quote(reply.balance)) + r"~:~"
    members = [balance + amount for amount in amounts[reply.money]]
    if reply.status_absent:
        bodies = members
    else:
        bodies = [body for each in members for body in (f"{status}~,~{each}", f"{each}~,~{status}")]
    # JSON's white space is narrower than the \s of a pattern.
    objects = "|".join(rf"~\{{~{body}~\}}~" for body in bodies)
    return re.compile(objects.replace("~", r"[ \t\r\n]*").encode())
