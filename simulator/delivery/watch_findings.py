"""What the ledger saw during play, by name: which mistake a balance shows, and whose, or that it is none."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.core.diagnosis import situation_of
from simulator.core.findings import Outcome, Severity
from simulator.core.frozen import Frozen
from simulator.core.money import ZERO, Money, format_change
from simulator.core.reading import Reading
from simulator.core.roles import Role
from simulator.core.situations import Situation
from simulator.core.webhooks import Method, WebhookRequest
from simulator.delivery.journal_entry import PlayFinding
from simulator.delivery.player_queues import Player


class Suspect(Frozen):
    """A call whose effect a balance read has to tell. `possible`: its answer alone is not wrong.

    `before` and `expected` are the balances that the player may have had before it, and may have after it;
    `resent`: it went out before and was not answered.
    """

    player: Player
    request: WebhookRequest
    outcome: Outcome
    role: Role
    before: tuple[Money, ...]
    expected: tuple[Money, ...]
    stake: Money | None
    forms: tuple[PlayFinding, ...]
    possible: bool
    must_settle: bool
    resent: bool


def telling(suspect: Suspect, balance: Money) -> bool:
    """Whether a movement is one of those that mistakes of wallets make, and another hand hardly."""
    amount = suspect.request.amount or 0
    if suspect.role is Role.UNAFFORDABLE_BET and balance <= ZERO:
        return True
    moved = balance - suspect.before[0]
    return moved in (0, amount, -amount, 2 * amount, -2 * amount)


def situation_after(suspect: Suspect, balance: Money | None) -> Situation:
    """What this call did, when a read after it shows `balance`; None is a read that nobody answered."""
    amount, role, stake = suspect.request.amount, suspect.role, suspect.stake
    moved = None if balance is None else Money(balance - suspect.before[0])
    if suspect.resent and moved is not None and moved == 2 * (amount or 0):
        # The attempt that was not answered took effect, and this one did once more.
        role = _AGAIN.get(suspect.request.method, role)
    if role is Role.REFUND_OF_UNKNOWN and len(suspect.before) > 1 and moved == 0:
        # The bet that was not answered had been taken, and its stake is still gone.
        role, stake = Role.DUE_REFUND, amount
    return situation_of(role, suspect.outcome, amount, moved, stake)


_AGAIN = {Method.WIN: Role.REPEATED_WIN, Method.REFUND: Role.REPEATED_REFUND}


def blame(
    recent: Iterable[Suspect], expected: tuple[Money, ...], balance: Money, times: tuple[int, ...]
) -> PlayFinding | None:
    """The latest call that explains all of a wrong balance, if it took effect so many `times`."""
    for call in reversed(tuple(recent)):
        effect = call.expected[0] - call.before[0] if call.outcome is Outcome.ACCEPTED else 0
        moved = effect + balance - expected[0]
        if effect and moved in [effect * each for each in times]:
            situation = situation_of(call.role, call.outcome, call.request.amount, Money(moved), call.stake)
            about = f"{call.request.method.noun} {call.request.transaction_id}"
            return money_finding(situation, call.request.method, expected, balance, about)
    return None


def inactive(status: str | None) -> bool:
    """What `user_balance` says of the account, as JSON; no status, or a word for one, says nothing."""
    number = (status or "1").strip('"')
    return number == "false" or (number.isdecimal() and number != "1")


def form_findings(reading: Reading) -> tuple[PlayFinding, ...]:
    """How the reply is written, where it is not as documented."""
    return tuple(
        PlayFinding(each.rule, each.severity, f"form:{each.rule}:{each.form}", each.message)
        for each in reading.deviations
    )


def money_finding(
    situation: Situation, method: Method, expected: tuple[Money, ...], found: Money | None, about: str = ""
) -> PlayFinding:
    """Money that is not where it should be; `about` names the call where it is another one's doing."""
    # The texts of rules and situations are read by the first finding, not at every start.
    from simulator.core.rules import rule_of
    from simulator.core.situation_words import CAUSE_TITLE, WHY

    return PlayFinding(
        rule=rule_of(situation, (), method),
        severity=Severity.ERROR,
        cause=situation.value,
        message=CAUSE_TITLE[situation] + (f" ({about})" if about else ""),
        why=WHY[situation],
        expected=expected,
        found=found,
    )


def someone_else(expected: tuple[Money, ...], found: Money) -> PlayFinding:
    """The balance moved between our calls: not by itself a mistake."""
    # As above.
    from simulator.core.rules import rule_of

    situation = Situation.MONEY_FROM_NOWHERE
    by = format_change(Money(found - expected[0]))
    return PlayFinding(
        rule=rule_of(situation),
        severity=Severity.NOTE,
        cause=situation.value,
        message=f"someone else uses this player: the balance changed by {by} with nothing of ours in flight",
        why="the ledger goes on from the balance it read; with nobody else at it, money was lost or made",
        expected=expected,
        found=found,
    )


def not_active(status: str, expected: tuple[Money, ...], found: Money) -> PlayFinding:
    """A refused bet of an account that says it is not active."""
    # As above.
    from simulator.core.rules import rule_of

    situation = Situation.BLOCKED_PLAYER_WRONG
    return PlayFinding(
        rule=rule_of(situation, (), Method.BET),
        severity=Severity.NOTE,
        cause="account-not-active",
        message=f"the account is not active (status {status}), so its bets may be refused",
        expected=expected,
        found=found,
    )
