"""Rules of the conformance catalogue: calls that are sent again."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import FRESH_BET, FRESH_REFUND, FRESH_WIN, REPEATED, SHARED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="IDE-01",
        title="the same bet sent twice is charged once",
        level=Level.INDUSTRY,
        meaning=(
            "The same bet, byte for byte, sent again at once, is charged once. Answering the repeat with "
            "success or with an error are both right; charging it is not."
        ),
        why=(
            "Networks lose answers. Whoever did not get one sends again, and the player pays twice for "
            "one round."
        ),
        source=(
            "Every tester we found. Success: BlueOcean, Groove, Hub88. Error: Drakon (DOUBLED_BET), "
            "Evolution (BET_ALREADY_EXIST)."
        ),
        fix=(
            "A unique key over (player, method, transaction_id) in the table of transactions, written in "
            "the same database transaction as the balance. When the key exists, change nothing and "
            "answer the stored or the current balance."
        ),
        situations=frozenset({_S.REPEATED_BET_TAKEN_AGAIN, _S.NO_ANSWER}),
    ),
    Rule(
        id="IDE-02",
        title="the same win sent twice is paid once",
        level=Level.INDUSTRY,
        meaning="The same win sent again is paid once.",
        why=(
            "A win is sent until it is answered. Each lost answer would pay it once more: the most "
            "expensive bug a wallet can have."
        ),
        source=(
            "Slotegrator, forsyt, BlueOcean, BetGames; RubyPlay asks not to answer a repeat with an error."
        ),
        fix=(
            "As IDE-01, for wins. Insert the id first; only the insert that succeeds may touch the balance."
        ),
        situations=frozenset({_S.REPEATED_WIN_CREDITED_AGAIN, _S.NO_ANSWER}),
    ),
    Rule(
        id="IDE-03",
        title="the same refund sent twice is paid once",
        level=Level.INDUSTRY,
        meaning="The same refund sent again gives the stake back once.",
        why=(
            "Refunds are sent until they are answered, some for days. Each lost answer would give a "
            "stake away."
        ),
        source="Slotegrator, forsyt, Microgaming.",
        fix=(
            'Keep on the bet that it was refunded, or store the refund under its own (player, "refund", '
            "transaction_id) key, in the same database transaction as the credit."
        ),
        situations=frozenset({_S.REPEATED_REFUND_CREDITED_AGAIN, _S.REFUND_OVER_STAKE, _S.NO_ANSWER}),
    ),
    Rule(
        id="IDE-04",
        title="a bet is recognised after many other calls",
        level=Level.ADVICE,
        meaning="A bet or win is recognised as a repeat after twenty other calls.",
        why=(
            "Calls are sent again minutes or hours later. A memory of the last few ids, or of one "
            "minute, forgets too soon."
        ),
        source="Hub88 asks to keep ids for at least four months.",
        fix=(
            "Keep ids in the database, not in a list of the last N or a cache with a short life. Keep "
            "them for months."
        ),
        situations=REPEATED | {_S.NO_ANSWER},
    ),
    Rule(
        id="IDE-05",
        title="a bet is recognised after the wallet was restarted",
        level=Level.ADVICE,
        meaning="A bet is still recognised after the wallet was restarted.",
        why="A deploy in the evening must not make every open call chargeable again.",
        source="SignatureAPI's webhook rules; follows from retries over hours.",
        fix=(
            "The memory of ids belongs in the database, in the same transaction as the money, not in the "
            "process."
        ),
        situations=REPEATED,
    ),
    Rule(
        id="IDE-06",
        title="a win may have the transaction_id of its bet",
        level=Level.INDUSTRY,
        meaning="A win that carries the transaction_id of its bet is applied as a win.",
        why=(
            "Some studios use one id for a round. A wallet keyed by the id alone takes the win for the "
            "repeated bet, answers success and pays nothing."
        ),
        source="The sibling Drakon documents UNIQUE(transaction_id, type).",
        fix="Make the method part of the key: (player, method, transaction_id).",
        situations=SHARED | FRESH_WIN,
    ),
    Rule(
        id="IDE-07",
        title="a refund with the id of its bet is not taken for a repeated bet",
        level=Level.INDUSTRY,
        meaning=(
            "A refund, which always carries the transaction_id of its bet, is applied as a refund and "
            "not taken for the bet sent twice."
        ),
        why=(
            "The answer says success, the stake never comes back, and nobody sends the refund again. "
            "Seen in operators' wallets."
        ),
        source="Follows from the BetronTech reference (transaction_id of the bet); Drakon, Phoenix.",
        fix=(
            "Make the method part of the key: (player, method, transaction_id). Look for the bet by its "
            "id when a refund comes; do not run the duplicate check of bets over refunds."
        ),
        situations=SHARED | FRESH_REFUND,
    ),
    Rule(
        id="IDE-08",
        title="two players may have the same transaction_id",
        level=Level.ADVICE,
        meaning=(
            "Two players may have the same transaction_id. The second call is applied for its player or "
            "refused; it never touches the first player's money."
        ),
        why=(
            "Ids are unique within a provider, often only within a table or a session. A key without the "
            "player mixes two wallets."
        ),
        source="BlueOcean's test with two players.",
        fix=(
            "Make the player part of the key. If your ids must be unique for all players, refuse the "
            "second call; do not answer success."
        ),
        situations=SHARED | FRESH_BET | FRESH_WIN | {_S.SAME_ID_OTHER_PLAYER_MOVED, _S.ANSWER_BALANCE_WRONG},
    ),
)
