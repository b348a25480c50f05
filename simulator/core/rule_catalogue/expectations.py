"""Rules of the conformance catalogue: what a scenario or a policy asks for by itself."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.rule_catalogue.rule import Rule
from simulator.core.situations import Situation as _S

RULES = (
    Rule(
        id="EXP-01",
        title="what the scenario expects is what happens",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="EXP-02",
        title="the pinned dialect is kept",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.POLICY_BROKEN}),
    ),
)
