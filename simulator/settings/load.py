"""Settings of a command from flags, environment and file, put together."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.core.profiles import WireProfile
from simulator.core.secrets import is_open, mask_url
from simulator.core.values import Frozen
from simulator.core.words import did_you_mean
from simulator.errors import ConfigurationError, UsageError
from simulator.settings.kinds import (
    AUTO,
    JOBS_MAX,
    Color,
    CommandHook,
    HttpHook,
    ReportKind,
    ReportTarget,
    Unfit,
)
from simulator.settings.rows import CONFIG, CONFIG_FILE, DEBUG, ENVIRONMENT_PREFIX, Setting
from simulator.settings.table import ALL, CHOICE, HOW, RUN, SERVE, TARGET, RunSettings, ServeSettings
from simulator.wire.profiles import profile_named

VERBOSE_MAX = 3

# Short, because people type it; it only has to differ from the previous run's seed.
_SEEDS = 1_000_000

# The command line: setting name → text, texts, how often it is given, or whether a switch is on; None if the
# flag is not given.
Flags = Mapping[str, str | int | bool | tuple[str, ...] | None]


def load_values(
    rows: tuple[Setting, ...], flags: Flags, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return field name → value for every row that a flag, a variable or the file sets.

    Raises ConfigurationError for unknown names and invalid values, with every problem found.
    """
    environment = variables() if environment is None else environment
    typed, set_outside = flag_layer(rows, flags), environment_layer(rows, environment)
    written = _file_layer(rows, resolve((CONFIG,), typed, set_outside).get(CONFIG.name))
    values = resolve(rows, typed, set_outside, written)
    values.pop(CONFIG.name, None)
    _overrule(values, typed, set_outside, written)
    return values


_OPPOSITES = (("verbose", "quiet"), ("insecure", "cacert"), ("fail_fast", "maxfail"))


def _overrule(values: dict[str, Any], *layers: Layer) -> None:
    """Drop each setting whose opposite a stronger layer names: the flag -v is louder than a file."""
    for pair in _OPPOSITES:
        ranks = {
            name: next(rank for rank, layer in enumerate(layers) if layer.get(name))
            for name in pair
            if values.get(name)
        }
        if len(set(ranks.values())) > 1:
            del values[max(ranks, key=lambda name: ranks[name])]


def load_run_settings(
    flags: Flags,
    paths: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    *,
    jobs: int = AUTO,
) -> RunSettings:
    """Return the settings of `run`; `jobs` is how many there are by default.

    Raises ConfigurationError, also if endpoint or players are missing.
    """
    environment = variables() if environment is None else environment
    values = load_values(RUN, flags, environment)
    if values.pop("fail_fast", False) and values.setdefault("maxfail", 1) != 1:
        raise ConfigurationError("--fail-fast is --maxfail 1, and --maxfail is not; give one of them")
    if "min_bet" in values and "max_bet" in values and values["min_bet"] > values["max_bet"]:
        raise ConfigurationError("--min-bet is above --max-bet, so that your wallet could take no bet")
    if values.get("verbose") and values.get("quiet"):
        raise ConfigurationError("--verbose and --quiet contradict each other; give one of them")
    _refuse_trust_twice(values)
    _refuse_game_twice(values)
    _require_target(values)
    if values.get("color", Color.AUTO) is Color.AUTO and colour_refused(environment):
        values["color"] = Color.NEVER
    if values.setdefault("jobs", jobs) == AUTO:
        values["jobs"] = _jobs(values)
    values["reports"] = _for_gitlab(_for_github(values.get("reports", ()), environment), environment)
    values.setdefault("seed", int.from_bytes(os.urandom(8)) % _SEEDS)
    return RunSettings(paths=paths, **values)


SEEDED_JOBS = 4
"""How many scenarios run in parallel where a hook makes as many players as are needed."""


def _jobs(values: Mapping[str, Any]) -> int:
    """Return as many jobs as there are players."""
    return SEEDED_JOBS if values.get("seed_hook") else min(JOBS_MAX, len(values["players"]))


