"""The commands for authors of scenarios, none of which sends anything.

`list` reads scenarios, `explain` prints rules, `init` and `schema` write files to begin with. `check_cmd`
has `check` and `fmt`.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from simulator.cli.options import LANG_HELP, file_names, one_of, settings_command
from simulator.core.calls import NO_ANSWER
from simulator.core.findings import Level
from simulator.core.languages import Lang
from simulator.core.steps import (
    Scenario,
)
from simulator.core.webhooks import Method
from simulator.errors import ExitCode, UsageError
from simulator.law.rules import Covered, Rule, checks, coverage, rule, rule_of, rules
from simulator.law.situations import Situation
from simulator.report.languages import REPORTS, Words, lang_of_locale, texts_in
from simulator.scenario.files import load_scenarios
from simulator.settings.load import load_values, variables
from simulator.settings.rows import CONFIG, Section
from simulator.settings.table import CHOICE, OUTPUT, RunSettings, pick

_LISTED = Section(CHOICE.title, (*CHOICE.rows, *pick(OUTPUT.rows, "lang"), CONFIG))


@settings_command("list", _LISTED)
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...", shell_complete=file_names)
@click.option("--coverage", "by_check", is_flag=True, help="The catalogue of checks, with what covers each.")
def list_command(paths: tuple[str, ...], by_check: bool, **flags: Any) -> ExitCode:
    """List the scenarios that a run with the same PATHs and filters would play.

    Without PATHs the bundled suite.
    """
    # Help and wrong flags do without the suite.
    from simulator.run.suite import selected

    filters = load_values(_LISTED.rows, flags)
    scenarios = selected(RunSettings(endpoint="", players=(), paths=paths, **filters))
    say = Words(filters.get("lang") or lang_of_locale(variables()))
    lines = _checks(coverage(scenarios), say) if by_check else _scenarios(scenarios, say)
    click.echo("\n".join(lines))
    return ExitCode.PASSED


def _scenarios(scenarios: Sequence[Scenario], say: Words) -> list[str]:
    lines = []
    for each in scenarios:
        about = [say(each.level.value), " ".join(each.covers), *(f"#{tag}" for tag in each.tags)]
        lines += [each.id, f"    {say(each.name)}", f"    {'  '.join(filter(None, about))}"]
    return [*lines, "", say.counted(len(scenarios), "1 scenario", "{n} scenarios")]


def _checks(rows: Sequence[Covered], say: Words) -> list[str]:
    lines: list[str] = []
    group = ""
    titles, levels = (
        {row.rule.id: say(row.rule.title) for row in rows},
        {level: say(level) for level in Level},
    )
    width, level_width = max(map(len, titles.values())), max(map(len, levels.values()))
    for row in rows:
        if row.rule.group != group:
            group = row.rule.group
            lines.append("")
        what = f"{row.rule.id}  {levels[row.rule.level]:<{level_width}}  {titles[row.rule.id]:<{width}}"
        more = f" (+{len(row.files) - 1})" if len(row.files) > 1 else ""
        lines.append(
            f"{what}  {row.files[0]}{more}" if row.files else f"{what}  {say(f'open: {row.reason}')}"
        )
    covered = sum(bool(row.files) for row in rows)
    told = f"{covered} of {len(rows)} checks covered, {len(rows) - covered} open"
    return [*lines[1:], "", say(told)]


# --- explain --------------------------------------------------------------------------------------

_INDENT = "  "

_WIDTH_MAX = 100


@click.command("explain")
@click.argument("names", nargs=-1, metavar="[RULE]...", shell_complete=one_of(lambda: (*rules(), *Situation)))
@click.option(
    "--lang",
    type=click.Choice([lang.value for lang in Lang]),
    help=LANG_HELP,
)
def explain_command(names: tuple[str, ...], lang: str | None) -> ExitCode:
    """Explain rules, as a finding names them; without any, list all.

    \b
    betrontech-sim explain IDE-01
    betrontech-sim explain REF
    betrontech-sim explain lost-update        the cause of a finding, as the JSON report names it
    """
    language = Lang(lang) if lang else lang_of_locale(variables())
    every = rules(language)
    if not names:
        _list(list(every.values()), language)
        return ExitCode.PASSED
    for index, name in enumerate(names):
        group = [each for each in every.values() if each.group == name.upper()]
        if group:
            _list(group, language)
            continue
        rule_id = _rule_of_cause(name)
        shown = explained(rule(rule_id, language), tested_by(rule_id.strip().upper()), language)
        click.echo(("\n" if index else "") + shown)
    return ExitCode.PASSED


def _rule_of_cause(name: str) -> str:
    """Return the rule under which a cause is reported; a name that is no cause as it is."""
    if name.startswith("form:"):
        return name.split(":")[1]
    cause = name.partition(":")[0]
    if cause == NO_ANSWER:
        # Reports name it as a matter of form, whatever the call was.
        return "CON-18"
    return rule_of(Situation(cause), method=Method.BET) if cause in set(Situation) else name


def explained(found: Rule, files: tuple[str, ...], language: Lang = Lang.ENGLISH) -> str:
    """Return one rule as text; `files` are the scenario files that test it."""
    texts = texts_in(REPORTS, language)
    parts = [
        f"{found.id}  {found.title}",
        f"{texts['explain_level']}: {Words(language)(found.level.value)}",
        _section(texts["explain_meaning"], found.meaning),
        _section(texts["explain_why"], found.why),
        _section(texts["explain_source"], found.source),
        _section(texts["explain_fix"], found.fix),
    ]
    if files:
        runs = (f"{_INDENT}betrontech-sim run {file}" for file in files)
        parts.append("\n".join([texts["explain_tested"], *runs]))
    elif found.no_scenario:
        reason = texts["explain_no_scenario"].format(reason=found.no_scenario)
        parts.append(_section(texts["explain_tested"], reason))
    return "\n\n".join(["\n".join(parts[:2]), *parts[2:]])


def tested_by(rule_id: str) -> tuple[str, ...]:
    """Return the files of the bundled suite that cover a check."""
    return next((each.files for each in coverage(load_scenarios(())) if each.rule.id == rule_id), ())


def _list(listed: list[Rule], language: Lang) -> None:
    for each in listed:
        click.echo(f"{each.id}  {Words(language)(each.level.value):<12}  {each.title}")
    if len(listed) > len(checks()):
        click.echo("\n" + texts_in(REPORTS, language)["explain_hint"])


def _section(title: str, text: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    lines = textwrap.wrap(text, max(width, 40), initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join([title, *lines])


# --- init -----------------------------------------------------------------------------------------

_STARTERS = Path(__file__).parent / "starters"

# Starter → where it goes in the current folder.
FILES = {
    "betrontech-sim.yaml": Path("betrontech-sim.yaml"),
    "first.yaml": Path("scenarios", "first.yaml"),
    "snippets.json": Path(".vscode", "betrontech-sim.code-snippets"),
}

SCHEMA_FILE = Path("scenarios", "scenario.schema.json")
"""The first line of a scenario names it, for editors."""

_NEXT = """
Next:
  1. betrontech-sim operator --port 9000        a wallet to try against, in another terminal
  2. betrontech-sim run scenarios/first.yaml    the first scenario
  3. betrontech-sim run                         the bundled suite
