"""What a spin pays, from a seed: volatility models with about 96.5 % return (conformance catalogue §6).

The draw uses floating point, the money does not: a payout factor becomes an integer count of hundredths
before it meets a stake, rounded down to cents.
"""

from __future__ import annotations

from random import Random

from simulator.core.frozen import Frozen
from simulator.core.money import Money


class Volatility(Frozen):
    """A payout model: how often a base win and a feature come, and how large they are.

    `*_mu` and `*_sigma` are the parameters of lognormal multiples of the stake; `cap` the largest multiple.
    """

    name: str
    hit_rate: float
    base_mu: float
    base_sigma: float
    feature_one_in: int
    feature_mu: float
    feature_sigma: float
    cap: int


VOLATILITIES = {
    model.name: model
    for model in (
        Volatility("low", 0.33, 0.706, 0.6, 100, 2.482, 0.8, 500),
        Volatility("medium", 0.27, 0.548, 0.9, 150, 3.182, 1.0, 2000),
        Volatility("high", 0.24, 0.344, 1.1, 220, 3.548, 1.25, 5000),
    )
}


class Spin(Frozen):
    """What one spin pays: `factor_hundredths` of the stake; `feature` when the bonus came."""

    factor_hundredths: int
    feature: bool = False

    def payout(self, stake: Money) -> Money:
        """The win for that stake, rounded down to cents."""
        return Money(stake * self.factor_hundredths // 100)


def spin(model: Volatility, *key: str | int) -> Spin:
    """The spin that belongs to `key`, for example (seed, agent, session, round): same key, same spin."""
    return draw_spin(model, Random("\x1f".join(map(str, key))))


def draw_spin(model: Volatility, rng: Random) -> Spin:
    """The next spin of a stream of random numbers."""
    if rng.randrange(model.feature_one_in) == 0:
        return Spin(_multiple(model, rng.lognormvariate(model.feature_mu, model.feature_sigma)), feature=True)
    if rng.random() < model.hit_rate:
        return Spin(_multiple(model, rng.lognormvariate(model.base_mu, model.base_sigma)))
    return Spin(0)


def _multiple(model: Volatility, drawn: float) -> int:
    return min(int(drawn * 100), model.cap * 100)
