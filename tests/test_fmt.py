"""`fmt` writes scenario files in one form: what they say stays, and so do their comments."""

from __future__ import annotations

import os
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from random import Random
from typing import Any

import pytest

from command_line import in_process
from scenario_texts import EVERY_FORM, SUITE
from simulator.core.findings import Place
from simulator.core.steps import Bet, Parallel, Refund, Repeat, Scenario, Send, Step, Win
from simulator.scenario.formatting import formatted
from simulator.scenario.reader import load_text

FILES = sorted(SUITE.rglob("*.yaml"))

UNTIDY = """\

# yaml-language-server: $schema=x.json
# About the file.

steps:   # what happens
# before the first
- bet:    {expect: accepted,   amount: '10.00' , id: b1}   # charged


- resend:
    # inside
    step: b1
- resend: {step: b1}
- balance:
-   bet:
      amount: 1.00
      id: b2    # behind the last
  # after b2
- parallel:
    steps: [ {bet: 1.00}, {win: 2.00}   ]
- send:
    body: "say \\"${player}\\""
    expect: either
- send: {body: |, expect: either}
"""
TIDY = """\
# yaml-language-server: $schema=x.json
# About the file.

name: Untidy
description: >
  Two
  lines.
tags: [a]
steps:   # what happens
  # before the first
  - bet: {amount: "10.00", id: b1, expect: accepted}       # charged

  - resend:
      # inside
      step: b1
  - resend: b1
  - balance
  - bet:
      amount: 1.00
      id: b2    # behind the last
  # after b2
  - parallel: [bet: 1.00, win: 2.00]
  - send: {body: "say \\"${player}\\"", expect: either}
finally:
  - balance
# the end
"""


def without_places(scenario: Scenario) -> Scenario:
    """The scenario as it is played: without places, and the labels that its lines give."""
    bare = [tuple(map(_bare, steps)) for steps in (scenario.steps, scenario.finally_)]
    nowhere: dict[str, Any] = {"source": (), "used_sources": {}, "lines": (1, 1), "row_lines": None}
    return replace(scenario, steps=bare[0], finally_=bare[1], place=Place("", 1), **nowhere)


def _bare(step: Step) -> Step:
    bare = replace(step, place=Place("", 1))
    if isinstance(bare, Repeat | Parallel):
        return replace(bare, steps=tuple(map(_bare, bare.steps)))
    if isinstance(bare, Bet | Win | Refund | Send) and "@" in bare.label:
        return replace(bare, label="@")
    return bare


def says(text: str, file: Path = Path("example.yaml")) -> list[Scenario]:
    """What a file says."""
    scenarios = load_text(text.encode(), str(file), lambda path: Path(path).read_bytes())
    return list(map(without_places, scenarios))


def test_an_untidy_file_becomes_a_tidy_one() -> None:
    """Order, braces, indentation, quotes, blank lines; each comment stays where it belongs."""
    untidy = UNTIDY.replace("- send: {body: |, expect: either}\n", "")
    untidy += "tags: [a]\ndescription: >\n    Two\n    lines.\nname: Untidy\nfinally:\n- balance\n# the end\n"
    assert formatted(untidy, "x.yaml") == TIDY
    assert formatted(TIDY, "x.yaml") == TIDY


def test_every_form_stays_what_it_says() -> None:
    assert says(formatted(EVERY_FORM, "x.yaml")) == says(EVERY_FORM)


def test_the_bundled_suite_is_in_its_canonical_form() -> None:
    """Those who learn from it see one form."""
    assert [
        file.name
        for file in FILES
        if formatted(file.read_text("utf-8"), file.name) != file.read_text("utf-8")
    ] == []


