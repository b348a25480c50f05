"""Long tables of cases: `make check` runs some of each, `make campaigns` runs the rest."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

EVERY = 10


def sampled(cases: Iterable[str], every: int = EVERY) -> list[object]:
    """Return the cases as parameters of a test; all but each tenth are marked as a part of the campaign.

    By their order, and not by a list, so that a case that is added later is in one of the two without a word.
    """
    return [
        pytest.param(case, marks=() if number % every == 0 else pytest.mark.campaign)
        for number, case in enumerate(cases)
    ]
