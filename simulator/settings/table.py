"""The table of settings: each row is a flag, a variable, a key of the file, a line of help and of the docs.

A new setting is one row here and one field in `simulator.settings.kinds`.
"""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.values import Frozen
from simulator.settings import kinds
from simulator.settings.kinds import AGENT_TOKEN, AGENTS, Color, LadderName, Probe, ValueKind

ENVIRONMENT_PREFIX = "BETRONTECH_SIM_"

CONFIG_FILE = "betrontech-sim.yaml"


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

    @property
    def variable(self) -> str:
        """Return the environment variable of this setting."""
        return ENVIRONMENT_PREFIX + self.flag.removeprefix("--").replace("-", "_").upper()

    @property
    def is_switch(self) -> bool:
        """Return whether the flag takes no value: --strict, and --no-strict to undo it."""
        return self.kind is kinds.SWITCH

    @property
    def is_list(self) -> bool:
        """Return whether the flag may be repeated, the variable hold several lines, and the key a list."""
        return self.kind.gather is not None


class Section(Frozen):
    """Settings under a common title in help and docs."""

    title: str
    rows: tuple[Setting, ...]


CONFIG = Setting("config", "--config", kinds.FILE, f"The configuration file (default: ./{CONFIG_FILE}).")

DEBUG = Setting("debug", "--debug", kinds.SWITCH, "Show the traceback of an internal error.")


def rows_of(sections: tuple[Section, ...]) -> tuple[Setting, ...]:
    """Return all rows of some sections."""
    return tuple(row for section in sections for row in section.rows)


def pick(rows: tuple[Setting, ...], *names: str) -> tuple[Setting, ...]:
    """Return some rows, for a command that shares them. Raises KeyError for an unknown name."""
    by_name = {row.name: row for row in rows}
    return tuple(by_name[name] for name in names)


# --- the settings of `run`, and of other commands that run scenarios ------------------------------

TARGET = Section(
    "Your wallet",
    (
        Setting(
            "endpoint",
            "--endpoint",
            kinds.ENDPOINT,
            "The URL at which your wallet answers webhooks.",
            key="endpoint",
        ),
        Setting(
            "players",
            "--player",
            kinds.PLAYERS,
            "The user id of a test player, or a range such as 1000..1099.",
            key="players",
        ),
        Setting(
            "wire",
            "--wire",
            kinds.TEXT,
            "The wire profile: the names of the fields, and how they are written.",
            key="wire",
            default="betrontech",
        ),
        Setting(
            "headers",
            "--header",
            kinds.HEADERS,
            "A header to send with each call.",
            key="headers",
            secret=True,
        ),
        Setting(
            "timeout_s",
            "--timeout",
            kinds.DURATION_ABOVE_ZERO_S,
            "How long one call may take.",
            key="timeout",
            default="5s",
        ),
        Setting(
            "wait_for_s",
            "--wait-for",
            kinds.DURATION_S,
            "How long to wait for your wallet to start.",
            key="wait_for",
            default="0s",
        ),
        Setting(
            "allow_hosts",
            "--allow-host",
            kinds.ALLOWED_HOSTS,
            "Allow calls to this host, although it is neither loopback nor private.",
            key="allow_hosts",
        ),
        Setting("cacert", "--cacert", kinds.FILE, "A file of certificates (PEM) to trust.", key="cacert"),
        Setting(
            "insecure",
            "--insecure",
            kinds.SWITCH,
            "Accept any TLS certificate.",
            key="insecure",
            default="false",
        ),
        Setting(
            "proxy",
            "--proxy",
            kinds.PROXY,
            "An HTTP proxy to go through; HTTP_PROXY and the like are ignored.",
            key="proxy",
            secret=True,
        ),
        Setting(
            "seed_hook",
            "--seed-hook",
            kinds.HOOK,
            "A URL or command that creates a player with a balance.",
            key="hooks.seed",
            secret=True,
        ),
        Setting(
            "restart_hook",
            "--restart-hook",
            kinds.HOOK,
            "A URL or command that restarts your wallet.",
            key="hooks.restart",
            secret=True,
        ),
        Setting(
            "block_hook",
            "--block-hook",
            kinds.HOOK,
            "A URL or command that blocks a player, or unblocks it: {blocked} is true or false.",
            key="hooks.block",
            secret=True,
        ),
    ),
)

