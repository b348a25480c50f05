"""A client in another container: launch, open, spin, console, all by the links that the simulator gave.

Run as `python3 from_another_container.py URL ADMIN_TOKEN`, with nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
import time
from base64 import b64encode
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

READY_S = 30

LAUNCH = {
    "agent_code": "demo",
    "agent_token": "demo-secret",
    "game_id": "SLOT_001",
    "type": "CHARGED",
    "lang": "tr_TR",
    "user_id": "12345",
    "user_name": "kullanici_adi",
}


def ask(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, Any, str]:
    """Send one request; return status, JSON or text, and the cookie that was set."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, path or "/", body, named)
    reply = connection.getresponse()
    text = reply.read().decode()
    is_json = (reply.getheader("Content-Type") or "").startswith("application/json")
    return reply.status, json.loads(text) if is_json else text, reply.getheader("Set-Cookie") or ""


def until_ready(base: str) -> None:
    """Wait until the server answers; the other container may still be starting."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            if ask(f"{base}/readyz")[0] == 200:
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def main(base: str, admin_token: str) -> None:
    """Do all of it. Raises AssertionError with what was found otherwise."""
    until_ready(base)
    credentials = b64encode(b"demo-token:demo-secret").decode()
    status, told, _ = ask(f"{base}/api/auth/authentication", "POST", Authorization=f"Bearer {credentials}")
    assert status == 200, told
    bearer = f"Bearer {told['access_token']}"
    status, told, _ = ask(f"{base}/api/games/all", Authorization=bearer)
    assert (status, len(told["data"])) == (200, 300), told
    status, told, _ = ask(f"{base}/api/games/game_launch?{urlencode(LAUNCH)}", Authorization=bearer)
    assert status == 200, told
    game_url = told["game_url"]
    assert game_url.startswith(f"{base}/play/"), game_url

    status, page, _ = ask(game_url)
    assert status == 200, page
    assert "Gates of Olympus" in page
    own = {"X_Play": "1", "Origin": base, "Content_Type": "application/json"}
    status, told, _ = ask(f"{game_url}/open", "POST", b"{}", **own)
    assert (status, told["balance"], told["launch"]) == (200, "250.00", None), told
    status, told, _ = ask(f"{game_url}/spin", "POST", b'{"stake":"5.00","outcome":"win 20.00"}', **own)
    assert (status, told["balance"], told["problem"]) == (200, "265.00", None), told

    form = urlencode({"token": admin_token, "next": "/"}).encode()
    encoded = "application/x-www-form-urlencoded"
    status, told, cookie = ask(f"{base}/console/login", "POST", form, Origin=base, Content_Type=encoded)
    assert status == 303, told
    status, page, _ = ask(f"{base}/", Cookie=cookie.partition(";")[0], Accept="text/html")
    assert status == 200, page
    assert "transaction_win" in page
    status, told, _ = ask(f"{base}/_sim/verdict", Authorization=f"Bearer {admin_token}")
    assert (status, told["verdict"], told["exit_code"]) == (200, "passed", 0), told


if __name__ == "__main__":
    main(*sys.argv[1:])
