"""THE description of the steps: every kind with its fields. It drives the loader and the JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yaml.nodes import MappingNode, Node

from simulator.core.draft import Draft
from simulator.core.fields import Field, Record, Schema, ValueKind
from simulator.core.json_values import render_json
from simulator.core.problems import Wrong
from simulator.core.scenario import (
    Balance,
    Bet,
    Details,
    JsonValue,
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
from simulator.core.step_values import CONTENT_TYPE, EXPECT, FAULT, HEADERS, HTTP_METHOD, kept_expect
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

Values = dict[str, Any]
Finish = Callable[[Values, Node, Draft], None]

REPEATS_MAX = 1_000_000
IN_FLIGHT_MAX = 1_000

BET_FIELDS = ("method", "user_id", "amount", "transaction_id", "game_id")
REFUND_FIELDS = ("method", "user_id", "amount", "transaction_id")


_BETTING = frozenset({"bet", "round", "play", "send"})
_REPEATABLE = frozenset({"bet", "win", "refund", "resend"})


class StepKind:
    """A kind of step. `scalar` is the field that a value without a mapping fills; `bare` needs no value,
    `listed` takes a list of steps, `mapped` a mapping of the record's fields.

    `defaults` are shared by all steps of the kind; `finish` completes what several fields decide together.
    `rule` is the JSON Schema of what `finish` asks of the fields together.
    `alone` marks one single call, which can be released together with others; `betting` a step after which
    there is a last bet, `repeatable` one that `last` can mean. `width` is what a caret under it underlines.
    """

    def __init__(
        self,
        name: str,
        make: type[Step] | None,
        record: Record,
        meaning: str,
        *,
        scalar: Field | None = None,
        bare: bool = False,
        listed: bool = False,
        mapped: bool = True,
        labelled: bool = False,
        alone: bool = False,
        finish: Finish | None = None,
        defaults: Values | None = None,
        rule: Schema | None = None,
    ) -> None:
        self.name, self.make, self.record, self.meaning = name, make, record, meaning
        self.scalar, self.bare, self.listed, self.mapped = scalar, bare, listed, mapped
        self.labelled, self.alone = labelled, alone
        self.finish, self.defaults, self.rule = finish, defaults, rule
        self.betting = name in _BETTING
        self.repeatable = name in _REPEATABLE
        self.restarts = name == "restart"
        self.width = len(name)
        self.scalar_target = scalar.target if scalar else ""
        self.read_scalar = scalar.kind.read if scalar else None


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

# --- what several fields decide together -----------------------------------------------------------


def _finish_bet(values: Values, node: Node, draft: Draft) -> None:
    kept_expect(values, node, draft)
    _finish_changes(values, node, draft)


def _finish_changes(values: Values, node: Node, draft: Draft) -> None:
    omit = values.get("omit")
    if omit is None:
        return
    values["omit"] = frozenset(omit)
    for name in omit:
        if name in (values.get("raw") or ()):
            draft.problems.add(node, f'"{name}" is both replaced by raw and left out by omit')


def _finish_refund(values: Values, node: Node, draft: Draft) -> None:
    _finish_changes(values, node, draft)
    named = [key for key in ("of", "transaction_id") if key in values]
    if len(named) != 1:
        found = "both are there" if named else "neither is there"
        draft.problems.add(node, f'refund needs either "of" or "transaction_id"; {found}')
    elif named == ["transaction_id"] and "amount" not in values:
        draft.problems.add(node, 'refund of a transaction_id that no step has needs "amount"')


def _finish_send(values: Values, node: Node, draft: Draft) -> None:
    text: str | None = values.pop("body", None)
    value: JsonValue = values.pop("json", None) if "json" in values else None
    has_json = isinstance(node, MappingNode) and any(key.value == "json" for key, _ in node.value)
    if text is not None and has_json:
        draft.problems.add(node, 'send has both "body" and "json"')
    rendered = render_json(value) if has_json else text or ""
    values["body"] = rendered.encode("utf-8", "surrogatepass")


def _finish_parallel(values: Values, node: Node, draft: Draft) -> None:
    for step in values.get("steps") or ():
        kind = KIND_OF.get(type(step))
        if kind is not None and not kind.alone:
            draft.problems.add_at(
                step.place.line,
                step.place.column,
                f"{kind.name} cannot be released together with others; only single calls can",
                step.place.width,
            )
    if values.get("steps") == () and isinstance(node, MappingNode):
        draft.problems.add(node, "parallel has no steps")


def _body_text(node: Node, _: Draft) -> str:
    if not isinstance(node.value, str):
        raise Wrong(node, "body is text, sent as it stands; for a mapping write json:")
    return node.value


_BODY = ValueKind(_body_text, {"type": ["string", "number", "boolean"]})

# --- the table -------------------------------------------------------------------------------------

_BET_AMOUNT = Field("amount", BET_AMOUNT, "What is bet.", required=True)
_WIN_AMOUNT = Field("amount", WIN_AMOUNT, "What is won.", required=True)
_IS = Field("is", MONEY, "The balance it must be; the ledger's when left out.", attribute="is_")
_OF = Field("of", REFUNDED, "The label of a bet step, maybe of a later one.")
_STEP = Field("step", RESENT, "The label of a bet, win or refund, or `last`.", required=True, attribute="of")
_DURATION = Field("duration", DURATION, "How long.", required=True, attribute="duration_ns")
_INNER = Field("steps", STEPS, "The steps.", required=True)
_FILE = Field("file", TEXT, "A scenario file, or `path#name` for one of several in it.", required=True)
_WITH = Field("with", COLUMNS, "The values of its `${column}`s.")

_MONEY_CHANGES = _changes("transaction_bet", BET_FIELDS)
_WIN_CHANGES = _changes("transaction_win", BET_FIELDS)
_REFUND_CHANGES = _changes("refund", REFUND_FIELDS)

STEP_KINDS: tuple[StepKind, ...] = (
    StepKind(
        "details",
        Details,
        Record("details", [_PLAYER, _EXPECT]),
        "Read the player's details (account_details).",
        bare=True,
        alone=True,
    ),
    StepKind(
        "balance",
        Balance,
        Record("balance", [_IS, _PLAYER, _EXPECT, _WITHIN]),
        "Read the player's balance (user_balance); with an amount, it must be that.",
        scalar=_IS,
        bare=True,
        alone=True,
        finish=kept_expect,
    ),
    StepKind(
        "bet",
        Bet,
        Record("bet", [_BET_AMOUNT, _ID, _GAME, _PLAYER, _FAULT, _EXPECT, _WITHIN, *_MONEY_CHANGES]),
        "Bet an amount (transaction_bet).",
        scalar=_BET_AMOUNT,
        labelled=True,
        alone=True,
        finish=_finish_bet,
        defaults=_NO_CHANGES,
    ),
    StepKind(
        "win",
        Win,
        Record("win", [_WIN_AMOUNT, _ID, _GAME, _PLAYER, _FAULT, _EXPECT, _WITHIN, *_WIN_CHANGES]),
        "Win an amount (transaction_win).",
        scalar=_WIN_AMOUNT,
        labelled=True,
        alone=True,
        finish=_finish_bet,
        defaults=_NO_CHANGES,
    ),
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
        alone=True,
        finish=_finish_refund,
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
        alone=True,
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
        finish=_finish_parallel,
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
                Field("body", _BODY, "The exact text of the body."),
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
        alone=True,
        finish=_finish_send,
        rule={"not": {"required": ["body", "json"]}},
    ),
    StepKind(
        "restart", Restart, Record("restart", []), "Restart the target by its hook.", bare=True, mapped=False
    ),
    StepKind("wait", Wait, Record("wait", [_DURATION]), "Pause.", scalar=_DURATION, mapped=False),
    StepKind("use", None, Record("use", [_FILE, _WITH]), "The steps of another scenario file.", scalar=_FILE),
)
"""Every kind of step, in the order in which the guide tells of them."""

KINDS: dict[str, StepKind] = {kind.name: kind for kind in STEP_KINDS}
KIND_OF: dict[Any, StepKind] = {kind.make: kind for kind in STEP_KINDS if kind.make is not None}
