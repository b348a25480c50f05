"""THE description of the steps: every kind with its fields. It drives the loader and the JSON Schema."""

from __future__ import annotations

from simulator.core.fields import Field, Record, ValueKind
from simulator.core.scenario import (
    Balance,
    Bet,
    Block,
    Details,
    Parallel,
    Play,
    Refund,
    Repeat,
    Resend,
    Restart,
    Round,
    Send,
    Step,
    Wait,
    Win,
)
from simulator.core.step_kind import StepKind, Values
from simulator.core.step_rules import finish_bet, finish_parallel, finish_read, finish_refund, finish_send
from simulator.core.step_values import BODY, CONTENT_TYPE, EXPECT, FAULT, HEADERS, HTTP_METHOD
from simulator.core.value_kinds import (
    ANY_JSON,
    BET_AMOUNT,
    COLUMNS,
    DURATION,
    LABEL,
    MONEY,
    OTHER_AMOUNT,
    PLAYER,
    REFUNDED,
    RESENT,
    TEXT,
    WIN_AMOUNT,
    choice,
    json_object,
    set_of,
    whole,
)

REPEATS_MAX = 1_000_000
IN_FLIGHT_MAX = 1_000

BET_FIELDS = ("method", "user_id", "amount", "transaction_id", "game_id")
REFUND_FIELDS = ("method", "user_id", "amount", "transaction_id")

STEPS = ValueKind(lambda node, draft: draft.read_steps(node, draft), {"$ref": "#/$defs/steps"})

# --- fields that several kinds share ---------------------------------------------------------------

_PLAYER = Field("player", PLAYER, "The player it is for, by its name under `players`.")
_EXPECT = Field("expect", EXPECT, "What the reply must be, within what the ledger allows.")
_WITHIN = Field("within", DURATION, "The reply must come within this time.")
_FAULT = Field("fault", FAULT, "The disturbance of this call.")
_ID = Field(
    "id", LABEL, "A label for this step in the file; never the wire's transaction id.", attribute="label"
)
_GAME = Field("game", TEXT, "The game_id; the run's own when left out.")
_TIMES = Field("times", whole(1, REPEATS_MAX), "How many times.")


def _changes(method: str, names: tuple[str, ...]) -> tuple[Field, Field]:
    """`raw` and `omit` of a method."""
    omit = set_of(choice(*names), "omit")
    return (
        Field("raw", json_object(names, method), "JSON values that replace those of the request."),
        Field("omit", omit, "Fields that the request leaves out."),
    )


_NO_CHANGES: Values = {"raw": {}}

# --- the table -------------------------------------------------------------------------------------

_IS = Field("is", MONEY, "The balance it must be; the ledger's when left out.", attribute="is_")
_OF = Field("of", REFUNDED, "The label of a bet step, maybe of a later one.")
_STEP = Field("step", RESENT, "The label of a bet, win or refund, or `last`.", required=True, attribute="of")
_DURATION = Field("duration", DURATION, "How long.", required=True, attribute="duration_ns")
_INNER = Field("steps", STEPS, "The steps.", required=True)
_FILE = Field("file", TEXT, "A scenario file, or `path#name` for one of several in it.", required=True)
_WITH = Field("with", COLUMNS, "The values of its `${column}`s.")

_REFUND_CHANGES = _changes("refund", REFUND_FIELDS)


def _bet_or_win(name: str, make: type[Step], amount: ValueKind, meaning: str) -> StepKind:
    written = Field("amount", amount, "How much.", required=True)
    changes = _changes(f"transaction_{name}", BET_FIELDS)
    return StepKind(
        name,
        make,
        Record(name, [written, _ID, _GAME, _PLAYER, _FAULT, _EXPECT, _WITHIN, *changes]),
        meaning,
        scalar=written,
        labelled=True,
        finish=finish_bet,
        defaults=_NO_CHANGES,
    )


