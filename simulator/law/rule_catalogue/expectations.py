"""Rules of the conformance catalogue: what a scenario or a policy asks for by itself."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="EXP-01",
        title="what the scenario expects is what happens",
        level=Level.INDUSTRY,
        meaning=(
            "A scenario says with expect: or is: what it relies on, beyond what the ledger demands, and "
            "the answer was another."
        ),
        why=(
            "The author of the scenario relies on it; what it is worth stands in the scenario's own "
            "description."
        ),
        source="The scenario itself. It has no covers:, else its first check would be named here.",
        fix=(
            "Read the scenario. If the answer is right by your own documents, the expectation is too "
            "narrow: change it to either, or leave it out."
        ),
        situations=frozenset({_S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="EXP-02",
        title="the pinned dialect is kept",
        level=Level.INDUSTRY,
        meaning=(
            "Where guides disagree on an answer, a policy was pinned with --policy or policy:, and the "
            "answer was the other one."
        ),
        why="The money is right. The provider that you pinned the policy for relies on this shape.",
        source="The pinned policy.",
        fix="Change the answer, or leave the knob at its default, any.",
        situations=frozenset({_S.POLICY_BROKEN}),
    ),
)
