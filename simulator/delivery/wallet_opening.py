"""What a wallet says at a launch: whose account it is, and how much is in it. Pure."""

from __future__ import annotations

from dataclasses import field

from simulator.core import exact_json
from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.core.webhooks import Reply
from simulator.core.wire import WireProfile
from simulator.delivery.deliverer import Delivered

SHOWN_LENGTH_MAX = 200


class WalletOpening(Frozen):
    """The two answers of a launch. `balance` is None where it cannot be read, and `problem` says why.

    `details` are the fields of `account_details` that are texts, in the operator's names, without the id.
    """

    balance: Money | None
    details_outcome: Outcome
    balance_outcome: Outcome
    problem: str
    numbers: tuple[int, ...]
    details: dict[str, str] = field(default_factory=dict)


def opening_of(details: Delivered, balance: Delivered, wire: WireProfile) -> WalletOpening:
    """Both answers as one."""
    return WalletOpening(
        balance=balance.balance,
        details_outcome=details.outcome,
        balance_outcome=balance.outcome,
        problem=balance.problem or details.problem,
        numbers=(*details.numbers, *balance.numbers),
        details=_texts(details, wire),
    )


def _texts(details: Delivered, wire: WireProfile) -> dict[str, str]:
    reply = details.sent.exchange.reply
    if details.outcome is not Outcome.ACCEPTED or not isinstance(reply, Reply):
        return {}
    try:
        found = exact_json.parse(reply.body.decode()).value
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    named = ((name, found.get(name)) for name in wire.reply.details)
    return {name: text[:SHOWN_LENGTH_MAX] for name, text in named if isinstance(text, str)}
