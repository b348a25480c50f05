"""Rules of the conformance catalogue: whose refund it is, when it comes and how it is answered."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import FRESH_REFUND, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="REF-08",
        title="a refund of another player's bet moves nothing",
        level=Level.INDUSTRY,
        meaning=(
            "A refund with the id of one player's bet and another player's user_id moves neither of them."
        ),
        why="Otherwise one player's stake can be collected into another player's wallet.",
        source="RTG (code 53).",
        fix="Look the bet up by player and id together. A bet of somebody else is an unknown bet.",
        situations=frozenset({_S.FOREIGN_REFUND_MOVED, _S.NO_ANSWER}),
    ),
    Rule(
        id="REF-09",
        title="a refund that names a win pays nothing",
        level=Level.INDUSTRY,
        meaning=(
            "A refund that carries the id of a win never pays. Taking the win back is one dialect, "
            "ignoring or refusing the call another."
        ),
        why="A win that is paid again under the name of a refund is paid twice.",
        source="Drakon and Groove take the win back; Slotegrator, Phoenix and Microgaming ignore or refuse.",
        fix=(
            "Look for a bet with that id, and only for a bet. Decide what a refund of a win means, and "
            "pin it with --policy refund_of_win."
        ),
        situations=frozenset({_S.WIN_ID_REFUND_CREDITED, _S.NO_ANSWER}),
    ),
    Rule(
        id="REF-10",
        title="a refund after a win was paid never makes the player richer than the stake",
        level=Level.INDUSTRY,
        meaning=(
            "A refund of a bet whose round has paid a win already is refused, or gives back the stake at "
            "most."
        ),
        why=(
            "Win and stake together can exceed what the player was owed; more than the stake never "
            "belongs to a refund."
        ),
        source="Microgaming (no rollback after a credit), Phoenix.",
        fix="Refuse it, or give back the stake once. Do not add the win to it.",
        situations=frozenset(
            {
                _S.REFUND_OVER_STAKE,
                _S.REFUND_WRONG_AMOUNT,
                _S.REFUND_NOT_CREDITED,
                _S.REFUND_DEBITED,
                _S.NO_ANSWER,
            }
        ),
    ),
    Rule(
        id="REF-11",
        title="a refund cannot be refunded",
        level=Level.ADVICE,
        meaning="A refund of a refund is, on this protocol, the same refund again and moves nothing.",
        why="A wallet that toggles between refunded and charged moves money with each repeat.",
        source="A settlement engine's published rules.",
        fix="Refunded is a final state.",
        situations=frozenset(
            {_S.REPEATED_REFUND_CREDITED_AGAIN, _S.REPEATED_BET_TAKEN_AGAIN, _S.REFUND_DEBITED, _S.NO_ANSWER}
        ),
    ),
    Rule(
        id="REF-12",
        title="a refund is accepted when the session is over or the player is blocked",
        level=Level.INDUSTRY,
        meaning=(
            "A refund is accepted when the session has ended, the token has expired or the player is blocked."
        ),
        why=(
            "The stake is owed whatever became of the session. A refusal is final and keeps the player's "
            "money."
        ),
        source='Groove ("not logged on is never a valid response to a rollback"), Hub88.',
        fix="Skip checks of session, token and player state for refunds and wins.",
        situations=FRESH_REFUND | {_S.BLOCKED_PLAYER_WRONG},
    ),
    Rule(
        id="REF-13",
        title="a refund of a day-old bet is accepted",
        level=Level.ADVICE,
        meaning="A refund of a bet that is a day old is accepted.",
        why=("Providers repair outages over hours; Hot Road repeats for three hours, Microgaming for a day."),
        source="Hot Road, Microgaming.",
        fix="Keep bets for months and put no age limit on their refunds.",
        situations=FRESH_REFUND,
    ),
    Rule(
        id="REF-14",
        title="a refund always gets a definite answer",
        level=Level.INDUSTRY,
        meaning=(
            "Every refund, also a repeated one or one of an unknown bet, is answered with a clear yes or "
            "no: HTTP 2xx or 4xx, never an error of the server or silence."
        ),
        why=(
            "Without an answer the refund is sent again, by some providers without end, and an alarm "
            "wakes somebody up."
        ),
        source="gr8.tech, Swipe Games, RubyPlay.",
        fix=(
            "Catch the unknown id and the repeat before they hit a constraint, and answer them. Log the "
            "rest as your own fault."
        ),
        situations=frozenset({_S.NO_ANSWER, _S.REFUND_REFUSED}),
    ),
)
