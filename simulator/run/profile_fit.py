"""Find the wire profile that a wallet understands, with a bet of 0.01 that is refunded at once."""

from __future__ import annotations

import secrets

from simulator.core.findings import Outcome
from simulator.core.money import CENT, Money, format_money
from simulator.core.profiles import WireProfile
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, WebhookRequest
from simulator.judge.replies import read_reply
from simulator.scenario.limits import Limits
from simulator.wire.profiles import PROFILES
from simulator.wire.sender import Sender
from simulator.wire.writing import OpenRound, write

WHOLE_UNIT = Money(100)


class TriedBet(Frozen):
    """A small bet, `accepted` or not. `fits`: it took `amount` from `balance`; `refunded`: and paid back."""

    exchange: Exchange
    balance: Money | None
    amount: Money = CENT
    accepted: bool = False
    fits: bool = False
    refunded: bool = False


def try_bet(sender: Sender, profile: WireProfile, player: str, limits: Limits) -> TriedBet:
    """Send a bet of 0.01 in that profile, or of 1.00 if that is too small; refund it if it was taken."""
    trial = _try(sender, profile, player, CENT, limits)
    if trial.accepted or trial.fits or trial.balance is None or trial.balance < WHOLE_UNIT:
        return trial
    larger = _try(sender, profile, player, WHOLE_UNIT, limits)
    return larger if larger.fits else trial


def _try(sender: Sender, profile: WireProfile, player: str, amount: Money, limits: Limits) -> TriedBet:
    transaction_id = limits.ids.written(f"fit-{secrets.token_hex(6)}")
    bet = WebhookRequest(Method.BET, player, amount, transaction_id, limits.game(None))
    before, exchange = _balance(sender, profile, player)
    if before is None or before < amount:
        return TriedBet(exchange, before, amount)
    exchange = sender.call(bet, write(bet, profile))
    accepted = read_reply(bet, exchange.reply, profile).outcome is Outcome.ACCEPTED
    after, _ = _balance(sender, profile, player)
    if after != before - amount:
        return TriedBet(exchange, before, amount, accepted)
    refund = WebhookRequest(Method.REFUND, player, amount, bet.transaction_id)
    open_round = OpenRound(transaction_id, amount, limits.game(None))
    sender.call(refund, write(refund, profile, open_round=open_round))
    return TriedBet(exchange, before, amount, accepted, True, _balance(sender, profile, player)[0] == before)


def fitting_profiles(sender: Sender, used: str, player: str, limits: Limits) -> tuple[str, ...]:
    """Return the shipped profiles other than `used` that fit, each as a flag.

    No profile is tried after one whose refund does not pay the 0.01 back.
    """
    found = []
    for name, profile in PROFILES.items():
        if name == used:
            continue
        trial = try_bet(sender, profile, player, limits)
        if trial.fits:
            back = "was refunded" if trial.refunded else "was not refunded"
            found.append(f"--wire {name} (a bet of {format_money(trial.amount)} was taken, and {back})")
            if not trial.refunded:
                break
    return tuple(found)


def _balance(sender: Sender, profile: WireProfile, player: str) -> tuple[Money | None, Exchange]:
    request = WebhookRequest(Method.BALANCE, player)
    exchange = sender.call(request, write(request, profile))
    return read_reply(request, exchange.reply, profile).for_unknown_player.balance, exchange
