"""Rules of the conformance catalogue: the life of a game session."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, READ, Rule
from simulator.core.situations import Situation as _S

RULES = (
    Rule(
        id="SES-01",
        title="a whole session chains: details, balance, bet, win, balance",
        level=Level.DOCUMENTED,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | FRESH_WIN | ANSWER | READ | {_S.DETAILS_WRONG},
    ),
    Rule(
        id="SES-02",
        title="a win after the player closed the game is paid",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_WIN | ANSWER,
    ),
    Rule(
        id="SES-03",
        title="a round that was left open for hours still pays",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_WIN,
    ),
    Rule(
        id="SES-04",
        title="two sessions of one player may interleave",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_BET | FRESH_WIN | ANSWER | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="SES-05",
        title="reading the balance often changes nothing",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=READ | {_S.MONEY_FROM_NOWHERE},
    ),
    Rule(
        id="SES-06",
        title="every bet ends in a win or a refund",
        level=Level.INDUSTRY,
        meaning="",
        why="",
        source="",
        fix="",
        situations=frozenset(),
    ),
    Rule(
        id="SES-07",
        title="an interrupted round ends with its stake back or its win paid",
        level=Level.ADVICE,
        meaning="",
        why="",
        source="",
        fix="",
        situations=FRESH_REFUND | FRESH_WIN | ANSWER,
    ),
)
