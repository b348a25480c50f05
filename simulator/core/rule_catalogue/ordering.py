"""Rules of the conformance catalogue: calls in an unexpected order."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, SHARED, Rule
from simulator.core.situations import Situation as _S

RULES = (
    Rule(
        id="ORD-01",
        title="a win without a bet is credited whole or refused",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset(
            {_S.WIN_NOT_CREDITED, _S.WIN_WRONG_AMOUNT, _S.WIN_REFUSED_BUT_CREDITED, _S.NO_ANSWER}
        ),
    ),
    Rule(
        id="ORD-02",
        title="a bet that arrives after its accepted refund is not charged",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset({_S.UNKNOWN_REFUND_CREDITED, _S.LATE_BET_TAKEN, _S.NO_ANSWER}),
    ),
    Rule(
        id="ORD-03",
        title="refunds that overtake a whole round add up to nothing",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_WIN
        | {_S.UNKNOWN_REFUND_CREDITED, _S.LATE_BET_TAKEN, _S.WIN_ID_REFUND_CREDITED, _S.NO_ANSWER},
    ),
    Rule(
        id="ORD-04",
        title="several wins on one bet are all paid",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_WIN | SHARED | ANSWER | {_S.REPEATED_WIN_CREDITED_AGAIN, _S.ZERO_MOVED},
    ),
    Rule(
        id="ORD-05",
        title="bets and wins of several rounds may interleave",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | FRESH_WIN | ANSWER,
    ),
    Rule(
        id="ORD-06",
        title="a win long after its bet is paid",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_WIN | ANSWER,
    ),
    Rule(
        id="ORD-07",
        title="a win after its bet was refunded is paid once or refused",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_REFUND
        | {_S.WIN_NOT_CREDITED, _S.WIN_WRONG_AMOUNT, _S.WIN_REFUSED_BUT_CREDITED, _S.NO_ANSWER},
    ),
    Rule(
        id="ORD-08",
        title="a player may change the game between two rounds",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | FRESH_WIN | ANSWER,
    ),
    Rule(
        id="ORD-09",
        title="a second win for a settled bet is paid",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_WIN | ANSWER | {_S.POLICY_BROKEN},
    ),
)
