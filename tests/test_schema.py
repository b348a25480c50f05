"""The JSON Schema of the scenario format: made from the loader's own tables, and agreeing with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from scenario_texts import EVERY_FORM, SUITE, load
from simulator.scenario.schema import EXAMPLES, scenario_schema
from simulator.scenario.table import SCENARIO_FIELDS, STEP_KINDS
from simulator.scenario.yaml import ScenarioFileError

SCHEMA = scenario_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
FILES = sorted(SUITE.rglob("*.yaml"))


def as_an_editor_reads(text: str) -> list[Any]:
    """The documents as plain YAML gives them: numbers are floats, `yes` is true."""
    return list(yaml.load_all(text, yaml.CSafeLoader))


def errors(text: str) -> list[str]:
    """What the schema has against a text."""
    return [
        error.message for document in as_an_editor_reads(text) for error in VALIDATOR.iter_errors(document)
    ]


def test_it_is_a_schema_of_2020_12() -> None:
    """Valid by the dialect's own schema."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_it_accepts_every_form() -> None:
    """The sample with every key and every form of every step."""
    assert errors(EVERY_FORM) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SUITE).as_posix())
def test_it_accepts_the_bundled_suite(path: Path) -> None:
    """What runs is not underlined in an editor."""
    assert errors(path.read_text("utf-8")) == []


def test_every_key_is_there_with_its_meaning() -> None:
    """An editor completes and explains all keys of scenarios and of steps."""
    described = SCHEMA["properties"]
    assert list(described) == [field.name for field in SCENARIO_FIELDS.fields]
    for kind in STEP_KINDS:
        shown = SCHEMA["$defs"][kind.name]
        assert shown["description"] == kind.meaning
        if kind.mapped:
            mapped = shown["then"]["properties"]
            assert {name: form["description"] for name, form in mapped.items()} == {
                field.name: field.meaning for field in kind.record.fields
            }


SLIPS = {
    "scenario key": "tag: [a]\nsteps: [balance]",
    "no steps": "name: x",
    "empty steps": "steps: []",
    "level": "level: low\nsteps: [balance]",
    "rule": "covers: [XYZ-01]\nsteps: [balance]",
    "need": "needs: [luck]\nsteps: [balance]",
    "policy": "policy: {zero_bat: any}\nsteps: [balance]",
    "policy's value": "policy: {zero_bet: maybe}\nsteps: [balance]",
    "player": "player: {balanse: 1.00}\nsteps: [balance]",
    "main player among others": "players: {player: {balance: 1.00}}\nsteps: [balance]",
    "step": "steps: [bte: 1.00]",
    "bare bet": "steps: [bet]",
    "two kinds": "steps: [{bet: 1.00, win: 1.00}]",
    "step key": "steps: [bet: {amuont: 1.00}]",
    "no amount": "steps: [bet: {id: b1}]",
    "negative amount": "steps: [bet: -1.00]",
    "amount in words": "steps: [bet: ten]",
    "three decimals in text": "steps: [bet: '10.005']",
    "win of more than all": "steps: [win: all+0.01]",
    "refund of all": "steps: [refund: {transaction_id: x, amount: all}]",
    "expectation": "steps: [bet: {amount: 1.00, expect: acepted}]",
    "status": "steps: [balance: {expect: {http: 6xx}}]",
    "fault": "steps: [bet: {amount: 1.00, fault: lost_replay}]",
    "delay without its time": "steps: [bet: {amount: 1.00, fault: delay}]",
    "duration": "steps: [wait: 3]",
    "restart with a value": "steps: [restart: now]",
    "times": "steps: [repeat: {times: 0, steps: [balance]}]",
    "volatility": "steps: [play: {rounds: 1, stake: 1.00, volatility: wild}]",
    "refund of nothing": "steps: [refund: {amount: 1.00}]",
    "refund of an id without an amount": "steps: [refund: {transaction_id: x}]",
    "body twice": "steps: [send: {body: a, json: {}}]",
    "raw of no field": "steps: [bet: {amount: 1.00, raw: {amont: 1}}]",
    "omit of no field": "steps: [bet: {amount: 1.00, omit: [balance]}]",
    "label": "steps: [bet: {amount: 1.00, id: my bet}]",
}


@pytest.mark.parametrize("text", SLIPS.values(), ids=SLIPS)
def test_it_rejects_what_the_loader_rejects(text: str) -> None:
    """An editor underlines a slip while it is typed."""
    assert errors(text)
    with pytest.raises(ScenarioFileError):
        load(text)


def test_money_is_a_number_or_a_pattern() -> None:
    """`multipleOf: 0.01` would reject 19.99, which no binary fraction is."""
    assert errors("steps: [bet: 19.99, balance: '80.01']") == []
    assert "multipleOf" not in str(SCHEMA)


def records() -> list[tuple[str, dict[str, Any]]]:
    """The keys of a scenario and of each kind of step, with their schemas."""
    kinds = [(kind.name, SCHEMA["$defs"][kind.name]["then"]) for kind in STEP_KINDS if kind.mapped]
    return [("scenario", SCHEMA), *kinds]


def test_every_key_has_an_example_that_it_accepts() -> None:
    """And a default that it accepts, if it is something where it is left out."""
    for owner, record in records():
        for name, schema in record["properties"].items():
            within = Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]})
            assert schema["examples"], f"{owner}.{name}"
            for value in (*schema["examples"], *([schema["default"]] if "default" in schema else [])):
                assert within.is_valid(value), f"{owner}.{name}: {value}"
    assert {*EXAMPLES} == {*EXAMPLES} & {
        each
        for owner, record in records()
        for name in record["properties"]
        for each in (name, f"{owner}.{name}")
    }


UNDERLINED = {
    "a key of a scenario": ("tag: [a]\nsteps: [balance]", [], "tag"),
    "a kind of step": ("steps: [balance, bte: 1.00]", ["steps", 1], "bte"),
    "a key of a step": ("steps: [bet: {amount: 1.00, gaem: x}]", ["steps", 0, "bet"], "gaem"),
    "a key of an expectation": (
        "steps: [bet: {amount: 1.00, expect: {htpp: 200}}]",
        ["steps", 0, "bet", "expect"],
        "htpp",
    ),
    "a key of a step within a step": (
        "steps: [repeat: {times: 2, steps: [parallel: [bet: 1.00, win: {amuont: 1.00, amount: 1.00}]]}]",
        ["steps", 0, "repeat", "steps", 0, "parallel", 1, "win"],
        "amuont",
    ),
    "a key of a player": (
        "players: {guest: {balnce: 1.00}}\nsteps: [balance]",
        ["players", "guest"],
        "balnce",
    ),
}


@pytest.mark.parametrize(("text", "path", "key"), UNDERLINED.values(), ids=UNDERLINED.keys())
def test_an_editor_underlines_the_misspelt_key_and_nothing_around_it(
    text: str, path: list[object], key: str
) -> None:
    """The only error is that of the mapping which has the key, as a further property."""
    (document,) = as_an_editor_reads(text)
    (error,) = VALIDATOR.iter_errors(document)
    while error.context:
        (error,) = error.context
    assert (list(error.absolute_path), error.validator) == (path, "additionalProperties")
    assert f"'{key}'" in error.message