CHOICE = Section(
    "Which scenarios run",
    (
        Setting(
            "keyword",
            "--keyword",
            kinds.TEXT,
            "Only scenarios with these words in id, name or tags: 'refund and not partial'.",
            key="keyword",
            short="-k",
        ),
        Setting("tags", "--tag", kinds.TEXTS, "Only scenarios with this tag.", key="tags", short="-t"),
        Setting(
            "level",
            "--level",
            kinds.choice(Level),
            "Only scenarios of this level, or of a more binding one.",
            key="level",
        ),
        Setting(
            "last_failed",
            "--last-failed",
            kinds.SWITCH,
            "Only scenarios that did not pass in the last run.",
            key="last_failed",
            default="false",
        ),
    ),
)

HOW = Section(
    "How they run",
    (
        Setting(
            "seed",
            "--seed",
            kinds.whole(0, 2**31 - 1),
            "The number from which a run draws; the same seed repeats it. By default random, and printed.",
            key="seed",
        ),
        Setting(
            "faults",
            "--faults",
            kinds.FAULTS,
            "Repeat every scenario with each of these faults at each money step: all, or lost_reply,reset.",
            key="faults",
        ),
        Setting(
            "jobs",
            "--jobs",
            kinds.whole(1, 256),
            "How many scenarios to run in parallel, each with players of its own.",
            key="jobs",
            short="-j",
            default="1",
        ),
        Setting(
            "fail_fast",
            "--fail-fast",
            kinds.SWITCH,
            "Stop at the first scenario that fails: --maxfail 1.",
            key="fail_fast",
            short="-x",
            default="false",
        ),
        Setting(
            "maxfail",
            "--maxfail",
            kinds.whole(1, 1_000_000),
            "Stop after this many failed scenarios.",
            key="maxfail",
        ),
        Setting(
            "strict", "--strict", kinds.SWITCH, "Count warnings as errors.", key="strict", default="false"
        ),
        Setting(
            "probe",
            "--probe",
            kinds.choice(Probe),
            "When to read balances in addition to the steps of scenarios.",
            key="probe",
            default="auto",
        ),
        Setting(
            "policy",
            "--policy",
            kinds.PAIRS,
            "Require one answer where guides differ: late_bet=refused.",
            key="policy",
        ),
        Setting(
            "latency_ms_max",
            "--latency",
            kinds.DURATION_MS,
            "Report answers that take longer than this.",
            key="latency",
        ),
        Setting("max_bet", "--max-bet", kinds.MONEY, "Your wallet's limit on one bet.", key="limits.max_bet"),
        Setting(
            "time_scale",
            "--time-scale",
            kinds.FACTOR,
            "Multiply the pauses in scenarios; 0 skips them.",
            key="time_scale",
            default="1",
        ),
    ),
)

OUTPUT = Section(
    "What is reported",
    (
        Setting(
            "reports",
            "--report",
            kinds.REPORTS,
            "Write a report: junit, json or ndjson; the file - is standard output.",
            key="reports",
        ),
        Setting(
            "full",
            "--full",
            kinds.SWITCH,
            "Keep the calls of passed scenarios in the reports, too.",
            key="full",
            default="false",
        ),
        Setting(
            "verbose",
            "--verbose",
            kinds.SWITCH,
            "Show each call, with secrets masked.",
            key="verbose",
            short="-v",
            default="false",
        ),
        Setting(
            "quiet",
            "--quiet",
            kinds.SWITCH,
            "Show only findings and the summary.",
            key="quiet",
            short="-q",
            default="false",
        ),
        Setting(
            "color",
            "--color",
            kinds.choice(Color),
            "Use colours; auto decides by the terminal and NO_COLOR.",
            key="color",
            default="auto",
        ),
        CONFIG,
    ),
)

