"""What is secret is shown nowhere, also where the wallet repeats it."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from api_client import Api
from command_line import simulate
from simulator.core.secrets import MASK, Secrets, mask_game_urls, mask_headers, mask_known, mask_parameters
from small_wallet import Answer, Fields, SmallWallet, serving

VALUE = 'v4lue/"of&header'

QUERY = "qu3ry+value"

LOGIN = "hunter22:swordfish"

HEADERS = (("X-Casino", VALUE), ("Authorization", f"Basic {b64encode(LOGIN.encode()).decode()}"))

SPELLINGS = {
    "as it is": VALUE,
    "in JSON": json.dumps({"a": VALUE}),
    "in PHP's JSON": json.dumps(VALUE).replace("/", "\\/"),
    "in HTML": html.escape(VALUE),
    "in a URL": quote(VALUE, safe=""),
    "a login within Base64": "the user is hunter22:swordfish",
    "a password": "swordfish is wrong",
    "a value of the query": f"?k={QUERY}",
    "a value of the query, decoded": "qu3ry value",
}

CRUMBS = ("v4lue", "of&", "of&amp;header", "swordfish", "hunter22", "qu3ry")


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_a_known_value_is_masked_however_it_is_written(text: str) -> None:
    """In texts and in bytes."""
    secrets = Secrets(headers=HEADERS, urls=[f"http://localhost/w?k={QUERY}"])
    for shown in (secrets.text(text), secrets.body(text.encode()).decode()):
        assert MASK in shown
        assert not any(crumb in shown for crumb in CRUMBS)


@pytest.mark.parametrize("value", ["abcde", "100.00", "12345678", "+5,5"])
def test_what_is_found_by_chance_is_masked_only_where_it_is_sent(value: str) -> None:
    """An answer with an amount in it stays as it is; the header does not."""
    secrets = Secrets(headers=(("X-Casino", value),))
    assert secrets.text(f"the balance is {value}") == f"the balance is {value}"
    assert secrets.headers((("x-casino", value),)) == (("x-casino", MASK),)


def test_the_scheme_of_a_credential_stays() -> None:
    """Unless the credential alone is too short to be found."""
    secrets = Secrets(headers=(("Authorization", "Bearer s3cr3t"), ("X-Auth", "Bearer abc")))
    assert (
        secrets.text("got Bearer s3cr3t, not s3cr3t or Bearer abc")
        == f"got Bearer {MASK}, not {MASK} or {MASK}"
    )


def test_headers_that_say_nothing_are_shown() -> None:
    """A type or a language is no secret, and appears in every answer."""
    given = (("Accept", "application/json"), ("Content-Language", "tr-TR"), ("User-Agent", "our-casino"))
    assert not Secrets(headers=given).any_known
    assert mask_headers(given, [name for name, _ in given]) == given


class Echoing(SmallWallet):
    """Refuses wins, and repeats what it knows in every answer; the balance of a bet is a cent off."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        answer = super().win(player, amount, transaction_id, game)
        self.balances[player] -= 1
        return answer

    def reply(self, value: Fields, status: int = 200) -> Answer:
        return super().reply({**value, "debug": [VALUE, QUERY, LOGIN], "error": f"seen {VALUE}"}, status)


SCENARIO = """\
player: {balance: 90.00}
steps:
- bet: 5.00
- win: 2.00
- send: {body: "x", expect: accepted}
- bet: {amount: 1.00, expect: {http: 404}}
"""


def crumbs_of(folder: Path, *texts: str) -> set[str]:
    """Which parts of the secrets are in these texts, or in any file below the folder."""
    files = [path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file()]
    return {crumb for crumb in CRUMBS for text in (*texts, *files) if crumb in text}


def flags(endpoint: str) -> list[str]:
    """How the wallet is named on the command line."""
    given = [word for name, value in HEADERS for word in ("--header", f"{name}: {value}")]
    return ["--endpoint", f"{endpoint}?k={QUERY}", "--player", "1000", *given]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving(Echoing()) as url:
        yield url


