"""The environment: the only place in the project that reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from simulator.core.nearest import did_you_mean
from simulator.errors import ConfigurationError
from simulator.settings.all_tables import ALL
from simulator.settings.resolve import Given, Layer
from simulator.settings.table import DEBUG, ENVIRONMENT_PREFIX, Setting

# Kubernetes and Docker describe a service called betrontech-sim (or betrontech-sim-anything) to every
# container beside it by such variables; nobody wrote them, so they are no settings.
_INJECTED_NAME = r".*(_SERVICE_HOST|_SERVICE_PORT(_.+)?|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
_INJECTED_PORT = r"(tcp|udp|sctp)://"


def variables() -> Mapping[str, str]:
    """The process's own environment."""
    return os.environ


def environment_layer(rows: Iterable[Setting], environment: Mapping[str, str]) -> Layer:
    """What the environment says of these rows. A variable that is empty counts as not set.

    Raises ConfigurationError for a variable that begins like ours and is none.
    """
    ours = {
        name: value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and not _injected(name, value)
    }
    known = {row.variable for row in ALL}
    unknown = sorted(ours.keys() - known)
    if unknown:
        raise ConfigurationError("\n".join(_unknown(name, known) for name in unknown))
    return {row.name: _items(row, ours[row.variable]) for row in rows if ours.get(row.variable, "").strip()}


def debug_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the debug variable is on; never an error, since it is asked while an error is reported."""
    return environment.get(DEBUG.variable, "").casefold() in {"true", "yes", "on", "1"}


def colour_refused(environment: Mapping[str, str]) -> bool:
    """Whether NO_COLOR asks for no colours (no-color.org: present and not empty)."""
    return environment.get("NO_COLOR", "") != ""


def _injected(name: str, value: str) -> bool:
    injected_port = name.endswith("_PORT") and re.match(_INJECTED_PORT, value) is not None
    return (
        injected_port or re.fullmatch(_INJECTED_NAME, name.removeprefix(ENVIRONMENT_PREFIX[:-1])) is not None
    )


def _items(row: Setting, value: str) -> tuple[Given, ...]:
    if row.kind.gather is None:
        return (Given(value.strip(), row.variable),)
    return tuple(Given(line.strip(), row.variable) for line in value.splitlines() if line.strip())


def _unknown(name: str, known: set[str]) -> str:
    readable = name[:80].encode("ascii", "backslashreplace").decode("ascii")
    return f"{readable}: no environment variable of ours is called so{did_you_mean(name, known)}"
