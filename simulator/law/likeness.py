"""Ids that are not the same, and that careless wallets take for the same."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple
from unicodedata import combining, normalize

_TRUNCATIONS = (24, 32, 64, 128)


def near_forms(transaction_id: str) -> Iterator[str]:
    """Return the forms by which wallets confuse ids: case, accents, blanks, zeros, columns that cut off."""
    letters = normalize("NFKD", transaction_id.strip().casefold())
    folded = "".join(letter for letter in letters if not combining(letter))
    yield "folded:" + folded
    head, _, tail = folded.rpartition("-")
    if tail.isdigit():
        yield f"number:{head}-{int(tail)}" if len(tail) < 40 else "number:" + folded
    for length in _TRUNCATIONS:
        if len(folded) > length:
            yield f"cut{length}:" + folded[:length]


class ToldApart:
    """Which ids a wallet may take for the same, as far as it was not seen to tell such ids apart.

    Each id belongs to an owner, such as a player. Ids are alike by how they begin, how they end, or by the
    number that they begin with: columns cut off, and casts read no further than digits.
    """

    def __init__(self) -> None:
        self._sent: defaultdict[object, _Ids] = defaultdict(_Ids)
        self._effective: defaultdict[object, _Ids] = defaultdict(_Ids)
        self._told = _Alike(0, 0, number=False)

    def note_sent(self, owner: object, id_: str) -> None:
        """Note an id that the wallet has met."""
        self._sent[owner].insert(id_)

    def note_effect(self, owner: object, id_: str) -> None:
        """Note an id whose call took effect, as those of others before it did."""
        known = self._effective[owner]
        if known.insert(id_):
            told, alike = self._told, known.alike(id_)
            self._told = _Alike(
                max(told.head, alike.head), max(told.tail, alike.tail), number=told.number or alike.number
            )

    def confuses(self, owner: object, id_: str) -> bool:
        """Return whether an id may have been taken for another one that was sent."""
        alike, told = self._sent[owner].alike(id_), self._told
        return alike.head > told.head or alike.tail > told.tail or (alike.number and not told.number)


class _Alike(NamedTuple):
    """How many characters ids have in common at their heads and tails; whether they begin with one number."""

    head: int
    tail: int
    number: bool


class _Ids:
    """Ids in order, read from either end."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._reversed: list[str] = []
        self._numbers: Counter[str] = Counter()

    def insert(self, id_: str) -> bool:
        """Add an id; return whether it is new."""
        at = bisect_left(self._ids, id_)
        if self._ids[at : at + 1] == [id_]:
            return False
        self._ids.insert(at, id_)
        insort(self._reversed, id_[::-1])
        self._numbers[_number(id_)] += 1
        return True

    def alike(self, id_: str) -> _Alike:
        """Return how much the ids that are most like this one have in common with it."""
        itself = _in_order(self._ids, id_)
        number = self._numbers[_number(id_)] > itself.count(id_)
        return _Alike(_in_common(self._ids, id_), _in_common(self._reversed, id_[::-1]), number)


def _in_order(ids: list[str], id_: str) -> list[str]:
    """Return the id and those beside it."""
    at = bisect_left(ids, id_)
    return ids[max(at - 1, 0) : at + 2]


def _in_common(ids: list[str], id_: str) -> int:
    beside = (each for each in _in_order(ids, id_) if each != id_)
    same = (takewhile(lambda pair: pair[0] == pair[1], zip(each, id_, strict=False)) for each in beside)
    return max((sum(1 for _ in each) for each in same), default=0)


def _number(id_: str) -> str:
    digits = re.match("[0-9]*", id_)
    return "" if digits is None else digits[0]


def resembles(user_id: str, known: str) -> bool:
    """Return whether a wallet that casts or trims ids takes a user_id for another player's."""
    bare = normalize("NFKC", user_id).strip()
    tail = bare.removeprefix(known)
    alike = bare.lstrip("0") == known.lstrip("0")
    return user_id != known and (alike or (tail != bare and not tail[0].isdigit()))


_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def widened(user_id: str) -> str:
    """Return a user_id, never itself, in characters of double width, the same in many collations."""
    wide = user_id.translate(_WIDE)
    return wide if wide != user_id else f"{user_id}\uff10"
