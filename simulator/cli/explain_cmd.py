"""`betrontech-sim explain RULE`: what a rule means, what breaking it costs, and how to mend a wallet."""

from __future__ import annotations

import shutil
import textwrap

import click

from simulator.core.coverage import OPEN_REASONS, coverage
from simulator.core.rules import CATALOGUE, RULES, Rule, rule
from simulator.errors import ExitCode
from simulator.runner.files import load_scenarios

_INDENT = "  "
_WIDTH_MAX = 100


@click.command("explain")
@click.argument("rules", nargs=-1, metavar="[RULE]...")
def command(rules: tuple[str, ...]) -> ExitCode:
    """Explain rules, as a finding names them; without any, list all.

    \b
    betrontech-sim explain IDE-01
    betrontech-sim explain REF
    """
    if not rules:
        _list(list(RULES.values()))
        return ExitCode.PASSED
    for index, name in enumerate(rules):
        group = [each for each in RULES.values() if each.group == name.upper()]
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
    elif found.id in OPEN_REASONS:
        parts.append(_section("Tested by", f"no scenario: {OPEN_REASONS[found.id]}"))
    return "\n\n".join(["\n".join(parts[:2]), *parts[2:]])


def tested_by(rule_id: str) -> tuple[str, ...]:
    """The files of the bundled suite that cover a check."""
    return next((each.files for each in coverage(load_scenarios(())) if each.rule.id == rule_id), ())


def _list(rules: list[Rule]) -> None:
    for each in rules:
        click.echo(f"{each.id}  {each.level.value:<10}  {each.title}")
    if len(rules) > len(CATALOGUE):
        click.echo("\n`betrontech-sim explain RULE` tells more.")


def _section(title: str, text: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    lines = textwrap.wrap(text, max(width, 40), initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join([title, *lines])