STEP_KINDS: tuple[StepKind, ...] = (
    StepKind(
        "details",
        Details,
        Record("details", [_PLAYER, _EXPECT]),
        "Read the player's details (account_details).",
        bare=True,
    ),
    StepKind(
        "balance",
        Balance,
        Record("balance", [_IS, _PLAYER, _EXPECT, _WITHIN]),
        "Read the player's balance (user_balance); with an amount, it must be that.",
        scalar=_IS,
        bare=True,
        finish=finish_read,
    ),
    _bet_or_win("bet", Bet, BET_AMOUNT, "Bet an amount (transaction_bet)."),
    _bet_or_win("win", Win, WIN_AMOUNT, "Win an amount (transaction_win)."),
    StepKind(
        "refund",
        Refund,
        Record(
            "refund",
            [
                _OF,
                Field("transaction_id", TEXT, "The id of a bet that no step makes."),
                Field("amount", OTHER_AMOUNT, "What is given back; the bet's stake when left out."),
                _ID,
                _PLAYER,
                _FAULT,
                _EXPECT,
                *_REFUND_CHANGES,
            ],
        ),
        "Give a bet back (refund).",
        scalar=_OF,
        labelled=True,
        finish=finish_refund,
        rule={"oneOf": [{"required": ["of"]}, {"required": ["transaction_id", "amount"]}]},
        defaults=_NO_CHANGES,
    ),
    StepKind(
        "resend",
        Resend,
        Record(
            "resend",
            [
                _STEP,
                _TIMES,
                Field("amount", OTHER_AMOUNT, "Changes the amount of the repeated request."),
                Field("player", PLAYER, "Changes the player of the repeated request."),
                _FAULT,
                _EXPECT,
            ],
        ),
        "Send the same bytes again, with the same transaction_id.",
        scalar=_STEP,
    ),
    StepKind(
        "round",
        Round,
        Record(
            "round",
            [
                Field("bet", BET_AMOUNT, "The stake.", required=True),
                Field("win", WIN_AMOUNT, "What the round pays; the outcome model decides when left out."),
                Field("spins", whole(1, REPEATS_MAX), "How many rounds."),
                _GAME,
                _PLAYER,
            ],
        ),
        "A whole game round by the provider's own rules: refund on an unknown bet, win sent again.",
    ),
    StepKind(
        "play",
        Play,
        Record(
            "play",
            [
                Field("rounds", whole(1, REPEATS_MAX), "How many rounds.", required=True),
                Field("stake", BET_AMOUNT, "The stake of a round.", required=True),
                Field("volatility", choice("low", "medium", "high"), "How rare and large wins are."),
                Field("seed", whole(0, 2**53), "Makes the session repeat; the run's seed when left out."),
                _GAME,
                _PLAYER,
            ],
        ),
        "A realistic session from the outcome model.",
    ),
    StepKind(
        "parallel",
        Parallel,
        Record(
            "parallel",
            [_INNER, _TIMES, Field("in_flight", whole(1, IN_FLIGHT_MAX), "At most so many at once.")],
        ),
        "Steps released together; judged as a concurrent history.",
        listed=True,
        finish=finish_parallel,
    ),
    StepKind(
        "repeat",
        Repeat,
        Record("repeat", [Field("times", whole(1, REPEATS_MAX), "How many times.", required=True), _INNER]),
        "The steps again and again, with new ids each time.",
    ),
    StepKind(
        "send",
        Send,
        Record(
            "send",
            [
                Field("body", BODY, "The exact text of the body."),
                Field("json", ANY_JSON, "The body as a value, rendered as compact JSON."),
                Field("content_type", CONTENT_TYPE, "The Content-Type; application/json when left out."),
                Field("method", HTTP_METHOD, "The HTTP method; POST when left out.", attribute="http_method"),
                Field("headers", HEADERS, "More headers."),
                _PLAYER,
                _EXPECT,
            ],
        ),
        "Send anything at all. What reads as a webhook is judged as one; for the rest nothing may move.",
        labelled=True,
        finish=finish_send,
        rule={"not": {"required": ["body", "json"]}},
    ),
    StepKind(
        "restart", Restart, Record("restart", []), "Restart the target by its hook.", bare=True, mapped=False
    ),
    StepKind(
        "block",
        Block,
        Record("block", [_PLAYER]),
        "Block the player by the target's hook: bets are refused from then on, wins and refunds are not.",
        bare=True,
    ),
    StepKind("wait", Wait, Record("wait", [_DURATION]), "Pause.", scalar=_DURATION, mapped=False),
    StepKind("use", None, Record("use", [_FILE, _WITH]), "The steps of another scenario file.", scalar=_FILE),
)
"""Every kind of step, in the order in which the guide tells of them."""

KINDS: dict[str, StepKind] = {kind.name: kind for kind in STEP_KINDS}
