"""Who may see the console and use the control API: by token, on loopback, from which host and which page."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from werkzeug.test import TestResponse

from api_client import Api, error_of
from simulator.serve.answers import Denied
from simulator.serve.console.access import LIFETIME_S, Access

TOKEN = "correct horse"
HTML = {"Accept": "text/html"}


def ask(
    api: Api, path: str = "/_sim/state", method: str = "GET", *, client: str = "127.0.0.1", **headers: str
) -> TestResponse:
    """A request of that client; underscores in header names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.open(path, method=method, headers=named, environ_overrides={"REMOTE_ADDR": client})


OPEN_TO: dict[str, tuple[dict[str, str], str | None]] = {
    "loopback": ({"Host": "localhost:8080"}, None),
    "loopback by address": ({"Host": "127.0.0.1"}, None),
    "loopback by IPv6": ({"Host": "[::1]:8080", "client": "::1"}, None),
    "loopback mapped into IPv6": ({"client": "::ffff:127.0.0.1"}, None),
    "a name below localhost": ({"Host": "simulator.localhost"}, None),
    "its own page": ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, None),
    "another machine": ({"client": "10.0.0.5"}, "LOOPBACK_ONLY"),
    "no address at all": ({"client": ""}, "LOOPBACK_ONLY"),
    "behind a proxy": ({"X_Forwarded_For": "10.0.0.5"}, "LOOPBACK_ONLY"),
    "behind a proxy of the standard": ({"Forwarded": "for=10.0.0.5"}, "LOOPBACK_ONLY"),
    "a name that may lead anywhere": ({"Host": "evil.example"}, "HOST_REFUSED"),
    "a name that looks like localhost": ({"Host": "localhost.evil.example"}, "HOST_REFUSED"),
    "a page of another site": ({"Origin": "https://evil.example"}, "ORIGIN_REFUSED"),
    "a page of another port": ({"Host": "localhost:1", "Origin": "http://localhost:2"}, "ORIGIN_REFUSED"),
    "a page without an origin": ({"Origin": "null"}, "ORIGIN_REFUSED"),
    "a script of another site": (
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"},
        "ORIGIN_REFUSED",
    ),
    "a link on another site": ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, None),
}


@pytest.mark.parametrize(("asked", "refused"), OPEN_TO.values(), ids=OPEN_TO.keys())
@pytest.mark.parametrize("path", ["/", "/console/events", "/_sim/state"])
def test_without_a_token_only_loopback_is_answered(
    asked: dict[str, str], refused: str | None, path: str
) -> None:
    """Every route alike; the refusal says how to set a token."""
    reply = ask(Api(), path, **{"Host": "localhost", **asked})
    if refused is None:
        # Who enters an untouched server is led to the page that connects a casino.
        assert reply.status_code == 200 or reply.headers["Location"] == "/console/connect"
        reply.close()
        return
    assert error_of(reply) == (403, refused)
    if refused == "LOOPBACK_ONLY":
        assert "--admin-token" in reply.get_json()["hint"]


