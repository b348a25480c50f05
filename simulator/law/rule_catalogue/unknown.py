"""Rules of the conformance catalogue: unknown players and games, and blocked players."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import FRESH_BET, FRESH_REFUND, FRESH_WIN, MALFORMED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="UNK-01",
        title="the balance of an unknown player is refused",
        level=Level.INDUSTRY,
        meaning="user_balance of a user_id that nobody has is refused, with any status except 1.",
        why=(
            "A wallet that invents an account answers 0.00 for a typing mistake, and the game opens for "
            "nobody."
        ),
        source="Drakon (INVALID_USER), Slotegrator's second step.",
        fix=(
            "SELECT, and refuse when there is no row. No INSERT ... ON CONFLICT in a read, no default player."
        ),
        situations=frozenset({_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER}),
    ),
    Rule(
        id="UNK-02",
        title="a bet of an unknown player is refused",
        level=Level.INDUSTRY,
        meaning="A bet of an unknown player is refused.",
        why="The stake is taken from an account that nobody opened, verified or can be charged for.",
        source="Drakon (INVALID_USER), Slotegrator.",
        fix="As UNK-01. Refuse before the transaction is stored.",
        situations=frozenset({_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER}),
    ),
    Rule(
        id="UNK-03",
        title="a win of an unknown player is refused",
        level=Level.INDUSTRY,
        meaning="A win of an unknown player is refused.",
        why='"Create the wallet if it is missing" pays real money into accounts that do not exist.',
        source="Drakon (INVALID_USER), Slotegrator.",
        fix="As UNK-01: an UPDATE that changes no row is a refusal, not a success.",
        situations=frozenset({_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER}),
    ),
    Rule(
        id="UNK-04",
        title="a refund for an unknown player is refused",
        level=Level.INDUSTRY,
        meaning="A refund for an unknown player is refused and pays nobody.",
        why="The bet with that id may be somebody else's; its stake must not move.",
        source="Drakon (INVALID_USER), Slotegrator.",
        fix="Check the player first, then look up the bet of that player.",
        situations=frozenset(
            {_S.BALANCE_READ_WRONG, _S.UNKNOWN_PLAYER_ACCEPTED, _S.FOREIGN_REFUND_MOVED, _S.NO_ANSWER}
        ),
    ),
    Rule(
        id="UNK-05",
        title="an empty, null or missing user_id is refused",
        level=Level.INDUSTRY,
        meaning="A call whose user_id is empty, null or missing is refused.",
        why=(
            'An empty id that matches the first row, a guest or an account "null" moves a stranger\'s money.'
        ),
        source='forsyt ("nullable parameters").',
        fix="Require a non-empty string before any lookup. In dynamic languages check the type too.",
        situations=MALFORMED | {_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER},
    ),
    Rule(
        id="UNK-06",
        title="a bet on an unknown game is taken once or refused",
        level=Level.ADVICE,
        meaning=(
            "A bet on a game_id that the wallet does not list is taken once or refused, and answered "
            "either way."
        ),
        why=(
            "New games go live before every list is updated. An error of the server leaves the round in "
            "the air."
        ),
        source="Hub88 (INVALID_GAME).",
        fix="Store the game_id as it came. If you must check it, refuse with a clear error.",
        situations=FRESH_BET | {_S.NO_ANSWER},
    ),
    Rule(
        id="UNK-07",
        title="a win or a refund is not lost because the game is unknown",
        level=Level.INDUSTRY,
        meaning=(
            "A win with a game_id that the wallet does not list is not lost: credited, or refused with a "
            "clear answer. Never success without the money."
        ),
        why="The round was played; the money is owed whether or not the game is in a table.",
        source="By analogy with the rule that an expired token never stops a win (Groove, Hub88).",
        fix="No foreign key from transactions to games, and no catalogue check on wins and refunds.",
        situations=FRESH_WIN | FRESH_REFUND | {_S.NO_ANSWER},
    ),
    Rule(
        id="UNK-08",
        title="a blocked player cannot bet",
        level=Level.INDUSTRY,
        meaning="A bet of a blocked player is refused.",
        why="Blocks are for self-exclusion and for fraud. Taking the stake breaks the licence.",
        source="Hub88 (USER_DISABLED), Evolution (ACCOUNT_LOCKED).",
        fix="Check the state of the player in the same statement that charges.",
        situations=frozenset({_S.BLOCKED_PLAYER_WRONG}),
    ),
    Rule(
        id="UNK-09",
        title="a blocked player still gets wins and refunds",
        level=Level.INDUSTRY,
        meaning="A blocked player still gets the wins and refunds of rounds that were open.",
        why="The money is the player's, blocked or not.",
        source="Hub88, Groove.",
        fix="Check the state for bets only.",
        situations=FRESH_WIN | FRESH_REFUND | {_S.BLOCKED_PLAYER_WRONG},
    ),
)
