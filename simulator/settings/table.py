"""What a row of the table of settings is.

Each row is a flag, an environment variable, a key in the file, a line of help and a line of the docs. The
rows stand in `run_table` and its siblings; a new setting is one row there and one field in `values`.
"""

from __future__ import annotations

from simulator.core.frozen import Frozen
from simulator.settings import kinds
from simulator.settings.kinds import Kind

ENVIRONMENT_PREFIX = "BETRONTECH_SIM_"
CONFIG_FILE = "betrontech-sim.yaml"


class Setting(Frozen):
    """One setting. `name` is the field it fills; `default` is the text that would say the same.

    `key` is its place in the file, dotted where it lies in a section; None keeps it out of the file.
    A `secret` value appears in no message.
    """

    name: str
    flag: str
    kind: Kind
    help: str
    key: str | None = None
    short: str | None = None
    default: str | None = None
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that is the flag's twin."""
        return ENVIRONMENT_PREFIX + self.flag.removeprefix("--").replace("-", "_").upper()

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value: --strict, and --no-strict to take it back."""
        return self.kind is kinds.SWITCH

    @property
    def is_list(self) -> bool:
        """Whether the flag may be given again, the variable may hold lines, and the key a list."""
        return self.kind.gather is not None


class Section(Frozen):
    """Settings that stand together in help and docs."""

    title: str
    rows: tuple[Setting, ...]


CONFIG = Setting("config", "--config", kinds.FILE, f"The configuration file (default: ./{CONFIG_FILE}).")
DEBUG = Setting("debug", "--debug", kinds.SWITCH, "Show the traceback of an internal error.")


def rows_of(sections: tuple[Section, ...]) -> tuple[Setting, ...]:
    """All rows of some sections."""
    return tuple(row for section in sections for row in section.rows)


def pick(rows: tuple[Setting, ...], *names: str) -> tuple[Setting, ...]:
    """Some rows of a table, for a command that shares them; raises KeyError for a name that is none."""
    by_name = {row.name: row for row in rows}
    return tuple(by_name[name] for name in names)
