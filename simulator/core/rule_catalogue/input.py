"""Rules of the conformance catalogue: malformed calls."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.rule_catalogue.rule import FRESH_BET, FRESH_WIN, MALFORMED, READ, SHARED, Rule
from simulator.core.situations import Situation as _S

RULES = (
    Rule(
        id="BAD-01",
        title="a negative amount moves no money",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=MALFORMED | {_S.BET_CREDITED, _S.REFUND_DEBITED, _S.REFUND_OVER_STAKE, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-02",
        title="an amount that is no amount is refused",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=MALFORMED | FRESH_BET | {_S.ODD_AMOUNT_WRONG, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-03",
        title="a call without a required field is refused",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=MALFORMED | {_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-04",
        title="what is not a JSON object is refused",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=MALFORMED | {_S.NO_ANSWER},
    ),
    Rule(
        id="BAD-05",
        title="a key that comes twice has one reading",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=MALFORMED | FRESH_BET | {_S.SAME_ID_OTHER_AMOUNT_MOVED, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-06",
        title="a user_id that comes as a number is the same player or refused",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | READ | {_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-07",
        title="any Unicode in an id is survived",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | FRESH_WIN | MALFORMED | SHARED | {_S.NO_ANSWER},
    ),
    Rule(
        id="BAD-08",
        title="another Content-Type is understood or refused",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | MALFORMED | {_S.NO_ANSWER},
    ),
)
