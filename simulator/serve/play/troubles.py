"""Make a game do what a test needs: a round with a chosen outcome, and troubles between game and wallet."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Any

from simulator.core.calls import FaultKind
from simulator.core.mappings import WHOLE_MAX, Fields, Wrong
from simulator.core.money import ZERO, Money, format_money
from simulator.core.rounds import VOLATILITIES, Spin, bonus_spin
from simulator.core.webhooks import Method
from simulator.errors import SimulatorError, UsageError
from simulator.serve.accounts import Session
from simulator.serve.answers import Denied, ErrorCode
from simulator.serve.by_hand import Armed, RoundTrouble
from simulator.serve.fields import amount_in
from simulator.serve.turns import PlayerBusy

if TYPE_CHECKING:
    from simulator.serve.calls import Delivered
    from simulator.serve.delivery import RoundDelivery
    from simulator.serve.play.seats import Seat

SLOW_MS = 2000
"""How slow each call becomes where a request does not say it."""

MONEY_METHODS = {"bet": Method.BET, "win": Method.WIN, "refund": Method.REFUND}

# --- the outcome of a round -----------------------------------------------------------------------


class RoundOutcome(StrEnum):
    """What a round brings. SEEDED: what the seed draws; `win AMOUNT` stands beside these."""

    SEEDED = "seeded"
    LOSS = "loss"
    BIG_WIN = "big_win"
    BONUS = "bonus"


BIG_WIN_HUNDREDTHS = (2_500, 10_000)
"""A big win pays between these hundredths of the stake."""


def forced_spin(fields: Fields, stake: Money, seat: Seat) -> Spin | None:
    """Return the spin of the outcome that a request wants, or None where it leaves it to the seed.

    Raises Wrong for an outcome that is none of `seeded`, `loss`, `win AMOUNT`, `big_win` and `bonus`.
    """
    if "outcome" not in fields:
        return None
    text = fields.text("outcome")
    if text.startswith("win "):
        return Spin(0, fixed=fields.needed("outcome", _won, 'an amount above 0.00 after "win"'))
    outcome = RoundOutcome(fields.word("outcome", (*RoundOutcome, "win AMOUNT")))
    launch = seat.session.launch
    chance = Random(f"{launch.agent.code} {seat.session.number} {len(seat.rounds())} {stake}")
    match outcome:
        case RoundOutcome.LOSS:
            return Spin(0)
        case RoundOutcome.BIG_WIN:
            return Spin(chance.randint(*BIG_WIN_HUNDREDTHS))
        case RoundOutcome.BONUS:
            return bonus_spin(VOLATILITIES[launch.game.volatility], chance)
    return None


def _won(value: Any) -> Money:
    amount = amount_in(str(value).removeprefix("win ").strip())
    if amount <= ZERO:
        raise ValueError
    return amount


# --- troubles -------------------------------------------------------------------------------------


def make_trouble(delivery: RoundDelivery, session: Session, fields: Fields) -> dict[str, Any]:
    """Make the trouble of a request; return outcome, balance and exchanges of a call that was sent.

    Raises Denied: TROUBLE for an unknown one, IN_VAIN if there is nothing to send yet.
    """
    try:
        delivered = TROUBLES[fields.word("kind", TROUBLES)](delivery, session, fields)
    except Wrong as wrong:
        raise Denied(ErrorCode.TROUBLE, str(wrong)) from None
    except PlayerBusy as error:
        raise Denied(ErrorCode.ROUND_RUNS, str(error)) from error
    except UsageError as error:
        raise Denied(ErrorCode.IN_VAIN, str(error)) from error
    except SimulatorError as error:
        raise Denied(ErrorCode.SERVER, str(error)) from error
    if delivered is None:
        return {}
    found: dict[str, Any] = {"outcome": delivered.outcome, "exchanges": list(delivered.numbers)}
    if delivered.balance is not None:
        found["balance"] = format_money(delivered.balance)
    return found


def armed_json(armed: Armed) -> dict[str, Any]:
    """Return the troubles that are armed, by the names of their kinds."""
    faults = {
        "lose_reply": FaultKind.LOST_REPLY,
        "reset": FaultKind.RESET,
        "timeout": FaultKind.TIMEOUT,
        "at_once": FaultKind.DUPLICATE,
    }
    return {
        **{name: armed.next_fault is kind for name, kind in faults.items()},
        "slow": armed.slow_ms,
        **{each.value: each in armed.rounds for each in RoundTrouble},
    }


Make = Callable[["RoundDelivery", Session, Fields], "Delivered | None"]


def _on(fields: Fields) -> Method | None:
    """Return the method that the trouble is for; None is the next bet, win or refund."""
    return MONEY_METHODS[fields.word("on", MONEY_METHODS)] if "on" in fields else None


def _fault(kind: FaultKind) -> Make:
    def make(delivery: RoundDelivery, session: Session, fields: Fields) -> None:
        delivery.trouble.disturb_next(session.id, kind, _on(fields))

    return make


def _round(trouble: RoundTrouble) -> Make:
    def make(delivery: RoundDelivery, session: Session, _: Fields) -> None:
        delivery.trouble.disturb_round(session.id, trouble)

    return make


def _slow(delivery: RoundDelivery, session: Session, fields: Fields) -> None:
    slow_ms = fields.whole("slow_ms", SLOW_MS, low=-WHOLE_MAX)
    delivery.trouble.slow_down(session.id, slow_ms, _on(fields))


def _duplicate(delivery: RoundDelivery, session: Session, fields: Fields) -> Delivered:
    return delivery.by_hand.send_last_again(session, _on(fields))


def _refund_last(delivery: RoundDelivery, session: Session, _: Fields) -> Delivered:
    return delivery.by_hand.refund_last_bet(session)


TROUBLES: dict[str, Make] = {
    "lose_reply": _fault(FaultKind.LOST_REPLY),
    "reset": _fault(FaultKind.RESET),
    "timeout": _fault(FaultKind.TIMEOUT),
    "at_once": _fault(FaultKind.DUPLICATE),
    "slow": _slow,
    "duplicate": _duplicate,
    "refund_last": _refund_last,
    **{each.value: _round(each) for each in RoundTrouble},
}
