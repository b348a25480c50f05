"""`betrontech-sim check`: read scenario files and say what is wrong with them; nothing is sent."""

from __future__ import annotations

import click

from simulator.errors import ExitCode, NothingSelected


@click.command(name="check")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
def check(paths: tuple[str, ...]) -> ExitCode:
    """Read scenario files and say all that is wrong with them; nothing is sent.

    PATH is a scenario file or a folder of them. Without any the bundled suite is read.
    """
    # Help answers without the loader.
    from simulator.runner.files import Loaded

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
