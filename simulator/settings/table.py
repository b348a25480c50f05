"""What a row of the table of settings is.

Each row is a flag, an environment variable, a key in the file, a line of help and a line of the docs. The
rows stand in `run_table` and its siblings; a new setting is one row there and one field in `values`.
"""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.values import Frozen
from simulator.settings import kinds
from simulator.settings.kinds import AGENT_TOKEN, AGENTS, Color, LadderName, Probe, ValueKind

ENVIRONMENT_PREFIX = "BETRONTECH_SIM_"

CONFIG_FILE = "betrontech-sim.yaml"


class Setting(Frozen):
    """One setting. `name` is the field it fills; `default` is the text that would say the same.

    `key` is its place in the file, dotted where it lies in a section; None keeps it out of the file.
    A `secret` value appears in no message.
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


# --- run_table ------------------------------------------------------------------------------------
# The settings of `run`, and of the commands that run scenarios too.

TARGET = Section(
    "The operator's wallet",
    (
        Setting(
            "endpoint", "--endpoint", kinds.ENDPOINT, "Where the operator answers webhooks.", key="endpoint"
        ),
        Setting(
            "players", "--player", kinds.PLAYERS, "A user id to play with, or 1000..1099.", key="players"
        ),
        Setting(
            "wire",
            "--wire",
            kinds.TEXT,
            "The wire profile: how fields are called and written.",
            key="wire",
            default="betrontech",
        ),
        Setting("headers", "--header", kinds.HEADERS, "A header for each call.", key="headers", secret=True),
        Setting(
            "timeout_s",
            "--timeout",
            kinds.DURATION_ABOVE_ZERO_S,
            "The longest that one call may take.",
            key="timeout",
            default="5s",
        ),
        Setting(
            "wait_for_s",
            "--wait-for",
            kinds.DURATION_S,
            "How long to wait for the endpoint to come up.",
            key="wait_for",
            default="0s",
        ),
        Setting(
            "allow_hosts",
            "--allow-host",
            kinds.ALLOWED_HOSTS,
            "Run against this host although it is neither loopback nor private.",
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
            "What creates a player with a balance.",
            key="hooks.seed",
            secret=True,
        ),
        Setting(
            "restart_hook",
            "--restart-hook",
            kinds.HOOK,
            "What restarts the wallet.",
            key="hooks.restart",
            secret=True,
        ),
        Setting(
            "block_hook",
            "--block-hook",
            kinds.HOOK,
            "What blocks a player, or unblocks one: {blocked} is true or false.",
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
            "Words of id, name or tags: 'refund and not partial'.",
            key="keyword",
            short="-k",
        ),
        Setting("tags", "--tag", kinds.TEXTS, "Scenarios with this tag.", key="tags", short="-t"),
        Setting(
            "level", "--level", kinds.choice(Level), "Scenarios that are at least so binding.", key="level"
        ),
        Setting(
            "last_failed",
            "--last-failed",
            kinds.SWITCH,
            "Only what did not pass in the last run.",
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
            "The number that makes a run repeat; drawn anew, and printed, if not given.",
            key="seed",
        ),
        Setting(
            "faults",
            "--faults",
            kinds.FAULTS,
            "Every scenario again with each of these faults at each money step; all, or lost_reply,reset.",
            key="faults",
        ),
        Setting(
            "jobs",
            "--jobs",
            kinds.whole(1, 256),
            "How many players are worked in parallel.",
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
            "Stop after so many failed scenarios.",
            key="maxfail",
        ),
        Setting(
            "strict", "--strict", kinds.SWITCH, "Count warnings as errors.", key="strict", default="false"
        ),
        Setting(
            "probe",
            "--probe",
            kinds.choice(Probe),
            "When balances are read besides the steps' own reads.",
            key="probe",
            default="auto",
        ),
        Setting(
            "policy", "--policy", kinds.PAIRS, "Pin a knob of the dialect: late_bet=refused.", key="policy"
        ),
        Setting("latency_ms_max", "--latency", kinds.DURATION_MS, "Report slower answers.", key="latency"),
        Setting(
            "max_bet", "--max-bet", kinds.MONEY, "The operator's limit on one bet.", key="limits.max_bet"
        ),
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
            "Keep the exchanges of scenarios that passed, too.",
            key="full",
            default="false",
        ),
        Setting(
            "verbose",
            "--verbose",
            kinds.SWITCH,
            "Show each call on the wire, secrets masked.",
            key="verbose",
            short="-v",
            default="false",
        ),
        Setting(
            "quiet",
            "--quiet",
            kinds.SWITCH,
            "Show findings and the summary only.",
            key="quiet",
            short="-q",
            default="false",
        ),
        Setting(
            "color",
            "--color",
            kinds.choice(Color),
            "Colours; auto asks the terminal and NO_COLOR.",
            key="color",
            default="auto",
        ),
        CONFIG,
    ),
)

RUN_SECTIONS = (TARGET, CHOICE, HOW, OUTPUT)

RUN = rows_of(RUN_SECTIONS)


# --- serve_table ----------------------------------------------------------------------------------
# The settings of `serve`, the simulator as a server, and of `healthcheck`, which asks the same server.

LISTENING = Section(
    "Where it listens",
    (
        Setting(
            "host",
            "--host",
            kinds.HOST,
            "The address to listen on; 0.0.0.0 is every one.",
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
            "What game URLs begin with, behind a published port or a proxy.",
            key="serve.public_url",
        ),
        Setting(
            "admin_token",
            "--admin-token",
            kinds.TEXT,
            "What console and control API ask for; without one they answer on loopback only.",
            key="serve.admin_token",
            secret=True,
        ),
    ),
)

AGENT = Section(
    "The operator's account",
    (
        Setting(
            "webhook_url",
            "--webhook-url",
            kinds.ENDPOINT,
            "Where the operator answers webhooks.",
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
            "What the catalogue and the outcomes are drawn from.",
            key="serve.seed",
            default="1",
        ),
        Setting(
            "ladder",
            "--ladder",
            kinds.choice(LadderName),
            "When an unanswered win or refund is sent again.",
            key="serve.ladder",
            default="patient",
        ),
        Setting(
            "real_time",
            "--real-time",
            kinds.SWITCH,
            "Wait between attempts; else the next comes at once, unless nothing connects to the wallet.",
            key="serve.real_time",
            default="false",
        ),
        Setting(
            "data",
            "--data",
            kinds.FOLDER,
            "A folder that keeps sessions, journal and what is still to be delivered; else memory does.",
            key="serve.data",
        ),
        Setting(
            "with_operator",
            "--with-operator",
            kinds.SWITCH,
            "Start the reference operator, too, and play against it.",
            key="serve.with_operator",
            default="false",
        ),
        Setting(
            "json_logs",
            "--json-logs",
            kinds.SWITCH,
            "Log one JSON object a line.",
            key="serve.json_logs",
            default="false",
        ),
        CONFIG,
    ),
)

SERVE_SECTIONS = (LISTENING, AGENT, SIMULATED)

SERVE = rows_of(SERVE_SECTIONS)


# --- all_tables -----------------------------------------------------------------------------------
# Every row of every command: what a variable or a key of the file can be at all.

ALL = tuple(dict.fromkeys((DEBUG, *RUN, *SERVE)))
"""Each row once, though commands share some."""
