"""`betrontech-sim operator`: run the example wallet, correct or with chosen defects, until stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.errors import UsageError

if TYPE_CHECKING:
    from simulator.reference_operator import OperatorSettings


@click.command(name="operator")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file to keep the money in. Default: a temporary file.",
)
@click.option(
    "--players", type=click.IntRange(0, 100_000), default=100, show_default=True, help="How many players."
)
@click.option(
    "--player-start", type=click.IntRange(0), default=1000, show_default=True, help="The first player's id."
)
@click.option(
    "--opening-balance", default="1000.00", show_default=True, help="Each player's balance at the start."
)
@click.option("--max-bet", help='Refuse bets over this amount, for example "50.00".')
@click.option(
    "--defect", "defects", multiple=True, metavar="NAME", help="Give the wallet this defect. Repeatable."
)
@click.option(
    "--dialect", "dialects", multiple=True, metavar="NAME", help="Answer in another correct way. Repeatable."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the defects that use chance.")
@click.option("--list-defects", is_flag=True, help="Print the defects and exit.")
@click.option("--list-dialects", is_flag=True, help="Print the dialects and exit.")
def operator(
    port: int,
    host: str,
    database: Path | None,
    players: int,
    player_start: int,
    opening_balance: str,
    max_bet: str | None,
    defects: tuple[str, ...],
    dialects: tuple[str, ...],
    seed: int,
    list_defects: bool,
    list_dialects: bool,
) -> None:
    """Run the example wallet: a correct one on SQLite, unless it is given a defect."""
    # Importing Flask takes a tenth of a second, which help should not pay.
    from simulator.reference_operator import OperatorSettings

    if list_defects or list_dialects:
        click.echo(describe_switches(list_defects, list_dialects))
        return
    settings = OperatorSettings(
        database=database,
        players=players,
        player_start=player_start,
        opening_balance=opening_balance,
        max_bet=max_bet,
        defects=defects,
        dialects=dialects,
        seed=seed,
    )
    serve(settings, host, port)


def serve(settings: OperatorSettings, host: str, port: int) -> None:
    """Serve until stopped. Raises UsageError for settings or an address that cannot be used."""
    from simulator.reference_operator import InvalidSetting, UnknownName  # Flask, as above
    from simulator.reference_operator.server import run_operator

    try:
        run_operator(settings, host, port)
    except (UnknownName, InvalidSetting) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error}; choose another with --port"
        ) from error


def describe_switches(with_defects: bool, with_dialects: bool) -> str:
    """Return the names and descriptions of defects (by group) and dialects, one a line."""
    from simulator.reference_operator import DIALECTS, defects_by_group  # Flask, as above

    lines: list[str] = []
    if with_defects:
        for group, members in defects_by_group().items():
            lines.append(f"{group}:")
            lines += [f"  {each.name:<36} {each.kind.value:<11} {each.description}" for each in members]
    if with_dialects:
        lines.append("dialects:")
        lines += [f"  {each.name:<36} {each.description}" for each in DIALECTS.values()]
    return "\n".join(lines)
