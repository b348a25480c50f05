"""The tables of what a scenario and its steps may hold, which drive the loader and the JSON Schema.

Each kind of step is a `StepKind`; the functions `finish_…` before it check what its fields decide together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core import json as exact_json
from simulator.core.findings import Level
from simulator.core.json import JsonValue
from simulator.core.mappings import Wrong
from simulator.core.steps import (
    DEFAULT_OPENING,
    MAIN_PLAYER,
    Balance,
    Bet,
    Block,
    Details,
    Parallel,
    Play,
    PlayerSpec,
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
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean_or_valid, shortened
from simulator.law.roles import KNOBS
from simulator.law.rules import GROUPS, rule_ids
from simulator.scenario.expecting import CAPTURE, EXPECT, finish_reply
from simulator.scenario.kinds import (
    ANY_JSON,
    BET_AMOUNT,
    BODY,
    COLUMNS,
    CONTENT_TYPE,
    DURATION,
    FAULT,
    FLAG,
    HTTP_METHOD,
    LABEL,
    LABEL_PATTERN,
    MONEY,
    OTHER_AMOUNT,
    PLAYER,
    REASON,
    REFUNDED,
    RESENT,
    TEXT,
    WIN_AMOUNT,
    choice,
    enum_choice,
    headers,
    json_object,
    mapping_of,
    or_column,
    set_of,
    text_of,
    whole,
)
from simulator.scenario.shapes import Draft, Field, NodeKind, Record, Schema, Values, either
from simulator.scenario.yaml import is_empty, noun_of, value_at
from simulator.wire.profiles import DOCUMENTED_FIELDS

Finish = Callable[[Values, Node, Draft], None]

_BETTING = frozenset({"bet", "round", "play", "send"})

_REPEATABLE = frozenset({"bet", "win", "refund", "resend"})

_NEEDS = {"restart": "restart", "block": "blocked_player"}


class StepKind:
    """A kind of step. `scalar` is the field that a value without a mapping fills; `bare` needs no value,
    `listed` takes a list of steps, `mapped` a mapping of the record's fields.

    `defaults` are shared by all steps of the kind; `finish` completes what several fields decide together,
    and `rule` is the JSON Schema of its conditions. `betting` marks a step after which there is a last bet,
    `repeatable` one that `last` can mean. `need` is what the wallet must offer for it. `width` is how much a
    caret underlines.
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
        finish: Finish | None = None,
        defaults: Values | None = None,
        rule: Schema | None = None,
    ) -> None:
        self.name, self.make, self.record, self.meaning = name, make, record, meaning
        self.scalar, self.bare, self.listed, self.mapped = scalar, bare, listed, mapped
        self.labelled = labelled
        self.finish, self.defaults, self.rule = finish, defaults, rule
        self.betting = name in _BETTING
        self.repeatable = name in _REPEATABLE
        self.need = _NEEDS.get(name)
        self.width = len(name)
        self.scalar_target = scalar.target if scalar else ""
        self.read_scalar = scalar.kind.read if scalar else None


_SINGLE_CALLS = (Details, Balance, Bet, Win, Refund, Resend, Send)
"""The steps that can be used inside `parallel`."""


def finish_bet(values: Values, node: Node, draft: Draft) -> None:
    """Complete a bet or win with its expectations and changes."""
    finish_reply(values, node, draft)
    _finish_changes(values, node, draft)
    fixed = _fixed_id((values.get("raw") or {}).get("transaction_id"))
    if fixed is not None:
        _note_fixed_id(fixed, "${run}", value_at(node, "raw", "transaction_id"), draft)


def finish_refund(values: Values, node: Node, draft: Draft) -> None:
    """Check that a refund names a step, or an id that no step has and an amount."""
    finish_reply(values, node, draft)
    _finish_changes(values, node, draft)
    named = [key for key in ("of", "transaction_id") if key in values]
    if len(named) != 1:
        found = "both are there" if named else "neither is there"
        draft.problems.add(node, f'refund needs either "of" or "transaction_id"; {found}')
    elif named == ["transaction_id"] and "amount" not in values:
        draft.problems.add(node, 'refund of a transaction_id that no step has needs "amount"')


