"""`betrontech-sim schema`: print the JSON Schema of the scenario format."""

from __future__ import annotations

import json

import click


@click.command(name="schema")
def schema() -> None:
    """Print the JSON Schema (2020-12) of scenario files, for editors.

    \b
    betrontech-sim schema > scenario.schema.json
    and as a file's first line: # yaml-language-server: $schema=scenario.schema.json
    """
    # Help answers without the loader's tables.
    from simulator.core.scenario_schema import scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2, ensure_ascii=False))
