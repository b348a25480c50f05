"""Ids that are not the same, and that careless wallets take for the same."""

from __future__ import annotations

from collections.abc import Iterator
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