def _finish_changes(values: Values, node: Node, draft: Draft) -> None:
    omit = values.get("omit")
    if omit is None:
        return
    values["omit"] = frozenset(omit)
    for name in omit:
        if name in (values.get("raw") or ()):
            draft.problems.add(node, f'"{name}" is both replaced by raw and left out by omit')


def finish_send(values: Values, node: Node, draft: Draft) -> None:
    """Read the body as text or as a JSON value; it may be empty."""
    finish_reply(values, node, draft)
    text: str | None = values.pop("body", None)
    # `json: null` is a body too.
    has_json = "json" in values
    value: JsonValue = values.pop("json", None)
    if text is not None and has_json:
        draft.problems.add(node, 'send has both "body" and "json"')
    fixed = _fixed_id_of_call(value if has_json else text)
    if fixed is not None:
        place = value_at(node, "json", "transaction_id") if has_json else value_at(node, "body")
        _note_fixed_id(fixed, "${id}", place, draft)
    rendered = exact_json.write(value) if has_json else text or ""
    values["body"] = rendered.encode("utf-8", "surrogatepass")


def finish_parallel(values: Values, node: Node, draft: Draft) -> None:
    """Check that the steps are single calls."""
    for step in values.get("steps") or ():
        kind = type(step).__name__.lower()
        message = f"{kind} cannot be used inside parallel; only single calls can"
        if isinstance(step, _SINGLE_CALLS):
            if not step.expect.capture:
                continue
            message = "nothing can be captured inside parallel: your wallet decides the order"
        place = step.place
        if place.file == draft.problems.file:
            draft.problems.add_at(place.line, place.column, message, place.width)
        else:
            draft.problems.add(node, message)


def _fixed_id_of_call(body: JsonValue) -> str | None:
    """Return the id of a bet or win that is the same in every run, or None."""
    if isinstance(body, str):
        try:
            body = exact_json.parse(body).value
        except ValueError:
            return None
    if not isinstance(body, dict) or body.get("method") not in (Method.BET.value, Method.WIN.value):
        return None
    return _fixed_id(body.get("transaction_id"))


def _fixed_id(value: JsonValue) -> str | None:
    """Return the value if a wallet could store it as an id, unless it is new in every run."""
    if isinstance(value, Decimal):
        return str(value)
    return value if isinstance(value, str) and value.strip() and "${" not in value else None


def _note_fixed_id(fixed: str, own: str, place: Node, draft: Draft) -> None:
    """Note an id that is the same in every run: a right wallet would apply it in the first run only."""
    example = f"{own}-{fixed}" if own == "${run}" else own
    message = (
        f'the transaction_id "{shortened(fixed)}" is the same in every run, and a wallet takes it once only; '
        f'write "{shortened(example)}"'
    )
    draft.problems.add(place, message)


REPEATS_MAX = 1_000_000

IN_FLIGHT_MAX = 1_000

STEPS = NodeKind(lambda node, draft: draft.read_steps(node, draft), {"$ref": "#/$defs/steps"})

_PLAYER = Field("player", PLAYER, "The player it is for, by its name under `players`.")
_EXPECT = Field("expect", EXPECT, "The expected reply.")
_CAPTURE = Field("capture", CAPTURE, "Fields of the reply for later steps, as `${name}`.")
_WITHIN = Field("within", DURATION, "The reply must come within this time.")
_FAULT = Field("fault", FAULT, "The fault in this call.")
_ID = Field("id", LABEL, "A label for this step in the file, not its transaction id.", attribute="label")
_GAME = Field("game", TEXT, "The game_id; by default one of the run.")
_TIMES = Field("times", whole(1, REPEATS_MAX), "How many times.")


