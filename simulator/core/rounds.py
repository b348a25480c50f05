"""Spins, which a seed determines, by volatility models with about 96.5 % return; and the calls of a round.

Drawing uses floating point, money does not: a payout factor becomes an integer number of hundredths before
it is multiplied with a stake, rounded down to cents.

A round is a generator that yields requests and is sent how each reply was read, without I/O. Where the
reference is silent, its rules are assumptions about providers: a bet is never sent again, and refunded if its
outcome is unknown; wins and refunds are sent again until they are answered; a refusal is final.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from enum import StrEnum
from itertools import count
from random import Random

from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest


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
    """The result of one spin: it pays `factor_hundredths` of the stake, or exactly `fixed`.

    `feature` is the bonus.
    """

    factor_hundredths: int
    feature: bool = False
    fixed: Money | None = None

    def payout(self, stake: Money) -> Money:
        """Return the win for that stake, rounded down to cents."""
        if self.fixed is not None:
            return self.fixed
        return Money(stake * self.factor_hundredths // 100)


def spin(model: Volatility, *key: str | int) -> Spin:
    """Return the spin of a key such as (seed, agent, session, round): the same key gives the same spin."""
    return draw_spin(model, Random("\x1f".join(map(str, key))))


def draw_spin(model: Volatility, rng: Random) -> Spin:
    """Return the next spin of a random number generator."""
    if rng.randrange(model.feature_one_in) == 0:
        return bonus_spin(model, rng)
    if rng.random() < model.hit_rate:
        return Spin(_multiple(model, rng.lognormvariate(model.base_mu, model.base_sigma)))
    return Spin(0)


def bonus_spin(model: Volatility, rng: Random) -> Spin:
    """Return a spin with the bonus, which pays what a bonus of the model pays."""
    return Spin(_multiple(model, rng.lognormvariate(model.feature_mu, model.feature_sigma)), feature=True)


def _multiple(model: Volatility, drawn: float) -> int:
    return min(int(drawn * 100), model.cap * 100)


# --- rounds ---------------------------------------------------------------------------------------


class Ask(Frozen):
    """One call that a flow yields. `attempt` counts from 1 for calls that are sent again."""

    request: WebhookRequest
    attempt: int = 1


class Ending(StrEnum):
    """How a round ended."""

    PAID = "paid"
    REFUSED = "refused"
    REFUNDED = "refunded"
    UNDELIVERED = "undelivered"


Flow = Generator[Ask, Outcome, Ending]


class RoundPlan(Frozen):
    """One round: the player, the game, ids and amounts; `win` is None if no win is sent for a loss."""

    player: str
    game: str
    bet_id: str
    stake: Money
    win_id: str
    win: Money | None


def play_round(plan: RoundPlan, *, attempts: int | None = None) -> Flow:
    """Play one round: the bet, then the win, or the refund of a bet without an answer.

    `attempts` limits how often a win or a refund is sent; with None the driver decides when to send it again,
    and gives up by closing the flow.
    """
    bet = WebhookRequest(Method.BET, plan.player, plan.stake, plan.bet_id, plan.game)
    outcome = yield Ask(bet)
    if outcome is Outcome.REFUSED:
        return Ending.REFUSED
    if outcome is Outcome.UNKNOWN:
        refund = WebhookRequest(Method.REFUND, plan.player, plan.stake, plan.bet_id)
        answered = yield from _until_answered(refund, attempts)
        return Ending.REFUNDED if answered else Ending.UNDELIVERED
    if plan.win is None:
        return Ending.PAID
    win = WebhookRequest(Method.WIN, plan.player, plan.win, plan.win_id, plan.game)
    answered = yield from _until_answered(win, attempts)
    return Ending.PAID if answered else Ending.UNDELIVERED


def _until_answered(request: WebhookRequest, attempts: int | None) -> Generator[Ask, Outcome, bool]:
    turns: Iterator[int] = count(1) if attempts is None else iter(range(1, attempts + 1))
    for attempt in turns:
        outcome = yield Ask(request, attempt)
        if outcome is not Outcome.UNKNOWN:
            return True
    return False
