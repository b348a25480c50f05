"""Rules of the conformance catalogue: latency and load."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.rule_catalogue.rule import CONCURRENT, FRESH_BET, Rule
from simulator.core.situations import Situation as _S

RULES = (
    Rule(
        id="PER-01",
        title="answers come within 300 ms",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.SLOW}),
    ),
    Rule(
        id="PER-02",
        title="a call is given up after a few seconds",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.NO_ANSWER, _S.SLOW}),
    ),
    Rule(
        id="PER-03",
        title="fifty calls a second for a minute are answered right and in time",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=CONCURRENT | {_S.SLOW, _S.NO_ANSWER},
    ),
    Rule(
        id="PER-04",
        title="a burst of 250 calls a second leaves the money right",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=CONCURRENT | {_S.NO_ANSWER},
    ),
    Rule(
        id="PER-05",
        title="one busy player loses no update",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=CONCURRENT | FRESH_BET,
    ),
    Rule(
        id="PER-06",
        title="answers do not get slower with ten thousand transactions",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.SLOW}),
    ),
)
