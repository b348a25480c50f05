"""The app put together from settings: what a setting changes in its parts."""

from __future__ import annotations

import pytest

from api_client import Api, error_of
from simulator.serve.app import make_state
from simulator.serve.clock import Pace
from simulator.settings import ServeSettings


@pytest.mark.parametrize(("real_time", "pace"), [(True, Pace.REAL), (False, Pace.AT_ONCE)])
def test_the_ladder_waits_where_the_setting_says_so(real_time: bool, pace: Pace) -> None:
    """--real-time is how people wait; without it nobody does."""
    assert make_state(ServeSettings(real_time=real_time)).clock.pace is pace


def test_the_ladder_does_not_wait_unless_it_is_told_to() -> None:
    """A day of retries runs in a second."""
    assert make_state(ServeSettings()).clock.pace is Pace.AT_ONCE


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/api/", "/api/games", "/games/all", "/%00", "/ü"])
def test_a_path_that_is_none_is_404_in_json(path: str) -> None:
    """Whatever it is like, and with a hint where a path of ours is near."""
    reply = Api().client.get(path)
    assert error_of(reply) == (404, "NOT_FOUND")
    if path == "/games/all":
        assert "/api/games/all" in reply.get_json()["hint"]


def test_a_fault_of_ours_is_500_in_json_and_says_nothing_of_itself() -> None:
    """The log has the rest."""
    api = Api()

    @api.app.get("/broken")
    def broken() -> str:
        raise RuntimeError("demo-secret")

    reply = api.client.get("/broken")
    assert error_of(reply) == (500, "INTERNAL_ERROR")
    assert b"demo-secret" not in reply.data
    assert b"RuntimeError" not in reply.data
