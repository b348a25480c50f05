"""A `send` in the names of a profile: scenarios write the reference's, and run against any dialect.

The text stays as the author wrote it, white space, order and repetitions included. Only the reference's
names, the method's value and canonical amounts are put in the profile's words, and what the dialect wants
besides is added at the end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from simulator.core import exact_json
from simulator.core.exact_json import quote
from simulator.core.frozen import Frozen
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import Method, WebhookRequest
from simulator.core.wire.profile import DOCUMENTED_NAMES, MoneyForm, Source, WireProfile
from simulator.core.wire.shipped import BETRONTECH
from simulator.core.wire.writing import filled

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
    said = _renamed(
        text, {each.source: each.name for each in fields if isinstance(each.source, Source)}, profile
    )
    if method is not None:
        said = _with_more(said, profile, method, values)
    return said.encode("utf-8")


def _renamed(text: str, words: dict[Source, str], profile: WireProfile) -> str:
    pieces: list[str] = []
    at = 0
    for member in _members(text):
        source = DOCUMENTED_NAMES.get(member.name)
        if source in words:
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
