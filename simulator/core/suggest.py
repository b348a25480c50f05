"""What an error offers in place of a word that is not valid: the nearest one, or else all of them."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.core.nearest import did_you_mean

SHOWN_MAX = 20


def did_you_mean_or_valid(word: str, known: Iterable[str]) -> str:
    """The end of an error's sentence: `; did you mean "amount"?`, or `; valid: amount, id, …`."""
    words = list(known)
    near = did_you_mean(word, words)
    if near or not words or len(words) > SHOWN_MAX:
        return near
    return f"; valid: {', '.join(words)}"
