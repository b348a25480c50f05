"""What a player may stake: a ladder for each language, since no currency is on the wire.

The steps are those of the conformance catalogue, §6.
"""

from __future__ import annotations

from simulator.core.money import Money
from simulator.sessions import Lang

# fmt: off
_BASE = tuple(Money(amount) for amount in (20, 40, 60, 80, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10_000))
# fmt: on
# Hundredths of the base ladder: the smallest stake is then 1.00 lira, 0.50 real.
_FACTORS = {Lang.TURKISH: 500, Lang.PORTUGUESE: 250, Lang.ENGLISH: 100}
FIRST = 4
"""Where on the ladder a player begins."""


def stake_ladder(lang: Lang) -> tuple[Money, ...]:
    """The stakes there are, the smallest first."""
    return tuple(Money(stake * _FACTORS[lang] // 100) for stake in _BASE)