Then put your own endpoint and a test player into betrontech-sim.yaml."""


@click.command("init")
def init_command() -> ExitCode:
    """Write a commented configuration, a first scenario, and what editors need here.

    Existing files are left unchanged. Editors with a YAML language server (for VS Code the extension "YAML")
    complete, explain and underline scenarios whose first line names the schema; VS Code has snippets, too.
    """
    for starter, target in FILES.items():
        click.echo(_written((_STARTERS / starter).read_text("utf-8"), target))
    click.echo(_written(_schema_text(), SCHEMA_FILE))
    click.echo(_NEXT)
    return ExitCode.PASSED


def _written(text: str, target: Path) -> str:
    in_the_way = next((each for each in target.parents if each.exists() and not each.is_dir()), None)
    if in_the_way is not None:
        raise UsageError(f"{target} cannot be written: {in_the_way} is a file, not a folder")
    if target.is_dir():
        raise UsageError(f"{target} cannot be written: there is a folder of that name")
    try:
        if target.exists():
            return f"kept     {target}  (already exists)"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    return f"written  {target}"


# --- schema ---------------------------------------------------------------------------------------


@click.command(name="schema")
def schema() -> None:
    """Print the JSON Schema (2020-12) of scenario files, for editors.

    \b
    betrontech-sim schema > scenario.schema.json
    and as a file's first line: # yaml-language-server: $schema=scenario.schema.json
    """
    click.echo(_schema_text(), nl=False)


def _schema_text() -> str:
    # Help answers without the loader's tables.
    from simulator.scenario.schema import scenario_schema

    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
