"""Restore the balances of players: after a run, and those that a run which was killed has left.

What a run must put back stands on disk from before the first call that moves the player's money until it is
put back. Each run has a file of its own, with one line for a player, and locks it as long as it lives: the
system releases the lock of a process that was killed, and only then another process takes the file up.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from simulator.core import json as exact_json
from simulator.core.calls import Opening, Why
from simulator.core.findings import Finding, Phase
from simulator.core.json import JsonValue
from simulator.core.money import Money, format_money, parse_written
from simulator.core.secrets import digest_url
from simulator.core.steps import MAIN_PLAYER, Scenario
from simulator.core.values import Frozen
from simulator.errors import UsageError
from simulator.law.book import TooManyWorlds
from simulator.run.context import STATE_FILE, RunContext, Stopped
from simulator.run.judge import FormLog, Judge
from simulator.run.preflight import PLACE, Adjustment, CannotReach
from simulator.scenario.script import Script

HURRY_S = 5.0
"""How long restoring balances may take after an interrupt."""

HURRIED_AT_ONCE = 16
"""How many players are restored side by side then: a slow wallet may answer in the time only so."""

SETTLING_S_MAX = 2.0
"""How much of it may pass before the first read: the wallet may still apply calls that were cancelled."""


class Restore:
    """Remembers the balances of players before the run, and restores them.

    With a `folder`, what is to be restored is also written there, for the case that the run is killed.
    """

    def __init__(self, context: RunContext, folder: Path | None = None) -> None:
        self._context = context
        self._before: dict[str, Money] = {}
        self._back: set[str] = set()
        self._given_up = False
        self._folder = folder
        self._file = None if folder is None else BalanceFile(folder, context.run, context.settings.endpoint)

    def remember(self, player: str, balance: Money) -> None:
        """Remember the balance of this player, before a call moves it."""
        self._before[player] = balance
        if self._file is not None:
            self._file.add(player, balance)

    def left_as_it_is(self, *, kept: bool = True) -> list[str]:
        """Return a note for a run that ended early: which players were not restored, and their balances.

        If `kept`, the next run against the endpoint restores them, else only the command does.
        """
        left = {player: balance for player, balance in self._before.items() if player not in self._back}
        on_disk = self._file is not None and (
            self._file.end(left) if kept else self._file.end(left.keys() - self._left_before(), COULD_NOT)
        )
        notes = self._file_trouble()
        if not left:
            return notes
        balances = ", ".join(f"{player} ({format_money(b)})" for player, b in [*left.items()][:5])
        more = ", …" if len(left) > 5 else ""
        who = "the next run or betrontech-sim restore puts" if kept else "betrontech-sim restore puts"
        then = f"; {who} them back" if on_disk else ""
        told = f"the run ended early, so the balances before it were not put back: {balances}{more}{then}"
        return [*notes, told]

    def at_the_end(self, *, hopeless: bool, in_hurry: bool, at_once: int = 1) -> list[str]:
        """Restore every player if possible, `at_once` of them at a time; return notes.

        After an interrupt it takes some seconds at the most.
        """
        if hopeless or self._context.gone:
            return self.left_as_it_is(kept=in_hurry or self._context.gone)
        self._context.ending = True
        self._context.rate_limit.allow_more()
        if in_hurry:
            return self._hurriedly()
        notes = self._all(at_once)
        if self._context.gone:
            return [*notes, *self.left_as_it_is()]
        # What the wallet itself made impossible would fail again in the next run: it takes a command.
        left = self._before.keys() - self._back - self._left_before()
        if self._file is not None and self._file.end(left, COULD_NOT):
            notes.append(TRY_AGAIN)
        return [*notes, *self._file_trouble()]

    def put_back_what_was_left(self, *, asked: bool = False) -> list[str]:
        """Restore the players that earlier runs against this endpoint have left; return a note for each.

        Those that a run tried to restore in vain only if `asked`. What cannot be restored stays on disk.
        """
        if self._folder is None:
            return []
        notes, settled = [], set[str]()
        try:
            files, _ = files_left(self._folder, self._context.settings.endpoint)
        except UsageError as error:
            return [str(error)]
        try:
            for number, left in enumerate(_oldest(files, asked=asked)):
                done, note = self._put_back(left, number)
                notes += [note] if note else []
                settled |= {left.player} if done else set()
        finally:
            for file in files:
                file.drop(settled)
        return notes

    # --- inside ------------------------------------------------------------------------------------

    def _left_before(self) -> set[str]:
        """Return the players of whom an older balance is kept; a later one would not be asked for."""
        if self._folder is None:
            return set()
        try:
            files, _ = files_left(self._folder, self._context.settings.endpoint)
        except UsageError:
            return set()
        for file in files:
            file.drop(())
        return {left.player for file in files for left in file.lefts}

    def _put_back(self, left: Left, number: int) -> tuple[bool, str]:
        """Restore one player of an earlier run; return whether it has its balance, and a note if it moved."""
        due = format_money(left.balance)
        opening = self._opening(left.player, f"r{number:x}", Phase.PREFLIGHT)
        try:
            now = opening.read(left.player)
            if now == left.balance:
                return True, ""
            self._context.emit(Opening(scenario_id=None, player=left.player, balance=now))
            done, reason = opening.reach(left.player, now, left.balance), "your wallet moved wrong amounts"
        except (CannotReach, Stopped, TooManyWorlds) as error:
            done, reason = False, str(error)
        if done:
            was = f"player {left.player} was left at {format_money(now)} by a run that {left.ended}"
            return True, f"{was}; it has {due} again"
        had = f"player {left.player} had {due} before a run that {left.ended}"
        return False, f"{had}, and was not brought back: {reason}"

    def _hurriedly(self) -> list[str]:
        """Restore after an interrupt; calls in flight when the time is up are given up, and noted."""
        if not self._before:
            return []
        if self._context.rate_limit.left_s > HURRY_S:
            return self.left_as_it_is()
        timer = threading.Timer(HURRY_S, self._give_up)
        timer.start()
        try:
            # A call that was cancelled takes as long as others until the wallet has applied it.
            threading.Event().wait(min(self._context.slowest_ns / 1e9, SETTLING_S_MAX))
            notes = self._all(HURRIED_AT_ONCE)
            if self._context.cancelled and not self._given_up:
                # One read for each player shows whether the wallet has applied such a call even later.
                notes = self._all(HURRIED_AT_ONCE)
        except KeyboardInterrupt:
            return self.left_as_it_is()
        finally:
            timer.cancel()
            timer.join()
        if self._given_up or notes:
            return self.left_as_it_is()
        if self._file is not None:
            self._file.end({})
        return self._file_trouble()

    def _all(self, at_once: int = 1) -> list[str]:
        """Bring every player back, so many at once; returns a note for each that is not."""
        # Imported here, since the preflight, which should come soon, needs no pool.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="restore") as pool:
            try:
                notes = list(pool.map(self._one, range(len(self._before)), list(self._before)))
            except KeyboardInterrupt:
                # The players under way would be waited for.
                self._give_up()
                pool.shutdown(cancel_futures=True)
                raise
        return [note for note in notes if note]

    def _one(self, number: int, player: str) -> str:
        """Bring a player back; return a note if it is not."""
        balance = self._before[player]
        opening = self._opening(player, f"z{number:x}", Phase.END)
        reason = ""
        try:
            restored = opening.reach(player, opening.read(player), balance)
        except (CannotReach, Stopped, TooManyWorlds) as error:
            restored, reason = False, f": {error}; set it in your wallet before the next run"
        if restored:
            self._back.add(player)
            return ""
        self._back.discard(player)
        return f"player {player} was not brought back to {format_money(balance)}{reason}"

    def _give_up(self) -> None:
        self._given_up = True
        self._context.ending = False
        self._context.rate_limit.end()
        self._context.sender.cancel()

    def _opening(self, player: str, prefix: str, phase: Phase) -> Adjustment:
        scenario = Scenario(id="restore", name="Restore", place=PLACE, steps=())
        judge = Judge(self._context, scenario, FormLog(), _ignored, phase)
        context = self._context
        script = Script(
            *(scenario, {MAIN_PLAYER: player}, context.profile, f"{context.run}{prefix}"),
            *(Random(0), context.limits),
        )
        return Adjustment(context, judge, script, Why(None, "restore", phase=phase), PLACE)

    def _file_trouble(self) -> list[str]:
        return [] if self._file is None or not self._file.trouble else [self._file.trouble]


def _oldest(files: Sequence[FoundFile], *, asked: bool) -> list[Left]:
    """Return the oldest balance of each player: a later one was read after the first run had moved it."""
    oldest: dict[str, Left] = {}
    for left in sorted((each for file in files for each in file.lefts), key=lambda each: each.read_at):
        if asked or left.ended != COULD_NOT:
            oldest.setdefault(left.player, left)
    return list(oldest.values())


def _ignored(_finding: Finding) -> None:
    """Ignore findings while balances are restored: the scenarios have already reported them."""


# --- balances on disk -----------------------------------------------------------------------------

FOLDER = STATE_FILE.parent / "balances"
"""In the current folder, beside the record of the last run."""

FILE_BYTES_MAX = 10_000_000

KILLED, ENDED_EARLY, COULD_NOT = "was killed", "ended early", "could not put it back"

TRY_AGAIN = "betrontech-sim restore tries again to put back the balances that this run could not"


class Left(Frozen):
    """The balance that a player must have again. `ended` is what became of the run that moved it."""

    player: str
    balance: Money
    read_at: str
    ended: str = KILLED


class BalanceFile:
    """The file of one run. `trouble` says why it could not be written: the run goes on without it."""

    def __init__(self, folder: Path, run: str, endpoint: str) -> None:
        self._path = folder / FOLDER / f"{run}.ndjson"
        self._endpoint = endpoint
        self._key = ""
        self._lefts: dict[str, Left] = {}
        self._locked: int | None = None
        self.trouble = ""

    def add(self, player: str, balance: Money) -> None:
        """Write down one more player."""
        left = Left(player, balance, datetime.now(UTC).isoformat(timespec="milliseconds"))
        self._lefts[player] = left
        if self.trouble:
            return
        try:
            self._key = self._key or digest_url(self._endpoint)
            if self._locked is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._locked = _written(self._path, self._key, [left])
            else:
                _append(self._locked, _line(self._key, left))
        except OSError as error:
            self.trouble = (
                f"the balances to restore cannot be written to {self._path.parent}: {error.strerror}; "
                "after a kill they are not put back"
            )

    def end(self, left: Collection[str], ended: str = ENDED_EARLY) -> bool:
        """Keep only the players that are left, for later; return whether they are on disk."""
        if self._locked is None:
            return False
        kept = [each for player, each in self._lefts.items() if player in left]
        lefts = [replace(each, ended=ended) for each in kept]
        locked, self._locked = self._locked, None
        return _keep(self._path, locked, self._key, lefts) and bool(kept)


class FoundFile(Frozen):
    """The file of a run that lives no more, which this process has locked."""

    path: Path
    locked: int
    key: str
    lefts: tuple[Left, ...]

    def drop(self, players: Collection[str]) -> None:
        """Keep the players that are not among these; a file of none is removed."""
        if any(each.player in players for each in self.lefts):
            _keep(self.path, self.locked, self.key, [e for e in self.lefts if e.player not in players])
        else:
            os.close(self.locked)


def files_left(folder: Path, endpoint: str) -> tuple[list[FoundFile], list[str]]:
    """Return the files that runs against this endpoint left, locked, and the other endpoints with some.

    Raises UsageError for what cannot be read: nobody could tell then that nothing is left.
    """
    files, others = [], set[str]()
    own = ""
    for path in _files_in(folder / FOLDER):
        found = _found(path)
        if found is None:
            continue
        own = own or digest_url(endpoint)
        if found.key == own:
            files.append(found)
        else:
            others.add(found.key.split(" ")[0])
            os.close(found.locked)
    return files, sorted(others)


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".ndjson" and path.name[0] != ".")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from None


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"the balances that runs have left in {path} cannot be read: {error.strerror}")


def _found(path: Path) -> FoundFile | None:
    """Return a file with its lock; None for one of a run that is going on, and for one that is damaged."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        locked = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except PermissionError as error:
        raise _unreadable(path, error) from None
    except OSError:
        return None
    try:
        fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(locked, "rb", closefd=False) as stream:
            lines = stream.read(FILE_BYTES_MAX).splitlines()
        read = [each for each in map(_read, lines) if each is not None]
        # It may have been replaced or removed between opening and locking.
        if read and os.path.samestat(os.fstat(locked), path.stat()):
            return FoundFile(path, locked, read[0][0], tuple(left for _, left in read))
    except OSError:
        pass
    os.close(locked)
    return None


