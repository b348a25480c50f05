"""Give players to scenarios: created by the seed hook, or taken from a pool of user ids. Call the hooks.

Two runs with one player would each take the calls of the other for someone else's: a run locks its players.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import resource
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path

from simulator.core import json as exact_json
from simulator.core.json import JsonValue
from simulator.core.money import format_money
from simulator.core.secrets import digest_url, mask_url
from simulator.core.steps import PlayerSpec, Scenario
from simulator.core.webhooks import NoReply, WireRequest
from simulator.errors import SimulatorError, UsageError
from simulator.run.context import Stopped
from simulator.settings import CommandHook, Hook, HttpHook, RunSettings
from simulator.wire.sender import Sender
from simulator.wire.target import MAX_REPLY_BYTES, make_target

GHOST = "ghost"


class NoPlayer(Exception):
    """Raised if a scenario cannot have the players that it needs; the message is why it is skipped."""


class PlayersLost(NoPlayer):
    """Raised if players had no balance any more after an earlier scenario; the message names it."""


class PlayerLocks(ExitStack):
    """Locks players of a wallet, for all processes of this user, until the block ends.

    Each is locked by a file in the folder for temporary files. The system releases the lock of a process that
    was killed.
    """

    AGAIN_S = 0.05
    """How often it is asked whether a player is free."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._folder = Path(tempfile.gettempdir(), f"betrontech-sim-players-{os.getuid()}")
        self._endpoint = digest_url(endpoint)

    def take(self, players: Sequence[str]) -> str:
        """Lock those that are free; return a sentence if another run has some, or if none can be locked."""
        allow_files(len(players))
        try:
            used = [player for player in players if not self._locked(player, self)]
        except OSError as error:
            # The run needs files, too.
            self.close()
            return f"{self._trouble(error)}; a run with the same player at the same time would not be noticed"
        if not used:
            return ""
        more = f" and {len(used) - 5} more" if len(used) > 5 else ""
        return (
            f"another run uses the same player now: {', '.join(used[:5])}{more}. The calls of both move its "
            "balance, so neither can judge it; let the other run end, or name another player with --player"
        )

    def wait_for(self, players: Sequence[str], wanted: int) -> tuple[str, ...]:
        """Wait until so many are free, and lock them. Raises UsageError if they cannot be locked."""
        allow_files(wanted)
        while True:
            taken: list[str] = []
            with ExitStack() as tried:
                for player in players:
                    try:
                        if len(taken) < wanted and self._locked(player, tried):
                            taken.append(player)
                    except OSError as error:
                        raise UsageError(self._trouble(error)) from None
                if len(taken) == wanted:
                    self.push(tried.pop_all())
                    return tuple(taken)
            # Fewer than it needs: all are free again, so that two tests never wait for each other.
            time.sleep(self.AGAIN_S)

    def _locked(self, player: str, locks: ExitStack) -> bool:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        named = f"{self._endpoint}\n{player}".encode("utf-8", "surrogateescape")
        path = self._folder / hashlib.sha256(named).hexdigest()[:32]
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if isinstance(error, BlockingIOError):
                return False
            raise
        locks.callback(os.close, file)
        return True

    def _trouble(self, error: OSError) -> str:
        more = " (ulimit -n allows more)" if error.errno == errno.EMFILE else ""
        return f"players cannot be locked in {self._folder}: {error.strerror}{more}"


FILES_BESIDE = 1_000


