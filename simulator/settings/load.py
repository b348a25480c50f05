"""Settings of a command from flags, environment and file, put together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.errors import ConfigurationError
from simulator.settings.all_tables import ALL
from simulator.settings.environment import colour_refused, environment_layer, variables
from simulator.settings.resolve import Given, Layer, resolve
from simulator.settings.run_table import RUN
from simulator.settings.serve_table import SERVE
from simulator.settings.table import CONFIG, CONFIG_FILE, Setting
from simulator.settings.values import Color, RunSettings, ServeSettings

# Short, because people type it; it only has to differ from the seed of the run before.
_SEEDS = 1_000_000

# What the command line gave: setting name → text, texts, or whether a switch is on; None where it is silent.
Flags = Mapping[str, str | bool | tuple[str, ...] | None]


def load_values(
    rows: tuple[Setting, ...], flags: Flags, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Field name → value of every row that a flag, a variable or the file sets.

    Raises ConfigurationError for unknown names and unfit values, with every problem found.
    """
    environment = variables() if environment is None else environment
    typed, set_outside = flag_layer(rows, flags), environment_layer(rows, environment)
    written = _file_layer(rows, resolve((CONFIG,), typed, set_outside).get(CONFIG.name))
    values = resolve(rows, typed, set_outside, written)
    values.pop(CONFIG.name, None)
    return values


def load_run_settings(
    flags: Flags, paths: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
) -> RunSettings:
    """The settings of `run`. Raises ConfigurationError, also where endpoint or players are missing."""
    environment = variables() if environment is None else environment
    values = load_values(RUN, flags, environment)
    if values.pop("fail_fast", False):
        values["maxfail"] = 1
    if values.get("verbose") and values.get("quiet"):
        raise ConfigurationError("--verbose and --quiet contradict each other; give one of them")
    _refuse_trust_twice(values)
    _require_target(values)
    if values.get("color", Color.AUTO) is Color.AUTO and colour_refused(environment):
        values["color"] = Color.NEVER
    values.setdefault("seed", int.from_bytes(os.urandom(8)) % _SEEDS)
    return RunSettings(paths=paths, **values)


def _file_layer(rows: tuple[Setting, ...], named: Path | None) -> Layer:
    path = Path(CONFIG_FILE) if named is None else named
    if named is None and not path.exists():
        return {}
    # YAML costs 16 ms, which a run without a file need not wait for.
    from simulator.settings.file import read_file

    by_key = read_file(ALL, path)
    return {row.name: by_key[row.key] for row in rows if row.key is not None and row.key in by_key}


def load_serve_settings(flags: Flags, environment: Mapping[str, str] | None = None) -> ServeSettings:
    """The settings of `serve` and `healthcheck`. Raises ConfigurationError."""
    values = load_values(SERVE, flags, environment)
    _refuse_trust_twice(values)
    return ServeSettings(**values)


def flag_layer(rows: tuple[Setting, ...], flags: Flags) -> Layer:
    """What the command line says, as a layer."""
    layer: dict[str, tuple[Given, ...]] = {}
    for row in rows:
        match flags.get(row.name):
            case None | ():
                continue
            case bool(on):
                layer[row.name] = (Given("true" if on else "false", row.flag),)
            case str(text):
                layer[row.name] = (Given(text, row.flag),)
            case texts:
                layer[row.name] = tuple(Given(text, row.flag) for text in texts)
    return layer


def _refuse_trust_twice(values: Mapping[str, Any]) -> None:
    if values.get("insecure") and values.get("cacert"):
        raise ConfigurationError(
            "--insecure accepts any certificate, so --cacert means nothing; give one of them"
        )


def _require_target(values: Mapping[str, Any]) -> None:
    if "endpoint" not in values:
        raise ConfigurationError(_missing("endpoint", "--endpoint URL"))
    if not values.get("players") and "seed_hook" not in values:
        raise ConfigurationError(
            _missing("player", "--player ID")
            + "\nA seed hook (--seed-hook) that creates players does as well."
        )


def _missing(what: str, flag: str) -> str:
    row = next(row for row in RUN if flag.startswith(row.flag + " "))
    return (
        f"no {what} is given: say it with {flag}, {row.variable}, or {row.key}: in {CONFIG_FILE} "
        "(betrontech-sim init writes one)"
    )
