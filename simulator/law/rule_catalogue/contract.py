"""Rules of the conformance catalogue: the documented answers."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, READ, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="CON-01",
        title="account_details identifies the player",
        level=Level.DOCUMENTED,
        meaning=(
            "For a user_id that the wallet knows, account_details answers with HTTP 2xx and a JSON "
            "object whose user_id is the one that was asked for, with email and name_jogador beside it."
        ),
        why=(
            "The game opens for whoever this answer names. Another player's id, or none, means a round "
            "that is played with somebody else's money or is not played at all."
        ),
        source=(
            "The BetronTech reference, webhook account_details. The sibling Drakon documents the same answer."
        ),
        fix=(
            'Look the player up by the user_id of the request and answer {"user_id": "...", "email": '
            '"...", "name_jogador": "..."}. The user_id goes back as the string that came in. This '
            "method has no status field."
        ),
        situations=frozenset({_S.DETAILS_WRONG, _S.NO_ANSWER}),
    ),
    Rule(
        id="CON-02",
        title="user_balance answers with the player's balance",
        level=Level.DOCUMENTED,
        meaning=(
            "For a known player user_balance answers status 1 and the balance as a string with two "
            "decimals. The status is that of the account."
        ),
        why=(
            "The balance is the first thing a game asks for. Without it the game does not open, and no "
            "round is played."
        ),
        source=(
            "The BetronTech reference, webhook user_balance. Every integration guide we read has this call."
        ),
        fix=(
            'Answer {"status": 1, "balance": "100.50"} from the same row that bets and wins change. No '
            "cache, no replica that lags behind, no second wallet."
        ),
        situations=READ,
    ),
    Rule(
        id="CON-03",
        title="a bet is taken and answered with the balance after it",
        level=Level.DOCUMENTED,
        meaning=(
            "A new bet that the balance can pay is accepted with status 1, lowers the balance by exactly "
            "its amount, and shows the balance after it. A bet of 10.00 at 100.50 answers 90.50."
        ),
        why=(
            "Not taking the stake makes every round free. Taking another amount than the game plays for "
            "ends in a dispute over each round."
        ),
        source=(
            'The BetronTech reference, webhook transaction_bet ("the balance after the bet is taken"). '
            "All guides agree."
        ),
        fix=(
            "In one database transaction: look the transaction_id up, lower the balance where it is at "
            "least the amount (UPDATE ... SET balance = balance - :amount WHERE id = :player AND balance "
            ">= :amount), store the id, and answer the balance that this update left."
        ),
        situations=FRESH_BET | ANSWER,
    ),
    Rule(
        id="CON-04",
        title="a win is credited and answered with the balance after it",
        level=Level.DOCUMENTED,
        meaning=(
            "A win raises the balance by exactly its amount and answers status 1 with the balance after "
            "it. A win of 50.00 at 90.50 answers 140.50."
        ),
        why=(
            "The game has already shown the win to the player. A win that does not arrive is the "
            "complaint that costs most, and a provider that was told success never sends it again."
        ),
        source=(
            'The BetronTech reference, webhook transaction_win ("the balance after the win is added"). '
            "All guides agree."
        ),
        fix=(
            "Raise the balance and store the transaction_id in the same database transaction, and answer "
            "the balance from that update. Never refuse a win because the session ended, the player "
            "logged out or the balance is zero."
        ),
        situations=FRESH_WIN | ANSWER,
    ),
    Rule(
        id="CON-05",
        title="a refund is credited and answered with the balance after it",
        level=Level.DOCUMENTED,
        meaning=(
            "A refund of an accepted bet gives the stake back and answers status 1 with the balance "
            "after it: the balance from before the bet."
        ),
        why=(
            "A refund follows a round that did not happen. If it is lost, the player has paid for "
            "nothing, and the provider considers the matter closed."
        ),
        source="The BetronTech reference, webhook refund. Its transaction_id is the one of the bet.",
        fix=(
            "Find the bet by (player, transaction_id), mark it refunded, give its stored stake back, all "
            "in one database transaction, and answer the new balance."
        ),
        situations=FRESH_REFUND | ANSWER,
    ),
    Rule(
        id="CON-06",
        title="a balance is a string with two decimals",
        level=Level.DOCUMENTED,
        meaning=(
            "Every balance in an answer is a JSON string of digits, a point and exactly two decimals: "
            '"100.50". Not 100.5, not 100.50 without quotes, not "1,234.50", not "R$ 100,50".'
        ),
        why=(
            "A number goes through floating point at one of the two ends. Separators and currency signs "
            "are read as another amount or not at all, and the game shows the wrong balance."
        ),
        source=(
            'The BetronTech reference, "money is a string with two decimals". jackpot.studio asks for '
            "decimal strings as well."
        ),
        fix=(
            'Keep cents as integers or in a DECIMAL column and format at the very end: f"{cents // '
            "100}.{cents % 100:02d}\", or number_format($x, 2, '.', '') in PHP, or toFixed(2) on a "
            "decimal type."
        ),
        situations=frozenset({_S.HUNDREDFOLD}),
    ),
    Rule(
        id="CON-07",
        title="status is the integer 1",
        level=Level.ADVICE,
        meaning='The status of an accepted answer is the JSON integer 1, not true, "1", "success" or 1.0.',
        why=(
            "A strict client compares with 1. Another spelling turns a successful bet into an unknown "
            "one, which is then refunded."
        ),
        source=(
            "The examples of the BetronTech reference. The sibling Drakon mixes 1 and true in its own "
            "documents, which is why this is advice."
        ),
        fix=(
            "Set the field to the number 1 where you build the answer. In PHP make sure it is (int) 1 "
            "before json_encode, in JavaScript Number(1) and not a boolean."
        ),
        situations=frozenset(),
    ),
    Rule(
        id="CON-08",
        title="every answer is JSON and nothing else",
        level=Level.INDUSTRY,
        meaning=(
            "The whole body of every answer is one JSON object in UTF-8, with Content-Type "
            "application/json. No notice, debug line or HTML before it, no byte order mark, no page of "
            "an error handler."
        ),
        why=(
            "A PHP notice in front of the JSON makes the answer unreadable: the bet was charged, the "
            "provider sees garbage and refunds or repeats."
        ),
        source="Nearly every guide. Seen in the wild: HTML warnings before the JSON, with HTTP 200.",
        fix=(
            "Switch display_errors off and log instead; register an error handler that answers JSON; "
            "send the content type in one place; save source files without a BOM."
        ),
        situations=frozenset({_S.NO_ANSWER}),
    ),
)