def allow_files(count: int) -> None:
    """Let this process, and those that it starts, open so many files beside what it needs anyway.

    Many systems begin with a limit of 1,024 or 256, which each process may raise by itself.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Cast:
    """Gives players to scenarios; no player is in two scenarios at a time."""

    def __init__(self, settings: RunSettings, hooks: Hooks, run: str) -> None:
        self._hooks = hooks
        self._seed_hook = settings.seed_hook
        self._block_hook = settings.block_hook
        self._run = run
        self._numbers = count(1)
        self._free = deque(settings.players)
        self._named = self._usable = len(settings.players)
        self._blocked: set[str] = set()
        self._lost = ""
        self._changed = threading.Condition()
        self._line: deque[object] = deque()

    @property
    def seeded(self) -> bool:
        """Return whether the seed hook creates players."""
        return self._seed_hook is not None

    def missing(self, scenario: Scenario) -> str | None:
        """Return why this scenario cannot have its players, or an empty text."""
        wanted = [spec for spec in scenario.players.values() if spec.exists]
        if "blocked_player" in scenario.needs and self._block_hook is None:
            return "needs a blocked player: no block hook is configured"
        if not self.seeded and len(wanted) > self._named:
            return f"needs {len(wanted)} test players, only {self._named} given; add another --player"
        return None

    def take(self, specs: Mapping[str, PlayerSpec]) -> dict[str, str]:
        """Return user ids by the scenario's names for its players; wait for the pool. Raises NoPlayer."""
        real = [name for name, spec in specs.items() if spec.exists]
        ghosts = {
            name: f"{self._run}-{GHOST}-{next(self._numbers)}" for name in specs if not specs[name].exists
        }
        if self._seed_hook is not None:
            return ghosts | {name: self._make(self._seed_hook, specs[name]) for name in real}
        if not real:
            return ghosts
        with self._changed, self._in_turn() as is_first:
            self._changed.wait_for(
                lambda: (is_first() and len(self._free) >= len(real)) or self._usable < len(real)
            )
            if self._usable < len(real) and self._lost:
                raise PlayersLost(self._lost)
            if self._usable < len(real):
                raise NoPlayer("too few players are left: some could not be unblocked")
            return ghosts | {name: self._free.popleft() for name in real}

    @contextmanager
    def _in_turn(self) -> Iterator[Callable[[], bool]]:
        """Stand in line for players: who needs several would never find them free together otherwise."""
        place = object()
        self._line.append(place)
        try:
            yield lambda: self._line[0] is place
        finally:
            self._line.remove(place)
            self._changed.notify_all()

    def block(self, player: str) -> None:
        """Block a player until the scenario returns it. Raises NoPlayer."""
        self._blocked.add(player)
        self._set_blocked(player, "true")

    def give_back(self, players: Iterable[str], destroyed: Mapping[str, str]) -> None:
        """Return players of the pool, unblocked; made ones are simply forgotten.

        `destroyed` says by player why its balance is no amount any more: no scenario gets that player again.
        """
        if self.seeded:
            return
        for player in players:
            if f"-{GHOST}-" in player:
                continue
            usable = self._unblocked(player) and player not in destroyed
            self._lost = self._lost or destroyed.get(player, "")
            with self._changed:
                if usable:
                    self._free.append(player)
                else:
                    self._usable -= 1
                self._changed.notify_all()

    def _unblocked(self, player: str) -> bool:
        """Unblock a player that a scenario blocked; return False if that fails and it must not be used."""
        if player not in self._blocked:
            return True
        try:
            self._set_blocked(player, "false")
        except NoPlayer:
            return False
        self._blocked.discard(player)
        return True

    def _set_blocked(self, player: str, blocked: str) -> None:
        assert self._block_hook is not None
        try:
            # An interrupt leaves no player blocked.
            mends = blocked == "false"
            self._hooks.call(self._block_hook, {"user_id": player, "blocked": blocked}, mends=mends)
        except HookFailed as error:
            raise NoPlayer(str(error)) from None

    def _make(self, hook: Hook, spec: PlayerSpec) -> str:
        user_id = f"{self._run}-player-{next(self._numbers)}"
        try:
            answer = self._hooks.call(hook, {"user_id": user_id, "balance": format_money(spec.balance)})
        except HookFailed as error:
            raise NoPlayer(str(error)) from None
        named = answer.get("user_id")
        if isinstance(named, Decimal):
            return f"{named:f}"
        return named if isinstance(named, str) and named else user_id


# --- hooks ----------------------------------------------------------------------------------------

HOOK_TIMEOUT_S = 60.0

HOOK_FAILURES_MAX = 3
"""So many times in a row a hook may fail before it is called no more: the others would only wait for it."""

MENDING_TIMEOUT_S = 5.0
"""How long a hook may take after an interrupt."""

SHOWN_BYTES = 200


class HookFailed(SimulatorError):
    """Raised for a hook that failed; the message says which, and its answer."""


