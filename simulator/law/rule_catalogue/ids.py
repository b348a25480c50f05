"""Rules of the conformance catalogue: what makes two transaction ids the same."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import FRESH_BET, REPEATED, SHARED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="IDE-09",
        title="a used id with another amount moves no money",
        level=Level.INDUSTRY,
        meaning=(
            "A transaction_id that was applied, sent again with another amount, moves no money. A "
            "refusal and the first answer are both right."
        ),
        why=(
            "One id stands for one effect in everybody's books. A second amount under it cannot be "
            "reconciled by anyone."
        ),
        source='Groove ("parameter mismatch"), Rouge Reels ("idempotency conflict").',
        fix=(
            "Look the id up before anything else. If the stored amount differs, refuse and log: somebody "
            "has a bug."
        ),
        situations=REPEATED | {_S.SAME_ID_OTHER_AMOUNT_MOVED, _S.NO_ANSWER},
    ),
    Rule(
        id="IDE-10",
        title="a used id with another game moves no money",
        level=Level.ADVICE,
        meaning="A transaction_id that was applied, sent again with another game_id, moves no money.",
        why="A key that includes the game charges the same bet twice when a lobby relabels it.",
        source="Groove, as part of its rule on mismatched parameters.",
        fix=("Leave game_id out of the key. Store it with the transaction and refuse or ignore the repeat."),
        situations=REPEATED | {_S.SAME_ID_OTHER_AMOUNT_MOVED, _S.NO_ANSWER},
    ),
    Rule(
        id="IDE-11",
        title="a repeated id does not show one player's balance to another",
        level=Level.ADVICE,
        meaning=(
            "When another player's call has an id that is in use, the answer shows that player's own balance."
        ),
        why=(
            "A cache of answers keyed by the id hands one player's balance to another: wrong money on "
            "the screen, and a leak of personal data."
        ),
        source="Our judgement.",
        fix=(
            "Key stored answers by player as well, or build the answer from the player's own row each time."
        ),
        situations=frozenset(
            {_S.ANSWER_BALANCE_WRONG, _S.SAME_ID_OTHER_PLAYER_MOVED, _S.STALE_READ, _S.READ_CONTRADICTS}
        ),
    ),
    Rule(
        id="IDE-12",
        title="a repeat after other calls still changes nothing",
        level=Level.INDUSTRY,
        meaning=(
            "A repeat that comes after other calls still changes nothing. Its answer shows the first "
            "answer's balance or the current one."
        ),
        why="A wallet that recognises only the very last id charges the repeat of an older one.",
        source="Groove: only the balance may differ in the answer to a repeat.",
        fix='Look ids up in the table of transactions, not in "the last transaction" of the player.',
        situations=REPEATED | {_S.ANSWER_BALANCE_WRONG, _S.NO_ANSWER},
    ),
    Rule(
        id="IDE-13",
        title="a bet that was refused for funds may be sent again after a deposit",
        level=Level.ADVICE,
        meaning=(
            "A bet that was refused for lack of funds, sent again after money came in, is either taken "
            "once or refused again."
        ),
        why=(
            "Both sides must agree whether the round is paid for. Half-way states, an id that is stored "
            "but not charged, make free rounds."
        ),
        source="Our judgement; guides differ.",
        fix=(
            "Decide whether a refusal is stored. If it is, answer the repeat with the same refusal; if "
            "not, treat the repeat as new."
        ),
        situations=FRESH_BET | {_S.REPEAT_OF_REFUSED_WRONG},
    ),
    Rule(
        id="IDE-14",
        title="a bet that ended in HTTP 500 is charged at most once",
        level=Level.INDUSTRY,
        meaning="A bet that ended in HTTP 500 and is sent again is charged at most once.",
        why=(
            "After an error nobody knows whether the charge happened. The id is the only thing that can tell."
        ),
        source="All providers that send again.",
        fix=(
            "Write id and balance in one database transaction, so that an error rolls back both or "
            "neither. Never charge first and store later."
        ),
        situations=REPEATED,
    ),
    Rule(
        id="IDE-15",
        title="ids that differ only in case or zeros are different ids",
        level=Level.ADVICE,
        meaning=(
            "Ids that differ only in case, in a leading zero or in a trailing blank are different ids, "
            "and both calls are applied."
        ),
        why=(
            "A collation that ignores case, or a cast to a number, swallows every bet whose id resembles "
            "an older one."
        ),
        source="The well-known default collations of MySQL; our judgement.",
        fix=(
            'Use a binary collation for the id column (utf8mb4_bin, "C"), keep the id as text, do not '
            "trim it, and do not cast it."
        ),
        situations=SHARED | FRESH_BET | {_S.SAME_ID_OTHER_AMOUNT_MOVED},
    ),
    Rule(
        id="IDE-16",
        title="long ids are compared whole",
        level=Level.ADVICE,
        meaning="Ids are compared in their whole length, up to 255 characters.",
        why=(
            "A column that cuts off silently makes two bets one: the second is answered as a repeat and "
            "never charged, or a win is never paid."
        ),
        source="Groove (String 255), RTG (100).",
        fix=(
            "VARCHAR(255) for the id, strict mode on, so that an id that is too long is refused and not cut."
        ),
        situations=SHARED | FRESH_BET | {_S.SAME_ID_OTHER_AMOUNT_MOVED},
    ),
    Rule(
        id="IDE-17",
        title="a balance read is never answered from a cache",
        level=Level.INDUSTRY,
        meaning="Two balance reads with the same bytes, with a money call between them, show two balances.",
        why=(
            "Duplicate detection over whole requests, or an HTTP cache, answers the second read with the "
            "first one's number."
        ),
        source="Hub88 leaves balance reads out of its duplicate detection.",
        fix=(
            "Recognise repeats by transaction_id and only for the three money methods. Send "
            "Cache-Control: no-store and keep caches away from the endpoint."
        ),
        situations=frozenset(
            {
                _S.BET_NOT_TAKEN,
                _S.WIN_NOT_CREDITED,
                _S.REFUND_NOT_CREDITED,
                _S.STALE_READ,
                _S.READ_CONTRADICTS,
                _S.BALANCE_READ_WRONG,
                _S.READ_REFUSED,
            }
        ),
    ),
)
