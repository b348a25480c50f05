"""Rules of the conformance catalogue: limits, DEMO play and currencies."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="LIM-01",
        title="a bet over the operator's limit is refused and moves nothing",
        level=Level.INDUSTRY,
        meaning="A bet over the limit that the operator configured is refused cleanly and moves nothing.",
        why=(
            "Limits protect the player and the licence. A limit that is checked after charging has taken "
            "the stake."
        ),
        source="Hub88, Evolution (CASINO_LIMIT_EXCEEDED), 155.io (BET_LIMIT).",
        fix="Check limits before charging, in the same transaction.",
        situations=frozenset({_S.LIMIT_IGNORED, _S.OVERDRAFT_REFUSED_BUT_TAKEN}),
    ),
    Rule(
        id="LIM-02",
        title="a player at the limit still gets wins and refunds",
        level=Level.INDUSTRY,
        meaning="A player who reached a limit still gets wins and refunds.",
        why="The limit is on staking. What is owed is owed.",
        source="By the same logic as UNK-09.",
        fix="Check limits for bets only.",
        situations=FRESH_WIN | FRESH_REFUND,
    ),
    Rule(
        id="LIM-03",
        title="a win that lifts the balance over a cap is paid whole",
        level=Level.ADVICE,
        meaning="A win that lifts the balance over a cap is credited in full.",
        why="A cap that cuts a win keeps money that the player has won.",
        source="Our judgement.",
        fix=(
            "Apply caps to deposits and transfers, not to wins. If a rule of law caps the balance, pay "
            "the rest out by another way and document it."
        ),
        situations=FRESH_WIN | ANSWER,
    ),
    Rule(
        id="DEM-01",
        title="a DEMO session never calls the wallet",
        level=Level.INDUSTRY,
        meaning="A DEMO session never calls the wallet. This is about the simulator's own behaviour.",
        why="Play money must not be able to touch real money.",
        source='155.io, Beexar ("demo makes no wallet calls").',
        fix="Nothing in the wallet.",
        situations=frozenset({_S.MONEY_FROM_NOWHERE}),
    ),
    Rule(
        id="DEM-02",
        title="a demo player cannot stake real money",
        level=Level.ADVICE,
        meaning="A user_id that exists only for DEMO is refused by the wallet, or has a wallet of its own.",
        why="A demo player who stakes real money is a gift.",
        source="Our judgement.",
        fix="Keep demo users out of the table that the webhook reads.",
        situations=frozenset({_S.UNKNOWN_PLAYER_ACCEPTED}),
    ),
    Rule(
        id="DEM-03",
        title="a hundred DEMO rounds leave the real balance alone",
        level=Level.INDUSTRY,
        meaning="A hundred DEMO rounds leave the real balance as it was.",
        why="As DEM-01, seen from the outside.",
        source="155.io, Beexar.",
        fix="Nothing in the wallet, unless a demo mode of your own writes to it.",
        situations=frozenset({_S.MONEY_FROM_NOWHERE, _S.BALANCE_READ_WRONG}),
    ),
    Rule(
        id="DEM-04",
        title="a game that works in DEMO proves nothing about the wallet",
        level=Level.ADVICE,
        meaning="A game that works in DEMO says nothing about user_balance or bets: DEMO never calls them.",
        why='"But it worked in demo" is how go-lives fail.',
        source="155.io's troubleshooting page.",
        fix="Test with CHARGED sessions, and with this suite.",
        situations=frozenset(),
    ),
    Rule(
        id="CUR-01",
        title="amounts are never converted or mixed between players",
        level=Level.INDUSTRY,
        meaning=(
            "The same amounts for two players, of two currencies where there are two, change each "
            "balance by exactly that amount. No rate, no rounding, no mixing."
        ),
        why="The wire has no currency. A wallet that converts applies a rate that nobody agreed on.",
        source='Rouge Reels and Yantra ("no FX").',
        fix="A wallet has one currency, and amounts are in it. Never convert in the webhook.",
        situations=FRESH_BET | FRESH_WIN | ANSWER | {_S.BALANCE_READ_WRONG, _S.MONEY_FROM_NOWHERE},
    ),
    Rule(
        id="CUR-02",
        title="a currency that is not the wallet's is refused",
        level=Level.INDUSTRY,
        meaning="Where a currency is sent, one that is not the wallet's is refused.",
        why="100 of one currency is not 100 of another.",
        source="Hub88 (WRONG_CURRENCY), LPM. The BetronTech webhooks carry no currency.",
        fix="Compare, and refuse.",
        situations=frozenset({_S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="CUR-03",
        title="currencies with no or three decimals follow the policy",
        level=Level.ADVICE,
        meaning="Currencies without decimals, or with three, follow an agreed format.",
        why="1000 yen written as 1000.00 is fine; a dinar cut to two decimals is not.",
        source="A note of THNDR on currencies. The BetronTech reference knows two decimals only.",
        fix="Agree on the format for such currencies before you go live.",
        situations=frozenset({_S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="CUR-04",
        title="a late win reaches the wallet that paid the bet",
        level=Level.ADVICE,
        meaning="A win that comes after the player switched wallets lands in the wallet that paid the bet.",
        why="Otherwise a bet in one currency is paid in another.",
        source="Our judgement. The BetronTech webhooks do not name a wallet.",
        fix="Store the wallet with the bet, and use it for win and refund.",
        situations=FRESH_WIN | {_S.BALANCE_READ_WRONG},
    ),
)
