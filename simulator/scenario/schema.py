"""The JSON Schema (2020-12) of a scenario for editors, made from the tables that drive the loader.

Only the loader can check references, labels, the ledger and the decimals of a number: the schema accepts all
that the loader accepts, and more. Each key has its meaning, an example, and its default if it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.scenario.shapes import COLUMN_PATTERN, Schema, either
from simulator.scenario.table import SCENARIO_FIELDS, STEP_KINDS, StepKind

DIALECT = "https://json-schema.org/draft/2020-12/schema"

ID = "urn:betrontech-sim:scenario"

EXAMPLES: Mapping[str, Any] = {
    "name": "A repeated refund is credited once",
    "description": "Providers send a refund again when its answer was lost.",
    "tags": ["refund", "smoke"],
    "level": "industry",
    "covers": ["REF-03"],
    "player": "guest",
    "scenario.player": {"balance": 50.00},
    "players": {"guest": {"balance": 5.00}, "ghost": {"exists": False}},
    "policy": {"unknown_refund": "accepted"},
    "needs": ["restart"],
    "skip": "waits for the new wallet",
    "xfail": "ticket 4711",
    "timeout": "30s",
    "defaults": {"stake": 1.00},
    "cases": {"small": {"stake": 1.00}, "large": {"stake": 50.00}},
    "steps": [{"bet": 10.00}],
    "finally": ["balance"],
    "amount": 10.00,
    "id": "b1",
    "game": "SLOT_002",
    "fault": "lost_reply",
    "expect": "accepted",
    "within": "500ms",
    "capture": {"ref": "reference"},
    "raw": {"amount": "10,00"},
    "omit": ["amount"],
    "is": 90.00,
    "of": "b1",
    "transaction_id": "never-seen",
    "step": "last",
    "times": 3,
    "bet": 1.00,
    "win": 2.50,
    "spins": 5,
    "rounds": 50,
    "stake": 0.20,
    "volatility": "high",
    "seed": 7,
    "in_flight": 20,
    "body": "not json",
    "json": {"method": "user_balance", "user_id": "${player}"},
    "content_type": "text/plain",
    "method": "PUT",
    "headers": {"X-Trace": "abc"},
    "file": "_deposit.yaml",
    "with": {"amount": 25.00},
}
"""An example for each key; one for the key of a certain record stands behind its name."""

DEFAULTS: Mapping[str, Any] = {
    "level": "industry",
    "scenario.player": {"balance": 100.00},
    "times": 1,
    "spins": 1,
    "volatility": "medium",
    "in_flight": 100,
    "content_type": "application/json",
    "method": "POST",
    "step": "last",
    "omit": [],
    "raw": {},
    "game": "SLOT_001",
}
"""What a key is where it is left out; other keys are then simply not there, or required."""


def scenario_schema() -> Schema:
    """Return the schema of one YAML document of a scenario file."""
    return {
        "$schema": DIALECT,
        "$id": ID,
        "title": "Scenario of the BetronTech simulator",
        "description": "What happens to a player. The simulator knows what the balance must be.",
        **_told(SCENARIO_FIELDS.schema(), "scenario"),
        "$defs": {
            "column": {
                "type": "string",
                "pattern": f"^{COLUMN_PATTERN}$",
                "description": "A value that a row of cases, or the with of a use, fills in.",
            },
            "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
            "step": _step(),
            **{kind.name: _kind(kind) for kind in STEP_KINDS},
        },
    }


def _told(record: Schema, owner: str) -> Schema:
    """Return the schema of a record with examples and defaults of its keys."""
    properties = {}
    for name, schema in record["properties"].items():
        told = dict(schema)
        for key, values in (("examples", EXAMPLES), ("default", DEFAULTS)):
            value = values.get(f"{owner}.{name}", values.get(name))
            if value is not None and not (key == "default" and name in record.get("required", ())):
                told[key] = [value] if key == "examples" else value
        properties[name] = told
    return {**record, "properties": properties}


def _step() -> Schema:
    named = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {kind.name: {"$ref": f"#/$defs/{kind.name}"} for kind in STEP_KINDS},
    }
    return either(named, {"enum": [kind.name for kind in STEP_KINDS if kind.bare]})


def _kind(kind: StepKind) -> Schema:
    """Return the schema of what may follow the kind: its bare, scalar, listed and mapped forms."""
    forms: list[Schema] = []
    if kind.bare:
        forms.append({"type": "null"})
    if kind.scalar is not None:
        forms.append(kind.scalar.kind.schema)
    other = forms[0] if len(forms) == 1 else {"anyOf": forms} if forms else False
    if kind.listed:
        other = {"if": {"type": "array"}, "then": {"$ref": "#/$defs/steps"}, "else": other}
    if not kind.mapped:
        return {"description": kind.meaning, **_only(other)}
    mapped = {**_told(kind.record.schema(), kind.name), **(kind.rule or {})}
    return {"description": kind.meaning, **either(mapped, _only(other))}


def _only(schema: Any) -> Schema:
    return {"not": {}} if schema is False else schema