class Hooks:
    """Calls the hooks of one run. `{name}` in a URL or an argument is replaced by that value."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._senders: dict[str, Sender] = {}
        self._failures: dict[Hook, list[str]] = {}
        self._cancelled = ""

    def call(self, hook: Hook, values: Mapping[str, str], *, mends: bool = False) -> Mapping[str, JsonValue]:
        """Run one hook: a URL is posted the values as JSON, a command is started.

        Returns the JSON object that it answered or printed, if any. Raises HookFailed: after some failures in
        a row at once, and with the first one's words. Raises Stopped after `cancel`, except for a call that
        `mends` what an earlier one has changed.
        """
        failures = self._failures.setdefault(hook, [])
        if len(failures) >= HOOK_FAILURES_MAX:
            raise HookFailed(failures[0])
        self._stop_if_cancelled(mends)
        try:
            if isinstance(hook, HttpHook):
                answer = self._post(hook, values, mends)
            else:
                answer = self._start(hook, values, mends)
        except HookFailed as error:
            self._stop_if_cancelled(mends)
            failures.append(str(error))
            raise HookFailed(failures[0]) from None
        failures.clear()
        try:
            value = exact_json.parse(answer.decode()).value
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def cancel(self, reason: str) -> None:
        """End the calls under way, and let none begin but those that mend. Call it until no scenario runs."""
        self._cancelled = reason
        for sender in list(self._senders.values()):
            sender.cancel()

    def close(self) -> None:
        """Close the connections."""
        for sender in self._senders.values():
            sender.close()

    def _stop_if_cancelled(self, mends: bool) -> None:
        if self._cancelled and not mends:
            raise Stopped(self._cancelled)

    def _post(self, hook: HttpHook, values: Mapping[str, str], mends: bool) -> bytes:
        body = exact_json.write(dict(values)).encode("ascii")
        with self._sender_to(hook, _filled(hook.url, values), mends) as sender:
            reply = sender.call(None, WireRequest(body)).reply
        if isinstance(reply, NoReply):
            raise HookFailed(f"the hook {mask_url(hook.url)} did not answer: {reply.detail}")
        if not 200 <= reply.status < 300:
            shown = reply.body[:SHOWN_BYTES].decode("utf-8", "replace")
            raise HookFailed(f"the hook {mask_url(hook.url)} answered HTTP {reply.status}: {shown}")
        return reply.body

    @contextmanager
    def _sender_to(self, hook: HttpHook, url: str, mends: bool) -> Iterator[Sender]:
        """Return a sender to the URL of a hook. `cancel` does not end one that mends."""
        sender = None if mends else self._senders.get(url)
        if sender is None:
            settings = self._settings
            target = make_target(
                url, allow_hosts=settings.allow_hosts, timeout_s=self._timeout_s, insecure=settings.insecure
            )
            if settings.cacert is not None:
                target = replace(target, cacert=str(settings.cacert))
            sender = Sender(target)
            if not mends:
                self._senders[url] = sender
        try:
            yield sender
        finally:
            # A URL with a value in it is called once.
            if mends or url != hook.url:
                self._senders.pop(url, None)
                sender.close()

    @property
    def _timeout_s(self) -> float:
        return MENDING_TIMEOUT_S if self._cancelled else HOOK_TIMEOUT_S

    def _start(self, hook: CommandHook, values: Mapping[str, str], mends: bool) -> bytes:
        name = hook.arguments[0]
        try:
            command = _Command([_filled(argument, values) for argument in hook.arguments])
        except OSError as error:
            raise HookFailed(f"the hook {name} could not run: {error.strerror}") from None
        deadline = time.monotonic() + self._timeout_s
        try:
            while not command.has_ended():
                self._stop_if_cancelled(mends)
                if time.monotonic() > deadline:
                    late = f"did not end in {self._timeout_s:.0f} s, and was killed"
                    raise HookFailed(f"the hook {name} {late}{command.words}")
                if len(command.printed) > MAX_REPLY_BYTES:
                    raise HookFailed(f"the hook {name} printed more than {MAX_REPLY_BYTES:,} bytes")
        except BaseException:
            command.end()
            raise
        finally:
            command.close()
        code = command.code
        if code:
            how = f"exited with {code}" if code > 0 else f"was ended by {_signal_name(-code)}"
            raise HookFailed(f"the hook {name} {how}{command.words}")
        return bytes(command.printed)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


# --- commands -------------------------------------------------------------------------------------

LOOKS_S = 0.05
"""How often a command that prints nothing is looked after."""

ENDING_S = 0.5
"""How long a command may take to end itself before it is killed."""


class _Command:
    """A command that was started, with what it has `printed` and its `errors` so far, both bounded.

    It has a process group of its own, so that what it started ends with it. Raises OSError.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        # Most runs have no such hook, and start sooner without it.
        import subprocess
        from selectors import EVENT_READ, DefaultSelector

        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.printed, self.errors = bytearray(), bytearray()
        self._outputs = DefaultSelector()
        self._streams = [each for each in (self._process.stdout, self._process.stderr) if each is not None]
        for stream, text in zip(self._streams, (self.printed, self.errors), strict=True):
            self._outputs.register(stream, EVENT_READ, text)

    @property
    def code(self) -> int:
        """Return the exit code, or the negative number of the signal that ended it."""
        return self._process.wait()

    @property
    def words(self) -> str:
        """Return the front of its errors, or of what it printed, after a colon; nothing without any."""
        shown = (self.errors or self.printed).strip()[:SHOWN_BYTES].decode("utf-8", "replace")
        return f": {shown}" if shown else ""

    def has_ended(self) -> bool:
        """Wait a moment for output, and return whether the command has ended and all of its is read.

        What the command has left running may keep the pipes open, and write to them, for as long as it likes.
        """
        ended = self._process.poll() is not None
        if not ended and not self._outputs.get_map():
            ended = self._ends_within(LOOKS_S)
        for key, _ in self._outputs.select(0 if ended else LOOKS_S):
            # As much as a pipe holds.
            read = os.read(key.fd, 65_536)
            key.data.extend(read[: MAX_REPLY_BYTES + 1 - len(key.data)])
            if not read:
                self._outputs.unregister(key.fileobj)
        return ended

    def end(self) -> None:
        """End the command, and what it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            self._ends_within(ENDING_S)

    def close(self) -> None:
        """Close the pipes."""
        self._outputs.close()
        for stream in self._streams:
            stream.close()

    def _ends_within(self, seconds: float) -> bool:
        # Loaded with the command itself.
        from subprocess import TimeoutExpired

        with suppress(TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None