def _changes(method: Method) -> tuple[Field, Field]:
    """Return the fields `raw` and `omit` of a method."""
    names = DOCUMENTED_FIELDS[method]
    omit = set_of(choice(*names), "omit")
    return (
        Field("raw", json_object(names, method), "JSON values that replace those of the request."),
        Field("omit", omit, "Fields that the request leaves out."),
    )


_NO_CHANGES: Values = {"raw": {}}
_IS = Field("is", MONEY, "The balance that it must be; by default that of the ledger.", attribute="is_")
_OF = Field("of", REFUNDED, "The label of a bet step, maybe of a later one.")
_STEP = Field("step", RESENT, "The label of a bet, win or refund, or `last`.", required=True, attribute="of")
_DURATION = Field("duration", DURATION, "How long.", required=True, attribute="duration_ns")
_INNER = Field("steps", STEPS, "The steps.", required=True)
_FILE = Field("file", TEXT, "A scenario file, or `path#name` for one of several in it.", required=True)
_WITH = Field("with", COLUMNS, "The values of its `${column}`s.")
_REFUND_CHANGES = _changes(Method.REFUND)


def _bet_or_win(name: str, make: type[Step], amount: NodeKind, meaning: str) -> StepKind:
    written = Field("amount", amount, "How much.", required=True)
    changes = _changes(Method(f"transaction_{name}"))
    return StepKind(
        name,
        make,
        Record(name, [written, _ID, _GAME, _PLAYER, _FAULT, _EXPECT, _WITHIN, _CAPTURE, *changes]),
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
        Record("details", [_PLAYER, _EXPECT, _CAPTURE]),
        "Read the player's details (account_details).",
        bare=True,
        finish=finish_reply,
    ),
    StepKind(
        "balance",
        Balance,
        Record("balance", [_IS, _PLAYER, _EXPECT, _WITHIN, _CAPTURE]),
        "Read the player's balance (user_balance); with an amount, it must be that.",
        scalar=_IS,
        bare=True,
        finish=finish_reply,
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
                Field("amount", OTHER_AMOUNT, "The amount of the refund; by default the stake."),
                _ID,
                _PLAYER,
                _FAULT,
                _EXPECT,
                _CAPTURE,
                *_REFUND_CHANGES,
            ],
        ),
        "Refund a bet (refund).",
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
                _CAPTURE,
            ],
        ),
        "Send the same bytes again, with the same transaction_id.",
        scalar=_STEP,
        finish=finish_reply,
    ),
    StepKind(
        "round",
        Round,
        Record(
            "round",
            [
                Field("bet", BET_AMOUNT, "The stake.", required=True),
                Field("win", WIN_AMOUNT, "The win; by default the outcome model decides."),
                Field("spins", whole(1, REPEATS_MAX), "How many rounds."),
                _GAME,
                _PLAYER,
            ],
        ),
        "Play a game round as a provider does: an unanswered bet is refunded, an unanswered win sent again.",
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
                Field("seed", whole(0, 2**53), "Repeats the same session; by default the seed of the run."),
                _GAME,
                _PLAYER,
            ],
        ),
        "Play a realistic session by the outcome model.",
    ),
    StepKind(
        "parallel",
        Parallel,
        Record(
            "parallel",
            [
                _INNER,
                _TIMES,
                Field("in_flight", whole(1, IN_FLIGHT_MAX), "How many may be in flight at once."),
            ],
        ),
        "Send steps at the same moment; they are judged as a concurrent history.",
        listed=True,
        finish=finish_parallel,
    ),
    StepKind(
        "repeat",
        Repeat,
        Record("repeat", [Field("times", whole(1, REPEATS_MAX), "How many times.", required=True), _INNER]),
        "Repeat steps, with new ids each time.",
    ),
    StepKind(
        "send",
        Send,
        Record(
            "send",
            [
                Field("body", BODY, "The exact text of the body."),
                Field("json", ANY_JSON, "The body as a value, rendered as compact JSON."),
                Field("content_type", CONTENT_TYPE, "The Content-Type; by default application/json."),
                Field("method", HTTP_METHOD, "The HTTP method; by default POST.", attribute="http_method"),
                Field("headers", headers(), "Further headers."),
                _PLAYER,
                _EXPECT,
                _CAPTURE,
            ],
        ),
        "Send any body. A valid webhook is judged like one; otherwise no money may move.",
        labelled=True,
        finish=finish_send,
        rule={"not": {"required": ["body", "json"]}},
    ),
    StepKind(
        "restart", Restart, Record("restart", []), "Restart the wallet by its hook.", bare=True, mapped=False
    ),
    StepKind(
        "block",
        Block,
        Record("block", [_PLAYER]),
        "Block the player by the wallet's hook: bets must then be refused, but not wins and refunds.",
        bare=True,
    ),
    StepKind("wait", Wait, Record("wait", [_DURATION]), "Pause.", scalar=_DURATION, mapped=False),
    StepKind(
        "use", None, Record("use", [_FILE, _WITH]), "Run the steps of another scenario file.", scalar=_FILE
    ),
)
"""Every kind of step, in the order of docs/scenario-format.md."""

