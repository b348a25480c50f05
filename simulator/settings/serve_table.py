"""The settings of `serve`, the simulator as a server, and of `healthcheck`, which asks the same server."""

from __future__ import annotations

from simulator.settings import kinds
from simulator.settings.agent_kind import AGENT_TOKEN, AGENTS
from simulator.settings.run_table import TARGET
from simulator.settings.table import CONFIG, Section, Setting, pick, rows_of
from simulator.settings.values import Ladder

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
            kinds.choice(Ladder),
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
