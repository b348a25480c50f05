"""Trouble on demand: the panel's buttons, one line each in TROUBLES."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.delivery.player_queues import PlayerBusy
from simulator.errors import SimulatorError, UsageError
from simulator.play.problems import Error, PlayError
from simulator.play.views import written
from simulator.sessions import Session

if TYPE_CHECKING:
    from simulator.delivery.deliverer import Delivered
    from simulator.delivery.round_delivery import RoundDelivery

Fields = dict[str, Any]


def make_trouble(delivery: RoundDelivery, session: Session, fields: Fields) -> Fields:
    """Do what a button asks for; what was sent is told by its `outcome` and `balance`.

    PlayError: TROUBLE for one that there is not, IN_VAIN where there is nothing to send yet.
    """
    kind = fields.get("kind")
    trouble = TROUBLES.get(kind) if isinstance(kind, str) else None
    if trouble is None:
        raise PlayError(Error.TROUBLE, f"A trouble is one of {', '.join(TROUBLES)}.")
    try:
        delivered = trouble(delivery, session, fields)
    except PlayerBusy as error:
        raise PlayError(Error.BUSY, str(error)) from error
    except UsageError as error:
        raise PlayError(Error.IN_VAIN, str(error)) from error
    except SimulatorError as error:
        raise PlayError(Error.SERVER, str(error)) from error
    if delivered is None:
        return {}
    found: Fields = {"outcome": delivered.outcome}
    if delivered.balance is not None:
        found["balance"] = written(delivered.balance)
    return found


def _refund_last(delivery: RoundDelivery, session: Session, _: Fields) -> Delivered | None:
    return delivery.by_hand.refund_last_bet(session)


def _resend_last(delivery: RoundDelivery, session: Session, _: Fields) -> Delivered | None:
    return delivery.by_hand.send_last_again(session)


def _lose_reply(delivery: RoundDelivery, session: Session, _: Fields) -> Delivered | None:
    delivery.trouble.disturb_next(session.id)
    return None


def _slow_down(delivery: RoundDelivery, session: Session, fields: Fields) -> Delivered | None:
    slow_ms = fields.get("slow_ms")
    if not isinstance(slow_ms, int) or isinstance(slow_ms, bool):
        raise PlayError(Error.TROUBLE, "slow_ms is a whole number of milliseconds; 0 ends it.")
    delivery.trouble.slow_down(session.id, slow_ms)
    return None


def _refund_first(delivery: RoundDelivery, session: Session, _: Fields) -> Delivered | None:
    delivery.trouble.refund_first(session.id)
    return None


TROUBLES: dict[str, Callable[[RoundDelivery, Session, Fields], Delivered | None]] = {
    "refund_last": _refund_last,
    "resend_last": _resend_last,
    "lose_reply": _lose_reply,
    "slow_down": _slow_down,
    "refund_first": _refund_first,
}