KINDS: dict[str, StepKind] = {kind.name: kind for kind in STEP_KINDS}

NEEDS = ("restart", "seeding", "two_players", "blocked_player", "limits")

POLICY_KNOBS = {knob: (*answers, "any") for knob, answers in KNOBS.items()}
"""The knobs of the dialect, and the values that a policy may require."""

_NAME = re.compile(LABEL_PATTERN)

ROWS_MAX = 10_000


def _read_rule(node: Node, _: Draft) -> str:
    text = text_of(node, "the id of a rule")
    if text not in rule_ids():
        # IDE-1 is IDE-01, not IDE-17.
        padded = re.sub(r"(?<=\D)(\d)$", r"0\1", text.upper())
        hint = did_you_mean_or_valid(padded, rule_ids())
        raise Wrong(node, f'no rule has the id "{shortened(text)}"{hint}')
    return text


RULE = NodeKind(_read_rule, or_column({"type": "string", "pattern": f"^({'|'.join(GROUPS)})-\\d\\d$"}))

PLAYER_FIELDS = Record(
    "player",
    [
        Field("balance", MONEY, "The balance at the start; by default 100.00."),
        Field("exists", FLAG, "false: the wallet has no such player."),
        Field("blocked", FLAG, "true: the wallet has blocked the player."),
    ],
)


def _player_spec(node: Node, draft: Draft) -> PlayerSpec:
    if type(node) is ScalarNode and is_empty(node):
        return PlayerSpec()
    if type(node) is ScalarNode:
        text = shortened(node.value)
        if "." in text:
            raise Wrong(node, f"a player is a mapping; write {{balance: {text}}}")
        hint = "the user id is given to the run, by --player"
        raise Wrong(node, f'a player is written {{balance: 100.00}}, and {hint}; found "{text}"')
    values = PLAYER_FIELDS.read(node, draft)
    exists = values.get("exists") is not False
    if not exists and ("balance" in values or values.get("blocked")):
        draft.problems.add(node, "a player that does not exist is neither blocked nor has a balance")
    balance = values.get("balance")
    return PlayerSpec(DEFAULT_OPENING if balance is None else balance, exists, bool(values.get("blocked")))


def _read_main_player(node: Node, draft: Draft) -> None:
    draft.players[MAIN_PLAYER] = _player_spec(node, draft)