def test_no_report_of_a_run_shows_a_secret(tmp_path: Path, endpoint: str) -> None:
    """On the terminal with every call shown, and in every report; the findings are there all the same."""
    scenario = tmp_path / "s.yaml"
    scenario.write_text(SCENARIO)
    reports = [
        f"--report={kind}:{tmp_path / kind}"
        for kind in ("junit", "junit-full", "json", "ndjson", "html", "markdown", "gitlab")
    ]
    reports.append("--report=github")
    done = simulate("run", str(scenario), *flags(endpoint), "-v", "--full", *reports, folder=tmp_path)
    assert done.returncode == 1
    assert not crumbs_of(tmp_path, done.stdout, done.stderr)
    assert MASK in done.stdout
    assert '--header "$BETRONTECH_SIM_HEADER"' in done.stdout
    assert "curl" in done.stdout


def test_no_certificate_shows_a_secret(tmp_path: Path, endpoint: str) -> None:
    """Nor does the page."""
    done = simulate("certify", *flags(endpoint), "--timeout", "2s", "-j", "1", folder=tmp_path)
    assert done.returncode in (1, 6)
    assert not crumbs_of(tmp_path, done.stdout, done.stderr)


def test_doctor_shows_no_secret(tmp_path: Path, endpoint: str) -> None:
    """Whatever it shows of an answer."""
    done = simulate("doctor", *flags(endpoint), folder=tmp_path)
    assert not crumbs_of(tmp_path, done.stdout, done.stderr)
    assert "?k=***" in done.stdout


@pytest.mark.parametrize(
    "endpoint",
    ["http://8.8.8.8/w?k=qu3ry+value", "http://nowhere.invalid/?k=qu3ry+value", "ftp://h/?k=qu3ry+value"],
)
@pytest.mark.parametrize("command", ["run", "doctor"])
def test_no_error_shows_the_query_of_an_endpoint(tmp_path: Path, command: str, endpoint: str) -> None:
    """A host that may not be called, one that does not resolve, and a URL that is none."""
    done = simulate(command, "--endpoint", endpoint, "--player", "1", folder=tmp_path)
    assert done.returncode != 0
    assert not crumbs_of(tmp_path, done.stdout, done.stderr)


PAGES = (
    "/",
    "/_sim/agents",
    "/_sim/findings",
    "/_sim/journal",
    "/_sim/journal/1",
    "/_sim/journal/2",
    "/_sim/journal/export.ndjson",
    "/_sim/journal/export.yaml",
    "/_sim/requests",
    "/_sim/state",
    "/console/exchange/2",
    "/console/findings",
    "/console/rows",
)


def test_no_page_and_no_answer_of_the_server_shows_a_secret(endpoint: str) -> None:
    """Journal, exports, agents and pages, after the wallet repeated all it knows."""
    api = Api(webhook_url=f"{endpoint}?k={QUERY}", headers=HEADERS, agent_secret_key="s3cret-of-agent")
    money = {"user_id": "1001", "amount": "1.00", "game_id": "SLOT_001"}
    hand = ({"method": "user_balance", "user_id": "1001"}, {"method": "transaction_win", **money})
    for webhook in (*hand, {"method": "transaction_bet", **money}):
        told = api.client.post("/_sim/webhooks", json={"agent": "demo", "webhook": webhook})
        assert told.status_code == 200, told.get_data(as_text=True)
        assert not {crumb for crumb in CRUMBS if crumb in told.get_data(as_text=True)}
    api.state.delivery.stop()
    for path in PAGES:
        reply = api.client.get(path)
        assert reply.status_code == 200, path
        text = reply.get_data(as_text=True)
        assert not {crumb for crumb in (*CRUMBS, "s3cret-of") if crumb in text}, path


def test_parameters_and_game_urls_are_masked_by_what_they_are() -> None:
    """Not only known values: a secret that was mistyped, and the address of a game."""
    sent = (("agent_token", "mistyped"), ("agent_code", "demo"), ("api_key", ""), ("user_id", "1"))
    assert mask_parameters(sent) == (
        *(("agent_token", MASK), ("agent_code", "demo")),
        *(("api_key", ""), ("user_id", "1")),
    )
    assert mask_game_urls('{"game_url":"http://h/play/a.b.c"}') == f'{{"game_url":"http://h/play/{MASK}"}}'
    assert mask_game_urls("/play/a.b.c/spin") == f"/play/{MASK}/spin"
    known = (Secrets(texts=["first-secret"]), Secrets(texts=["second-secret"]))
    assert mask_known("first-secret and second-secret", *known) == f"{MASK} and {MASK}"
