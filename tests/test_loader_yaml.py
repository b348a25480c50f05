"""YAML as the loader takes it: text stays text, and what is no YAML, or too much of it, is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scenario_texts import EVERY_FORM, load, problems
from simulator.core.steps import Bet, Send
from simulator.scenario import (
    reader as scenario_yaml,
)
from simulator.scenario import (
    shapes as columns,
)
from simulator.scenario import (
    shapes as draft,
)
from simulator.scenario import (
    yaml as yaml_nodes,
)
from simulator.scenario.reader import load_text
from simulator.scenario.yaml import ScenarioFileError

SURPRISES = [
    "NO",
    "no",
    "Yes",
    "on",
    "1.10",
    "012",
    "12:30",
    "0x10",
    "1_000",
    ".5",
    "1e3",
    "~",
    "2024-01-02",
    ".inf",
]


@pytest.mark.parametrize("text", SURPRISES)
def test_plain_text_stays_what_the_author_wrote(text: str) -> None:
    """A game named NO is not false, and a tag 012 is not ten."""
    (scenario,) = load(f"tags: [{text}]\nsteps:\n  - bet: {{amount: 1.00, game: {text}}}\n")
    assert scenario.tags == (text,)
    (step,) = scenario.steps
    assert isinstance(step, Bet)
    assert step.game == text


@pytest.mark.parametrize("text", [word for word in SURPRISES if word not in {"1.10", "1e3"}])
def test_in_json_only_json_numbers_and_words_are_more_than_text(text: str) -> None:
    """What is no JSON number, true, false or null goes out as a string."""
    (step,) = load(f"steps:\n  - send: {{json: [{text}]}}\n")[0].steps
    assert isinstance(step, Send)
    assert step.body == f'["{text}"]'.encode()


def raw_problem(data: bytes) -> str:
    """The first problem of a file's bytes, `line:column message`."""
    with pytest.raises(ScenarioFileError) as caught:
        load_text(data, "x.yaml", lambda path: path.encode())
    problem = caught.value.problems[0]
    return f"{problem.place.line}:{problem.place.column} {problem.message}"