def _refused_player(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        return f'"{shortened(name)}" cannot name a player; use letters, digits, "_" and "-"'
    if name == MAIN_PLAYER:
        return f'the first player is described under "{MAIN_PLAYER}:", beside "players:"'
    return ""


_PLAYER_SCHEMA = either(PLAYER_FIELDS.schema(), {"type": "null"})

MAIN_PLAYER_KIND = NodeKind(_read_main_player, _PLAYER_SCHEMA)

_MORE_PLAYERS = mapping_of(
    "players",
    "a mapping of names, such as {guest: {}}",
    NodeKind(_player_spec, _PLAYER_SCHEMA),
    _refused_player,
)

PLAYERS = NodeKind(
    lambda node, draft: draft.players.update(_MORE_PLAYERS.read(node, draft)),
    {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {f"^(?!{MAIN_PLAYER}$){LABEL_PATTERN}$": _PLAYER_SCHEMA},
    },
)

POLICY_FIELDS = Record(
    "policy",
    [Field(knob, choice(*words), "Pinned for this scenario.") for knob, words in POLICY_KNOBS.items()],
)

POLICY = NodeKind(lambda node, draft: POLICY_FIELDS.read(node, draft), POLICY_FIELDS.schema())


class Row(NamedTuple):
    """One row of `cases`: its name, its place, its columns as nodes, and its last line, from 1."""

    name: str
    node: Node
    columns: dict[str, Node]
    last_line: int


def _read_cases(node: Node, draft: Draft) -> list[Row]:
    """Read rows from a mapping of names to columns, or from a list of columns with or without a `name`."""
    if type(node) is MappingNode:
        pairs = [(key, value) for key, value in node.value]
    elif type(node) is SequenceNode:
        pairs = [(_row_name(item, number), item) for number, item in enumerate(node.value, start=1)]
    else:
        raise Wrong(
            node, f"cases are a table: a mapping of row names to columns, or a list; found {noun_of(node)}"
        )
    if not pairs:
        raise Wrong(node, "cases has no rows")
    if len(pairs) > ROWS_MAX:
        raise Wrong(node, f"cases has {len(pairs):,} rows; at most {ROWS_MAX:,} are read")
    rows: dict[str, Row] = {}
    for key, value in pairs:
        name = key if isinstance(key, str) else text_of(key, "the name of a row")
        at = value if isinstance(key, str) else key
        if name in rows or not name.strip():
            draft.problems.add(
                at, f'two rows are named "{shortened(name)}"' if name.strip() else "a row has no name"
            )
        # A block ends where the next thing begins, on a line after it.
        last_line = value.end_mark.line + bool(getattr(value, "flow_style", True))
        rows[name] = Row(name, at, COLUMNS.read(value, draft), last_line)
    return list(rows.values())


def _row_name(item: Node, number: int) -> str | Node:
    if type(item) is MappingNode:
        for key, value in item.value:
            if key.value == "name" and type(value) is ScalarNode:
                return value
    return str(number)


CASES = NodeKind(
    _read_cases,
    {
        "anyOf": [
            {"type": "object", "additionalProperties": {"type": "object"}, "minProperties": 1},
            {"type": "array", "items": {"type": "object"}, "minItems": 1},
        ]
    },
)

SCENARIO_FIELDS = Record(
    "a scenario",
    [
        Field("name", TEXT, "What is tested, as a sentence."),
        Field("description", TEXT, "Why, for the reader of a report."),
        Field("tags", set_of(TEXT, "tags"), "Words to select by."),
        Field("level", enum_choice(Level), "How binding it is; by default industry."),
        Field("covers", set_of(RULE, "covers"), "The rules it tests; a failed expect has the first one."),
        Field("player", MAIN_PLAYER_KIND, "The main player."),
        Field("players", PLAYERS, "Further players, by name."),
        Field("policy", POLICY, "Answers that are required where guides differ."),
        Field("needs", set_of(choice(*NEEDS), "needs"), "What the wallet must offer."),
        Field("skip", REASON, "Why it is not run."),
        Field("xfail", REASON, "Why it is known to fail."),
        Field("timeout", DURATION, "How long it may take; then it fails.", attribute="timeout_ns"),
        Field("defaults", COLUMNS, "Values of its ${column}s where no row, and no use, gives others."),
        Field("cases", CASES, "A table with one test in each row; ${column} stands for a whole value."),
        Field("steps", STEPS, "What happens.", required=True),
        Field("finally", STEPS, "What happens at the end in any case.", attribute="finally_"),
    ],
)

FOLDER_FIELDS = Record(
    "the file of a folder",
    [Field("tags", set_of(TEXT, "tags"), "Tags of every scenario in it.", required=True)],
)
"""What `_folder.yaml` may hold."""