def untidied(text: str, rng: Random) -> str:
    """The text with comments, blank lines and blanks put into it where YAML does not mind them."""
    lines = []
    in_text = False
    for line in text.splitlines():
        starts_text = line.endswith(("|", ">", "|-", ">-"))
        in_text = in_text and (line.startswith("  ") or not line)
        if not in_text and not starts_text:
            if rng.random() < 0.2:
                lines += ["", f"{' ' * rng.randrange(6)}# note {rng.randrange(999)}"][rng.randrange(2) :]
            line += rng.choice(["", "", "  ", f"   # {rng.randrange(999)}"]) if line.strip() else ""
            line = line.replace(": {", ":  { " if rng.random() < 0.5 else ": {")
        in_text = in_text or starts_text
        lines.append(line)
    return "\n".join(lines) + rng.choice(["", "\n", "\n\n# end\n"])


@pytest.mark.parametrize("seed", range(4))
def test_comments_and_blanks_anywhere_change_nothing_that_is_said(seed: int) -> None:
    """The scenario is the same before and after, each comment is still there, and once is enough."""
    for file in FILES[seed::4]:
        text = untidied(file.read_text("utf-8"), Random(f"{seed}{file.name}"))
        made = formatted(text, file.name)
        assert says(made, file) == says(text, file), text
        assert formatted(made, file.name) == made, text
        assert sorted(comments(made)) == sorted(comments(text)), text


def comments(text: str) -> list[str]:
    return [line[line.index("# ") :].rstrip() for line in text.splitlines() if "# " in line]


LEFT = {
    "no YAML": ("steps: [\n", "x.yaml:2:1: not valid YAML"),
    "a tag": ("steps: !!int 4\n", "the tag"),
    "a directive": ("%YAML 1.1\n---\nsteps: []\n", "directives"),
    "a key of several lines": ("? |\n  a\n: b\n", "a key is one word"),
    "a text with a digit": ("description: |2\n   a\n", "keeps its form"),
    "lists within lists": (f"steps: {'[' * 99}{']' * 99}\n", "nested more than 50 deep"),
    "keys within keys": ("".join(f"{' ' * n}a:\n" for n in range(999)), "nested more than 50 deep"),
}


