"""Rules of the conformance catalogue: the life of a game session."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, READ, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="SES-01",
        title="a whole session chains: details, balance, bet, win, balance",
        level=Level.DOCUMENTED,
        meaning=(
            "account_details, user_balance, a bet, a win and user_balance again chain: each answer "
            "follows from the one before."
        ),
        why="This is the everyday life of the integration. If it breaks, nothing else matters.",
        source="The BetronTech reference: its own figures chain.",
        fix="See CON-01 to CON-05 for the call that broke the chain.",
        situations=FRESH_BET | FRESH_WIN | ANSWER | READ | {_S.DETAILS_WRONG},
    ),
    Rule(
        id="SES-02",
        title="a win after the player closed the game is paid",
        level=Level.INDUSTRY,
        meaning="A win that arrives after the player closed the game is paid.",
        why=(
            "Players close the browser in the middle of a spin, most of all when they lose patience "
            "during a big win."
        ),
        source="Tom Horn's FAQ, LPM's go-live list.",
        fix="Do not check the session on wins and refunds.",
        situations=FRESH_WIN | ANSWER,
    ),
    Rule(
        id="SES-03",
        title="a round that was left open for hours still pays",
        level=Level.INDUSTRY,
        meaning="The wins of a feature round that was left open for hours are paid.",
        why="Free spins are saved and played tomorrow.",
        source="Tom Horn's FAQ.",
        fix="No time limit between a bet and its wins.",
        situations=FRESH_WIN,
    ),
    Rule(
        id="SES-04",
        title="two sessions of one player may interleave",
        level=Level.INDUSTRY,
        meaning="Two sessions of one player, in two games, may interleave; the balance is one and is right.",
        why="Phone and desktop are open at the same time. A balance kept per session drifts apart.",
        source="jackpot.studio's lifecycles.",
        fix="One balance a player, in one row. Nothing of it in the session.",
        situations=FRESH_BET | FRESH_WIN | ANSWER | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="SES-05",
        title="reading the balance often changes nothing",
        level=Level.INDUSTRY,
        meaning="Reading the balance often is cheap and changes nothing.",
        why="Some providers poll each minute for every open game.",
        source="SlotCity polls every minute.",
        fix=(
            'No writes in a read, no "last seen" update under the balance\'s lock, no rate limit of the '
            "player on this method."
        ),
        situations=READ | {_S.MONEY_FROM_NOWHERE},
    ),
    Rule(
        id="SES-06",
        title="every bet ends in a win or a refund",
        level=Level.INDUSTRY,
        meaning=(
            "Every bet ends in a win, of 0.00 or more, or in a refund. Bets that your own scenarios leave "
            "open are told in a note at the end of a run; a tip to the dealer stays open by nature."
        ),
        why="An open bet is a round that nobody settled: money in limbo that an auditor will ask about.",
        source='Microgaming ("must reach completed or cancelled"), LPM.',
        fix="Nothing to refuse in the wallet; keep a report of bets without a win or refund.",
        situations=frozenset(),
    ),
    Rule(
        id="SES-07",
        title="an interrupted round ends with its stake back or its win paid",
        level=Level.ADVICE,
        meaning="A round that was interrupted ends with its stake back or with its win paid.",
        why="Regulators ask what became of interrupted games, and so do players.",
        source="Queensland s159A and NT s123; the rules of other regulators are similar.",
        fix="Take refunds and late wins at any time (REF-12, ORD-06).",
        situations=FRESH_REFUND | FRESH_WIN | ANSWER,
    ),
)
