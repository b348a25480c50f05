"""The JSON Schema (2020-12) of a scenario for editors, made from the tables that drive the loader.

Only the loader can check references, labels, the ledger and the decimals of a number: the schema accepts all
that the loader accepts, and more.
"""

from __future__ import annotations

from simulator.scenario.shapes import COLUMN_PATTERN, Schema
from simulator.scenario.table import SCENARIO_FIELDS, STEP_KINDS, StepKind

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> Schema:
    """Return the schema of one YAML document of a scenario file."""
    return {
        "$schema": DIALECT,
        "title": "Scenario of the BetronTech simulator",
        **SCENARIO_FIELDS.schema(),
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


def _step() -> Schema:
    bare = [kind.name for kind in STEP_KINDS if kind.bare]
    return {
        "anyOf": [
            {"enum": bare},
            {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {kind.name: {"$ref": f"#/$defs/{kind.name}"} for kind in STEP_KINDS},
            },
        ]
    }


def _kind(kind: StepKind) -> Schema:
    """Return the schema of what may follow the kind: its bare, scalar, listed and mapped forms."""
    forms: list[Schema] = []
    if kind.bare:
        forms.append({"type": "null"})
    if kind.scalar is not None:
        forms.append(kind.scalar.kind.schema)
    if kind.listed:
        forms.append({"$ref": "#/$defs/steps"})
    if kind.mapped:
        forms.append({**kind.record.schema(), **(kind.rule or {})})
    return {"description": kind.meaning, "anyOf": forms}