def _for_github(
    targets: tuple[ReportTarget, ...], environment: Mapping[str, str]
) -> tuple[ReportTarget, ...]:
    """Return the reports with the one for GitHub, which every job of GitHub Actions has."""
    named = any(target.kind is ReportKind.GITHUB for target in targets)
    if not named and environment.get("GITHUB_ACTIONS") != "true":
        return targets
    top = environment.get("GITHUB_WORKSPACE")
    summary = Path(environment.get("GITHUB_STEP_SUMMARY") or "-")
    github = ReportTarget(ReportKind.GITHUB, summary, Path(top) if top else None)
    return (*(target for target in targets if target.kind is not ReportKind.GITHUB), github)


def _for_gitlab(
    targets: tuple[ReportTarget, ...], environment: Mapping[str, str]
) -> tuple[ReportTarget, ...]:
    """Return the reports; the one for GitLab names files from the top of the repository."""
    top = environment.get("CI_PROJECT_DIR")
    return tuple(
        replace(target, top=Path(top)) if top and target.kind is ReportKind.GITLAB else target
        for target in targets
    )


def config_file(flags: Flags, environment: Mapping[str, str] | None = None) -> Path:
    """Return the configuration file that these flags and variables name, which may not be there."""
    environment = variables() if environment is None else environment
    layers = flag_layer((CONFIG,), flags), environment_layer((CONFIG,), environment)
    return Path(resolve((CONFIG,), *layers).get(CONFIG.name, CONFIG_FILE))


def _file_layer(rows: tuple[Setting, ...], named: Path | None) -> Layer:
    path = Path(CONFIG_FILE) if named is None else named
    if named is None and not path.exists():
        return {}
    # YAML costs 16 ms, which a run without a file need not wait for.
    from simulator.settings.file import read_file

    by_key = read_file(ALL, path)
    return {row.name: by_key[row.key] for row in rows if row.key is not None and row.key in by_key}


def load_serve_settings(flags: Flags, environment: Mapping[str, str] | None = None) -> ServeSettings:
    """Return the settings of `serve` and `healthcheck`. Raises ConfigurationError."""
    values = load_values(SERVE, flags, environment)
    _refuse_trust_twice(values)
    if values.get("console_hosts") and not values.get("admin_token"):
        raise ConfigurationError(
            "--console-host needs an admin token: without one the console answers on loopback only; "
            "set --admin-token (BETRONTECH_SIM_ADMIN_TOKEN)"
        )
    return ServeSettings(**values)


def flag_layer(rows: tuple[Setting, ...], flags: Flags) -> Layer:
    """Return the settings on the command line as a layer."""
    layer: dict[str, tuple[Given, ...]] = {}
    for row in rows:
        match flags.get(row.name):
            case None | ():
                continue
            case bool(on):
                layer[row.name] = (Given("true" if on else "false", row.flag),)
            case int(times):
                layer[row.name] = (Given(str(min(times, VERBOSE_MAX)), row.flag),)
            case str(text):
                layer[row.name] = (Given(text, row.flag),)
            case texts:
                # As in a variable: the flag may be given one, "$BETRONTECH_SIM_HEADER", which holds lines.
                layer[row.name] = tuple(Given(line, row.flag) for text in texts for line in _lines(text))
    return layer


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()] or [text]


def _refuse_trust_twice(values: Mapping[str, Any]) -> None:
    if values.get("insecure") and values.get("cacert"):
        raise ConfigurationError(
            "--insecure accepts any certificate, so --cacert means nothing; give one of them"
        )


def _refuse_game_twice(values: Mapping[str, Any]) -> None:
    games = values.get("games", ())
    for number, game in enumerate(games):
        if game in games[:number]:
            raise ConfigurationError(
                f'--game: "{game}" is given twice; expected different games, since some scenarios play in '
                "several"
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
        f"no {what} is given; set it with {flag}, {row.variable}, or {row.key}: in {CONFIG_FILE} "
        "(betrontech-sim init writes one)"
    )


# Kubernetes and Docker describe a service called betrontech-sim (or betrontech-sim-anything) to every
# container beside it by such variables; they were not set on purpose, so they are not settings.
_INJECTED_NAME = r".*(_SERVICE_HOST|_SERVICE_PORT(_.+)?|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"

_INJECTED_PORT = r"(tcp|udp|sctp)://"


