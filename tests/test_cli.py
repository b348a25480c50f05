"""The command line through the installed script: help, names, and what each way to end exits with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import simulator
from command_line import SCRIPT, environment, in_process, simulate
from scenario_texts import load
from simulator.cli.commands import COMMANDS, SHARED_MODULES, group
from simulator.scenario.schema import scenario_schema

ROOT = Path(__file__).parent.parent


# --- names -----------------------------------------------------------------------------------------


def test_the_table_of_commands_and_the_modules_agree() -> None:
    """No command without a module, and no module that nobody can call."""
    modules = {path.stem.removesuffix("_cmd") for path in (ROOT / "simulator/cli").glob("*_cmd.py")}
    assert modules == {SHARED_MODULES.get(name, name) for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_called_as_the_table_says(name: str) -> None:
    """Each module holds the command of its name, with a help text."""
    command = group.get_command(group.make_context("betrontech-sim", ["init"]), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_help_imports_no_command(tmp_path: Path) -> None:
    """The list of commands costs the import of click and no more."""
    code = (
        "import sys; from simulator.cli import main; main(['--help']); "
        "print([name for name in sys.modules if name.endswith('_cmd') or name.split('.')[0] in "
        "{'yaml', 'requests', 'rich', 'flask'}], [name for name in sys.modules if 'settings' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] []"
    assert all(name in done.stdout for name in COMMANDS)


def test_run_starts_without_what_it_does_not_need(tmp_path: Path) -> None:
    """Settings of a run without a file bring neither YAML nor anything heavier."""
    code = (
        "import sys; from simulator.cli.run_cmd import load_run_settings; "
        "load_run_settings({'endpoint': 'http://127.0.0.1:1/', 'players': ('1',)}, environment={}); "
        "print({name.split('.')[0] for name in sys.modules} & "
        "{'yaml', 'requests', 'rich', 'flask', 'faker', 'importlib.metadata', 'asyncio', 'ssl'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_the_version_is_the_one_that_is_packaged(tmp_path: Path) -> None:
    """`--version`, `__version__` and pyproject.toml say the same."""
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert simulator.__version__ == packaged
    assert simulate("--version", folder=tmp_path).stdout == f"betrontech-sim, version {packaged}\n"


def test_the_module_is_the_script(tmp_path: Path) -> None:
    """`python -m simulator` does what `betrontech-sim` does."""
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == simulate("--help", folder=tmp_path).stdout


# --- wrong usage -----------------------------------------------------------------------------------

MISUSE = {
    "no command": ([], "Usage: betrontech-sim"),
    "misspelt command": (["rnu"], 'No command is called "rnu"; did you mean "run"?'),
    "misspelt flag": (["run", "--timout", "3s"], "--timeout"),
    "misspelt flag of the group": (["--verison"], "--version"),
    "flag without its value": (["run", "--endpoint"], "--endpoint"),
    "wrong value": (["run", "--timeout", "soon"], "--timeout: expected a duration like 250ms, 3s or 2m"),
    "no endpoint": (["run", "--player", "1"], "no endpoint is given"),
    "argument too many": (["init", "here"], "here"),
}


@pytest.mark.parametrize(("arguments", "expected"), MISUSE.values(), ids=MISUSE.keys())
def test_wrong_usage_exits_4_and_names_the_right_one(
    arguments: list[str], expected: str, tmp_path: Path
) -> None:
    """click's own exit code 2 would read as an interrupt."""
    done = simulate(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert expected in done.stderr


def test_a_mistake_in_the_file_exits_4_with_its_place(tmp_path: Path) -> None:
    """The file in the current folder is read, and its mistakes have line and column."""
    (tmp_path / "betrontech-sim.yaml").write_text("endpoint: http://127.0.0.1:1/\nplayes: [1]\n", "utf-8")
    done = simulate("run", folder=tmp_path)
    assert done.returncode == 4
    assert 'betrontech-sim.yaml:2:1: unknown key "playes" in the file; did you mean "players"?' in done.stderr


def test_a_misspelt_variable_exits_4(tmp_path: Path) -> None:
    """The environment is checked by the script, too."""
    done = simulate("run", folder=tmp_path, BETRONTECH_SIM_ENDPONT="http://127.0.0.1:1/")
    assert done.returncode == 4
    assert "BETRONTECH_SIM_ENDPOINT" in done.stderr


# --- other ends ------------------------------------------------------------------------------------

BUG = """
import sys
from simulator.cli import main, run_cmd
def broken(*_):
    raise KeyError("Bearer s3cr3t")
run_cmd.load_run_settings = broken
sys.exit(main(sys.argv[1:]))
"""


def test_a_bug_exits_3_with_its_place_and_no_traceback(tmp_path: Path) -> None:
    """What went wrong is told in one line, without the values that it went wrong with."""
    done = subprocess.run(
        [sys.executable, "-c", BUG, "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("Internal error: KeyError in simulator/cli/run_cmd.py:")
    assert "Traceback" not in done.stderr
    assert "s3cr3t" not in done.stderr


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_bug_shows_its_traceback_to_who_asks(how: str, tmp_path: Path) -> None:
    """--debug and its variable are for those who report or mend it."""
    flags = ["--debug", "run"] if how == "flag" else ["run"]
    variables = {} if how == "flag" else {"BETRONTECH_SIM_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", BUG, *flags],
        cwd=tmp_path,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_away_is_no_error_of_ours(tmp_path: Path) -> None:
    """`betrontech-sim … | head` ends quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [SCRIPT, "run", "--help"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", ["check", "explain", "serve --port 0", "operator --port 0"])
def test_output_that_finds_no_room_is_no_bug_of_ours(tmp_path: Path, command: str) -> None:
    """A full disk is said as such, whether it shows at the first line or at the end."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, *command.split()],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr == "Error: the output cannot be written: No space left on device\n"


def test_help_can_be_asked_for_with_standard_output_closed(tmp_path: Path) -> None:
    """A service manager may start us without any stream."""
    done = subprocess.run(
        ["sh", "-c", '"$0" --help >&-', SCRIPT], cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_knows_few_characters_gets_every_message(tmp_path: Path) -> None:
    """A character that cannot be shown is escaped instead of ending the command."""
    done = simulate(
        "run", "--keyword", "→", "--timeout", "→", folder=tmp_path, PYTHONIOENCODING="latin-1:strict"
    )
    assert done.returncode == 4
    assert "\\u2192" in done.stderr


# --- init ------------------------------------------------------------------------------------------


def test_init_writes_a_configuration_and_a_scenario_and_says_what_next(tmp_path: Path) -> None:
    """A newcomer has something to edit and the next command to type."""
    done = simulate("init", folder=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "betrontech-sim.yaml").is_file()
    assert (tmp_path / "scenarios/first.yaml").is_file()
    assert "betrontech-sim run" in done.stdout


def test_what_init_writes_for_editors_fits_the_first_scenario(tmp_path: Path) -> None:
    """Its first line names the schema beside it, which accepts it."""
    assert in_process("init", folder=tmp_path).returncode == 0
    first = tmp_path / "scenarios/first.yaml"
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", first.read_text("utf-8"))
    assert named is not None
    schema = json.loads((first.parent / named[1]).read_text("utf-8"))
    assert schema == scenario_schema()
    Draft202012Validator(schema).validate(yaml.safe_load(first.read_text("utf-8")))
    assert in_process("check", "scenarios", folder=tmp_path).returncode == 0
    assert in_process("fmt", "--check", "scenarios", folder=tmp_path).returncode == 0


SNIPPETS = json.loads((ROOT / "simulator/cli/starters/snippets.json").read_text("utf-8"))


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_is_a_scenario_or_a_part_of_one(name: str) -> None:
    """As it stands when it is inserted and nothing is changed."""
    text = "\n".join(SNIPPETS[name]["body"])
    while (filled := re.sub(r"(?<!\\)\$\{\d(?::([^{}]*)|\|([^,|]*)[^|]*\|)\}", r"\1\2", text)) != text:
        text = filled
    text = text.replace("\\$", "$")
    if text.startswith("- "):
        text = "steps:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    assert load(text)


def test_init_never_writes_over_a_file(tmp_path: Path) -> None:
    """What is there stays as it is; what is missing is written."""
    mine = tmp_path / "betrontech-sim.yaml"
    mine.write_text("jobs: 2\n", "utf-8")
    done = simulate("init", folder=tmp_path)
    assert done.returncode == 0
    assert mine.read_text("utf-8") == "jobs: 2\n"
    assert "kept     betrontech-sim.yaml" in done.stdout
    assert (tmp_path / "scenarios/first.yaml").is_file()


def test_init_in_a_folder_that_cannot_take_it_says_so(tmp_path: Path) -> None:
    """What is in the way is named."""
    (tmp_path / "scenarios").write_text("", "utf-8")
    done = simulate("init", folder=tmp_path)
    assert done.returncode == 4
    assert "scenarios/first.yaml cannot be written: scenarios is a file, not a folder" in done.stderr
    (tmp_path / "betrontech-sim.yaml").unlink()
    (tmp_path / "betrontech-sim.yaml").mkdir()
    done = simulate("init", folder=tmp_path)
    assert done.returncode == 4
    assert "betrontech-sim.yaml cannot be written: there is a folder of that name" in done.stderr


def test_a_wrong_name_ends_with_a_sentence_before_anything_is_done(tmp_path: Path) -> None:
    """A defect without a near name says where all of them are; a wire profile is read before a call."""
    done = simulate("mutants", "zzzz", folder=tmp_path)
    assert done.returncode == 4
    assert 'no defect is called "zzzz"; betrontech-sim operator --list-defects lists all' in done.stderr
    done = simulate("doctor", "--endpoint", "http://127.0.0.1:1/", "--wire", "nix", folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert 'wire profile "nix" is not known' in done.stderr