def _read(line: bytes) -> tuple[str, Left] | None:
    """Return the endpoint and the player of a line; None for one that is damaged."""
    try:
        value = exact_json.parse(line.decode()).value
        assert isinstance(value, dict)
        texts = [value[name] for name in ("endpoint", "player", "balance", "read_at", "ended")]
        endpoint, player, balance, read_at, ended = (text for text in texts if isinstance(text, str))
        return endpoint, Left(player, parse_written(balance), read_at, ended)
    except (AssertionError, KeyError, ValueError):
        return None


def _line(key: str, left: Left) -> bytes:
    values: dict[str, JsonValue] = {
        "endpoint": key,
        "player": left.player,
        "balance": format_money(left.balance),
        "read_at": left.read_at,
        "ended": left.ended,
    }
    return exact_json.write(values).encode("ascii") + b"\n"


def _keep(path: Path, locked: int, key: str, lefts: Sequence[Left]) -> bool:
    """Let a locked file hold these and release it; return whether that was possible."""
    try:
        if lefts:
            os.close(_written(path, key, lefts))
        else:
            path.unlink()
    except OSError:
        return False
    finally:
        os.close(locked)
    return True


def _written(path: Path, key: str, lefts: Sequence[Left]) -> int:
    """Write a file that is locked as soon as it has its name; return its descriptor."""
    beside = path.with_name(f".{path.name}.new")
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(beside, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _append(descriptor, b"".join(_line(key, left) for left in lefts))
        beside.replace(path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _append(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
