"""Which checks of the catalogue the scenarios cover, and why the others are open. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.core.steps import Scenario
from simulator.core.values import Frozen
from simulator.law.rule_catalogue.rule import Rule
from simulator.law.rules import CATALOGUE

_OURS = "about the simulator's own behaviour; its own tests show it"

_CLOCK = "needs a clock that can be moved on the target"

_AGREED = "the reference documents none; `send` with headers tests what you agreed on"

_LOAD = "needs load over time"

OPEN_REASONS: dict[str, str] = {
    "CON-16": _OURS,
    "REF-13": _CLOCK,
    "TMO-06": _OURS,
    "TMO-07": _OURS,
    "TMO-08": _CLOCK,
    "TMO-09": _OURS,
    **{f"SEC-{number:02d}": _AGREED for number in range(1, 7)},
    "SEC-08": "needs calls from an address that is not on the list",
    "SES-03": _CLOCK,
    "SES-06": "told as a note on one's own scenarios: open bets are nobody's mistake by themselves",
    "DEM-01": _OURS,
    "DEM-02": "needs to know which players of the target are for DEMO",
    "DEM-03": "needs DEMO sessions, which send nothing to the wallet",
    "DEM-04": _OURS,
    "CUR-02": "the webhooks carry no currency",
    "CUR-03": "the reference knows two decimals only",
    "CUR-04": "the webhooks do not name a wallet",
    "PER-02": _OURS,
    "PER-03": _LOAD,
    "PER-06": _LOAD,
}
"""Why a check that no bundled scenario covers has none yet, or cannot have one."""


class Covered(Frozen):
    """One check of the catalogue. `files` name the scenario files that cover it, each once, in order.

    `reason` says why there are none; empty where there are.
    """

    rule: Rule
    files: tuple[str, ...]
    reason: str


def coverage(scenarios: Iterable[Scenario]) -> tuple[Covered, ...]:
    """The whole catalogue in its order."""
    files: dict[str, dict[str, None]] = {}
    for scenario in scenarios:
        for rule_id in scenario.covers:
            files.setdefault(rule_id, {})[scenario.place.file] = None
    return tuple(_covered(rule, tuple(files.get(rule.id, ()))) for rule in CATALOGUE)


def _covered(rule: Rule, files: tuple[str, ...]) -> Covered:
    reason = "" if files else OPEN_REASONS.get(rule.id, "no scenario covers it yet")
    return Covered(rule, files, reason)
