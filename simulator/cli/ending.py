"""How a command ends: every way out of it, mapped to the exit codes of `errors.ExitCode`."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

import simulator
from simulator.cli.group import NAME, group
from simulator.cli.output import drop_output, prepare_output
from simulator.errors import ExitCode, ScenarioError, SimulatorError

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
    from simulator.settings.environment import debug_wanted, variables

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
