"""The page that connects a casino: credentials, the webhook URL with its test, examples, the server's state.

The test is `run.doctor`, which the command line hands to the server: `serve` itself runs no checks.
"""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Blueprint, Response, render_template, request

from simulator.core.findings import Outcome, Severity
from simulator.core.secrets import Secrets, mask_url
from simulator.core.values import Frozen
from simulator.core.webhooks import WireRequest, curl_line
from simulator.errors import SimulatorError
from simulator.report.languages import Words
from simulator.report.text import visible
from simulator.serve.accounts import Agent, reach_wallet
from simulator.serve.answers import Denied, ErrorCode, answer
from simulator.serve.api.faults import ApiFaultKind, ApiRoute
from simulator.serve.api.routes import OPENAPI_FILE
from simulator.serve.clock import LADDERS, Pace
from simulator.serve.console.control_agents import agent_named, count_json, unmasked
from simulator.serve.console.exports import literal, php_literal
from simulator.serve.console.frame import Frame
from simulator.serve.entries import Filter
from simulator.serve.fields import body_of, lang_wanted, query_of, webhook_by_hand
from simulator.serve.state import ServerState, WalletCheck
from simulator.wire.profiles import PROFILES
from simulator.wire.writing import write

LANGUAGES = {"curl": "curl", "php": "PHP", "laravel": "Laravel", "node": "Node", "python": "Python"}

TESTS_MAX = 2
"""How many tests of a way to a wallet may run: each holds a thread as long as the wallet takes."""

PLAYER = "1000"

_HIDDEN_TOKEN, _HIDDEN_KEY = "AGENT_TOKEN", "AGENT_SECRET_KEY"


def add_connect_page(routes: Blueprint, frame: Frame) -> None:
    """Add the page, the credentials on demand, and the test of a webhook URL."""
    state = frame.state
    places = threading.Semaphore(TESTS_MAX)

    @routes.get("/console/connect")
    def connect_page() -> Response:
        fields = query_of(request, "agent", "part")
        agents = state.agents.all()
        agent = state.agents.of_code(fields.text("agent", "")) or (agents[0] if agents else None)
        return frame.page(
            "connect.html",
            agent=agent,
            agents=[(each, mask_url(each.target.url) if each.target else "") for each in agents],
            webhook_url=mask_url(agent.target.url) if agent and agent.target else "",
            api=api_url(state),
            languages=LANGUAGES,
            snippets={} if agent is None else snippets(state, agent, _HIDDEN_TOKEN, _HIDDEN_KEY),
            webhooks=[] if agent is None else webhook_examples(agent),
            steps=ConnectionSteps.of(state),
            player=latest_player(state),
            profiles=list(PROFILES),
            faults=[count_json(each) for each in state.faults.all()],
            fault_kinds=list(ApiFaultKind),
            fault_routes=list(ApiRoute),
            real_time=state.clock.pace is Pace.REAL,
            ladders=list(LADDERS),
            ladder=state.delivery.ladder.name,
        )

    @routes.post("/console/connect/credentials")
    def show_credentials() -> Response:
        agent = agent_named(body_of(request, "agent").filled("agent"), state)
        filled = snippets(state, agent, agent.token, agent.secret_key)
        return answer({"token": agent.token, "secret_key": agent.secret_key, "snippets": filled})

    @routes.post("/console/connect/test")
    def test_wallet() -> Response:
        fields = body_of(request, "agent", "webhook_url", "player")
        agent = agent_named(fields.filled("agent"), state)
        url, player = fields.text("webhook_url", "", length_max=2000), fields.filled("player")
        url = unmasked(url, agent.target.url if agent.target else None)
        if not places.acquire(blocking=False):
            raise Denied(ErrorCode.PLACES_TAKEN)
        told = Response(
            _lines(state, agent, url, player, Words(lang_wanted(request))),
            content_type="application/x-ndjson",
        )
        told.call_on_close(places.release)
        return told


def api_url(state: ServerState) -> str:
    """Return the base URL of the API under the name by which the page was asked for."""
    base = state.settings.public_url or f"{request.scheme}://{request.host}"
    return f"{base.rstrip('/')}/api"


class ConnectionSteps(Frozen):
    """How far the connection is: calls to the API, webhooks by their outcome, errors that were found.

    `verdict` is that on the wallet so far.
    """

    api_calls: int
    accepted: int
    refused: int
    errors: int
    verdict: str

    @classmethod
    def of(cls, state: ServerState) -> ConnectionSteps:
        delivery = state.delivery
        verdict = delivery.causes.verdict()
        errors = sum(each.severity is Severity.ERROR for each in verdict.causes)
        accepted, refused = (
            delivery.journal.count(Filter(outcome=each)) for each in (Outcome.ACCEPTED, Outcome.REFUSED)
        )
        return cls(state.api_log.latest, accepted, refused, errors, verdict.verdict)