RUN_SECTIONS = (TARGET, CHOICE, HOW, OUTPUT)

RUN = rows_of(RUN_SECTIONS)


# --- the settings of `serve`, and of `healthcheck`, which asks the same server --------------------

LISTENING = Section(
    "Where it listens",
    (
        Setting(
            "host",
            "--host",
            kinds.HOST,
            "The address to listen on; 0.0.0.0 means all.",
            key="serve.host",
            default="127.0.0.1",
        ),
        Setting(
            "port",
            "--port",
            kinds.whole(0, 65535),
            "The port to listen on; 0 takes a free one.",
            key="serve.port",
            default="8080",
        ),
        Setting(
            "public_url",
            "--public-url",
            kinds.URL,
            "The beginning of game URLs, for a server behind a published port or a proxy.",
            key="serve.public_url",
        ),
        Setting(
            "admin_token",
            "--admin-token",
            kinds.TEXT,
            "The token for console and control API; without it they answer on loopback only.",
            key="serve.admin_token",
            secret=True,
        ),
    ),
)

AGENT = Section(
    "Your account",
    (
        Setting(
            "webhook_url",
            "--webhook-url",
            kinds.ENDPOINT,
            "The URL at which your wallet answers webhooks.",
            key="serve.webhook_url",
        ),
        Setting(
            "agent_code",
            "--agent-code",
            kinds.AGENT_CODE,
            "The agent's code.",
            key="serve.agent_code",
            default="demo",
        ),
        Setting(
            "agent_token",
            "--agent-token",
            AGENT_TOKEN,
            "The agent's token, for authentication.",
            key="serve.agent_token",
            default="demo-token",
            secret=True,
        ),
        Setting(
            "agent_secret_key",
            "--agent-secret-key",
            kinds.TEXT,
            "The agent's secret key, for launching games.",
            key="serve.agent_secret_key",
            default="demo-secret",
            secret=True,
        ),
        Setting(
            "agents",
            "--agent",
            AGENTS,
            "One more agent: 'code=acme token=… secret_key=… webhook_url=…'.",
            key="serve.agents",
            secret=True,
        ),
        *pick(TARGET.rows, "wire", "headers", "timeout_s", "allow_hosts", "cacert", "insecure", "proxy"),
    ),
)

SIMULATED = Section(
    "What is simulated",
    (
        Setting(
            "games",
            "--games",
            kinds.whole(1, 100_000),
            "How many games the catalogue has.",
            key="serve.games",
            default="100",
        ),
        Setting(
            "seed",
            "--seed",
            kinds.whole(0, 2**31 - 1),
            "The number from which the catalogue and the outcomes are drawn.",
            key="serve.seed",
            default="1",
        ),
        Setting(
            "ladder",
            "--ladder",
            kinds.choice(LadderName),
            "The waits after which an unanswered win or refund is sent again.",
            key="serve.ladder",
            default="patient",
        ),
        Setting(
            "real_time",
            "--real-time",
            kinds.SWITCH,
            "Wait between attempts; otherwise only while no connection to your wallet can be made.",
            key="serve.real_time",
            default="false",
        ),
        Setting(
            "data",
            "--data",
            kinds.FOLDER,
            "A folder that keeps sessions, journal and undelivered calls over a restart.",
            key="serve.data",
        ),
        Setting(
            "with_operator",
            "--with-operator",
            kinds.SWITCH,
            "Start the example wallet, too, and play against it.",
            key="serve.with_operator",
            default="false",
        ),
        Setting(
            "json_logs",
            "--json-logs",
            kinds.SWITCH,
            "Write logs as one JSON object per line.",
            key="serve.json_logs",
            default="false",
        ),
        CONFIG,
    ),
)

SERVE_SECTIONS = (LISTENING, AGENT, SIMULATED)

SERVE = rows_of(SERVE_SECTIONS)


ALL = tuple(dict.fromkeys((DEBUG, *RUN, *SERVE)))
"""Every row of every command, once: all variables and all keys of the file."""
