"""`betrontech-sim list`: the scenarios that a run would take, or what they cover of the catalogue."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from simulator.core.findings import Level
from simulator.core.steps import Scenario
from simulator.errors import ExitCode, NothingSelected, UsageError
from simulator.law.rules import Rule, checks, rule, rules
from simulator.report.coverage import Covered, coverage
from simulator.report.text import plural
from simulator.scenario.files import load_scenarios, select

_TITLE_WIDTH = 64


@click.command("list")
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...")
@click.option("-k", "--keyword", default="", metavar="WORDS", help="Words of id, name or tags; and, or, not.")
@click.option(
    "-t", "--tag", "tags", multiple=True, metavar="TAG", help="Only scenarios with this tag.  [repeatable]"
)
@click.option(
    "--level", type=click.Choice([level.value for level in Level]), help="Only what is at least so binding."
)
@click.option("--coverage", "by_check", is_flag=True, help="The catalogue of checks, with what covers each.")
def list_command(
    paths: tuple[str, ...], keyword: str, tags: tuple[str, ...], level: str | None, by_check: bool
) -> ExitCode:
    """List scenarios: what a run with the same PATHs and filters would take.

    Without PATHs the bundled suite.
    """
    scenarios = select(load_scenarios(paths), keyword, tags, Level(level) if level else None)
    lines = _checks(coverage(scenarios)) if by_check else _scenarios(scenarios)
    click.echo("\n".join(lines))
    return ExitCode.PASSED


def _scenarios(scenarios: Sequence[Scenario]) -> list[str]:
    lines = []
    for each in scenarios:
        about = [each.level.value, " ".join(each.covers), *(f"#{tag}" for tag in each.tags)]
        lines += [each.id, f"    {each.name}", f"    {'  '.join(filter(None, about))}"]
    return [*lines, "", plural(len(scenarios), "scenario")]


def _checks(rows: Sequence[Covered]) -> list[str]:
    lines: list[str] = []
    group = ""
    for row in rows:
        if row.rule.group != group:
            group = row.rule.group
            lines.append("")
        what = f"{row.rule.id}  {row.rule.level.value:<10}  {row.rule.title:<{_TITLE_WIDTH}}"
        more = f" (+{len(row.files) - 1})" if len(row.files) > 1 else ""
        lines.append(f"{what}  {row.files[0]}{more}" if row.files else f"{what}  open: {row.reason}")
    covered = sum(bool(row.files) for row in rows)
    return [*lines[1:], "", f"{covered} of {len(rows)} checks covered, {len(rows) - covered} open"]


# --- check_cmd ------------------------------------------------------------------------------------
# `betrontech-sim check`: read scenario files and say what is wrong with them; nothing is sent.


@click.command(name="check")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
def check(paths: tuple[str, ...]) -> ExitCode:
    """Read scenario files and say all that is wrong with them; nothing is sent.

    PATH is a scenario file or a folder of them. Without any the bundled suite is read.
    """
    # Help answers without the loader.
    from simulator.scenario.files import Loaded

    loaded = Loaded(paths)
    if not loaded.files:
        raise NothingSelected(f"there is no scenario file in {', '.join(paths)}")
    for problem in loaded.problems:
        click.echo(f"{problem}\n")
    if loaded.problems:
        places = {problem.place.file for problem in loaded.problems}
        click.echo(f"{_count(len(loaded.problems), 'problem')} in {_count(len(places), 'file')}")
        return ExitCode.USAGE
    click.echo(
        f"{_count(len(loaded.scenarios), 'scenario')} in {_count(len(loaded.files), 'file')}, all valid"
    )
    return ExitCode.PASSED


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# --- explain_cmd ----------------------------------------------------------------------------------
# `betrontech-sim explain RULE`: what a rule means, what breaking it costs, and how to mend a wallet.

_INDENT = "  "

_WIDTH_MAX = 100


@click.command("explain")
@click.argument("names", nargs=-1, metavar="[RULE]...")
def explain_command(names: tuple[str, ...]) -> ExitCode:
    """Explain rules, as a finding names them; without any, list all.

    \b
    betrontech-sim explain IDE-01
    betrontech-sim explain REF
    """
    if not names:
        _list(list(rules().values()))
        return ExitCode.PASSED
    for index, name in enumerate(names):
        group = [each for each in rules().values() if each.group == name.upper()]
        if group:
            _list(group)
            continue
        click.echo(("\n" if index else "") + explained(rule(name), tested_by(name.strip().upper())))
    return ExitCode.PASSED


def explained(found: Rule, files: tuple[str, ...]) -> str:
    """One rule as text; `files` are the scenario files that test it."""
    parts = [
        f"{found.id}  {found.title}",
        f"level: {found.level.value}",
        _section("What it means", found.meaning),
        _section("Why it costs money", found.why),
        _section("Who asks for it", found.source),
        _section("How to fix it", found.fix),
    ]
    if files:
        parts.append("Tested by\n" + "\n".join(f"{_INDENT}betrontech-sim run {file}" for file in files))
    elif found.no_scenario:
        parts.append(_section("Tested by", f"no scenario: {found.no_scenario}"))
    return "\n\n".join(["\n".join(parts[:2]), *parts[2:]])


def tested_by(rule_id: str) -> tuple[str, ...]:
    """The files of the bundled suite that cover a check."""
    return next((each.files for each in coverage(load_scenarios(())) if each.rule.id == rule_id), ())


def _list(listed: list[Rule]) -> None:
    for each in listed:
        click.echo(f"{each.id}  {each.level.value:<10}  {each.title}")
    if len(listed) > len(checks()):
        click.echo("\n`betrontech-sim explain RULE` tells more.")


def _section(title: str, text: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    lines = textwrap.wrap(text, max(width, 40), initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join([title, *lines])


# --- init_cmd -------------------------------------------------------------------------------------
# `betrontech-sim init`: a commented configuration and a first scenario, never over what is there.

_STARTERS = Path(__file__).parent / "starters"

# Starter → where it goes in the current folder.
FILES = {
    "betrontech-sim.yaml": Path("betrontech-sim.yaml"),
    "first.yaml": Path("scenarios", "first.yaml"),
}

_NEXT = """
Next:
  1. betrontech-sim operator --port 9000        a wallet to try against, in another terminal
  2. betrontech-sim run scenarios/first.yaml    the first scenario
  3. betrontech-sim run                         the bundled suite
Then put your own endpoint and a test player into betrontech-sim.yaml."""


@click.command("init")
def init_command() -> ExitCode:
    """Write a commented configuration and a first scenario here.

    A file that is there already is left as it is.
    """
    for starter, target in FILES.items():
        click.echo(_written(_STARTERS / starter, target))
    click.echo(_NEXT)
    return ExitCode.PASSED


def _written(starter: Path, target: Path) -> str:
    try:
        if target.exists():
            return f"kept     {target}  (it is there already)"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(starter.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    return f"written  {target}"


# --- schema_cmd -----------------------------------------------------------------------------------
# `betrontech-sim schema`: print the JSON Schema of the scenario format.


@click.command(name="schema")
def schema() -> None:
    """Print the JSON Schema (2020-12) of scenario files, for editors.

    \b
    betrontech-sim schema > scenario.schema.json
    and as a file's first line: # yaml-language-server: $schema=scenario.schema.json
    """
    # Help answers without the loader's tables.
    from simulator.scenario.schema import scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2, ensure_ascii=False))
