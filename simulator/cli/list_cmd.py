"""`betrontech-sim list`: the scenarios that a run would take, or what they cover of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import click

from simulator.core.coverage import Covered, coverage
from simulator.core.findings import Level
from simulator.core.scenario import Scenario
from simulator.errors import ExitCode
from simulator.reports.screen_text import plural
from simulator.runner.files import load_scenarios
from simulator.runner.selection import select

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
def command(
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
