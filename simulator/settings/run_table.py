"""The settings of `run`, and of the commands that run scenarios too."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.settings import kinds
from simulator.settings.table import CONFIG, Section, Setting, rows_of
from simulator.settings.values import Color, Probe

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
