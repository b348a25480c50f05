"""The nearest known word to a misspelt one, as every error message offers it."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one, compared without case; None where none is alike."""
    # Only mistakes need it, and a run without one should start quickly.
    from difflib import get_close_matches

    by_folded = {name.casefold(): name for name in known}
    # Unbounded input would make the comparison quadratic in it; no known word is that long.
    close = get_close_matches(word[:80].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message: `; did you mean "steps"?`, or nothing."""
    found = nearest(word, known)
    return f'; did you mean "{found}"?' if found else ""
