"""What a load plays: users, players, sessions with weights, rate, pauses, faults; and what one process does.

Master and workers share it. A plan travels as JSON and holds no secret: headers and proxies are settings of
each worker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

from simulator.core import json as exact_json
from simulator.core.calls import FaultKind
from simulator.core.steps import Block, Restart, Scenario, all_steps
from simulator.core.values import Frozen
from simulator.core.words import did_you_mean
from simulator.errors import UsageError
from simulator.scenario.files import load_scenarios
from simulator.scenario.reader import load_text
from simulator.settings import RunSettings

SHIPPED = Path(__file__).with_name("mix")

DEFAULT_MIX = "slots.yaml=8,crash.yaml=3,tables.yaml=4,free-rounds.yaml=1"

WEIGHT_MAX = 1_000_000

RESEND = "resend"
"""The disturbance that is no fault of the wire: an answered call is sent once more."""

DISTURBANCES = (*(each.value for each in FaultKind if each is not FaultKind.DELAY), RESEND)


class MixedSession(Frozen):
    """One kind of session: a scenario, and how often it is played beside the others."""

    scenario: Scenario
    weight: int


class Disturbance(Frozen):
    """What happens to a share of the money calls: a fault of the wire, or a resend."""

    name: str
    share: float


class LoadPlan(Frozen, kw_only=True):
    """One load. `rate` is in calls a second for all workers; None lets each user call as soon as it can.

    `files` holds the text of every file that the sessions of `mix` come from, by its name. `balances` are the
    opening balances of the players. With `share` several users may play for one player.
    """

    run: str
    version: str
    endpoint: str
    users: int
    seconds: float
    ramp_s: float
    rate: float | None
    think_s: tuple[float, float]
    mix: tuple[tuple[str, int], ...]
    files: Mapping[str, str]
    disturbances: tuple[tuple[str, float], ...]
    players: tuple[str, ...]
    balances: Mapping[str, str]
    players_of_user: int
    share: bool
    seed: int

    def text(self) -> str:
        """Return the plan as JSON."""
        return exact_json.write({each.name: _plain(getattr(self, each.name)) for each in fields(self)})


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    # A float has no exact form in JSON here, and a plan needs none.
    return repr(value) if isinstance(value, float) else dict(value) if isinstance(value, Mapping) else value


def read_plan(text: str) -> LoadPlan:
    """Return the plan that `LoadPlan.text` wrote."""
    given: Any = exact_json.parse(text).value
    return LoadPlan(
        run=given["run"],
        version=given["version"],
        endpoint=given["endpoint"],
        users=int(given["users"]),
        seconds=float(given["seconds"]),
        ramp_s=float(given["ramp_s"]),
        rate=None if given["rate"] is None else float(given["rate"]),
        think_s=(float(given["think_s"][0]), float(given["think_s"][1])),
        mix=tuple((name, int(weight)) for name, weight in given["mix"]),
        files=given["files"],
        disturbances=tuple((name, float(share)) for name, share in given["disturbances"]),
        players=tuple(given["players"]),
        balances=given["balances"],
        players_of_user=int(given["players_of_user"]),
        share=given["share"],
        seed=int(given["seed"]),
    )


# --- sessions and their weights -------------------------------------------------------------------


def read_mix(text: str) -> list[MixedSession]:
    """Return the sessions that ``slots.yaml=8,crash.yaml=2`` names. Raises UsageError, ScenarioError.

    A name without a folder that is no file here is one of those that are shipped.
    """
    sessions: list[MixedSession] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, written = part.rpartition("=")
        if not equals:
            name, written = part, "1"
        if not written.isdecimal() or not 1 <= int(written) <= WEIGHT_MAX:
            raise UsageError(f'--mix {part}: expected a weight like 8 after "=", found "{written}"')
        found = [MixedSession(_playable(scenario), int(written)) for scenario in _scenarios(name)]
        twice = {each.scenario.id for each in sessions} & {each.scenario.id for each in found}
        if twice:
            raise UsageError(f"--mix {part}: {min(twice)} is named twice; give it one weight")
        sessions += found
    if not sessions:
        raise UsageError("--mix: expected scenario files with weights, such as slots.yaml=8,crash.yaml=2")
    return sessions


def _scenarios(name: str) -> tuple[Scenario, ...]:
    """Return the scenarios of a file here, or of a shipped one."""
    if Path(name).exists() or "/" in name or "#" in name:
        return load_scenarios([name])
    shipped = sorted(file.name for file in SHIPPED.glob("*.yaml"))
    if name not in shipped:
        raise UsageError(
            f"--mix {name}: there is no such file, and it is not shipped{did_you_mean(name, shipped)} "
            f"(shipped: {', '.join(shipped)})"
        )
    return load_text((SHIPPED / name).read_bytes(), name, lambda used: (SHIPPED / used).read_bytes())


def _playable(scenario: Scenario) -> Scenario:
    """Return the scenario if its steps can be part of a load. Raises UsageError."""
    for step in all_steps((*scenario.steps, *scenario.finally_)):
        if isinstance(step, Restart | Block):
            word = type(step).__name__.lower()
            raise UsageError(
                f"{step.place}: a load has many players at once, so it cannot have a {word} step"
            )
    for name, spec in scenario.players.items():
        if spec.blocked or not spec.exists:
            raise UsageError(
                f'{scenario.place}: the player "{name}" of a load must exist and be able to play'
            )
    return scenario


def shipped_as(mix: Sequence[MixedSession]) -> tuple[tuple[tuple[str, int], ...], dict[str, str]]:
    """Return a mix as ids with weights, and the texts of the files that they are in."""
    files: dict[str, str] = {}
    for session in mix:
        scenario = session.scenario
        files[scenario.place.file] = "\n".join(scenario.source)
        files |= {name: "\n".join(lines) for name, lines in scenario.used_sources.items()}
    return tuple((session.scenario.id, session.weight) for session in mix), files


def sessions_of(plan: LoadPlan) -> list[MixedSession]:
    """Return the sessions of a plan, read from the texts that came with it."""
    found: dict[str, Scenario] = {}
    for name, text in plan.files.items():
        try:
            scenarios = load_text(text.encode(), name, lambda used: plan.files[used].encode())
        except UsageError:
            # A file that others use need not be a scenario.
            continue
        found |= {scenario.id: scenario for scenario in scenarios}
    return [MixedSession(found[name], weight) for name, weight in plan.mix]


def players_needed(mix: Sequence[MixedSession]) -> int:
    """Return how many players one user needs for any of the sessions."""
    return max(len(session.scenario.players) for session in mix)


# --- disturbances ---------------------------------------------------------------------------------


def read_disturbances(text: str) -> list[Disturbance]:
    """Return what ``lost_reply=1%,resend=0.5%`` says. Raises UsageError."""
    found: dict[str, Disturbance] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, share = part.partition("=")
        if name not in DISTURBANCES:
            known = ", ".join(DISTURBANCES)
            raise UsageError(f'--faults: "{name}" is none of {known}{did_you_mean(name, DISTURBANCES)}')
        if name in found:
            raise UsageError(f"--faults: {name} is named twice; give it one share")
        found[name] = Disturbance(name, read_share(share, f"--faults {name}"))
    if sum(each.share for each in found.values()) > 1:
        raise UsageError("--faults: the shares are more than 100% of the calls together")
    return list(found.values())


def read_share(text: str, where: str) -> float:
    """Return a share of all calls: ``1%`` is 0.01. Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%", text)
    if match is None or float(match[1]) > 100:
        raise UsageError(f'{where}: expected a share like 0.5%, found "{text}"')
    return float(match[1]) / 100


class Chances:
    """Draws the disturbance of each money call."""

    def __init__(self, disturbances: Sequence[tuple[str, float]], rng: Random) -> None:
        self._disturbances = disturbances
        self._rng = rng

    def draw(self) -> str:
        """Return the name of a disturbance, or nothing."""
        if not self._disturbances:
            return ""
        drawn = self._rng.random()
        for name, share in self._disturbances:
            drawn -= share
            if drawn < 0:
                return name
        return ""


# --- what one process does -------------------------------------------------------------------------

FIRST_WORKER = "worker-1"


class Job(Frozen, kw_only=True):
    """What one process does. `role` is local, master or worker; a local one is its own master and worker.

    `workers` is how many the master waits for, `hands_over` that a worker sends its record to the master, and
    `web` where Locust's own page is served.
    """

    role: str
    folder: Path
    settings: RunSettings
    plan: LoadPlan | None = None
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 1
    hands_over: bool = False
    web: tuple[str, int] | None = None