@pytest.mark.parametrize(("text", "told"), LEFT.values(), ids=LEFT.keys())
def test_what_cannot_be_formatted_is_left_as_it_is(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    done = in_process("fmt", "x.yaml", folder=tmp_path)
    assert (done.returncode, told in done.stderr, file.read_text()) == (4, True, text), done.stderr


SPELLED = {
    "an anchor keeps its place": (
        "steps:\n- bet: &b {id: b1, amount: &a 5.00}\n- win: *a\n",
        "steps:\n  - bet: &b {id: b1, amount: &a 5.00}\n  - win: *a\n",
    ),
    "documents": ("# a\nname: a\n---\n\n# b\nname: b\n", "# a\nname: a\n---\n# b\nname: b\n"),
    "what a number would be stays text": ("a: '1'\nb: \"x\"\nc: '\"'\n", 'a: "1"\nb: "x"\nc: \'"\'\n'),
    "escapes stay escapes": ('a: "\\u200b\\t\\\\"\n', 'a: "\\u200b\\t\\\\"\n'),
    "line ends and blanks": ("a: b  \r\nc: d", "a: b\nc: d\n"),
    "a long step takes lines": (
        f"steps: [bet: {{amount: 1.00, game: {'g' * 100}}}]\n",
        f"steps:\n  - bet:\n      amount: 1.00\n      game: {'g' * 100}\n",
    ),
    "a long text is folded": (
        f"description: {'word ' * 30}\n  {'next ' * 10}\n",
        f"description: >-\n  {('word ' * 21).strip()}\n  {('word ' * 9 + 'next ' * 10).strip()}\n",
    ),
    "empty documents go": ("name: a\n---\n---\n---\nname: b\n", "name: a\n---\nname: b\n"),
    "what are no steps keeps its order": (
        "cases:\n- bet: {id: a, amount: 1.00}\nsteps:\n- bet: {id: a, amount: 1.00}\n",
        "cases:\n  - bet: {id: a, amount: 1.00}\nsteps:\n  - bet: {amount: 1.00, id: a}\n",
    ),
    "what is no scenario stays": (
        "- a\n- {steps: [], name: b}\n",
        "- a\n- {steps: [], name: b}\n",
    ),
    "only comments": ("\n\n  # nothing\n", "# nothing\n"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "made"), SPELLED.values(), ids=SPELLED.keys())
def test_how_a_file_is_written(text: str, made: str) -> None:
    assert formatted(text, "x.yaml") == made
    assert formatted(made, "x.yaml") == made


def test_a_pipe_is_no_file_to_format(tmp_path: Path) -> None:
    """It would wait for a writer for ever."""
    os.mkfifo(tmp_path / "a.yaml")
    done = in_process("fmt", ".", folder=tmp_path)
    assert (done.returncode, "a.yaml cannot be formatted: it is no regular file" in done.stderr) == (4, True)


def test_a_file_that_cannot_be_read_keeps_no_other_from_its_form(tmp_path: Path) -> None:
    for name, data in (
        ("a", b"steps:  []\n"),
        ("b", b"steps: [\n"),
        ("c", b"\xff\n"),
        ("d", b"steps:  []\n"),
    ):
        (tmp_path / f"{name}.yaml").write_bytes(data)
    done = in_process("fmt", ".", folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, "changed  a.yaml\nchanged  d.yaml\n")
    assert "b.yaml:2:1: not valid YAML" in done.stderr
    assert "c.yaml is not UTF-8" in done.stderr


STDIN = {
    "formatted": ((), "name:  kuş\n".encode(), 0, "name: kuş\n"),
    "asked": (("--check",), b"name:  a\n", 1, ""),
    "asked, and as it should be": (("--check",), b"name: a\n", 0, ""),
    "no UTF-8": ((), "name:  kuş\n".encode("iso-8859-9"), 4, ""),
    "beside a file": (("a.yaml",), b"", 4, ""),
}


@pytest.mark.parametrize(("flags", "data", "code", "printed"), STDIN.values(), ids=STDIN.keys())
def test_standard_input_keeps_its_encoding(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...],
    data: bytes,
    code: int,
    printed: str,
) -> None:
    """Whatever encoding the terminal has: an editor gives UTF-8, and takes it."""
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(data)))
    done = in_process("fmt", "-", *flags, folder=tmp_path, terminal="iso-8859-9")
    assert (done.returncode, done.stdout) == (code, printed), done.stderr


def test_files_change_unless_only_asked(tmp_path: Path) -> None:
    """--check and --diff write nothing and exit 1; then all change, files for `use`, too."""
    untidy, tidy = "steps:\n- {bet: 1.00}\n", "steps:\n  - bet: 1.00\n"
    for name in ("a.yaml", "_used.yaml"):
        (tmp_path / name).write_text(untidy)
    (tmp_path / "betrontech-sim.yaml").write_text("endpoint:   x\n")
    asked = in_process("fmt", "--check", ".", folder=tmp_path)
    assert (asked.returncode, asked.stdout) == (1, "would change  _used.yaml\nwould change  a.yaml\n")
    shown = in_process("fmt", "--diff", "a.yaml", folder=tmp_path)
    assert shown.returncode == 1
    assert "-- {bet: 1.00}\n+  - bet: 1.00\n" in shown.stdout
    assert (tmp_path / "a.yaml").read_text() == untidy
    assert in_process("fmt", ".", folder=tmp_path).returncode == 0
    assert [(tmp_path / name).read_text() for name in ("a.yaml", "_used.yaml")] == [tidy, tidy]
    assert in_process("fmt", "--check", ".", folder=tmp_path).returncode == 0
    assert in_process("fmt", "bundled:refunds", folder=tmp_path).returncode == 4
