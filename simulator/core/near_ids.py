"""Transaction ids that a careless wallet takes for one another: collations, casts, cut-off columns."""

from __future__ import annotations

from collections.abc import Iterator

_TRUNCATIONS = (24, 32, 64, 128)


def near_forms(transaction_id: str) -> Iterator[str]:
    """The forms under which wallets confuse ids: case, blanks, leading zeros, cut-off columns."""
    folded = transaction_id.strip().casefold()
    yield "folded:" + folded
    head, _, tail = folded.rpartition("-")
    if tail.isdigit():
        yield f"number:{head}-{int(tail)}" if len(tail) < 40 else "number:" + folded
    for length in _TRUNCATIONS:
        if len(folded) > length:
            yield f"cut{length}:" + folded[:length]
