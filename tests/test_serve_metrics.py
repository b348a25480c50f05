"""`/metrics` in Prometheus' text format, and the limits of the journal, which it shows, too."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api_client import Api, field
from control_client import controlled
from play_page import page_of
from play_server import play_server
from simulator.settings import load_serve_settings

TOKEN = "an admin token"


def metrics(api: Api) -> dict[str, float]:
    """Every sample by its name and labels, as Prometheus reads them."""
    reply = api.client.get("/metrics")
    assert reply.status_code == 200
    assert reply.content_type.startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(reply.get_data(as_text=True))
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_the_counts_without_a_token() -> None:
    """It is open, as /healthz is, and holds counts only: no agent, no player, no game."""
    with play_server(admin_token=TOKEN) as server:
        before = metrics(server.api)
        assert before["betrontech_sim_webhooks_total/charged"] == 0
        page = page_of(server, user_id="1003")
        page.opened()
        page.spun()
        after = metrics(server.api)
        text = server.api.client.get("/metrics").get_data(as_text=True)
    sent = server.api.state.delivery.wallet_calls.charged
    assert after["betrontech_sim_webhooks_total/charged"] == after["betrontech_sim_journal_exchanges"] == sent
    assert after["betrontech_sim_webhooks_total/demo"] == 0
    assert after["betrontech_sim_sessions"] == 1
    # The launch and its authentication.
    assert after["betrontech_sim_api_calls_total"] == 2
    assert after["betrontech_sim_obligations/pending"] == after["betrontech_sim_causes"] == 0
    assert not any(name in text for name in ("1003", "demo-", "SLOT_001", "kullanici"))


def test_a_journal_keeps_as_much_as_its_limit_says() -> None:
    """Beyond it the oldest are dropped and counted; the state and the metrics say how many."""
    with controlled(journal_limit=100) as control:
        path = control.seat()
        for _ in range(130):
            control.spin(path)
        journal = control.do("GET", "/state")["journal"]
        page = control.api.client.get("/").get_data(as_text=True)
        shown = metrics(control.api)
    assert journal["exchanges_max"] == 100
    assert journal["exchanges"] <= 100
    assert journal["dropped"] >= 30
    assert journal["bytes"] <= journal["bytes_max"] == 128 * 1024 * 1024 // 1000
    assert f"Keeps the newest 100; {journal['dropped']} older ones are gone." in page
    assert shown["betrontech_sim_journal_dropped_total"] == journal["dropped"]


def test_the_limit_is_100_000_exchanges_unless_a_setting_says_so() -> None:
    assert load_serve_settings({}, {}).journal_limit == 100_000
    assert load_serve_settings({"journal_limit": "500000"}, {}).journal_limit == 500_000
    state = Api().client.get("/_sim/state")
    assert field(state, "journal")["exchanges_max"] == 100_000
    assert field(state, "journal")["bytes_max"] == 128 * 1024 * 1024


@pytest.mark.parametrize("wire", ["betrontech", "drakon"])
def test_only_clients_of_the_sibling_get_its_shape_of_the_lists(wire: str) -> None:
    """Beside the documented one, which stays as it is."""
    api = Api(wire=wire, games=5)
    providers = api.get("/api/games/provider").get_json()
    games = api.get("/api/games/all").get_json()
    assert providers["data"][0]["slug"] == "pragmatic"
    assert len(games["data"]) == 5
    if wire == "betrontech":
        assert set(providers) == set(games) == {"status", "data"}
        return
    assert providers["providers"][0] == {"code": "pragmatic", "name": "Pragmatic Play"}
    assert games["games"][0] == {
        "game_id": "SLOT_001",
        "game_name": "Gates of Olympus",
        "provider_game": "pragmatic",
    }
    assert len(providers["providers"]) == len(providers["data"])
    assert len(games["games"]) == 5


def test_user_name_is_optional_for_clients_of_the_sibling() -> None:
    """They do not have the parameter; every other client is told that it is missing."""
    api = Api(wire="drakon")
    token = str(field(api.launch(user_name=None), "game_url")).rpartition("/")[2]
    assert api.state.sessions.find(token).launch.user_name == "1"
    assert Api().launch(user_name=None).status_code == 422