def latest_player(state: ServerState) -> str:
    """Return the player of the latest session: whom one tried last is whom one tries next."""
    sessions = state.sessions.all()
    return sessions[-1].launch.player if sessions else PLAYER


def is_untouched(state: ServerState) -> bool:
    """Return whether nothing has happened on this server yet."""
    return not (state.delivery.journal.count() or state.api_log.latest or state.sessions.all())


# --- examples -------------------------------------------------------------------------------------


def snippets(state: ServerState, agent: Agent, token: str, secret_key: str) -> dict[str, str]:
    """Return code that authenticates and launches a game here, for each of LANGUAGES."""
    values = {
        "api": api_url(state),
        "code": agent.code,
        "token": token,
        "secret_key": secret_key,
        "game": state.catalogue.games[0].id,
        "type": "DEMO" if agent.target is None else "CHARGED",
        "player": PLAYER,
        "shell": shlex.quote,
        "php": php_literal,
        "literal": literal,
    }
    return {name: render_template(f"console/snippets/{name}.txt", **values) for name in LANGUAGES}


class WebhookExample(Frozen):
    """One webhook as this agent gets it, a reply as the reference shows it, and the call as a curl line."""

    method: str
    request: str
    reply: str
    curl: str


def webhook_examples(agent: Agent) -> list[WebhookExample]:
    """Return the reference's own examples, written in the agent's profile."""
    found = []
    for method, values, reply in _examples():
        wire = write(webhook_by_hand(values, ""), agent.wire)
        sent = WireRequest(wire.body, wire.content_type)
        url = agent.target.url if agent.target else "http://127.0.0.1:9000/betrontech_api"
        headers = agent.target.headers if agent.target else ()
        text = json.dumps(json.loads(wire.body), indent=2, ensure_ascii=False)
        found.append(WebhookExample(method, text, reply, curl_line(url, sent, headers)))
    return found


@cache
def _examples() -> list[tuple[str, dict[str, Any], str]]:
    """Return method, fields and reply of each webhook of the API's description."""
    webhooks = json.loads(OPENAPI_FILE.read_text("utf-8"))["webhooks"]
    found = []
    for method, path in webhooks.items():
        sent = path["post"]["requestBody"]["content"]["application/json"]["example"]
        reply = path["post"]["responses"]["200"]["content"]["application/json"]["example"]
        found.append((method, sent, json.dumps(reply, indent=2, ensure_ascii=False)))
    return found


# --- the test of a webhook URL --------------------------------------------------------------------


def _lines(state: ServerState, agent: Agent, url: str, player: str, say: Words) -> Iterator[str]:
    """Yield each check as a line of JSON, as soon as it is known, and at last what they mean together."""
    present = agent.target.url if agent.target else ""
    wanted = present if url in ("", mask_url(present)) else url
    typed = Secrets(urls=[wanted])

    def masked(text: str) -> str:
        return visible(typed.text(agent.secrets.text(text)))

    closing = "works" if wanted else "missing"
    for check in _checks(state, agent, wanted, player):
        closing = _closing(check, closing)
        took_ms = None if check.took_ns is None else round(check.took_ns / 1e6, 1)
        shown = {"detail": masked(say(check.detail)), "hint": masked(say(check.hint)), "took_ms": took_ms}
        yield _line({"name": check.name, "health": check.health, **shown})
    yield _line({"closing": closing})


def _checks(state: ServerState, agent: Agent, url: str, player: str) -> Iterator[WalletCheck]:
    if state.doctor is None or not url:
        return
    try:
        yield from state.doctor(lambda: reach_wallet(agent, url, state.settings), player, agent.wire)
    except SimulatorError as error:
        yield _Refused(detail=str(error))


class _Refused(Frozen):
    """The check of a URL that may not be called."""

    detail: str
    name: str = "name"
    health: str = "failed"
    hint: str = ""
    took_ns: int | None = None
    reached: bool = False


def _closing(check: WalletCheck, before: str) -> str:
    """Return what the checks so far mean together."""
    if check.health == "failed":
        return "wrong" if check.reached else "unreachable"
    return "refused" if check.health == "odd" and check.name == "player" else before


def _line(found: dict[str, Any]) -> str:
    return json.dumps(found) + "\n"
