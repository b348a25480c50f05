"""The target's hooks: how a player is made or blocked, and how the operator is restarted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simulator.core import exact_json
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import NoReply, WireRequest
from simulator.delivery.guard import make_target
from simulator.delivery.sender import Sender
from simulator.errors import SimulatorError
from simulator.settings import CommandHook, Hook, HttpHook, RunSettings

HOOK_TIMEOUT_S = 60.0


class HookFailed(SimulatorError):
    """A hook did not do its work; the message says which and what it answered."""


class Hooks:
    """Calls the hooks of one run. `{name}` in a URL or an argument is replaced by that value."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._senders: dict[str, Sender] = {}

    def call(self, hook: Hook, values: Mapping[str, str]) -> Mapping[str, JsonValue]:
        """Run one hook: a URL is posted the values as JSON, a command is started.

        Returns the JSON object that it answered or printed, if any. Raises HookFailed.
        """
        answer = self._post(hook, values) if isinstance(hook, HttpHook) else _start(hook, values)
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
            raise HookFailed(f"the hook {url} did not answer: {reply.detail}")
        if not 200 <= reply.status < 300:
            shown = reply.body[:200].decode("utf-8", "replace")
            raise HookFailed(f"the hook {url} answered HTTP {reply.status}: {shown}")
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
        shown = (done.stderr or done.stdout)[-200:].decode("utf-8", "replace").strip()
        raise HookFailed(f"the hook {arguments[0]} exited with {done.returncode}: {shown}")
    return done.stdout


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text
