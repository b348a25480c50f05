"""Every rule that a finding can name, found by id or by what happened.

The texts stand in `rule_catalogue`, a module a group. A run imports this module when it makes its first
finding; `situations` alone is on the way of every run.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean
from simulator.errors import UsageError
from simulator.law.rule_catalogue import (
    balances,
    concurrency,
    contract,
    expectations,
    funds,
    ids,
    limits,
    malformed,
    ordering,
    performance,
    precision,
    refund_limits,
    refunds,
    repeats,
    security,
    sessions,
    signatures,
    timeouts,
    transport,
    unknown,
)
from simulator.law.rule_catalogue.rule import Rule
from simulator.law.situations import DEFAULT_RULE, METHOD_RULE, Situation

__all__ = ["CATALOGUE", "RULES", "Rule", "UnknownRule", "rule", "rule_of"]

CATALOGUE: tuple[Rule, ...] = (
    *contract.RULES,
    *transport.RULES,
    *precision.RULES,
    *balances.RULES,
    *repeats.RULES,
    *ids.RULES,
    *ordering.RULES,
    *refunds.RULES,
    *refund_limits.RULES,
    *funds.RULES,
    *unknown.RULES,
    *concurrency.RULES,
    *timeouts.RULES,
    *signatures.RULES,
    *security.RULES,
    *malformed.RULES,
    *sessions.RULES,
    *limits.RULES,
    *performance.RULES,
)
"""The checks of the conformance catalogue, in its order."""


def rule(rule_id: str) -> Rule:
    """The rule of that id, written in any case and with or without the zero. Raises UnknownRule."""
    group, dash, number = rule_id.strip().upper().partition("-")
    found = RULES.get(group + dash + number.zfill(2))
    if found is None:
        raise UnknownRule(rule_id)
    return found


RULES: dict[str, Rule] = {rule.id: rule for rule in (*CATALOGUE, *expectations.RULES)}
"""Every rule by id: the catalogue, and what a scenario or a policy asks for by itself."""


class UnknownRule(UsageError):
    """No rule has that id; the message names the one that was probably meant."""

    def __init__(self, found: str) -> None:
        hint = did_you_mean(found, RULES)
        super().__init__(f'there is no rule "{found}"{hint} (`betrontech-sim explain` lists all)')


def rule_of(situation: Situation, covers: Sequence[str] = (), method: Method | None = None) -> str:
    """The id of the rule that a finding of this situation names.

    The first of the checks that the scenario covers which can be reported for the situation; else the rule
    of the situation and the method of the call; else the rule of the situation. A failed expectation is
    the scenario's own, so its first check names it.
    """
    if situation is Situation.EXPECTATION_FAILED and covers:
        return covers[0]
    for covered in covers:
        if covered in RULES and situation in RULES[covered].situations:
            return covered
    if method is not None and (situation, method) in METHOD_RULE:
        return METHOD_RULE[situation, method]
    return DEFAULT_RULE[situation]
