"""`betrontech-sim check` and `schema`, started as a user starts them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from command_line import in_process, simulate
from simulator.scenario.schema import scenario_schema

SHOWN = """\
no|line|method|transaction_id|amount|answer|balance after
1|4|transaction_bet|dryrun1-b1-1|10.00|(not read)|90.00 or 100.00|fault timeout
5|wait|300 ms
2|6|transaction_bet|dryrun1-b1-1|10.00|accepted or refused|90.00 or 100.00
3|7|transaction_win|dryrun1-win7-2|5.00|accepted or refused|4 amounts from 90.00 to 105.00
4|8|PUT|refused|4 amounts from 90.00 to 105.00|no valid call; expect refused
5|9|user_balance|accepted|95.00|expect balance 95.00
6|10|transaction_bet|dryrun1-bet10-3|1.00|unclear|unclear|sent together; your wallet decides the order
7|10|transaction_win|dryrun1-win10-4|95.00|unclear|unclear|sent together
8|11|bet|all|unclear|unclear|how much the player has depends on your wallet
"""
"""The table of the dry run below, without its spaces."""


def test_check_of_right_files_says_how_many(tmp_path: Path) -> None:
    """A scenario for each row."""
    (tmp_path / "a.yaml").write_text("cases: {x: {n: 1.00}, y: {n: 2.00}}\nsteps: [bet: '${n}']\n", "utf-8")
    (tmp_path / "b.yaml").write_text("steps: [balance]\n", "utf-8")
    done = simulate("check", ".", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "3 scenarios in 2 files, all valid\n")


def test_check_without_a_path_reads_the_bundled_suite(tmp_path: Path) -> None:
    """Which is valid."""
    done = simulate("check", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.endswith("files, all valid\n")


def test_check_shows_every_problem_framed(tmp_path: Path) -> None:
    """And exits 4."""
    (tmp_path / "a.yaml").write_text("steps:\n  - bet: {amuont: 1.00}\n  - bte: 1.00\n", "utf-8")
    done = simulate("check", "a.yaml", folder=tmp_path)
    assert done.returncode == 4
    assert done.stdout == (
        'error: a.yaml:2:11: unknown key "amuont" in bet; did you mean "amount"?\n'
        "   |\n 2 |   - bet: {amuont: 1.00}\n   |           ^^^^^^\n\n"
        'error: a.yaml:3:5: unknown step "bte"; did you mean "bet"?\n'
        "   |\n 3 |   - bte: 1.00\n   |     ^^^\n\n"
        "2 problems in 1 file\n"
    )


def test_check_of_nothing_exits_5(tmp_path: Path) -> None:
    """A folder without scenarios is told from one whose scenarios are right."""
    done = simulate("check", ".", folder=tmp_path)
    assert done.returncode == 5
    assert "no scenario file in ." in done.stderr


def test_check_of_a_path_that_is_not_there_exits_4(tmp_path: Path) -> None:
    """As every wrong flag does."""
    done = simulate("check", "none.yaml", folder=tmp_path)
    assert done.returncode == 4
    assert "there is no file or folder none.yaml" in done.stderr


def test_run_shows_the_same_problems(tmp_path: Path) -> None:
    """Before anything is sent."""
    (tmp_path / "a.yaml").write_text("steps:\n  - bte: 1.00\n", "utf-8")
    done = simulate("run", "a.yaml", "--endpoint", "http://127.0.0.1:9/x", "--player", "1", folder=tmp_path)
    assert done.returncode == 4
    assert done.stderr.startswith('error: a.yaml:2:5: unknown step "bte"; did you mean "bet"?\n   |\n')


def test_show_prints_each_call_with_what_a_right_wallet_may_do(tmp_path: Path) -> None:
    """One player needs no name; what sends nothing has no number."""
    (tmp_path / "a.yaml").write_text(
        "name: A dry run\nneeds: [seeding]\nsteps:\n"
        "  - bet: {amount: 10.00, id: b1, fault: timeout}\n"
        "  - wait: 300ms\n"
        "  - resend: b1\n"
        "  - win: {amount: 5.00, game: NOPE}\n"
        "  - send: {body: x, method: PUT, expect: refused}\n"
        "  - balance: 95.00\n"
        "  - parallel: [bet: 1.00, win: all]\n"
        "  - bet: all\n",
        "utf-8",
    )
    done = simulate("check", "--show", "a.yaml", folder=tmp_path)
    assert done.returncode == 0
    opening, table, closing = done.stdout.split("\n\n")
    assert opening == "a.yaml:1  A dry run\n  player begins with 100.00\n  needs: seeding"
    assert [re.sub(" {2,}", "|", line.strip()) for line in table.splitlines()] == SHOWN.splitlines()
    assert closing.startswith("Nothing was sent. Ids begin with dryrun1 here")


def test_show_names_the_players_where_there_are_several(tmp_path: Path) -> None:
    """And says of each what it begins with."""
    (tmp_path / "a.yaml").write_text(
        "players: {ghost: {exists: false}, b: {balance: 7, blocked: true}}\n"
        "steps: [bet: {amount: 1.00, player: ghost}, bet: {amount: 1.00, player: b}, details]\n",
        "utf-8",
    )
    lines = simulate("check", "--show", "a.yaml", folder=tmp_path).stdout.splitlines()
    assert lines[1] == "  player begins with 100.00; ghost does not exist; b begins with 7.00, blocked"
    assert [line.split()[2:4] + line.split()[6:] for line in lines[5:8]] == [
        ["ghost", "transaction_bet", "refused"],
        ["b", "transaction_bet", "refused", "7.00"],
        ["player", "account_details"],
    ]


def test_show_draws_amounts_from_the_seed(tmp_path: Path) -> None:
    """The same ones each time, and others from another seed."""
    (tmp_path / "a.yaml").write_text("steps: [bet: 0.01..99.99, bet: 0.01..0.99]\n", "utf-8")
    outputs = [
        simulate("check", "--show", *seed, "a.yaml", folder=tmp_path).stdout
        for seed in ((), ("--seed", "1"), ("--seed", "2"))
    ]
    assert outputs[0] == outputs[1] != outputs[2]
    assert "unclear" not in outputs[0]


def test_show_writes_bodies_in_the_words_of_a_profile(tmp_path: Path) -> None:
    """With -v, below each call."""
    (tmp_path / "a.yaml").write_text("steps: [bet: {amount: 2.50, id: b1}]\n", "utf-8")
    done = simulate("check", "--show", "-v", "--wire", "drakon", "a.yaml", folder=tmp_path)
    assert '\n      {"method":"transaction_bet","user_id":"1000000001","transaction_id":' in done.stdout
    assert '"game":"SLOT_001","bet":2.50}\n' in done.stdout


def test_show_says_where_the_run_ends_and_goes_on_with_finally(tmp_path: Path) -> None:
    """A multiple of a bet that was refused cannot be sent."""
    text = "steps: [bet: 500.00, win: x2, balance]\nfinally: [details]\n"
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    lines = simulate("check", "--show", "a.yaml", folder=tmp_path).stdout.splitlines()
    assert lines[5].endswith("the run ends here: an amount like x2.40 needs an accepted bet before it")
    assert lines[6].split()[2:4] == ["account_details", "accepted"]


def test_show_ends_after_a_thousand_calls(tmp_path: Path) -> None:
    """A file of a few lines can make millions."""
    text = "player: {balance: 9000.00}\nsteps: [repeat: {times: 5000, steps: [bet: 1.00]}]\n"
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    lines = simulate("check", "--show", "a.yaml", folder=tmp_path).stdout.splitlines()
    assert lines[-4].split()[0] == "1000"
    assert lines[-3] == "  … only the first 1,000 calls are shown"


def test_show_takes_folders_lines_and_files_that_others_use(tmp_path: Path) -> None:
    """The line of a step is that of its own file."""
    (tmp_path / "a.yaml").write_text("steps:\n  - use: _u.yaml\n", "utf-8")
    (tmp_path / "b.yaml").write_text("cases: {x: {n: 1.00}, y: {n: 2.00}}\nsteps: [bet: '${n}']\n", "utf-8")
    (tmp_path / "_u.yaml").write_text("steps:\n  - bet: 3.00\n", "utf-8")
    folder = simulate("check", "--show", ".", folder=tmp_path).stdout
    assert [line.split()[1] for line in folder.splitlines() if " transaction_bet " in line] == [
        "_u.yaml:2",
        "2",
        "2",
    ]
    row = simulate("check", "--show", "b.yaml[y]", folder=tmp_path).stdout
    assert " 2.00 " in row
    assert " 1.00 " not in row


def test_show_of_files_with_problems_shows_the_problems(tmp_path: Path) -> None:
    """What cannot be read cannot be played."""
    (tmp_path / "a.yaml").write_text("steps: [bet: 1.00, balance: 100.00]\n", "utf-8")
    done = simulate("check", "--show", "a.yaml", folder=tmp_path)
    assert done.returncode == 4
    assert "balance 100.00 contradicts the ledger: it holds 99.00 here" in done.stdout
    assert "Nothing was sent" not in done.stdout


@pytest.mark.parametrize("flags", [("--seed", "3"), ("--wire", "drakon"), ("-v",)], ids=" ".join)
def test_what_changes_show_needs_it(flags: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing is ignored in silence."""
    done = simulate("check", *flags, folder=tmp_path)
    assert done.returncode == 4
    flag = "--verbose" if flags == ("-v",) else flags[0]
    assert f"{flag} changes what --show prints; add --show" in done.stderr


