"""Rules of the conformance catalogue: a balance that cannot pay."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, READ, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="INS-01",
        title="a bet over the balance is refused and moves nothing",
        level=Level.INDUSTRY,
        meaning=(
            "A bet that is larger than the balance, even by one cent, is refused, with any status except "
            "1, and the balance stays."
        ),
        why=(
            "The player plays with money that is not there. A loss is the operator's, a win has to be paid."
        ),
        source="Every tester. Drakon calls it NO_BALANCE, Hub88 RS_ERROR_NOT_ENOUGH_MONEY.",
        fix=(
            "Let the update decide: UPDATE ... SET balance = balance - :amount WHERE id = :player AND "
            "balance >= :amount. No row changed means refused."
        ),
        situations=frozenset(
            {_S.OVERDRAFT, _S.OVERDRAFT_REFUSED_BUT_TAKEN, _S.MALFORMED_ACCEPTED, _S.NO_ANSWER}
        ),
    ),
    Rule(
        id="INS-02",
        title="after a refused bet a payable one is taken",
        level=Level.INDUSTRY,
        meaning=(
            "After a bet was refused for lack of funds, a smaller one that the balance can pay is accepted."
        ),
        why="The player lowers the stake and goes on. A locked session loses the rest of the evening.",
        source="Velo: a refusal never locks the session.",
        fix=(
            "A refusal changes nothing: no flag on the session, no open round, no lock that waits for a "
            "timeout."
        ),
        situations=FRESH_BET | ANSWER,
    ),
    Rule(
        id="INS-03",
        title="a refusal for funds says what the balance is",
        level=Level.INDUSTRY,
        meaning="The answer that refuses a bet for lack of funds shows the current balance.",
        why=(
            "The game can then show the right number at once, where it would otherwise show money that "
            "is not there."
        ),
        source='Hub88 ("send the actual balance").',
        fix='Add "balance" to the refusal, in the same form as in a success.',
        situations=frozenset({_S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="INS-04",
        title="a player with 0.00 still gets wins and refunds",
        level=Level.ADVICE,
        meaning="A player whose balance is 0.00 still gets wins and refunds.",
        why=(
            'All-in players have 0.00 while the round runs. A check for "has money" in front of '
            "everything keeps their wins."
        ),
        source="Our judgement.",
        fix="Check funds for bets only. Test for None or for a missing row, not for a falsy balance.",
        situations=FRESH_WIN | FRESH_REFUND | ANSWER | READ | {_S.ZERO_MOVED},
    ),
    Rule(
        id="INS-05",
        title="a refused bet leaves nothing behind",
        level=Level.INDUSTRY,
        meaning=(
            "A bet that was refused for lack of funds leaves nothing behind: its refund pays nothing, "
            "the balance is untouched, the next bet is taken."
        ),
        why=(
            "A row that was written before the check of the balance looks like a charged bet to "
            "everything that comes later."
        ),
        source="Take-home tests of aggregators.",
        fix=(
            "Check and charge in one statement; store the transaction only when it went through, or "
            "store it as refused."
        ),
        situations=frozenset(
            {_S.REFUSED_BET_REFUND_CREDITED, _S.REPEAT_OF_REFUSED_WRONG, _S.BALANCE_READ_WRONG}
        ),
    ),
    Rule(
        id="INS-06",
        title="an enormous bet is refused without an error of the server",
        level=Level.INDUSTRY,
        meaning=(
            "A bet of 1000000000000000.00 is refused as a bet over the balance, not answered with an "
            "error of the server."
        ),
        why="An overflow can end in a crash, in a wrapped number, or in a negative amount that credits.",
        source="BetGames (ExBet).",
        fix=(
            "Bound the amount before calculating, use a type that is wide enough, and refuse what is "
            "beyond it."
        ),
        situations=frozenset({_S.OVERDRAFT, _S.OVERDRAFT_REFUSED_BUT_TAKEN, _S.NO_ANSWER}),
    ),
)