def variables() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def environment_layer(rows: Iterable[Setting], environment: Mapping[str, str]) -> Layer:
    """Return the settings of these rows in the environment. An empty variable counts as not set.

    Raises ConfigurationError for an unknown variable with our prefix.
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
    """Return whether the debug variable is on; never raises, since it runs while an error is reported."""
    return environment.get(DEBUG.variable, "").casefold() in {"true", "yes", "on", "1"}


def colour_refused(environment: Mapping[str, str]) -> bool:
    """Return whether NO_COLOR asks for no colours (no-color.org: present and not empty), or TERM has none."""
    return environment.get("NO_COLOR", "") != "" or environment.get("TERM") == "dumb"


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
    return f"{readable}: there is no such environment variable{did_you_mean(name, known)}"


SHOWN_MAX = 80

_CONTROL = r"[\x00-\x08\x0a-\x1f\x7f]"

# The same, and bytes of the command line or environment that are not UTF-8.
_UNREADABLE = r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]"


class Given(Frozen):
    """One item of a setting as written; `where` is the flag, the variable or file:line:column."""

    text: str
    where: str


# The settings of one source (flags, environment, file): setting name → its items.
Layer = Mapping[str, tuple[Given, ...]]


def resolve(rows: Iterable[Setting], *layers: Layer) -> dict[str, Any]:
    """Return field name → value for every row that a layer names; the first layer that names it wins.

    Every layer is checked, also if another one wins, so that no mistake shows up only later.
    Raises ConfigurationError with every problem found.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for row in rows:
        for layer in reversed(layers):
            items = layer.get(row.name)
            if items:
                _read(row, items, values, problems)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return values


def _read(row: Setting, items: tuple[Given, ...], values: dict[str, Any], problems: list[str]) -> None:
    parsed = []
    for item in items:
        try:
            parsed.append(_parsed(row, item.text))
        except ValueError as error:
            problems.append(_problem(row, item, error))
    if len(parsed) < len(items):
        return
    if row.kind.gather is None:
        values[row.name] = parsed[-1]
        return
    try:
        values[row.name] = row.kind.gather(parsed)
    except Unfit as error:
        problems.append(f"{items[0].where}: {error}")


def _parsed(row: Setting, text: str) -> Any:
    if not text.isprintable() and re.search(_CONTROL if row.kind.names_file else _UNREADABLE, text):
        raise Unfit("a control character or a byte that is no text cannot stand here")
    return row.kind.parse(text)


def _problem(row: Setting, item: Given, error: ValueError) -> str:
    reason = str(error) if isinstance(error, Unfit) else f"expected {row.kind.expects}"
    found = shown(row, item.text)
    told = reason if found in reason else f"{reason}; found {found}"
    return f"{item.where}: {told}{error.hint if isinstance(error, Unfit) else ''}"


def shown(row: Setting, text: str) -> str:
    """Return a value as a message may show it: quoted, cut, and not at all if it is a secret."""
    if row.secret:
        return "a value that is not shown because it may hold a secret"
    if "://" in text and "@" in text:
        return "a URL that is not shown because it may hold a login"
    text = mask_url(text) if "://" in text else text
    cut = text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…"
    # JSON's escapes keep the message on one line, whatever was typed.
    return json.dumps(cut, ensure_ascii=any(0xD800 <= ord(letter) <= 0xDFFF for letter in cut))


# --- the wire profile ------------------------------------------------------------------------------

_PROFILE_SUFFIXES = (".yaml", ".yml")


def wire_profile(named: str) -> WireProfile:
    """Return the bundled profile with that name, or the file's if the name has a folder or ends in .yaml.

    Raises UsageError for an unknown name, ConfigurationError for a file that cannot be used.
    """
    path = Path(named)
    if path.suffix not in _PROFILE_SUFFIXES and path.name == named:
        try:
            return profile_named(named)
        except UsageError as error:
            raise UsageError(f"{error} (a profile of your own is a .yaml file)") from None
    # A run with a shipped profile needs no YAML for it.
    from simulator.scenario.profile_file import load_profile
    from simulator.scenario.yaml import bytes_of, decode

    try:
        text, problems = decode(bytes_of(path), named)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is no file name"
        raise ConfigurationError(f"the wire profile {named} cannot be read: {reason}") from None
    if problems.found:
        raise ConfigurationError(problems.without_source())
    return load_profile(text, named)


# --- back to a command line -----------------------------------------------------------------------
# For a line that repeats a run. What may hold a secret is not written out: the line names the variable of
# that setting, as ``--header "$BETRONTECH_SIM_HEADER"``. Settings of the output are left out, and so are
# players, paths and seed, which depend on what is repeated.

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
            return row.name == "headers" and any(text and not is_open(name) for name, text in value)