def test_schema_prints_the_schema(tmp_path: Path) -> None:
    """Ready to be saved for an editor."""
    done = simulate("schema", folder=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == scenario_schema()


# --- mistakes for programs ------------------------------------------------------------------------

WRONG = 'name: x\nsteps:\n  - bet: {amuont: 1.00}\n  - "bte, %: x": 1.00\n'


def checked(folder: Path, form: str, text: str = WRONG, code: int = 4) -> str:
    """What `check --format` prints of a file."""
    (folder / "a b.yaml").write_text(text, "utf-8")
    done = in_process("check", "--format", form, "a b.yaml", folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_mistakes_as_json_have_their_places(tmp_path: Path) -> None:
    """One of a right file has none."""
    told = json.loads(checked(tmp_path, "json"))
    assert [
        (each["file"], each["line"], each["column"], each["end_column"]) for each in told["problems"]
    ] == [
        ("a b.yaml", 3, 11, 17),
        ("a b.yaml", 4, 5, 16),
    ]
    assert told["problems"][0]["message"] == 'unknown key "amuont" in bet; did you mean "amount"?'
    assert told["problems"][0]["source"] == "  - bet: {amuont: 1.00}"
    right = json.loads(checked(tmp_path, "json", "steps: [balance]\n", 0))
    assert right == {"files": 1, "scenarios": 1, "problems": []}


def test_mistakes_as_annotations_stand_on_their_lines(tmp_path: Path) -> None:
    """What would end a part of the command is escaped."""
    first, second = checked(tmp_path, "github").splitlines()
    assert first.startswith(
        "::error file=a b.yaml,line=3,col=11,endColumn=17,title=betrontech-sim check::unknown"
    )
    assert 'unknown step "bte, %25: x"' in second
    assert checked(tmp_path, "github", "steps: [balance]\n", 0) == ""


_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_PLACE = {"type": "integer", "minimum": 1}
_REGION = {
    "type": "object",
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "properties": {
        **dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), _PLACE),
        "snippet": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
_RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
    "properties": {
        "ruleId": {"const": "scenario"},
        "ruleIndex": {"const": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": {**_TEXT, "additionalProperties": False},
        "locations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "physicalLocation": {
                        "type": "object",
                        "required": ["artifactLocation", "region"],
                        "properties": {
                            "artifactLocation": {
                                "type": "object",
                                "required": ["uri"],
                                "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                                "additionalProperties": False,
                            },
                            "region": _REGION,
                        },
                        "additionalProperties": False,
                    }
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
_RULE = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "shortDescription": _TEXT,
        "fullDescription": _TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": {"enum": ["error"]}}},
    },
    "additionalProperties": False,
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "semanticVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": _RULE},
                                },
                                "additionalProperties": False,
                            }
                        },
                        "additionalProperties": False,
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": _RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""The part of SARIF 2.1.0 (OASIS, sections 3.13 to 3.30) that is written: which keys, of which types."""


