"""The words for what the ledger saw during play: findings of money, of form, and of somebody else's hand."""

from __future__ import annotations

from simulator.core.findings import Severity
from simulator.core.money import Money, format_change
from simulator.core.reading import Reading
from simulator.core.situations import Situation
from simulator.core.webhooks import Method
from simulator.delivery.journal_entry import PlayFinding


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
