"""Files of results that are complete or absent.

A file is written beside its place, as `.NAME.PID.new`, and takes its name when it is complete. A process that
is killed leaves it; the next one that writes a file of that name removes it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import TextIO


class WholeFile:
    """A file that is being written: `stream` takes its text. Raises OSError if it cannot be written.

    With `at_once` it is written in its place, as one that is read meanwhile must be. A device, a pipe or a
    link always is: it stays what it is.
    """

    def __init__(self, file: Path, *, at_once: bool = False) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        replaceable = not file.exists() or (file.is_file() and os.access(file, os.W_OK))
        self._file = file
        self.is_beside = replaceable and not at_once and not file.is_symlink()
        self._written = file
        if self.is_beside:
            _remove_left_overs(file)
            self._written = file.with_name(f".{file.name}.{os.getpid()}.new")
        self.stream: TextIO = self._written.open(
            "w", encoding="utf-8", errors="backslashreplace", newline="\n"
        )
        if self.is_beside:
            # A system that cannot lock leaves what is killed there.
            with suppress(OSError):
                fcntl.flock(self.stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def keep(self) -> None:
        """Close the file, and give it its name. Raises OSError."""
        self.stream.close()
        if self.is_beside:
            # Only now is it complete.
            self._written.replace(self._file)
            self.is_beside = False

    def give_up(self) -> None:
        """Close the file, which is incomplete: it never gets its name. What stands in its place stays."""
        with suppress(OSError):
            self.stream.close()
        if self.is_beside:
            self.discard()

    def discard(self) -> None:
        """Remove the file, unless it is a device, a pipe or a link."""
        with suppress(OSError):
            self.stream.close()
        if self._written.is_file() and not self._written.is_symlink():
            self._written.unlink()


def write_whole(file: Path, text: str) -> None:
    """Write a file that is complete or absent. Raises OSError."""
    written = WholeFile(file)
    try:
        written.stream.write(text)
        written.keep()
    except BaseException:
        written.discard()
        raise


def _remove_left_overs(file: Path) -> None:
    """Remove what processes that were killed have left beside a file: the system released their locks."""
    for left in file.parent.glob(f".{escape(file.name)}.*.new"):
        with suppress(OSError), left.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
