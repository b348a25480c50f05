"""What a setting is: flag, variable, key, type, default and help in one row; and the rows of the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypedDict, TypeVar, Unpack

from simulator.core.values import Frozen
from simulator.settings import kinds
from simulator.settings.kinds import ValueKind

ENVIRONMENT_PREFIX = "BETRONTECH_SIM_"

CONFIG_FILE = "betrontech-sim.yaml"

Value = TypeVar("Value")


class Setting(Frozen):
    """One setting. `name` is the field that it fills; `default` is the default value as text.

    `key` is its place in the file, with dots for sections; None keeps it out of the file. A `secret` value
    appears in no message.
    """

    name: str
    flag: str
    kind: ValueKind
    help: str
    key: str | None = None
    short: str | None = None
    default: str | None = None
    secret: bool = False
    prefix: str = ENVIRONMENT_PREFIX

    @property
    def variable(self) -> str:
        """Return the environment variable of this setting: its flag after `prefix`."""
        return self.prefix + self.flag.removeprefix("--").replace("-", "_").upper()

    @property
    def is_switch(self) -> bool:
        """Return whether the flag takes no value: --strict, and --no-strict to undo it."""
        return self.kind is kinds.SWITCH

    @property
    def is_counted(self) -> bool:
        """Return whether the flag takes no value, and says more each time it is repeated: -vv."""
        return self.kind is kinds.VERBOSITY

    @property
    def is_list(self) -> bool:
        """Return whether the flag may be repeated, the variable hold several lines, and the key a list."""
        return self.kind.gather is not None


class Section(Frozen):
    """Settings that stand together in help and docs."""

    title: str
    rows: tuple[Setting, ...]


CONFIG = Setting("config", "--config", kinds.FILE, f"The configuration file (default: ./{CONFIG_FILE}).")

DEBUG = Setting("debug", "--debug", kinds.SWITCH, "Show the traceback of an internal error.")

FAIL_FAST = Setting(
    "fail_fast",
    "--fail-fast",
    kinds.SWITCH,
    "Stop at the first scenario that fails: --maxfail 1.",
    key="fail_fast",
    short="-x",
    default="false",
)


class About(TypedDict, total=False):
    """What a setting may say besides flag, kind and help.

    `key` is the name of its field where it is left out, `shown` the text of its default. It may begin a
    `section`, and come after a row that fills no field of its own.
    """

    key: str
    short: str
    shown: str
    section: str
    before: Setting


def said(flag: str, kind: ValueKind, help: str, **about: Unpack[About]) -> Mapping[str, Any]:
    """Return what a field says of its setting, for `field(metadata=…)`."""
    return {"flag": flag, "kind": kind, "help": help, **about}


def setting(
    flag: str, kind: ValueKind, help: str, *, default: Value, secret: bool = False, **about: Unpack[About]
) -> Value:
    """Return a field that says its setting."""
    return field(default=default, repr=not secret, metadata=said(flag, kind, help, **about))


# Settings that both commands have.
WIRE = said(
    "--wire",
    kinds.PROFILE,
    "The wire profile: the names of the fields, and how they are written.",
    key="wire",
)

HEADERS = said("--header", kinds.HEADERS, "A header to send with each call.", key="headers")

TIMEOUT = said("--timeout", kinds.DURATION_ABOVE_ZERO_S, "How long one call may take.", key="timeout")

ALLOW_HOSTS = said(
    "--allow-host",
    kinds.ALLOWED_HOSTS,
    "Allow calls to this host, although it is neither loopback nor private.",
    key="allow_hosts",
)

CACERT = said("--cacert", kinds.FILE, "A file of certificates (PEM) to trust.", key="cacert")

INSECURE = said("--insecure", kinds.SWITCH, "Accept any TLS certificate.", key="insecure")

PROXY = said(
    "--proxy", kinds.PROXY, "An HTTP proxy to go through; HTTP_PROXY and the like are ignored.", key="proxy"
)


TRANSACTION_ID_FORMAT = said(
    "--transaction-id-format",
    kinds.ID_FORMAT,
    "The transaction ids that your wallet takes: text, digits or uuid; text:32 and digits:16 are at most "
    "so long.",
    key="limits.transaction_id_format",
)
