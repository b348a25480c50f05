"""The settings: each is one field, which says its flag, key, type, default and help.

`RunSettings`, `ServeSettings` and `WalletSettings` are what a command gets. `RUN_SECTIONS`, `SERVE_SECTIONS`
and `WALLET_SECTIONS` are their rows: flags, environment variables, keys of the file, help and
docs/configuration.md come from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, field
from pathlib import Path
from typing import Any

from simulator.core.calls import FaultKind
from simulator.core.findings import Level
from simulator.core.languages import Lang
from simulator.core.money import Money
from simulator.core.values import Frozen, fields_given
from simulator.core.webhooks import IdFormat
from simulator.settings import kinds
from simulator.settings.kinds import AgentSettings, Color, Hook, LadderName, Probe, ReportTarget, Shard
from simulator.settings.rows import (
    ALLOW_HOSTS,
    CACERT,
    CONFIG,
    DEBUG,
    ENVIRONMENT_PREFIX,
    FAIL_FAST,
    HEADERS,
    INSECURE,
    PROXY,
    TIMEOUT,
    TRANSACTION_ID_FORMAT,
    WIRE,
    Section,
    Setting,
    said,
    setting,
)


class RunSettings(Frozen, kw_only=True):
    """Everything that decides what a run does. No default names an operator or a player.

    `jobs` is 1 here, and as many as there are players on the command line.
    `paths` are scenario files and folders, with `:LINE` where given; none means the bundled suite. `maxfail`
    None never stops early. `wait_for_s` is how long to wait for the endpoint to come up; `time_scale`
    multiplies the pauses that scenarios ask for. `latency_ms_max` and `max_bet` None leave those unchecked.
    `min_bet` and `max_win` None let bets be as small, and wins as large, as scenarios ask for.
    """

    paths: tuple[str, ...] = ()
    endpoint: str = field(
        metadata=said(
            "--endpoint",
            kinds.ENDPOINT,
            "The URL at which your wallet answers webhooks.",
            section="Your wallet",
        )
    )
    players: tuple[str, ...] = setting(
        "--player", kinds.PLAYERS, "The user id of a test player, or a range such as 1000..1099.", default=()
    )
    wire: str = field(default="betrontech", metadata=WIRE)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False, metadata=HEADERS)
    timeout_s: float = field(default=5.0, metadata=TIMEOUT)
    wait_for_s: float = setting(
        "--wait-for",
        kinds.DURATION_S,
        "How long to wait for your wallet to start.",
        key="wait_for",
        default=0.0,
    )
    allow_hosts: tuple[str, ...] = field(default=(), metadata=ALLOW_HOSTS)
    cacert: Path | None = field(default=None, metadata=CACERT)
    insecure: bool = field(default=False, metadata=INSECURE)
    proxy: str | None = field(default=None, repr=False, metadata=PROXY)
    seed_hook: Hook | None = setting(
        "--seed-hook",
        kinds.HOOK,
        "A URL or command that creates a player with a balance.",
        key="hooks.seed",
        default=None,
        secret=True,
    )
    restart_hook: Hook | None = setting(
        "--restart-hook",
        kinds.HOOK,
        "A URL or command that restarts your wallet.",
        key="hooks.restart",
        default=None,
        secret=True,
    )
    block_hook: Hook | None = setting(
        "--block-hook",
        kinds.HOOK,
        "A URL or command that blocks a player, or unblocks it: {blocked} is true or false.",
        key="hooks.block",
        default=None,
        secret=True,
    )
    keyword: str = setting(
        "--keyword",
        kinds.TEXT,
        "Only scenarios with these words in id, name or tags: 'refund and not partial'.",
        short="-k",
        section="Which scenarios run",
        default="",
    )
    tags: tuple[str, ...] = setting(
        "--tag",
        kinds.TEXTS,
        "Only scenarios with this tag; folders and levels are tags, too: -t refunds.",
        short="-t",
        default=(),
    )
    level: Level | None = setting(
        "--level", kinds.choice(Level), "Only scenarios of this level or a more binding one.", default=None
    )
    last_failed: bool = setting(
        "--last-failed", kinds.SWITCH, "Only scenarios that did not pass in the last run.", default=False
    )
    quick: bool = setting(
        "--quick",
        kinds.SWITCH,
        "Only the few bundled scenarios that find most errors: for a slow wallet, or a first look.",
        default=False,
    )
    shard: Shard | None = setting(
        "--shard", kinds.SHARD, "Only one part of them: 1/4, 2/4, 3/4 and 4/4 are all.", default=None
    )
    seed: int = setting(
        "--seed",
        kinds.whole(0, 2**31 - 1),
        "The number from which a run draws; the same seed repeats it. By default random, and printed.",
        shown="",
        section="How they run",
        default=0,
    )
    faults: tuple[FaultKind, ...] = setting(
        "--faults",
        kinds.FAULTS,
        "Repeat every scenario with each of these faults at each money step: all, or lost_reply,reset.",
        default=(),
    )
    jobs: int = setting(
        "--jobs",
        kinds.JOBS,
        "How many scenarios to run in parallel, each with players of its own. By default (auto) as many as "
        "there are players.",
        short="-j",
        shown="",
        default=1,
    )
    maxfail: int | None = setting(
        "--maxfail",
        kinds.whole(1, 1_000_000),
        "Stop after this many failed scenarios.",
        before=FAIL_FAST,
        default=None,
    )
    strict: bool = setting("--strict", kinds.SWITCH, "Count warnings as errors.", default=False)
    accept: Path | None = setting(
        "--accept",
        kinds.FILE,
        "A file of known causes: they are shown, and do not fail the run.",
        default=None,
    )
    probe: Probe = setting(
        "--probe",
        kinds.choice(Probe),
        "When to read balances in addition to the steps of scenarios.",
        default=Probe.AUTO,
    )
    policy: Mapping[str, str] = field(
        default_factory=dict,
        metadata=said("--policy", kinds.PAIRS, "Require one answer where guides differ: late_bet=refused."),
    )
    latency_ms_max: int | None = setting(
        "--latency",
        kinds.DURATION_MS,
        "Report answers that take longer than this.",
        key="latency",
        default=None,
    )
    min_bet: Money | None = setting(
        "--min-bet", kinds.MONEY, "Your wallet's smallest bet.", key="limits.min_bet", default=None
    )
    max_win: Money | None = setting(
        "--max-win", kinds.MONEY, "The largest win that your wallet pays.", key="limits.max_win", default=None
    )
    max_bet: Money | None = setting(
        "--max-bet", kinds.MONEY, "Your wallet's limit on one bet.", key="limits.max_bet", default=None
    )
    transaction_id_format: IdFormat = field(default=IdFormat(), metadata=TRANSACTION_ID_FORMAT)
    games: tuple[str, ...] = setting(
        "--game",
        kinds.TEXTS,
        "A game that your wallet knows, for SLOT_001; a second for SLOT_002, a third for SLOT_003.",
        key="limits.games",
        default=(),
    )
    time_scale: float = setting(
        "--time-scale", kinds.FACTOR, "Multiply the pauses in scenarios; 0 skips them.", default=1.0
    )
    reports: tuple[ReportTarget, ...] = setting(
        "--report",
        kinds.REPORTS,
        "Write a report: html, markdown, junit, junit-full, json, ndjson, gitlab (- is standard output), or "
        "github.",
        section="What is reported",
        default=(),
    )
    write_accept: Path | None = setting(
        "--write-accept", kinds.FILE, "Write the errors of this run to a file for --accept.", default=None
    )
    full: bool = setting(
        "--full", kinds.SWITCH, "Keep the calls of passed scenarios in the reports, too.", default=False
    )
    verbose: int = setting(
        "--verbose",
        kinds.VERBOSITY,
        "Show more: -v every finding in full, -vv also every scenario, -vvv also every call, secrets masked.",
        short="-v",
        default=0,
    )
    quiet: bool = setting(
        "--quiet",
        kinds.SWITCH,
        "Show only the causes, warnings and what to do next.",
        short="-q",
        default=False,
    )
    lang: Lang | None = setting(
        "--lang",
        kinds.choice(Lang),
        "The language of what people read: what is printed, HTML pages, summaries. By default that of the "
        "locale.",
        default=None,
    )
    color: Color = setting(
        "--color",
        kinds.choice(Color),
        "Use colours; auto decides by the terminal, TERM=dumb and NO_COLOR.",
        default=Color.AUTO,
    )


class ServeSettings(Frozen, kw_only=True):
    """Every setting of the server. Secrets are not in its repr.

    `webhook_url` None leaves CHARGED launches to an error that names the setting; `data` None keeps all in
    memory; `admin_token` None opens console and control API on loopback only. `agents` are those in addition
    to the agent that the single settings describe. Without `real_time` retries do not wait.
    """

    host: str = setting(
        "--host",
        kinds.HOST,
        "The address to listen on; 0.0.0.0 means all of IPv4, :: all of IPv6 and IPv4.",
        section="Where it listens",
        default="127.0.0.1",
    )
    port: int = setting(
        "--port", kinds.whole(0, 65535), "The port to listen on; 0 takes a free one.", default=8080
    )
    public_url: str | None = setting(
        "--public-url",
        kinds.URL,
        "The beginning of game URLs; by default the host that a launch calls.",
        default=None,
    )
    trust_proxy: bool = setting(
        "--trust-proxy",
        kinds.SWITCH,
        "Believe a proxy in front of the server: X-Forwarded-Host and X-Forwarded-Proto.",
        default=False,
    )
    console_hosts: tuple[str, ...] = setting(
        "--console-host",
        kinds.ALLOWED_HOSTS,
        "One more name by which browsers may open the console, such as a service's; needs --admin-token.",
        default=(),
    )
    admin_token: str | None = setting(
        "--admin-token",
        kinds.TEXT,
        "The token for console and control API; without it they answer on loopback only.",
        default=None,
        secret=True,
    )
    webhook_url: str | None = setting(
        "--webhook-url",
        kinds.ENDPOINT,
        "The URL at which your wallet answers webhooks.",
        section="Your account",
        default=None,
    )
    agent_code: str = setting("--agent-code", kinds.AGENT_CODE, "The agent's code.", default="demo")
    agent_token: str = setting(
        "--agent-token",
        kinds.AGENT_TOKEN,
        "The agent's token, for authentication.",
        default="demo-token",
        secret=True,
    )
    agent_secret_key: str = setting(
        "--agent-secret-key",
        kinds.TEXT,
        "The agent's secret key, for launching games.",
        default="demo-secret",
        secret=True,
    )
    agents: tuple[AgentSettings, ...] = setting(
        "--agent",
        kinds.AGENTS,
        "One more agent: 'code=acme token=… secret_key=… webhook_url=…'.",
        default=(),
        secret=True,
    )
    wire: str = field(default="betrontech", metadata=WIRE)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False, metadata=HEADERS)
    timeout_s: float = field(default=5.0, metadata=TIMEOUT)
    allow_hosts: tuple[str, ...] = field(default=(), metadata=ALLOW_HOSTS)
    cacert: Path | None = field(default=None, metadata=CACERT)
    insecure: bool = field(default=False, metadata=INSECURE)
    proxy: str | None = field(default=None, repr=False, metadata=PROXY)
    transaction_id_format: IdFormat = field(default=IdFormat(), metadata=TRANSACTION_ID_FORMAT)
    games: int = setting(
        "--games",
        kinds.whole(1, 100_000),
        "How many games the catalogue has.",
        section="What is simulated",
        default=100,
    )
    seed: int = setting(
        "--seed",
        kinds.whole(0, 2**31 - 1),
        "The number from which the catalogue and the outcomes are drawn.",
        default=1,
    )
    ladder: LadderName = setting(
        "--ladder",
        kinds.choice(LadderName),
        "The waits after which an unanswered win or refund is sent again.",
        default=LadderName.PATIENT,
    )
    real_time: bool = setting(
        "--real-time",
        kinds.SWITCH,
        "Wait between attempts; otherwise only while no connection to your wallet can be made.",
        default=False,
    )
    zero_wins: bool = setting(
        "--zero-wins",
        kinds.SWITCH,
        "Settle lost rounds with a win of 0.00; without, your wallet gets nothing after a lost bet.",
        default=True,
    )
    data: Path | None = setting(
        "--data",
        kinds.FOLDER,
        "A folder that keeps sessions, journal and undelivered calls over a restart.",
        default=None,
    )
    journal_limit: int = setting(
        "--journal-limit",
        kinds.whole(100, 10_000_000),
        "How many exchanges the journal keeps; it may have 128 MB for each 100,000 of them.",
        default=100_000,
    )
    with_operator: bool = setting(
        "--with-operator", kinds.SWITCH, "Start the example wallet, too, and play against it.", default=False
    )
    json_logs: bool = setting(
        "--json-logs", kinds.SWITCH, "Write logs as one JSON object per line.", default=False
    )

    @property
    def accounts(self) -> tuple[AgentSettings, ...]:
        """Return every agent; the agent of the single settings comes first."""
        first = AgentSettings(
            code=self.agent_code,
            token=self.agent_token,
            secret_key=self.agent_secret_key,
            webhook_url=self.webhook_url,
            wire=self.wire,
            headers=self.headers,
        )
        return (first, *self.agents)


class WalletSettings(Frozen, kw_only=True):
    """Every setting of the example wallet. `database` None is a temporary file."""

    host: str = setting(
        "--host", kinds.HOST, "The address to listen on.", section="Where it listens", default="127.0.0.1"
    )
    port: int = setting(
        "--port", kinds.whole(0, 65535), "The port to listen on; 0 takes a free one.", default=9000
    )
    database: Path | None = setting(
        "--database",
        kinds.FILE,
        "The SQLite file that keeps the money; by default a temporary one.",
        section="Its players and money",
        default=None,
    )
    players: int = setting("--players", kinds.whole(0, 100_000), "How many players it has.", default=100)
    player_start: int = setting(
        "--player-start", kinds.whole(0, 2**53), "The first player's id.", default=1000
    )
    opening_balance: str = setting(
        "--opening-balance", kinds.TEXT, "Each player's balance at the start.", default="1000.00"
    )
    max_bet: str | None = setting(
        "--max-bet", kinds.TEXT, 'Refuse bets over this amount, for example "50.00".', default=None
    )
    defects: tuple[str, ...] = setting(
        "--defect", kinds.TEXTS, "Give the wallet this defect.", section="How it behaves", default=()
    )
    dialects: tuple[str, ...] = setting(
        "--dialect", kinds.TEXTS, "Answer in another correct way.", default=()
    )
    seed: int = setting(
        "--seed", kinds.whole(0, 2**31 - 1), "Seed of the defects that use chance.", default=0
    )


def _rows(settings: type[Frozen], prefix: str, variables: str) -> Iterator[tuple[str, Setting]]:
    """Return the rows of the fields that say something of their settings, each with the section it begins."""
    for name, each in fields_given(settings):
        about = each.metadata
        if "before" in about:
            yield "", about["before"]
        row = Setting(
            name=name,
            flag=about["flag"],
            kind=about["kind"],
            help=about["help"],
            key=about.get("key", prefix + name),
            short=about.get("short"),
            default=about.get("shown", _default_text(each)) or None,
            secret=not each.repr,
            prefix=variables,
        )
        yield about.get("section", ""), row


def _default_text(given: Field[Any]) -> str | None:
    """Return the default as it would be written; None where there is none, or where it is nothing."""
    if given.default in (MISSING, None, "", ()):
        return None
    (text,) = given.metadata["kind"].write(given.default)
    return str(text)


def _sections(
    settings: type[Frozen], prefix: str = "", variables: str = ENVIRONMENT_PREFIX
) -> tuple[Section, ...]:
    """Return the rows of settings in sections; the last of them has the name of the file, too."""
    found: dict[str, list[Setting]] = {}
    for section, row in _rows(settings, prefix, variables):
        title = section or next(reversed(found))
        found.setdefault(title, []).append(row)
    found[title].append(CONFIG)
    return tuple(Section(title, tuple(rows)) for title, rows in found.items())


def rows_of(sections: tuple[Section, ...]) -> tuple[Setting, ...]:
    """Return all rows of some sections."""
    return tuple(row for section in sections for row in section.rows)


def pick(rows: tuple[Setting, ...], *names: str) -> tuple[Setting, ...]:
    """Return some rows, for a command that shares them; raise KeyError for a name that is none."""
    by_name = {row.name: row for row in rows}
    return tuple(by_name[name] for name in names)


RUN_SECTIONS = TARGET, CHOICE, HOW, OUTPUT = _sections(RunSettings)

SERVE_SECTIONS = LISTENING, *_ = _sections(ServeSettings, "serve.")

WALLET_SECTIONS = _sections(WalletSettings, "operator.", f"{ENVIRONMENT_PREFIX}OPERATOR_")

RUN, SERVE, WALLET = rows_of(RUN_SECTIONS), rows_of(SERVE_SECTIONS), rows_of(WALLET_SECTIONS)

ALL = tuple(dict.fromkeys((DEBUG, *RUN, *SERVE, *WALLET)))
"""Every row once, though commands share some: what a variable or a key of the file can be at all."""
