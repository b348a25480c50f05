"""The table of commands, the group that imports a command when it is called, and how a command ends.

Every end of a command becomes an exit code here, with a message where there is something to say. Standard
output and error may be closed, broken or limited to ASCII.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
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
    "run": "Run scenarios against your wallet and judge its answers and its money.",
    "explore": "Make up sessions, judge them, and write a short scenario for each error.",
    "load": "Load your wallet with many players at once, and judge every call.",
    "judge": "Judge calls that were recorded anywhere, concurrent ones too.",
    "record": "Write recorded calls as a scenario: of a served game, an NDJSON, a HAR, or curl lines.",
    "check": "Check scenario files and show every mistake in them.",
    "fmt": "Write scenario files in one canonical form, with their comments.",
    "list": "List the scenarios, or the rules and the scenarios that cover them.",
    "init": "Write a commented configuration and a first scenario here.",
    "doctor": "Check the connection to your wallet step by step.",
    "restore": "Put back the balances that a run has left because it was killed.",
    "certify": "Run the whole suite and write a certificate of the results.",
    "demo": "Judge a correct wallet, then one with a defect, and play a game.",
    "mutants": "Test the suite itself: it must catch every defect of the example wallet.",
    "serve": "Serve the BetronTech API, its games and a console until stopped.",
    "healthcheck": "Check whether a served simulator is alive.",
    "operator": "Start the example wallet, correct or with chosen defects.",
    "schema": "Print the JSON Schema of scenario files, for editors.",
    "explain": "Explain a rule: what it means, why it costs money, how to fix your wallet.",
}
SHARED_MODULES = {
    **dict.fromkeys(("list", "init", "schema", "explain"), "authoring"),
    "fmt": "check",
    "healthcheck": "serve",
}
"""Commands that share a module with others; each other command has a module of its own name."""


# --- how a command ends ---------------------------------------------------------------------------

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
            # The output did not reach its reader.
            code = ExitCode.INTERRUPTED
        except OSError as error:
            # The last flush of buffered output failed.
            drop_output(sys.stdout)
            code = _no_room(error)
    return int(code)


def _exit_code(arguments: Sequence[str]) -> int:
    try:
        return group.start(arguments)
    except click.ClickException as error:
        # Raised by click's parsing, which would exit with 2 or 1.
        error.show()
        return ExitCode.USAGE
    except ScenarioError as error:
        # Its problems are framed, each with a heading.
        _say(error.framed(_words(arguments)))
        return error.exit_code
    except SimulatorError as error:
        _say(_words(arguments)(f"Error: {error}"))
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
    """Report a full disk. Reports to files catch it themselves, so this concerns standard output."""
    _say(f"Error: the output cannot be written: {error.strerror}")
    return ExitCode.USAGE


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, with a report. `serve` sets its own handlers."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, interrupt) for number in _ending_signals()}
    except ValueError:
        # Only the main thread can handle signals; in others they are left to the caller.
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending_signals() -> list[signal.Signals]:
    """Return the signals that end a command: a hang-up too, unless nohup had it ignored."""
    hang_up = signal.SIGHUP
    return [signal.SIGTERM, *([hang_up] if signal.getsignal(hang_up) is not signal.SIG_IGN else [])]


def _say(text: str) -> None:
    # Where standard error is closed, there is no reader.
    with suppress(OSError):
        click.echo(text, err=True)


def _words(arguments: Sequence[str]) -> Callable[[str], str]:
    """Return what says an error in the reader's language: that of `--lang`, or of the locale."""
    # Imported here because only errors need them.
    from simulator.core.languages import lang_of
    from simulator.report.languages import Words, lang_of_locale
    from simulator.settings.load import variables

    given = [*arguments, ""]
    asked = [each.removeprefix("--lang=") for each in given if each.startswith("--lang=")]
    asked += [given[place + 1] for place, each in enumerate(arguments) if each == "--lang"]
    return Words(lang_of(asked[-1]) if asked else lang_of_locale(variables()))


def _debug_by_variable() -> bool:
    # Imported here because only a bug needs it.
    from simulator.settings.load import debug_wanted, variables

    return debug_wanted(variables())


def _bug_report(bug: Exception, debug: bool) -> str:
    # Imported here because only a bug needs it.
    import traceback

    if debug:
        return "".join(traceback.format_exception(bug)).rstrip()
    frames = traceback.extract_tb(bug.__traceback__)
    home = Path(simulator.__file__).parent
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    place = ""
    if own:
        file = Path(own[-1].filename).relative_to(home.parent)
        place = f" in {file}:{own[-1].lineno} ({own[-1].name})"
    # Without the exception's text, which may hold a header or a body.
    return (
        f"Internal error: {type(bug).__name__}{place}, version {simulator.__version__}. This is a fault of "
        f"the simulator: please report it with what `{NAME} --debug …` prints."
    )


# --- the group of commands ------------------------------------------------------------------------

NAME = "betrontech-sim"

HELP_WIDTH_MAX = 110


class LazyGroup(click.Group):
    """A group that imports the module of a command when the command is called; help imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        """Return the command with that name, or None."""
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
        """Return the command that the arguments name; raises UsageError with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            # Imported here because it takes a millisecond, which help need not pay.
            from simulator.core.words import did_you_mean

            ctx.fail(f'No command is called "{args[0]}"{did_you_mean(args[0], COMMANDS)}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Write the commands with their lines in the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def start(self, arguments: Sequence[str]) -> int:
        """Parse the arguments, run the command and return its exit code.

        Replaces click's `main`, which has exit codes of its own, even for a closed pipe. Raises any exception
        that ends the command: ClickException, Abort, SimulatorError.
        """
        self._main_shell_completion({}, NAME)
        try:
            with self.make_context(NAME, list(arguments), terminal_width=_help_width()) as context:
                result = self.invoke(context)
        except click.exceptions.Exit as done:
            return done.exit_code
        return int(result) if isinstance(result, int) else 0


def _help_width() -> int:
    """Return the terminal's width within bounds. (Click would import shutil and all compressions for it.)"""
    try:
        return max(50, min(os.get_terminal_size(sys.stdout.fileno()).columns, HELP_WIDTH_MAX) - 2)
    except (OSError, ValueError):
        return HELP_WIDTH_MAX - 2


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME)
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an internal error."
)  # read from the arguments by `_exit_code`, which has no context when it reports a bug
def group() -> None:
    """Test your BetronTech integration offline: judge your wallet, or play games against it.

    Independent of BetronTech and not affiliated with it.
    """


# --- standard output and error --------------------------------------------------------------------


def prepare_output() -> None:
    """Keep a closed stream, or an arrow on a terminal that only knows ASCII, from ending a command."""
    # Python has no stream for a descriptor that was closed before it started (`>&-`).
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output(stream: TextIO) -> None:
    """Discard what is still buffered, or the interpreter complains about the closed pipe at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _nowhere() -> TextIO:
    return os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
