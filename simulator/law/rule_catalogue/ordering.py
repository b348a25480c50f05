"""Rules of the conformance catalogue: calls in an unexpected order."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, SHARED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="ORD-01",
        title="a win without a bet is credited whole or refused",
        level=Level.INDUSTRY,
        meaning="A win that no bet came before is credited in full or refused. Nothing between.",
        why=(
            "Promotions, tournaments and free rounds pay such wins. Answering success without paying "
            "loses them for good."
        ),
        source=(
            "BlueOcean, the gameserver API and JDB take it; Evolution, Drakon and BetGames refuse it: a "
            "dialect."
        ),
        fix=(
            "Decide, and pin it with --policy win_without_bet=accepted or refused. Taking it is safer: "
            "the provider pays for its promotions."
        ),
        situations=frozenset(
            {_S.WIN_NOT_CREDITED, _S.WIN_WRONG_AMOUNT, _S.WIN_REFUSED_BUT_CREDITED, _S.NO_ANSWER}
        ),
    ),
    Rule(
        id="ORD-02",
        title="a bet that arrives after its accepted refund is not charged",
        level=Level.INDUSTRY,
        meaning=(
            "A refund that arrives before its bet, and is accepted, calls the bet off: the bet that "
            "comes afterwards is not charged, whatever it is answered. If the refund was refused, "
            "charging the bet is a dialect."
        ),
        why=(
            "The provider gave the bet up. It will never refund it again, so a stake that is taken now "
            "is lost to the player."
        ),
        source=(
            "Acceptance tests in the style of SOFTSWISS, Slotegrator, Evolution (FINAL_ERROR_ACTION_FAILED)."
        ),
        fix=(
            "When a refund names an unknown bet, store a tombstone under the bet's id and answer "
            "success. When a bet meets its tombstone, take nothing."
        ),
        situations=frozenset({_S.UNKNOWN_REFUND_CREDITED, _S.LATE_BET_TAKEN, _S.NO_ANSWER}),
    ),
    Rule(
        id="ORD-03",
        title="refunds that overtake a whole round add up to nothing",
        level=Level.ADVICE,
        meaning=(
            "Refunds of a bet and of its win that come before both leave the balance where it was when "
            "all four have arrived."
        ),
        why="A provider that tears a whole round down does not wait for the order in which calls travel.",
        source="An acceptance test of aggregators.",
        fix="Tombstones as in ORD-02, for bets. A refund never pays without a stored bet.",
        situations=FRESH_WIN
        | {_S.UNKNOWN_REFUND_CREDITED, _S.LATE_BET_TAKEN, _S.WIN_ID_REFUND_CREDITED, _S.NO_ANSWER},
    ),
    Rule(
        id="ORD-04",
        title="several wins on one bet are all paid",
        level=Level.INDUSTRY,
        meaning=(
            "Several wins with ids of their own, zero ones and repeats among them, on one bet: each new "
            "win is paid once."
        ),
        why=(
            'Cascades, free spins and live tables pay in several calls. "One win a bet" drops all but '
            "the first."
        ),
        source="Slotegrator's multi-win block.",
        fix=(
            "Recognise a repeat by the win's own transaction_id, not by the bet or the round that it "
            "belongs to."
        ),
        situations=FRESH_WIN | SHARED | ANSWER | {_S.REPEATED_WIN_CREDITED_AGAIN, _S.ZERO_MOVED},
    ),
    Rule(
        id="ORD-05",
        title="bets and wins of several rounds may interleave",
        level=Level.INDUSTRY,
        meaning="Bet, bet, win, win: all four are applied.",
        why=(
            "Live tables and crash games have several bets open. A wallet that allows one open round at "
            "a time refuses real play."
        ),
        source="Slotegrator, forsyt.",
        fix='Do not keep "the current round" of a player. Every call stands for itself.',
        situations=FRESH_BET | FRESH_WIN | ANSWER,
    ),
    Rule(
        id="ORD-06",
        title="a win long after its bet is paid",
        level=Level.INDUSTRY,
        meaning="A win that comes long after its bet, with other games in between, is paid.",
        why=(
            "Features stay open for hours, results are corrected, networks heal. The win is owed all the "
            "same."
        ),
        source="Microgaming sends for 24 hours, imoon for 86,400 seconds.",
        fix="No time limit on wins, and no check of the session. Keep transactions for months.",
        situations=FRESH_WIN | ANSWER,
    ),
    Rule(
        id="ORD-07",
        title="a win after its bet was refunded is paid once or refused",
        level=Level.INDUSTRY,
        meaning="A win that comes after its bet was refunded is credited once or refused.",
        why="Both are defensible. Success without the money, or paying it twice, is not.",
        source="forsyt and Hannibal test cases, HypeTech's rules.",
        fix=(
            "Decide and document it. If you refuse, answer with a clear error, so that the provider can "
            "settle by hand."
        ),
        situations=FRESH_REFUND
        | {_S.WIN_NOT_CREDITED, _S.WIN_WRONG_AMOUNT, _S.WIN_REFUSED_BUT_CREDITED, _S.NO_ANSWER},
    ),
    Rule(
        id="ORD-08",
        title="a player may change the game between two rounds",
        level=Level.INDUSTRY,
        meaning="A bet on another game in the same session is taken like any other.",
        why=(
            "Lobbies and game switches inside one launch are common. A wallet that pins the first game "
            "refuses the rest of the evening."
        ),
        source='Hub88, Slotegrator ("changed game uuid").',
        fix="Treat game_id as information about the call, not as part of the session's identity.",
        situations=FRESH_BET | FRESH_WIN | ANSWER,
    ),
    Rule(
        id="ORD-09",
        title="a second win for a settled bet is paid",
        level=Level.ADVICE,
        meaning="A second win for a bet that is settled already is paid, unless the policy says otherwise.",
        why="Jackpots and corrections come after the ordinary win.",
        source="HypeTech's mandatory rules ask for a refusal, most others for payment: advice.",
        fix="As ORD-04. If your provider forbids a second win, pin the policy for it.",
        situations=FRESH_WIN | ANSWER | {_S.POLICY_BROKEN},
    ),
)
