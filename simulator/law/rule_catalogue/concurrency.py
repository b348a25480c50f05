"""Rules of the conformance catalogue: calls that overlap in time."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import CONCURRENT, FRESH_BET, FRESH_WIN, SHARED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="CCY-01",
        title="ten bets at once all count",
        level=Level.INDUSTRY,
        meaning="Ten different bets at once all count: the balance at the end is lower by their sum.",
        why=(
            '"Read, calculate, write" lets two calls read the same number; one of the two bets is then '
            "free. Seven of nine operators' wallets we ran lost updates with twenty bets at once."
        ),
        source='BlueOcean ("10 requests at the same time").',
        fix=(
            "Change the balance in one statement (balance = balance - :amount), or lock the player's row "
            "(SELECT ... FOR UPDATE) before reading it."
        ),
        situations=CONCURRENT | FRESH_BET | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="CCY-02",
        title="one bet sent twenty times at once is charged once",
        level=Level.INDUSTRY,
        meaning="One bet sent twenty times at the same moment is charged once.",
        why=(
            "A retry and the original often overlap. A check for the id that is not protected by a "
            "unique key lets both through."
        ),
        source="jackpot.studio, BlueOcean.",
        fix=(
            "A unique key over (player, method, transaction_id), inserted in the same transaction before "
            "the balance changes. The loser of the race gets the constraint and answers as a repeat."
        ),
        situations=frozenset({_S.DOUBLE_EFFECT, _S.REPEATED_BET_TAKEN_AGAIN, _S.CONCURRENT_WRONG}),
    ),
    Rule(
        id="CCY-03",
        title="one win sent twenty times at once is paid once",
        level=Level.INDUSTRY,
        meaning="One win sent twenty times at the same moment is paid once.",
        why="As CCY-02, and here the operator pays.",
        source="BlueOcean.",
        fix="As CCY-02.",
        situations=frozenset({_S.DOUBLE_EFFECT, _S.REPEATED_WIN_CREDITED_AGAIN, _S.CONCURRENT_WRONG}),
    ),
    Rule(
        id="CCY-04",
        title="of two bets that the balance cannot both pay, one is taken",
        level=Level.INDUSTRY,
        meaning="Of two bets at once that the balance can pay only one of, exactly one is accepted.",
        why=(
            "The classic double spend: both see enough money, both are accepted, the balance goes "
            "negative or one is free."
        ),
        source="The best-known race of all wallets.",
        fix=(
            "Put the check into the update: WHERE balance >= :amount. A check in the program, before the "
            "update, is not enough."
        ),
        situations=CONCURRENT | {_S.OVERDRAFT, _S.NEGATIVE_BALANCE},
    ),
    Rule(
        id="CCY-05",
        title="a bet and its refund at once add up to nothing",
        level=Level.ADVICE,
        meaning=(
            "A bet and its refund at the same moment end with nothing taken, or with the stake taken and "
            "a refund that was clearly refused and can be sent again."
        ),
        why=(
            "After a timeout the refund overtakes the bet. Whoever wins the race, the stake must not be lost."
        ),
        source="Tom Horn's FAQ on races after timeouts.",
        fix=("Serialize the calls of one player, and keep tombstones for refunds that come first (ORD-02)."),
        situations=CONCURRENT | {_S.LATE_BET_TAKEN, _S.UNKNOWN_REFUND_CREDITED, _S.REFUND_NOT_CREDITED},
    ),
    Rule(
        id="CCY-06",
        title="fifty bets and fifty wins of five players all count",
        level=Level.ADVICE,
        meaning="Fifty bets and fifty wins of five players in random order all count, for each player.",
        why=(
            "What goes well twice goes wrong in a hundred calls. Under load this is the sum that must be "
            "right."
        ),
        source="Our judgement.",
        fix="As CCY-01, for wins too.",
        situations=CONCURRENT | FRESH_BET | FRESH_WIN | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="CCY-07",
        title="some order of the calls explains every answer",
        level=Level.ADVICE,
        meaning=(
            "The balances in the answers to concurrent calls can be explained by some order of the "
            "calls. A balance from after the call's own effect is a warning; one that the wallet never "
            "had is an error."
        ),
        why=(
            "The money may be right and the player still sees a jump. A number that nothing explains "
            "belongs to another player or to a lost update."
        ),
        source="Checking a history against a model, as for databases.",
        fix=(
            "Answer the balance that your own update returned (UPDATE ... RETURNING balance), not that "
            "of a second query after the commit."
        ),
        situations=CONCURRENT | {_S.EFFECT_THEN_READ, _S.STALE_READ},
    ),
    Rule(
        id="CCY-08",
        title="ten players at once may use the same ids",
        level=Level.INDUSTRY,
        meaning="Ten players at once may use the same transaction_ids; each one's money is right.",
        why="As IDE-08; under load the mix-up also hits locks and caches keyed by the id.",
        source="BlueOcean.",
        fix="Make the player part of every key and every lock.",
        situations=SHARED | CONCURRENT | {_S.SAME_ID_OTHER_PLAYER_MOVED},
    ),
    Rule(
        id="CCY-09",
        title="no deadlock is answered with an error of the server",
        level=Level.INDUSTRY,
        meaning=(
            "Calls at the same time are never answered with an error of the server because of a deadlock "
            "or a lock timeout."
        ),
        why=(
            "Each such error is an unknown outcome: a refund or a repeat follows, and the load doubles "
            "when it is highest."
        ),
        source="Our judgement.",
        fix=(
            "Lock rows always in the same order, keep transactions short, and repeat your own "
            "transaction when the database reports a deadlock."
        ),
        situations=frozenset({_S.NO_ANSWER}),
    ),
)
