"""The settings of a run as words of a command line, for a line that repeats the run.

What may hold a secret is not written out: the line names the variable of that setting, as
``--header "$BETRONTECH_SIM_HEADER"``. Output settings are left out, and so are players, paths and seed, which
depend on what is repeated.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from simulator.core.webhooks import mask_headers, mask_url
from simulator.settings.kinds import CommandHook, HttpHook, RunSettings
from simulator.settings.table import CHOICE, HOW, TARGET, Setting

Options = tuple[tuple[str, str], ...]
"""Pairs of a flag and its value, which is quoted for a shell and empty for a switch."""

_OF_THE_WHOLE_RUN = frozenset({"faults", "jobs", "maxfail"})

_LEFT_OUT = frozenset({"players", "seed", "fail_fast"})


def target_options(settings: RunSettings) -> Options:
    """Return what every scenario needs again: how the wallet is reached, and how it is judged."""
    rows = (row for row in (*TARGET.rows, *HOW.rows) if row.name not in _OF_THE_WHOLE_RUN)
    return tuple(_options(settings, rows))


def selection_options(settings: RunSettings) -> Options:
    """Return what chooses the scenarios of a run, and how they run beside each other."""
    rows = (*CHOICE.rows, *(row for row in HOW.rows if row.name in _OF_THE_WHOLE_RUN))
    return tuple(_options(settings, iter(rows)))


def _options(settings: RunSettings, rows: Iterator[Setting]) -> Iterator[tuple[str, str]]:
    default = RunSettings(endpoint="")
    for row in rows:
        value = None if row.name in _LEFT_OUT else getattr(settings, row.name)
        if value is None or value == getattr(default, row.name):
            continue
        if row.is_switch:
            yield row.flag, ""
        elif _may_be_secret(row, value):
            yield row.flag, f'"${row.variable}"'
        else:
            yield from ((row.flag, shlex.quote(text)) for text in row.kind.write(value))


def _may_be_secret(row: Setting, value: Any) -> bool:
    match value:
        case CommandHook():
            return True
        case HttpHook(url) | str(url):
            return mask_url(url) != url
        case _:
            return row.name == "headers" and mask_headers(value) != value
