"""The names of the commands, in the order of the help, with a line on each; importing none of them."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TextIO

import click

import simulator
from simulator import __version__
from simulator.errors import ExitCode, ScenarioError, SimulatorError

COMMANDS = {
    "run": "Run scenarios against an operator's wallet and judge it.",
    "judge": "Judge calls that were recorded anywhere, concurrent ones too.",
    "check": "Read scenario files and say what is wrong with them.",
    "list": "List the scenarios, or the catalogue and what covers each check.",
    "init": "Write a commented configuration and a first scenario here.",
    "doctor": "Find out why a wallet is not reached, or that it is.",
    "certify": "Run the whole suite and write a certificate of what it showed.",
    "demo": "Show the product: a right wallet, then one with a defect.",
    "mutants": "Test the suite itself: every defect of the example wallet must be caught.",
    "serve": "Serve the API and its games to play against, until told to stop.",
    "healthcheck": "Ask a served simulator whether it is alive.",
    "operator": "Start the example wallet, right or with chosen defects.",
    "schema": "Print the JSON Schema of scenario files, for editors.",
    "explain": "Say what a rule means, why it costs money and how to mend the wallet.",
}
SHARED_MODULES = {
    **dict.fromkeys(("check", "list", "init", "schema", "explain"), "authoring"),
    "healthcheck": "serve",
}
"""Commands that share a module with others; each other command has a module of its own name."""


# --- ending ---------------------------------------------------------------------------------------

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def run_to_the_end(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; only interpreter exits are raised."""
    arguments = sys.argv[1:] if arguments is None else arguments
    with _sigterm_interrupts():
        prepare_output()
        try:
            code = _exit_code(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            drop_output(sys.stdout)
            # What was asked for did not reach its reader.
            code = ExitCode.INTERRUPTED
        except OSError as error:
            # Buffered output that found no room only at the end.
            drop_output(sys.stdout)
            code = _no_room(error)
    return int(code)


def _exit_code(arguments: Sequence[str]) -> int:
    try:
        return group.start(arguments)
    except click.ClickException as error:
        # Raised by click's own parsing, which would exit 2 or 1.
        error.show()
        return ExitCode.USAGE
    except ScenarioError as error:
        # Its problems come framed, each with its own heading.
        _say(str(error))
        return error.exit_code
    except SimulatorError as error:
        _say(f"Error: {error}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, EOFError):
        _say("Interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        return _no_room(error) if error.errno in _NO_ROOM else _bug(error, arguments)
    except Exception as bug:
        return _bug(bug, arguments)


def _bug(bug: Exception, arguments: Sequence[str]) -> ExitCode:
    _say(_bug_report(bug, debug="--debug" in arguments or _debug_by_variable()))
    return ExitCode.INTERNAL


def _no_room(error: OSError) -> ExitCode:
    """Files of ours say so themselves: what is left is standard output."""
    _say(f"Error: the output cannot be written: {error.strerror}")
    return ExitCode.USAGE


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM end a command like Ctrl-C does: what ran is reported. `serve` sets its own handlers."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        # Signals can be caught in the main thread only; elsewhere they are the caller's.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(text: str) -> None:
    # Nobody is left to tell where standard error is closed.
    with suppress(OSError):
        click.echo(text, err=True)


def _debug_by_variable() -> bool:
    # Only a bug needs them: help answers without the settings.
    from simulator.settings.load import debug_wanted, variables

    return debug_wanted(variables())


def _bug_report(bug: Exception, debug: bool) -> str:
    # Only a bug needs it, as above.
    import traceback

    if debug:
        return "".join(traceback.format_exception(bug)).rstrip()
    frames = traceback.extract_tb(bug.__traceback__)
    home = Path(simulator.__file__).parent
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    place = ""
    if ours:
        file = Path(ours[-1].filename).relative_to(home.parent)
        place = f" in {file}:{ours[-1].lineno} ({ours[-1].name})"
    # Not the exception's own text: it may hold a header or a body.
    return (
        f"Internal error: {type(bug).__name__}{place}, version {simulator.__version__}. This is a fault of "
        f"the simulator: please report it with what `{NAME} --debug …` prints."
    )


# --- group ----------------------------------------------------------------------------------------
# The group of commands: a command's module is imported when it is called, and help needs none of them.

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
        module = import_module(f"simulator.cli.{SHARED_MODULES.get(cmd_name, cmd_name)}_cmd")
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
            from simulator.core.words import did_you_mean

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


# --- output ---------------------------------------------------------------------------------------
# Standard output and error, made safe against what the other end does: closed, gone, or short of letters.


def prepare_output() -> None:
    """Let neither a closed stream nor an arrow on a terminal that knows only ASCII end a command."""
    # Python has no stream at all for a descriptor that was closed before it started (`>&-`).
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output(stream: TextIO) -> None:
    """Send what is still buffered nowhere, or the interpreter complains about the closed pipe at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _nowhere() -> TextIO:
    return os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