@pytest.mark.parametrize(("text", "code"), [(WRONG, 4), ("steps: [balance]\n", 0)], ids=["wrong", "right"])
def test_mistakes_as_sarif_are_valid_and_have_their_places(tmp_path: Path, text: str, code: int) -> None:
    """A file without mistakes has a run without results, which closes earlier ones."""
    log = json.loads(checked(tmp_path, "sarif", text, code))
    Draft202012Validator(SARIF, format_checker=FormatChecker()).validate(log)
    places = [
        (found["artifactLocation"]["uri"], found["region"]["startLine"], found["region"]["endColumn"])
        for result in log["runs"][0]["results"]
        for found in [result["locations"][0]["physicalLocation"]]
    ]
    assert places == ([("a%20b.yaml", 3, 17), ("a%20b.yaml", 4, 16)] if code else [])


def test_files_are_named_from_the_top_of_a_repository_on_github(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the step has a working directory of its own; a file elsewhere has a URL."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "repository"))
    folder = tmp_path / "repository" / "tests"
    folder.mkdir(parents=True)
    assert "::error file=tests/a b.yaml,line=3" in checked(folder, "github")
    assert '"uri": "tests/a%20b.yaml"' in checked(folder, "sarif")
    (tmp_path / "c.yaml").write_text(WRONG)
    elsewhere = in_process("check", "--format", "sarif", str(tmp_path / "c.yaml"), folder=folder).stdout
    assert f'"uri": "{(tmp_path / "c.yaml").as_uri()}"' in elsewhere


def test_a_table_has_no_other_format(tmp_path: Path) -> None:
    assert "leave out one" in in_process("check", "--show", "--format", "json", folder=tmp_path).stderr
