"""Which checks of the catalogue the scenarios cover, and why the others have no scenario.

It is a module of its own because both `list` and the certificate show it, each in its own form.
"""

from __future__ import annotations

from collections.abc import Iterable

from simulator.core.steps import Scenario
from simulator.core.values import Frozen
from simulator.law.rules import Rule, checks


class Covered(Frozen):
    """One check of the catalogue. `files` name the scenario files that cover it, each once, in order.

    `reason` says why there are none; it is empty where there are some.
    """

    rule: Rule
    files: tuple[str, ...]
    reason: str


def coverage(scenarios: Iterable[Scenario]) -> tuple[Covered, ...]:
    """Return what covers each check of the catalogue, in its order."""
    files: dict[str, dict[str, None]] = {}
    for scenario in scenarios:
        for rule_id in scenario.covers:
            files.setdefault(rule_id, {})[scenario.place.file] = None
    return tuple(_covered(rule, tuple(files.get(rule.id, ()))) for rule in checks())


def _covered(rule: Rule, files: tuple[str, ...]) -> Covered:
    reason = "" if files else rule.no_scenario or "no scenario covers it yet"
    return Covered(rule, files, reason)
