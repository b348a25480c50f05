"""docs/scenario-format.md is true: its examples load, its errors are the loader's, nothing is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from command_line import simulate
from simulator.core.steps import Scenario
from simulator.scenario.expecting import EXPECT_FIELDS
from simulator.scenario.reader import load_text
from simulator.scenario.schema import scenario_schema
from simulator.scenario.table import POLICY_KNOBS, SCENARIO_FIELDS, STEP_KINDS, StepKind
from simulator.scenario.yaml import ScenarioFileError

PAGE = (Path(__file__).parent.parent / "docs" / "scenario-format.md").read_text("utf-8")
BLOCK = re.compile(
    r"^```yaml(?: file=(\S+))?\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
BLOCKS = [(match[1], match[2], match[3]) for match in BLOCK.finditer(PAGE)]
FILES = {name: text for name, text, _ in BLOCKS if name}
EXAMPLES = [text for name, text, errors in BLOCKS if not name and not errors]
MISTAKES = [(text, errors) for _, text, errors in BLOCKS if errors]


def load(text: str) -> tuple[Scenario, ...]:
    """An example as a file; one that shows only steps gets the rest."""
    whole = text if not text.startswith("- ") else f"steps:\n{text}"
    return load_text(whole.encode(), "example.yaml", lambda path: FILES[path].encode())


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.splitlines()[0])
def test_an_example_loads(text: str) -> None:
    """What a reader copies works, and no editor underlines it."""
    assert load(text)
    whole = text if not text.startswith("- ") else f"steps:\n{text}"
    for document in yaml.load_all(whole, yaml.CSafeLoader):
        Draft202012Validator(scenario_schema()).validate(document)


@pytest.mark.parametrize(("text", "errors"), MISTAKES, ids=[text.splitlines()[0] for text, _ in MISTAKES])
def test_a_mistake_is_told_as_shown(text: str, errors: str) -> None:
    """To the letter."""
    with pytest.raises(ScenarioFileError) as caught:
        load(text)
    assert str(caught.value) == errors.rstrip("\n")


def test_all_blocks_were_found() -> None:
    """A block in another form would not be run."""
    assert PAGE.count("```yaml") == len(BLOCKS)
    assert PAGE.count("```text") == len(MISTAKES)
    assert len(EXAMPLES) > 10


def test_the_dry_run_is_printed_as_shown(tmp_path: Path) -> None:
    """Of the scenario at the top of the page, to the letter."""
    command, shown = re.findall(r"^```console\n\$ betrontech-sim (.*?)\n(.*?)^```", PAGE, re.M | re.S)[0]
    (tmp_path / "lost-reply.yaml").write_text(EXAMPLES[0], "utf-8")
    done = simulate(*command.split(), folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, shown)


def section(title: str) -> str:
    """The part of the page under a heading."""
    match = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match is not None, f"the page has no heading {title}"
    return match[1]


@pytest.mark.parametrize("kind", STEP_KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_step_is_told_with_its_keys(kind: StepKind) -> None:
    """The page is complete."""
    shown = section(kind.name)
    if kind.mapped:
        for field in kind.record.fields:
            assert f"`{field.name}`" in shown


def test_every_key_of_a_scenario_is_told() -> None:
    """And every knob, and every key of expect."""
    assert all(f"| `{field.name}` |" in section("The scenario") for field in SCENARIO_FIELDS.fields)
    assert all(f"| `{field.name}` |" in section("What is expected") for field in EXPECT_FIELDS.fields)
    for knob, words in POLICY_KNOBS.items():
        assert f"`{knob}`" in section("policy")
        assert all(f"`{word}`" in section("policy") for word in words)
