"""When an unanswered win or refund is sent again: ladders as data. Who climbs them is `dispatcher`'s."""

from __future__ import annotations

from simulator.core.frozen import Frozen
from simulator.core.suggest import did_you_mean_or_valid
from simulator.errors import UsageError

_SECOND_MS = 1000
_DAY_S = 86_400


class Ladder(Frozen):
    """`waits_ms[0]` passes between the first attempt and the second, and so on; at the end we give up."""

    name: str
    waits_ms: tuple[int, ...]

    def wait_ms(self, attempts: int) -> int | None:
        """How long to wait after so many attempts; None when no more are made."""
        return self.waits_ms[attempts - 1] if 0 < attempts <= len(self.waits_ms) else None


LADDERS = {
    ladder.name: ladder
    for ladder in (
        Ladder(
            "patient",
            tuple(
                wait_s * _SECOND_MS for wait_s in (10, 30, 120, 600, 1800, 3600, 7200, 21_600, 43_200, _DAY_S)
            ),
        ),
        Ladder("hammer", (0,) * 10 + (60 * _SECOND_MS,) * (_DAY_S // 60)),
        Ladder("none", ()),
        Ladder("ci", (10, 30, 120)),
    )
}
"""The ladders that a setting can name (provider behaviour, our assumption)."""


def ladder_named(name: str) -> Ladder:
    """The ladder of that name; UsageError for a name that is none."""
    if name not in LADDERS:
        raise UsageError(f'ladder: there is no "{name}"{did_you_mean_or_valid(name, LADDERS)}')
    return LADDERS[name]
