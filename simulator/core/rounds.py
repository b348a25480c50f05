"""Game rounds as flows: generators that yield requests and are sent how the reply was read. No I/O.

The rules are our assumption where the reference is silent (provider behaviour): a bet is never sent again,
its unknown outcome is refunded; a win and a refund are sent again until answered; a refusal is final.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from enum import StrEnum
from itertools import count

from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest


class Ask(Frozen):
    """One call that a flow wants made. `attempt` counts from 1 for calls that are sent again."""

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
    """One round: who plays what for how much; `win` None when the provider sends no win for a loss."""

    player: str
    game: str
    bet_id: str
    stake: Money
    win_id: str
    win: Money | None


def play_round(plan: RoundPlan, *, attempts: int | None = None) -> Flow:
    """Bet, then win, by the provider's rules.

    `attempts` bounds how often a win or a refund is sent; None sends until answered, and the driver decides
    when (the retry ladder) or gives up by closing the flow.
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
