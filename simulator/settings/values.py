"""What settings are once they are read: frozen values that travel, with the defaults.

Where each one may be set (flag, variable, key) is the table's; how a text becomes a value is `kinds`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path

from simulator.core.findings import Level
from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.core.scenario import FaultKind


class Probe(StrEnum):
    """When the runner reads a balance of its own accord (scenario format, steps)."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Color(StrEnum):
    """Whether the terminal report is coloured; auto asks the terminal and NO_COLOR."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Ladder(StrEnum):
    """When an unanswered win or refund is sent again; `delivery.ladders` has the waits."""

    PATIENT = "patient"
    HAMMER = "hammer"
    NONE = "none"
    CI = "ci"


class ReportKind(StrEnum):
    """The reports that `--report` writes."""

    JUNIT = "junit"
    JSON = "json"
    NDJSON = "ndjson"


class ReportTarget(Frozen):
    """A report and the file it goes to; the file "-" is standard output."""

    kind: ReportKind
    file: Path


class HttpHook(Frozen):
    """A hook that is a URL to call."""

    url: str = field(repr=False)


class CommandHook(Frozen):
    """A hook that is a command to start, split into its arguments."""

    arguments: tuple[str, ...] = field(repr=False)


Hook = HttpHook | CommandHook


class RunSettings(Frozen, kw_only=True):
    """Everything that decides what a run does. No default names an operator or a player.

    `paths` are scenario files and folders, with `:LINE` where given; none means the bundled suite. `maxfail`
    None never stops early. `wait_for_s` is how long to wait for the endpoint to come up; `time_scale`
    multiplies the pauses that scenarios ask for. `latency_ms_max` and `max_bet` None leave those unchecked.
    """

    endpoint: str
    players: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    wire: str = "betrontech"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 5.0
    wait_for_s: float = 0.0
    allow_hosts: tuple[str, ...] = ()
    cacert: Path | None = None
    insecure: bool = False
    proxy: str | None = field(default=None, repr=False)
    seed_hook: Hook | None = None
    restart_hook: Hook | None = None
    block_hook: Hook | None = None
    keyword: str = ""
    tags: tuple[str, ...] = ()
    level: Level | None = None
    last_failed: bool = False
    faults: tuple[FaultKind, ...] = ()
    seed: int = 0
    jobs: int = 1
    maxfail: int | None = None
    strict: bool = False
    probe: Probe = Probe.AUTO
    policy: Mapping[str, str] = field(default_factory=dict)
    latency_ms_max: int | None = None
    max_bet: Money | None = None
    time_scale: float = 1.0
    full: bool = False
    reports: tuple[ReportTarget, ...] = ()
    verbose: bool = False
    quiet: bool = False
    color: Color = Color.AUTO


class AgentSettings(Frozen, kw_only=True):
    """One operator's account with us. `webhook_url` None leaves CHARGED launches to an error."""

    code: str
    token: str = field(repr=False)
    secret_key: str = field(repr=False)
    webhook_url: str | None = None
    wire: str = "betrontech"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class ServeSettings(Frozen, kw_only=True):
    """Everything that decides what the server is. Secrets stay out of its repr.

    `webhook_url` None leaves CHARGED launches to an error that names the setting; `data` None keeps all in
    memory; `admin_token` None opens console and control API on loopback only. `agents` are those besides
    the one that the single settings describe. Without `real_time` nobody waits on the ladder.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    admin_token: str | None = field(default=None, repr=False)
    webhook_url: str | None = None
    agent_code: str = "demo"
    agent_token: str = field(default="demo-token", repr=False)
    agent_secret_key: str = field(default="demo-secret", repr=False)
    wire: str = "betrontech"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    agents: tuple[AgentSettings, ...] = ()
    timeout_s: float = 5.0
    allow_hosts: tuple[str, ...] = ()
    cacert: Path | None = None
    insecure: bool = False
    proxy: str | None = field(default=None, repr=False)
    games: int = 100
    seed: int = 1
    ladder: Ladder = Ladder.PATIENT
    real_time: bool = False
    data: Path | None = None
    with_operator: bool = False
    json_logs: bool = False

    @property
    def accounts(self) -> tuple[AgentSettings, ...]:
        """Every agent: the one of the single settings first."""
        first = AgentSettings(
            code=self.agent_code,
            token=self.agent_token,
            secret_key=self.agent_secret_key,
            webhook_url=self.webhook_url,
            wire=self.wire,
            headers=self.headers,
        )
        return (first, *self.agents)
