"""Rules of the conformance catalogue: a balance that cannot pay."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, READ, Rule
from simulator.core.situations import Situation as _S

RULES = (
    Rule(
        id="INS-01",
        title="a bet over the balance is refused and moves nothing",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset(
            {_S.OVERDRAFT, _S.OVERDRAFT_REFUSED_BUT_TAKEN, _S.MALFORMED_ACCEPTED, _S.NO_ANSWER}
        ),
    ),
    Rule(
        id="INS-02",
        title="after a refused bet a payable one is taken",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | ANSWER,
    ),
    Rule(
        id="INS-03",
        title="a refusal for funds says what the balance is",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="INS-04",
        title="a player with 0.00 still gets wins and refunds",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_WIN | FRESH_REFUND | ANSWER | READ | {_S.ZERO_MOVED},
    ),
    Rule(
        id="INS-05",
        title="a refused bet leaves nothing behind",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset(
            {_S.REFUSED_BET_REFUND_CREDITED, _S.REPEAT_OF_REFUSED_WRONG, _S.BALANCE_READ_WRONG}
        ),
    ),
    Rule(
        id="INS-06",
        title="an enormous bet is refused without an error of the server",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.OVERDRAFT, _S.OVERDRAFT_REFUSED_BUT_TAKEN, _S.NO_ANSWER}),
    ),
)
