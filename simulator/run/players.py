"""Give players to scenarios: created by the seed hook, or taken from a pool of user ids. Call the hooks."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import count

from simulator.core import json as exact_json
from simulator.core.json import JsonValue
from simulator.core.money import format_money
from simulator.core.secrets import mask_url
from simulator.core.steps import PlayerSpec, Scenario
from simulator.core.webhooks import NoReply, WireRequest
from simulator.errors import SimulatorError
from simulator.settings import CommandHook, Hook, HttpHook, RunSettings
from simulator.wire.sender import Sender
from simulator.wire.target import make_target

GHOST = "ghost"


class NoPlayer(Exception):
    """Raised if a scenario cannot have the players that it needs; the message is why it is skipped."""


class PlayersLost(NoPlayer):
    """Raised if players had no balance any more after an earlier scenario; the message names it."""


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
        with self._changed:
            self._changed.wait_for(lambda: len(self._free) >= len(real) or self._usable < len(real))
            if self._usable < len(real) and self._lost:
                raise PlayersLost(self._lost)
            if self._usable < len(real):
                raise NoPlayer("too few players are left: some could not be unblocked")
            return ghosts | {name: self._free.popleft() for name in real}

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
            self._hooks.call(self._block_hook, {"user_id": player, "blocked": blocked})
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

SHOWN_BYTES = 200


class HookFailed(SimulatorError):
    """Raised for a hook that failed; the message says which, and its answer."""


class Hooks:
    """Calls the hooks of one run. `{name}` in a URL or an argument is replaced by that value."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._senders: dict[str, Sender] = {}
        self._failures: dict[Hook, list[str]] = {}

    def call(self, hook: Hook, values: Mapping[str, str]) -> Mapping[str, JsonValue]:
        """Run one hook: a URL is posted the values as JSON, a command is started.

        Returns the JSON object that it answered or printed, if any. Raises HookFailed: after some failures in
        a row at once, and with the first one's words.
        """
        failures = self._failures.setdefault(hook, [])
        if len(failures) >= HOOK_FAILURES_MAX:
            raise HookFailed(failures[0])
        try:
            answer = self._post(hook, values) if isinstance(hook, HttpHook) else _start(hook, values)
        except HookFailed as error:
            failures.append(str(error))
            raise HookFailed(failures[0]) from None
        failures.clear()
        try:
            value = exact_json.parse(answer.decode()).value
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def close(self) -> None:
        """Close the connections."""
        for sender in self._senders.values():
            sender.close()

    def _post(self, hook: HttpHook, values: Mapping[str, str]) -> bytes:
        url = _filled(hook.url, values)
        sender = self._senders.get(url)
        if sender is None:
            settings = self._settings
            target = make_target(
                url, allow_hosts=settings.allow_hosts, timeout_s=HOOK_TIMEOUT_S, insecure=settings.insecure
            )
            if settings.cacert is not None:
                target = replace(target, cacert=str(settings.cacert))
            sender = Sender(target)
            if url == hook.url:
                self._senders[url] = sender
        body = exact_json.write(dict(values)).encode("ascii")
        reply = sender.call(None, WireRequest(body)).reply
        if url != hook.url:
            sender.close()
        if isinstance(reply, NoReply):
            raise HookFailed(f"the hook {mask_url(hook.url)} did not answer: {reply.detail}")
        if not 200 <= reply.status < 300:
            shown = reply.body[:SHOWN_BYTES].decode("utf-8", "replace")
            raise HookFailed(f"the hook {mask_url(hook.url)} answered HTTP {reply.status}: {shown}")
        return reply.body


def _start(hook: CommandHook, values: Mapping[str, str]) -> bytes:
    # Most runs have no such hook, and start sooner without it.
    import subprocess

    arguments = [_filled(argument, values) for argument in hook.arguments]
    try:
        done = subprocess.run(arguments, capture_output=True, timeout=HOOK_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HookFailed(f"the hook {arguments[0]} could not run: {error}") from None
    if done.returncode != 0:
        shown = (done.stderr or done.stdout).strip()[:SHOWN_BYTES].decode("utf-8", "replace")
        raise HookFailed(f"the hook {arguments[0]} exited with {done.returncode}: {shown}")
    return done.stdout


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text
