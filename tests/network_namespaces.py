"""Hosts of a small network on this machine: network namespaces with a bridge between them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

NETWORK = "10.213.77"


class NotAllowed(Exception):
    """Raised where network namespaces cannot be made; the message is the reason."""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def hosts(count: int) -> Iterator[list[tuple[list[str], str]]]:
    """So many hosts: for each the beginning of a command that runs there, and its address.

    Raises NotAllowed, with the reason, where none can be made.
    """
    if shutil.which("ip") is None:
        raise NotAllowed("there is no ip command to make network namespaces with")
    names = [f"bt{os.getpid()}-{number}" for number in range(count)]
    with ExitStack() as stack:
        try:
            _ip("netns", "add", names[0])
        except subprocess.CalledProcessError as error:
            reason = error.stderr.strip()
            raise NotAllowed(f"network namespaces cannot be made: {reason}") from None
        stack.callback(_ip, "netns", "del", names[0])
        _in(names[0], "link", "set", "lo", "up")
        _in(names[0], "link", "add", "hub", "type", "bridge")
        _in(names[0], "addr", "add", f"{NETWORK}.1/24", "dev", "hub")
        _in(names[0], "link", "set", "hub", "up")
        for number, name in enumerate(names[1:], 2):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _in(name, "link", "set", "lo", "up")
            _in(name, "link", "add", "eth0", "type", "veth", "peer", "name", f"p{number}", "netns", names[0])
            _in(name, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            _in(name, "link", "set", "eth0", "up")
            _in(names[0], "link", "set", f"p{number}", "master", "hub", "up")
        yield [(_on(name), f"{NETWORK}.{number}") for number, name in enumerate(names, 1)]


def _on(name: str) -> list[str]:
    return ["ip", "netns", "exec", name]


def _in(name: str, *arguments: str) -> None:
    _ip("-n", name, *arguments)