def test_a_form_of_another_site_does_nothing() -> None:
    """A cross-site POST carries its origin, or says what it is."""
    api = Api()
    for headers in (
        {"Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
    ):
        assert error_of(ask(api, "/_sim/reset", "POST", **headers))[0] == 403


def test_a_page_says_why_it_is_refused() -> None:
    reply = ask(Api(), "/", client="10.0.0.5", **HTML)
    assert reply.status_code == 403
    assert reply.content_type.startswith("text/html")
    assert "--admin-token" in reply.get_data(as_text=True)


def test_health_is_open_to_everyone() -> None:
    """With a token or without, from anywhere."""
    for api in (Api(), Api(admin_token=TOKEN)):
        for path in ("/healthz", "/readyz"):
            assert ask(api, path, client="10.0.0.5", Host="anything.example").status_code == 200


def test_a_machine_sends_the_token() -> None:
    """From anywhere, by any host name: no page of another site can."""
    api = Api(admin_token=TOKEN)
    reply = ask(api, client="10.0.0.5", Host="simulator:8080", Authorization=f"Bearer {TOKEN}")
    assert reply.status_code == 200
    wrong = ("Bearer wrong", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9", TOKEN)
    for header in wrong:
        assert error_of(ask(api, Authorization=header)) == (401, "TOKEN_WRONG")
    missing = ask(api, Host="localhost")
    assert error_of(missing) == (401, "TOKEN_MISSING")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")


def log_in(api: Api, token: str = TOKEN, after: str = "/", **headers: str) -> TestResponse:
    """Send the form."""
    return api.client.post("/console/login", data={"token": token, "next": after}, headers=headers)


def test_a_browser_logs_in_and_out() -> None:
    """Led to the form, let in by a cookie no script can read, and out again."""
    api = Api(admin_token=TOKEN)
    page = api.client.get("/console/findings?lang=x", headers=HTML)
    assert page.headers["Location"] == "/console/login?next=%2Fconsole%2Ffindings%3Flang%3Dx"
    assert 'type="password"' in api.client.get("/console/login").get_data(as_text=True)
    done = log_in(api, after="/console/findings")
    assert (done.status_code, done.headers["Location"]) == (303, "/console/findings")
    cookie = done.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert api.client.get("/console/findings", headers=HTML).status_code == 200
    assert api.client.get("/_sim/state").status_code == 200
    assert api.client.post("/console/logout").status_code == 303
    assert error_of(api.client.get("/_sim/state")) == (401, "TOKEN_MISSING")


def test_behind_https_the_cookie_is_for_https_only() -> None:
    api = Api(admin_token=TOKEN, public_url="https://simulator.example")
    assert "Secure" in log_in(api).headers["Set-Cookie"].split("; ")


def test_a_wrong_token_is_told_and_many_have_to_wait() -> None:
    """The right one has to wait then, too."""
    api = Api(admin_token=TOKEN)
    for _ in range(10):
        reply = log_in(api, "wrong")
        assert reply.status_code == 403
        assert "Set-Cookie" not in reply.headers
    assert log_in(api).status_code == 429
    other = api.client.post(
        "/console/login", data={"token": TOKEN}, environ_overrides={"REMOTE_ADDR": "127.0.0.2"}
    )
    assert other.status_code == 303


def test_a_wrong_token_in_a_header_counts_like_one_in_the_form() -> None:
    """Ten from an address, and it has to wait, with the right one too; other addresses do not."""
    api = Api(admin_token=TOKEN)
    for number in range(5):
        assert error_of(ask(api, Authorization=f"Bearer wrong-{number}")) == (401, "TOKEN_WRONG")
        assert log_in(api, "wrong").status_code == 403
    reply = ask(api, Authorization=f"Bearer {TOKEN}")
    assert error_of(reply) == (429, "TOO_MANY_TRIES")
    assert reply.headers["Retry-After"]
    assert log_in(api).status_code == 429
    assert ask(api, client="127.0.0.2", Authorization=f"Bearer {TOKEN}").status_code == 200


def test_another_site_cannot_log_a_browser_in() -> None:
    """Nor out, nor change its language."""
    api = Api(admin_token=TOKEN)
    for path in ("/console/login", "/console/logout", "/console/language"):
        reply = api.client.post(path, data={"token": TOKEN}, headers={"Origin": "https://evil.example"})
        assert reply.status_code == 403
        assert "Set-Cookie" not in reply.headers


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "",
    "/\r\nX: y",
]


@pytest.mark.parametrize("after", ELSEWHERE)
def test_logging_in_leads_nowhere_else(after: str) -> None:
    assert log_in(Api(admin_token=TOKEN), after=after).headers["Location"] == "/"


def access(**changes: object) -> Access:
    """A guard with a token."""
    fields: Mapping[str, object] = {
        "token": TOKEN,
        "key": b"k" * 32,
        "public_url": "http://x",
        "hosts": frozenset(),
    }
    return Access(**{**fields, **changes})  # type: ignore[arg-type]  # fields by name


def test_a_cookie_is_for_one_server_one_token_and_half_a_day() -> None:
    """Forged, stale, of another key or another token: none of them opens."""
    cookie = access(now_s=lambda: 1000.0).cookie()
    opens = {
        "itself": (access(now_s=lambda: 1000.0 + LIFETIME_S - 1), cookie, True),
        "too late": (access(now_s=lambda: 1000.0 + LIFETIME_S), cookie, False),
        "another key": (access(key=b"x" * 32, now_s=lambda: 1000.0), cookie, False),
        "another token": (access(token="other", now_s=lambda: 1000.0), cookie, False),
        "later by hand": (access(now_s=lambda: 1000.0), re.sub(r"^\d+", "99999999", cookie), False),
        "nothing": (access(), "", False),
        "no number": (access(), "soon.x", False),
        "a digit that is none": (access(), "²." + cookie, False),
    }
    for name, (guard, value, expected) in opens.items():
        api = Api(admin_token=TOKEN)
        request = api.app.test_request_context(headers={"Cookie": f"{guard.cookie_name}={value}"}).request
        passed = True
        try:
            guard.check(request)
        except Denied:
            passed = False
        assert passed is expected, name


def test_two_servers_on_one_host_do_not_take_each_others_cookie() -> None:
    """Browsers give a host's cookies to all its ports."""
    assert access().cookie_name != access(key=b"x" * 32).cookie_name


def test_the_token_is_in_no_page_and_no_answer() -> None:
    api = Api(admin_token=TOKEN, webhook_url=None)
    log_in(api)
    paths = ["/", "/console/players", "/console/sessions", "/console/findings", "/console/undelivered"]
    paths += ["/console/latency", "/_sim/state", "/_sim/agents", "/_sim/sessions"]
    for path in paths:
        text = api.client.get(path, headers=HTML).get_data(as_text=True)
        assert not [secret for secret in (TOKEN, "demo-token", "demo-secret") if secret in text], path