BROKEN = {
    "nothing": (b"", "1:1 the file holds no scenario"),
    "comments alone": (b"# nothing\n---\n", "1:1 the file holds no scenario"),
    "a list": (
        b"- balance\n",
        '1:1 a scenario is a mapping with steps; found a list; write "steps:" above it',
    ),
    "a word": (b"steps\n", '1:1 a scenario is a mapping with steps; found "steps"'),
    "Latin-1": (b"name: caf\xe9\nsteps: [balance]\n", "1:10 byte 0xe9 is not UTF-8; save the file as UTF-8"),
    "UTF-16": ("steps: [balance]".encode("utf-16"), "1:1 byte 0xff is not UTF-8; save the file as UTF-8"),
    "NUL": (b"steps:\n  - bet: 1\x00\n", "2:11 character U+0000 cannot stand in YAML"),
    "bell": (b"name: a\x07\nsteps: [balance]\n", "1:8 character U+0007 cannot stand in YAML"),
    "tab": (
        b"steps:\n\t- balance\n",
        "2:1 not valid YAML: while scanning for the next token, found character that cannot start any token; "
        "a tab; YAML indents with spaces",
    ),
    "open quote": (
        b'name: "x\nsteps: [balance]\n',
        "1:7 not valid YAML: while scanning a quoted scalar, found unexpected end of stream; "
        "a quote is not closed",
    ),
    "open brace": (
        b"steps:\n  - bet: {amount: 1.00\n",
        "2:10 not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'; "
        "a bracket is not closed",
    ),
    "column without quotes in braces": (
        b"cases: {a: {x: 1.00}}\nsteps:\n  - bet: {amount: ${x}}\n",
        "3:20 not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'; "
        'inside { } and [ ] a column needs quotes: "${name}"',
    ),
    "colon in text": (
        b"name: a: b\nsteps: [balance]\n",
        "1:8 not valid YAML: mapping values are not allowed in this context; "
        'text with ": " in it needs quotes',
    ),
    "wrong indentation": (
        b"steps:\n  - balance\n - balance\n",
        "3:2 not valid YAML: while parsing a block mapping, did not find expected key; "
        "look at the indentation of this line and the one above",
    ),
    "unknown anchor": (
        b"steps:\n  - bet: *stake\n",
        "2:10 not valid YAML: found undefined alias; text that begins with * needs quotes",
    ),
    "backtick": (
        b"name: `x`\nsteps: [balance]\n",
        "1:7 not valid YAML: while scanning for the next token, found character that cannot start any token; "
        'text that begins with "@", "`" or "%" needs quotes',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_scenario_file_is_told_with_its_place(data: bytes, expected: str) -> None:
    """Syntax errors are framed like all others, and say what to do."""
    assert raw_problem(data) == expected


def test_a_byte_order_mark_is_no_character() -> None:
    """Editors on Windows write one."""
    (scenario,) = load_text(b"\xef\xbb\xbfsteps: [balance]\n", "x.yaml", lambda path: path.encode())
    assert scenario.place.column == 1


def test_lines_may_end_as_on_windows() -> None:
    """Lines and columns are those that an editor shows."""
    (scenario,) = load_text(b"steps:\r\n  - balance\r\n", "x.yaml", lambda path: path.encode())
    assert (scenario.steps[0].place.line, scenario.source) == (2, ("steps:", "  - balance"))


def test_what_stands_before_a_syntax_error_is_checked_too() -> None:
    """The documents that could be read bring their problems in the same go."""
    found = problems("name: a\nsteps: [bte: 1.00]\n---\nname: b: c\n")
    assert [problem.place.line for problem in found] == [2, 4]


def test_anchors_share_steps_and_values() -> None:
    """An alias is the node that it names, placed where that one stands."""
    (scenario,) = load("steps:\n  - bet: &stake 1.00\n  - &again {win: *stake}\n  - *again\n")
    assert [step.place.line for step in scenario.steps] == [2, 3, 3]
    assert [getattr(step, "label", "") for step in scenario.steps] == ["bet@2", "win@3", "win@3.2"]


DEEP = {
    "brackets": "steps: " + "[" * 100_000,
    "dashes": "steps:\n  " + "- " * 100_000,
    "braces": "steps: " + "{a: " * 100_000,
    "tags": "steps: " + "!!seq [" * 100_000,
    "repeats": "steps: " + "[{repeat: {times: 2, steps: " * 60 + "[balance]" + "}}]" * 60,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_a_problem_not_a_crash(text: str) -> None:
    """The C parser would overflow its stack."""
    assert "nested more than 50 deep" in problems(text)[0].message


def _doubling(first: str) -> str:
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{number}: &a{number} [*a{number - 1}, *a{number - 1}]" for number in range(1, 40)]
    return "\n".join(lines)


def test_aliases_that_double_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty lines that mean a million million values, in JSON and in columns."""
    monkeypatch.setattr(columns, "PARTS_MAX", 50_000)
    found = problems(f"steps:\n  - send:\n      json:\n{_indent(_doubling('x'), 8)}")
    assert any("more than 100,000 parts" in problem.message for problem in found)
    found = problems(f"cases: {{a: {{}}}}\nsteps: [balance]\npolicy:\n{_indent(_doubling('x'), 2)}")
    assert any("aliases make this too large" in problem.message for problem in found)


def _indent(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


CONTAINS_ITSELF = {
    "steps": ("steps: &s [{repeat: {times: 2, steps: *s}}]", "the steps contain themselves"),
    "json": ("steps: [{send: {json: &j [*j]}}]", "the value contains itself"),
    "columns": ("cases: {a: {}}\nsteps: &s [{repeat: {times: 2, steps: *s}}]", "contain themselves"),
}


@pytest.mark.parametrize(("text", "expected"), CONTAINS_ITSELF.values(), ids=CONTAINS_ITSELF)
def test_an_anchor_within_itself_is_told(text: str, expected: str) -> None:
    """YAML allows it; no scenario means it."""
    assert any(expected in problem.message for problem in problems(text))


def test_files_over_the_limits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, steps and scenarios of one file are bounded; the limit is named."""
    assert raw_problem(b"#" * (yaml_nodes.BYTES_MAX + 1)).startswith("1:1 the file is too large: at most")
    monkeypatch.setattr(draft, "STEPS_MAX", 10)
    assert "at most 10 steps" in problems("steps: [" + "balance, " * 11 + "]")[0].message
    monkeypatch.setattr(scenario_yaml, "SCENARIOS_MAX", 2)
    assert "holds 3 scenarios; at most 2" in problems("a: 1\n---\nb: 1\n---\nc: 1\n")[0].message


WITHOUT_C = """
import sys
sys.modules["yaml._yaml"] = None
import yaml
from simulator.scenario.reader import load_text
from simulator.errors import ScenarioError
assert not yaml.__with_libyaml__
print(load_text(sys.stdin.buffer.read(), "x.yaml", None))
for broken in (b"steps: [bte: 1.00]", b"a: 'b", b"a: [" * 1000, b"a: b\\0", b"- !!x y", b"a: *b"):
    try:
        load_text(broken, "x.yaml", None)
    except ScenarioError as error:
        print(error.problems[0].place)
"""


def test_without_the_c_parser_all_is_the_same_but_slower() -> None:
    """PyYAML can be built without it."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_C],
        input=EVERY_FORM.encode(),
        capture_output=True,
        timeout=60,
        check=False,
        env={"PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr.decode()
    loaded, *places = done.stdout.decode().splitlines()
    assert loaded.count("place=") == str(load(EVERY_FORM)).count("place=")
    assert places == ["x.yaml:1"] * 6
