"""`betrontech-sim operator`: run the example wallet, correct or with chosen defects, until stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import settings_command
from simulator.errors import UsageError
from simulator.settings import load_values
from simulator.settings.table import WALLET, WALLET_SECTIONS, WalletSettings

if TYPE_CHECKING:
    from simulator.reference_operator import OperatorSettings


@settings_command("operator", *WALLET_SECTIONS)
@click.option("--list-defects", is_flag=True, help="Print the defects and exit.")
@click.option("--list-dialects", is_flag=True, help="Print the dialects and exit.")
def operator(list_defects: bool, list_dialects: bool, **flags: Any) -> None:
    """Run the example wallet: a correct one on SQLite, unless it is given a defect."""
    # Importing Flask takes a tenth of a second, which help should not pay.
    from simulator.reference_operator import OperatorSettings

    if list_defects or list_dialects:
        click.echo(describe_switches(list_defects, list_dialects))
        return
    wanted = WalletSettings(**load_values(WALLET, flags))
    settings = OperatorSettings(
        database=wanted.database,
        players=wanted.players,
        player_start=wanted.player_start,
        opening_balance=wanted.opening_balance,
        max_bet=wanted.max_bet,
        defects=wanted.defects,
        dialects=wanted.dialects,
        seed=wanted.seed,
    )
    serve(settings, wanted.host, wanted.port)


def serve(settings: OperatorSettings, host: str, port: int) -> None:
    """Serve until stopped. Raises UsageError for settings or an address that cannot be used."""
    from simulator.reference_operator import InvalidSetting, UnknownName  # Flask, as above
    from simulator.reference_operator.server import OperatorServer, run_operator

    try:
        server = OperatorServer(settings, host, port)
    except (UnknownName, InvalidSetting) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error}; choose another with --port"
        ) from error
    run_operator(server, settings)


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
