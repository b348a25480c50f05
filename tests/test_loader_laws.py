"""Whatever a file holds, the loader gives scenarios or tells problems; it never falls over."""

from __future__ import annotations

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from yaml.nodes import MappingNode, Node, SequenceNode

from scenario_texts import EVERY_FORM, SUITE
from simulator.core.steps import Scenario
from simulator.scenario.reader import load_text
from simulator.scenario.yaml import Problem, ScenarioFileError

CASES = """\
players: {other: {balance: 5.00}}
cases:
  small: {stake: 0.01, want: accepted, who: other}
  large: {stake: 500.00, want: refused, who: other}
steps:
  - bet: {amount: "${stake}", expect: "${want}", id: b1}
  - use: {file: used.yaml, with: {amount: "${stake}", who: "${who}"}}
---
name: second
steps: [balance, {use: "used.yaml#other"}]
"""
USED = b"""\
name: deposit
steps:
  - win: {amount: "${amount}", player: "${who}"}
---
name: other
steps: [{use: used.yaml#third}]
---
name: third
steps: [&b balance, *b]
"""
CORPUS = [EVERY_FORM, CASES, *(path.read_text("utf-8") for path in sorted(SUITE.rglob("*.yaml")))]
WORDS = sorted({word for text in CORPUS for word in text.replace(":", " ").replace(",", " ").split()})

ODD = [
    "\t",
    "\0",
    "\x7f",
    "\ud7ff",
    "\u2028",
    "\x85",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "${",
    "${x}",
    "? ",
    "- ",
    ": ",
]
PIECES = st.one_of(st.sampled_from(ODD), st.sampled_from(WORDS), st.text(max_size=8))


def survives(data: bytes) -> None:
    """The one law of this file."""

    def read(path: str) -> bytes:
        if path != "used.yaml":
            raise FileNotFoundError(path)
        return USED

    problems: tuple[Problem, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    try:
        scenarios = load_text(data, "x.yaml", read)
    except ScenarioFileError as error:
        problems = error.problems
        assert str(error).startswith("error: ")  # noqa: PT017  # either way out is right
    assert bool(problems) != bool(scenarios)
    last = max(1, len(data.decode("utf-8", "replace").splitlines()))
    for problem in problems:
        assert problem.place.line >= 1
        assert problem.place.column >= 1
        assert problem.place.file == "used.yaml" or problem.place.line <= last


@given(st.sampled_from(CORPUS), st.data())
def test_cut_and_filled_files(text: str, data: st.DataObject) -> None:
    """Some text taken out and something else put in."""
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(PIECES) + text[end:]
    survives(text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from(CORPUS), st.data())
def test_files_with_wrong_bytes(text: str, data: st.DataObject) -> None:
    """Bytes changed at random, UTF-8 or not."""
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(raw))


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff\xfea\x00:\x00")
@example(b"\xef\xbb\xbfsteps: [balance]")
@example(b"---\n---\n")
@example(b"a: &a [*a]")
@example(b"steps: &s [{repeat: {times: 2, steps: *s}}]")
@example(b"? [a]\n: b\n? {c: d}\n: e")
@example(b"steps: [{? [bet] : 1.00}]")
@example(b"[" * 300_000)
@example(b"- " * 300_000)
@example(b"{a: " * 300_000)
@example(b"!!seq [" * 300_000)
def test_any_bytes(data: bytes) -> None:
    """Files that were never scenarios."""
    survives(data)


def _swap(node: Node, data: st.DataObject, pool: list[Node]) -> Node:
    """The tree with some of its nodes exchanged for others of the file."""
    if data.draw(st.integers(0, 20)) == 0:
        return data.draw(st.sampled_from(pool))
    match node:
        case SequenceNode():
            return SequenceNode(node.tag, [_swap(item, data, pool) for item in node.value])
        case MappingNode():
            return MappingNode(node.tag, [(key, _swap(value, data, pool)) for key, value in node.value])
        case _:
            return node


def _nodes(node: Node) -> list[Node]:
    match node:
        case SequenceNode():
            return [node, *(inner for item in node.value for inner in _nodes(item))]
        case MappingNode():
            return [node, *(inner for pair in node.value for part in pair for inner in _nodes(part))]
        case _:
            return [node]


TREES = [tree for text in CORPUS for tree in yaml.compose_all(text, yaml.CBaseLoader)]


@given(st.sampled_from(TREES), st.data())
def test_swapped_nodes(tree: Node, data: st.DataObject) -> None:
    """Valid values where they do not belong: a list for a text, a step for an amount."""
    swapped = _swap(tree, data, _nodes(tree))
    survives(yaml.serialize(swapped, Dumper=yaml.CDumper).encode())


@given(st.sampled_from(CORPUS), st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_words_exchanged(text: str, old: str, new: str) -> None:
    """Any word of the format in the place of any other."""
    survives(text.replace(old, new).encode())
