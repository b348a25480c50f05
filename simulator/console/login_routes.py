"""In front of the guard: logging in with the admin token, logging out, choosing a language."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from simulator.console.access import Access, put_cookie
from simulator.console.page import Frame
from simulator.console.problems import Code, Denied
from simulator.console.texts import COOKIE
from simulator.sessions import Lang

YEAR_S = 365 * 24 * 3600
TRIES_MAX = 10
TRIES_S = 60.0
ADDRESSES_MAX = 1000
OPEN = frozenset({"login_page", "log_in", "log_out", "choose_language", "static"})
"""The routes that need no token."""


class Tries:
    """Wrong tokens, an address each: after TRIES_MAX within TRIES_S it has to wait. For any threads."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def are_too_many(self, address: str) -> bool:
        """Whether that address has to wait."""
        since = time.monotonic() - TRIES_S
        with self._lock:
            return len([each for each in self._failed.get(address, ()) if each > since]) >= TRIES_MAX

    def add(self, address: str) -> None:
        """One more that failed."""
        with self._lock:
            failed = self._failed.pop(address, [])
            self._failed[address] = [*failed[-TRIES_MAX:], time.monotonic()]
            while len(self._failed) > ADDRESSES_MAX:
                self._failed.popitem(last=False)


def add_login(routes: Blueprint, frame: Frame, access: Access) -> None:
    """Logging in and out, and the language."""
    tries = Tries()
    secure = access.public_url.startswith("https://")

    @routes.get("/console/login")
    def login_page() -> BaseResponse:
        if not access.token:
            return redirect("/")
        return frame.page("login.html", after=_local(request.args.get("next")), problem="")

    @routes.post("/console/login")
    def log_in() -> BaseResponse:
        access.check_site(request)
        address = request.remote_addr or ""
        after = _local(request.form.get("next"))
        if tries.are_too_many(address):
            return frame.page("login.html", status=429, after=after, problem="login_later")
        if not access.fits(request.form.get("token", "")):
            tries.add(address)
            return frame.page("login.html", status=403, after=after, problem="login_wrong")
        told = redirect(after, 303)
        put_cookie(told, access, access.cookie())
        return told

    @routes.post("/console/logout")
    def log_out() -> BaseResponse:
        access.check_site(request)
        told = redirect("/console/login", 303)
        put_cookie(told, access, "")
        return told

    @routes.post("/console/language")
    def choose_language() -> BaseResponse:
        access.check_site(request)
        told = redirect(_local(request.form.get("next")), 303)
        lang = request.form.get("lang", "")
        if lang in set(Lang):
            told.set_cookie(COOKIE, lang, max_age=YEAR_S, httponly=True, samesite="Lax", secure=secure)
        return told


def add_guard(routes: Blueprint, frame: Frame, access: Access) -> None:
    """Who may not see a page is shown why, and where to log in."""

    @routes.before_request
    def check() -> BaseResponse | None:
        if (request.endpoint or "").rpartition(".")[2] in OPEN:
            return None
        try:
            access.check(request)
        except Denied as denied:
            if denied.code is Code.TOKEN_MISSING and request.path == "/":
                return redirect("/console/login")
            if denied.code is Code.TOKEN_MISSING and _is_page():
                return redirect(f"/console/login?next={quote(_local(request.full_path), safe='')}")
            return _refused(frame, denied)
        return None

    @routes.errorhandler(Denied)
    def answer_denied(denied: Denied) -> Response:
        return _refused(frame, denied)


def _refused(frame: Frame, denied: Denied) -> Response:
    if not _is_page():
        return denied.response
    return frame.page("refused.html", status=denied.code.status, denied=denied)


def _is_page() -> bool:
    """Whether a person looks at the answer, not a script of the page."""
    if request.args.get("part") == "1" or request.path in ("/console/events", "/console/news"):
        return False
    return "text/html" in request.headers.get("Accept", "")


def _local(path: str | None) -> str:
    """A path of ours to go on to; anything that might lead elsewhere becomes `/`."""
    path = path or "/"
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine and len(path) <= 2000 else "/"
