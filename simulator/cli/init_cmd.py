"""`betrontech-sim init`: a commented configuration and a first scenario, never over what is there."""

from __future__ import annotations

from pathlib import Path

import click

from simulator.errors import ExitCode, UsageError

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
def command() -> ExitCode:
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
