"""A search that only tries one order, given by somebody else: what the law says of it is what counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.case import Case
from simulator.core.checker.search import Choice, Search
from simulator.core.worlds import Terms


class Proposed(Search):
    """Lets attempts happen in the given order, as soon as each may."""

    def __init__(self, case: Case, terms: Terms, order: Sequence[Attempt]) -> None:
        super().__init__(case, terms, 0)
        self._order = order

    def _choices(self) -> Iterator[Choice]:
        attempt = next((each for each in self._order if not each.done), None)
        if attempt is None or attempt.sent > self._until:
            return
        steps = self.wallet.steps(attempt)
        expected = [each for each in steps if each.branch and each.branch.moves == attempt.moves]
        for step in (expected or steps)[:1]:
            yield (step,)
