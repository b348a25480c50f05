"""THE description of a scenario's own keys. With `step_fields` it drives the loader and the JSON Schema."""

from __future__ import annotations

import re
from typing import NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.draft import Draft
from simulator.core.fields import Field, Record, ValueKind
from simulator.core.findings import Level
from simulator.core.problems import Wrong
from simulator.core.scenario import DEFAULT_OPENING, MAIN_PLAYER, PlayerSpec
from simulator.core.step_fields import STEPS
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.value_kinds import (
    COLUMNS,
    FLAG,
    LABEL_PATTERN,
    MONEY,
    REASON,
    TEXT,
    choice,
    enum_choice,
    or_column,
    set_of,
    text_of,
)
from simulator.core.yaml_nodes import is_empty, noun_of, shortened

NEEDS = ("restart", "seeding", "two_players", "blocked_player", "limits")

RULE_COUNTS = {
    "CON": 17, "MON": 15, "IDE": 17, "ORD": 9, "REF": 14, "INS": 6, "UNK": 9, "CCY": 9, "TMO": 9,
    "SEC": 11, "BAD": 8, "SES": 7, "LIM": 3, "DEM": 4, "CUR": 4, "PER": 6, "EXP": 2,
}  # fmt: skip
"""How many rules each group has. Kept here too, and checked by a test, so that a run that finds nothing
does not have to read the texts of all rules."""

_ANSWERS = ("accepted", "refused", "any")
POLICY_KNOBS: dict[str, tuple[str, ...]] = {
    "duplicate_bet": _ANSWERS,
    "duplicate_credit": _ANSWERS,
    "unknown_refund": _ANSWERS,
    "late_bet": _ANSWERS,
    "win_without_bet": _ANSWERS,
    "zero_bet": _ANSWERS,
    "zero_win": _ANSWERS,
    "refund_of_win": ("debited", "ignored", "any"),
    "refusal_http": ("200", "4xx", "any"),
    "money_type": ("string", "number", "any"),
    "shared_ids": ("per_player", "global", "any"),
}
"""The knobs of the dialect and what each may be pinned to."""

_RULE = re.compile(r"([A-Z]{3})-(\d\d)", re.ASCII)
_NAME = re.compile(LABEL_PATTERN)
ROWS_MAX = 10_000


def _read_rule(node: Node, _: Draft) -> str:
    text = text_of(node, "the id of a rule")
    match = _RULE.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= RULE_COUNTS.get(match[1], 0):
        known = [
            f"{group}-{number:02d}" for group, count in RULE_COUNTS.items() for number in range(1, count + 1)
        ]
        # IDE-1 is IDE-01, not IDE-17.
        padded = re.sub(r"(?<=\D)(\d)$", r"0\1", text.upper())
        hint = did_you_mean_or_valid(padded, known)
        raise Wrong(node, f'no rule has the id "{shortened(text)}"{hint}')
    return text


RULE = ValueKind(_read_rule, or_column({"type": "string", "pattern": f"^({'|'.join(RULE_COUNTS)})-\\d\\d$"}))

# --- players ---------------------------------------------------------------------------------------

PLAYER_FIELDS = Record(
    "player",
    [
        Field("balance", MONEY, "The balance it starts with; 100.00 when left out."),
        Field("exists", FLAG, "false: the operator has no such player."),
        Field("blocked", FLAG, "true: the operator has blocked the player."),
    ],
)


def _player_spec(node: Node, draft: Draft) -> PlayerSpec:
    if type(node) is ScalarNode and is_empty(node):
        return PlayerSpec()
    values = PLAYER_FIELDS.read(node, draft)
    exists = values.get("exists") is not False
    if not exists and ("balance" in values or values.get("blocked")):
        draft.problems.add(node, "a player that does not exist is neither blocked nor has a balance")
    balance = values.get("balance")
    return PlayerSpec(DEFAULT_OPENING if balance is None else balance, exists, bool(values.get("blocked")))


def _read_main_player(node: Node, draft: Draft) -> None:
    draft.players[MAIN_PLAYER] = _player_spec(node, draft)


def _read_players(node: Node, draft: Draft) -> None:
    if type(node) is not MappingNode:
        raise Wrong(node, f"players are a mapping of names; found {noun_of(node)}")
    seen: set[str] = set()
    for key, value in node.value:
        name = text_of(key, "the name of a player")
        if _NAME.fullmatch(name) is None:
            draft.problems.add(
                key, f'"{shortened(name)}" cannot name a player; use letters, digits, "_" and "-"'
            )
        elif name in seen:
            draft.problems.add(key, f'duplicate key "{name}" in players')
        elif name == MAIN_PLAYER:
            draft.problems.add(
                key, f'the first player is described under "{MAIN_PLAYER}:", beside "players:"'
            )
        seen.add(name)
        draft.players[name] = _player_spec(value, draft)


_PLAYER_SCHEMA = {"anyOf": [PLAYER_FIELDS.schema(), {"type": "null"}]}
PLAYER = ValueKind(_read_main_player, _PLAYER_SCHEMA)
PLAYERS = ValueKind(
    _read_players,
    {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {f"^(?!{MAIN_PLAYER}$){LABEL_PATTERN}$": _PLAYER_SCHEMA},
    },
)

# --- policy ----------------------------------------------------------------------------------------

POLICY_FIELDS = Record(
    "policy",
    [Field(knob, choice(*words), "Pinned for this scenario.") for knob, words in POLICY_KNOBS.items()],
)
POLICY = ValueKind(lambda node, draft: POLICY_FIELDS.read(node, draft), POLICY_FIELDS.schema())

# --- cases -----------------------------------------------------------------------------------------


class Row(NamedTuple):
    """One row of `cases`: its name, where it stands, its columns as nodes, and its last line, from 1."""

    name: str
    node: Node
    columns: dict[str, Node]
    last_line: int


def _read_cases(node: Node, draft: Draft) -> list[Row]:
    """Rows from a mapping of names to columns, or from a list of columns with a `name` or none."""
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


CASES = ValueKind(
    _read_cases,
    {
        "anyOf": [
            {"type": "object", "additionalProperties": {"type": "object"}, "minProperties": 1},
            {"type": "array", "items": {"type": "object"}, "minItems": 1},
        ]
    },
)

# --- the table -------------------------------------------------------------------------------------

SCENARIO_FIELDS = Record(
    "a scenario",
    [
        Field("name", TEXT, "What is tested, as a sentence."),
        Field("description", TEXT, "Why, for the reader of a report."),
        Field("tags", set_of(TEXT, "tags"), "Words to select by."),
        Field("level", enum_choice(Level), "How binding it is; industry when left out."),
        Field("covers", set_of(RULE, "covers"), "The rules it tests; the first is a failed expect's."),
        Field("player", PLAYER, "The player it starts with."),
        Field("players", PLAYERS, "More players, by name."),
        Field("policy", POLICY, "Knobs of the dialect that are pinned."),
        Field("needs", set_of(choice(*NEEDS), "needs"), "What the target must offer."),
        Field("skip", REASON, "Why it is not run."),
        Field("xfail", REASON, "Why it is known to fail."),
        Field("cases", CASES, "A table: one test a row; ${column} stands for a whole value."),
        Field("steps", STEPS, "What happens.", required=True),
        Field("finally", STEPS, "What happens in the end, whatever came before.", attribute="finally_"),
    ],
)
