"""The group of commands: a command's module is imported when it is called, and help needs none of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from simulator import __version__
from simulator.cli.commands import COMMANDS

NAME = "betrontech-sim"
HELP_WIDTH_MAX = 110


class LazyGroup(click.Group):
    """A group over the table of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        """The command of that name in its module; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"simulator.cli.{cmd_name}_cmd")
        return next(
            value
            for value in vars(module).values()
            if isinstance(value, click.Command) and value.name == cmd_name
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; raises UsageError with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            # Costs a millisecond, which help does not need to pay.
            from simulator.core.nearest import did_you_mean

            ctx.fail(f'No command is called "{args[0]}"{did_you_mean(args[0], COMMANDS)}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Write the commands with their lines of the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def start(self, arguments: Sequence[str]) -> int:
        """Parse, run, and return what the command returned or asked to exit with.

        Not click's `main`, which has its own exit codes even for a closed pipe. Raises whatever ends the
        command: ClickException, Abort, and what is ours.
        """
        self._main_shell_completion({}, NAME)
        try:
            with self.make_context(NAME, list(arguments), terminal_width=_help_width()) as context:
                result = self.invoke(context)
        except click.exceptions.Exit as done:
            return done.exit_code
        return int(result) if isinstance(result, int) else 0


def _help_width() -> int:
    """The terminal's width within bounds; left to click, it would import shutil and every compression."""
    try:
        return max(50, min(os.get_terminal_size(sys.stdout.fileno()).columns, HELP_WIDTH_MAX) - 2)
    except (OSError, ValueError):
        return HELP_WIDTH_MAX - 2


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME)
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an internal error."
)  # looked for by `ending`, which has no context left when it reports one
def group() -> None:
    """Try an operator's BetronTech integration offline: judge its wallet, or play against it.

    Independent of BetronTech and not affiliated with it.
    """
