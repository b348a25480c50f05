"""The control API: what a test asks of a running simulator, and what comes of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from api_client import encoded, error_of
from control_client import Control, controlled
from journal_entries import an_entry
from simulator.serve.console.plots import lane_plot
from simulator.serve.entries import shares_of


@pytest.fixture
def control() -> Iterator[Control]:
    """A server of one's own."""
    with controlled() as found:
        yield found


def test_a_fresh_server_has_nothing(control: Control) -> None:
    found = control.get("/state")
    assert (found["exchanges"], found["sessions"], found["calls"]) == (0, 0, {"charged": 0, "demo": 0})
    assert control.get("/journal") == {"exchanges": [], "next_before": None, "change": found["change"]}


def test_exchanges_are_listed_newest_first_page_by_page_and_filtered(control: Control) -> None:
    for player in ("1000", "1001", "1000"):
        control.bet(player=player)
    first = control.get("/journal?purpose=hand&limit=2")
    assert [each["player"] for each in first["exchanges"]] == ["1000", "1001"]
    rest = control.get(f"/journal?purpose=hand&limit=2&before={first['next_before']}")
    assert [each["player"] for each in rest["exchanges"]] == ["1000"]
    assert rest["next_before"] is None
    found = control.get("/journal?player=1000&method=transaction_bet&outcome=accepted")["exchanges"]
    numbers = [each["number"] for each in found]
    assert numbers == [first["exchanges"][0]["number"], rest["exchanges"][0]["number"]]
    by_text = control.get(f"/journal?text={found[0]['transaction_id']}")["exchanges"]
    assert [each["number"] for each in by_text] == numbers[:1]


def test_changes_come_after_a_change_and_say_where_to_begin_anew(control: Control) -> None:
    control.bet()
    seen = control.get("/journal/changes?since=0")
    assert [each["number"] for each in seen["exchanges"]] == [1]
    assert control.get(f"/journal/changes?since={seen['change']}")["exchanges"] == []
    control.do("POST", "/reset")
    assert control.get(f"/journal/changes?since={seen['change']}")["reset"] is True


def test_waiting_ends_with_the_exchange_that_is_wanted(control: Control) -> None:
    """The one that is there already, the one that comes while somebody waits, or time."""
    found: list[Any] = []
    wanted = "/journal/wait?player=1001&count=2&timeout_ms=30000"
    waiting = threading.Thread(target=lambda: found.append(control.get(wanted)))
    waiting.start()
    for player in ("1001", "1000", "1001"):
        control.bet(player=player)
    waiting.join()
    assert [each["player"] for each in found[0]["exchanges"]] == ["1001", "1001"]
    assert found[0]["timed_out"] is False
    assert control.get("/journal/wait?player=1000&timeout_ms=0")["timed_out"] is False
    now = control.get("/state")["change"]
    late = control.get(f"/journal/wait?since={now}&timeout_ms=20")
    assert (late["exchanges"], late["timed_out"]) == ([], True)


def test_an_exchange_in_full_has_both_bodies_and_no_secret() -> None:
    headers = (("X-Api-Key", "hunter2-secret"), ("X-Other", "hunter2-other"), ("Accept-Language", "tr"))
    with controlled(headers=headers) as control:
        number = control.bet("2.50")["exchanges"][0]
        found = control.get(f"/journal/{number}")
    assert '"amount":"2.50"' in found["request"]["body"]
    assert found["reply"]["status"] == 200
    assert '"balance":"997.50"' in found["reply"]["body"].replace(" ", "")
    assert ["X-Api-Key", "***"] in found["request"]["headers"]
    assert found["curl"].startswith("curl ")
    assert "hunter2" not in str(found)
    assert "Accept-Language: tr" in found["curl"]


def test_sending_again_sends_the_same_bytes_and_counts_the_attempt(control: Control) -> None:
    number = control.bet()["exchanges"][0]
    again = control.do("POST", f"/journal/{number}/resend")
    first, second = control.get(f"/journal/{number}"), control.get(f"/journal/{again['exchanges'][0]}")
    assert second["request"]["body"] == first["request"]["body"]
    assert (second["attempt"], second["purpose"], again["balance"]) == (2, "resend", "999.00")
    assert control.played.money_at_operator() == "999.00"


def test_a_webhook_by_hand_is_sent_once_in_the_references_names(control: Control) -> None:
    before = control.played.calls_at_operator()
    told = control.bet("10.00", transaction_id="mine-1")
    assert (told["outcome"], told["balance"]) == ("accepted", "990.00")
    assert control.played.calls_at_operator() >= before + 1
    assert control.get("/journal?transaction_id=mine-1")["exchanges"][0]["purpose"] == "hand"


WRONG_WEBHOOKS: dict[str, tuple[dict[str, object], str]] = {
    "unknown field": (
        {"method": "user_balance", "user_id": "1", "user": "1"},
        'unknown key "user" in user_balance',
    ),
    "unknown method": ({"method": "transaction_bets", "user_id": "1"}, 'did you mean "transaction_bet"'),
    "missing": ({"method": "refund", "user_id": "1"}, "amount is missing"),
    "number": ({"method": "transaction_bet", "user_id": "1", "amount": 5, "game_id": "g"}, "amount"),
    "half cents": (
        {"method": "transaction_bet", "user_id": "1", "amount": "0.001", "game_id": "g"},
        "amount",
    ),
}


@pytest.mark.parametrize(("webhook", "said"), WRONG_WEBHOOKS.values(), ids=WRONG_WEBHOOKS.keys())
def test_a_webhook_that_is_none_is_not_sent(control: Control, webhook: object, said: str) -> None:
    status, told = control.ask("POST", "/webhooks", {"webhook": webhook})
    assert (status, told["error"]) == (422, "FIELD_INVALID")
    assert said in told["message"]
    assert control.played.calls_at_operator() == 0


def test_a_demo_game_calls_no_wallet(control: Control) -> None:
    path = control.seat(type="DEMO")
    control.spin(path)
    assert control.get("/calls") == {"charged": 0, "demo": 0}
    assert control.played.calls_at_operator() == 0
    assert control.get("/sessions?kind=DEMO")["count"] == 1


def test_a_session_is_launched_listed_and_ended(control: Control) -> None:
    path = control.seat("1001")
    control.spin(path)
    (session,) = control.get("/sessions?player=1001")["sessions"]
    assert (session["agent"], session["type"], session["over"]) == ("demo", "CHARGED", False)
    assert path.rpartition("/")[2] not in str(session)
    control.do("DELETE", f"/sessions/{session['id']}")
    assert control.get("/sessions")["sessions"][0]["over"] is True
    assert control.api.client.get(path).status_code == 410


def test_an_agent_can_be_added_changed_and_removed(control: Control) -> None:
    """It authenticates at once, plays CHARGED as soon as it has a webhook URL, and is nobody in the end."""
    secrets = {"token": "acme-token", "secret_key": "acme-secret"}
    added = control.do("POST", "/agents", {"code": "acme", **secrets})
    shown: dict[str, object] = {"code": "acme", "webhook_url": None, "wire": "betrontech", "headers": {}}
    assert added == {**shown, "zero_wins": False}
    bearer = {"Authorization": f"Bearer {encoded('acme-token', 'acme-secret')}"}
    assert control.api.authenticate(**bearer).status_code == 200
    status, told = control.ask("POST", "/sessions", {"agent": "acme", "player": "1000", "type": "CHARGED"})
    assert (status, told["error"]) == (409, "IN_VAIN")
    url = control.played.operator.endpoint
    changed = control.do("PATCH", "/agents/acme", {"webhook_url": url, "headers": {"X-Api-Key": "s3cret"}})
    assert (changed["webhook_url"], changed["headers"]) == (url, {"X-Api-Key": "***"})
    control.seat(agent="acme")
    listed = str(control.get("/agents"))
    assert not [
        secret for secret in ("acme-token", "acme-secret", "s3cret", "demo-secret") if secret in listed
    ]
    control.do("DELETE", "/agents/acme")
    assert error_of(control.api.authenticate(**bearer)) == (401, "CREDENTIALS_WRONG")


WRONG_AGENTS: dict[str, dict[str, object]] = {
    "public address": {"webhook_url": "http://8.8.8.8/hook"},
    "metadata address": {"webhook_url": "http://169.254.169.254/latest"},
    "no URL": {"webhook_url": "wallet"},
    "a file as profile": {"wire": "/etc/passwd"},
    "line break in a header": {"headers": {"X-A": "a\r\nX-B: b"}},
    "token of another": {"token": "demo-token"},
    "colon in the token": {"token": "a:b"},
    "code with a slash": {"code": "a/b"},
    "unknown field": {"webhook": "http://127.0.0.1/"},
}


@pytest.mark.parametrize("change", WRONG_AGENTS.values(), ids=WRONG_AGENTS.keys())
def test_an_agent_that_cannot_be_is_refused(control: Control, change: dict[str, object]) -> None:
    """The webhook URL obeys the same guard as `run`."""
    fields = {"code": "acme", "token": "t", "secret_key": "s", **change}
    status, told = control.ask("POST", "/agents", fields)
    assert status == (409 if change == {"token": "demo-token"} else 422), told
    assert [each["code"] for each in control.get("/agents")["agents"]] == ["demo"]


def test_the_clock_is_read_pushed_ahead_and_never_turned_back(control: Control) -> None:
    """Tokens and sessions end by it."""
    path = control.seat()
    token = control.api.token()
    before = control.get("/clock")
    after = control.do("POST", "/clock/advance", {"by_ms": 5 * 3600 * 1000})
    assert after["ahead_ms"] - before["ahead_ms"] == 5 * 3600 * 1000
    assert error_of(control.api.get("/api/games/all", token)) == (401, "TOKEN_EXPIRED")
    assert control.api.client.get(path).status_code == 410
    assert control.ask("POST", "/clock/advance", {"by_ms": -1})[0] == 422
    assert control.do("PUT", "/clock", {"real_time": True})["real_time"] is True
    assert control.do("PUT", "/clock", {"real_time": False})["real_time"] is False


def test_what_is_not_answered_is_owed_until_it_is() -> None:
    """A wallet that is away: its refund waits, is given up at the ladder's end, and can be sent by hand."""
    with controlled(ladder="patient", real_time=True) as control:
        control.do("PUT", "/clock", {"real_time": True})
        path = control.seat()
        url = control.get("/agents")["agents"][0]["webhook_url"]
        control.do("PATCH", "/agents/demo", {"webhook_url": "http://127.0.0.1:9/betrontech_api"})
        control.spin(path)
        (owed,) = control.get("/obligations")["pending"]
        assert (owed["method"], owed["amount"], owed["player"]) == ("refund", "1.00", "1000")
        for _ in range(12):
            control.do("POST", "/clock/advance", {"by_ms": 2 * 86_400_000})
            assert control.get("/journal/wait?method=refund&count=1&timeout_ms=20000")["timed_out"] is False
            control.api.state.delivery.drained(0.3)
        (given_up,) = control.get("/obligations")["undelivered"]
        page = control.api.client.get("/console/undelivered").get_data(as_text=True)
        assert "Nothing listens at 127.0.0.1:9 (connection refused)." in page
        control.do("PATCH", "/agents/demo", {"webhook_url": url})
        control.do("POST", f"/obligations/{given_up['number']}/deliver")
        assert control.get("/obligations")["counts"] == {"pending": 0, "undelivered": 0}


def test_the_ledgers_findings_are_counted_and_balances_show_the_gap() -> None:
    with controlled("bet-charged-again") as control:
        control.read()
        number = control.bet("10.00")["exchanges"][0]
        control.do("POST", f"/journal/{number}/resend")
        (finding,) = [each for each in control.get("/findings")["findings"] if each["severity"] == "error"]
        assert (finding["rule"], finding["count"]) == ("IDE-01", 1)
        points = control.get("/players/balances?agent=demo&player=1000")["balances"]
        assert ("980.00", "990.00") in [(each["answered"], each["expected"]) for each in points]
        wrong = control.get("/journal?verdict=wrong")["exchanges"]
        assert [each["findings"][0]["rule"] for each in wrong] == ["IDE-01"]


def test_ten_refunds_paid_again_leave_the_wallet_ten_stakes_over() -> None:
    """The ledger does not believe the wallet: API, console and exports say what it should have."""
    with controlled("refund-paid-twice") as control:
        control.read()
        bet = control.bet("10.00")["exchanges"][0]
        transaction_id = control.get(f"/journal/{bet}")["transaction_id"]
        for _ in range(11):
            control.refund("10.00", transaction_id)
        wrong = control.get("/journal?verdict=wrong&limit=50")["exchanges"]
        assert [each["findings"][0]["cause"] for each in wrong] == ["repeated-refund-credited-again"] * 10
        assert [each["difference"] for each in wrong] == [f"{n}0.00" for n in range(10, 0, -1)]
        assert {each["expected"] for each in wrong} == {"1000.00"}
        (player,) = control.get("/players")["players"]
        assert (player["wallet"], player["ledger"], player["difference"]) == ("1100.00", "1000.00", "100.00")
        assert (player["wrong"], player["since"]) == (10, wrong[-1]["number"])
        page = control.api.client.get("/console/player?agent=demo&player=1000").get_data(as_text=True)
        assert "Your wallet has 100.00 too much for this player." in page
        players = control.api.client.get("/console/players").get_data(as_text=True)
        assert "1 of 1 players differ from the ledger. Too much in all: 100.00." in players


def test_a_read_that_judges_a_call_stands_beside_the_balance_after_it() -> None:
    """A bet that only a balance read can judge leaves no difference behind."""
    with controlled("status-as-word") as control:
        control.read()
        control.bet("10.00")
        points = control.get("/players/balances?agent=demo&player=1000")["balances"]
        assert [(each["answered"], each["expected"], each["difference"]) for each in points] == [
            ("1000.00", "1000.00", "0.00"),
            ("990.00", "990.00", "0.00"),
            ("990.00", "990.00", "0.00"),
        ]
        changes = control.get("/journal/changes?since=0")["exchanges"]
        assert len({each["change"] for each in changes}) == len(changes)


def test_an_exchange_that_is_not_judged_says_why(control: Control) -> None:
    control.bet()
    (bet,) = control.get("/journal?method=transaction_bet")["exchanges"]
    assert (bet["verdict"], bet["reason"]) == (
        "unjudged",
        "the balance of this player was not known before the call",
    )
    for path in ("/", f"/console/exchange/{bet['number']}"):
        assert bet["reason"] in control.api.client.get(path).get_data(as_text=True)


def test_a_row_has_the_status_and_what_the_wallet_says_of_a_refusal(control: Control) -> None:
    control.read()
    control.bet("99999.00")
    row = control.api.client.get("/console/rows?outcome=refused&part=1").get_data(as_text=True)
    assert '<span class="status s2">200</span>' in row
    assert re.search(r'<span class="why" title="INSUFFICIENT_FUNDS">INSUFFICIENT_FUNDS</span>', row)


def test_latencies_are_counted_by_outcome(control: Control) -> None:
    control.bet()
    control.bet("5000.00")
    counted = control.get("/latencies")["latencies"]
    by_outcome = {
        outcome: sum(each["count"] for each in counted if each["outcome"] == outcome)
        for outcome in ("accepted", "refused")
    }
    assert by_outcome["refused"] == 1
    assert by_outcome["accepted"] == control.get("/state")["exchanges"] - 1
    (player,) = control.get("/players")["players"]
    assert (player["agent"], player["player"]) == ("demo", "1000")


def test_percentiles_are_those_of_all_calls_and_of_each_method(control: Control) -> None:
    control.read()
    control.bet()
    every, bets, reads = control.get("/latencies")["percentiles"]
    assert [each["method"] for each in (every, bets, reads)] == [None, "transaction_bet", "user_balance"]
    assert every["count"] == bets["count"] + reads["count"]
    assert every["slowest_ns"] == max(bets["slowest_ns"], reads["slowest_ns"])
    assert every["p50_ns"] <= every["p95_ns"] <= every["p99_ns"] <= every["slowest_ns"]
    page = control.api.client.get("/console/latency").get_data(as_text=True)
    assert "Half of the calls were answered within" in page
    assert 'class="line p99"' in page


def test_percentiles_go_by_the_nearest_rank() -> None:
    assert shares_of(range(1, 101)) == (50, 95, 99)
    assert shares_of([7]) == (7, 7, 7)
    assert shares_of([1, 2]) == (1, 2, 2)


def test_calls_that_were_under_way_together_are_lanes() -> None:
    """A group is what overlaps, directly or through others; a call on its own is in none."""
    with controlled() as control:
        journal = control.api.state.delivery.journal
        ms = 1_000_000
        for place, (sent_ms, took_ms) in enumerate([(0, 10), (20, 30), (25, 5), (45, 20), (90, 5)]):
            journal.record(an_entry(transaction_id=f"t{place}", sent_ns=sent_ms * ms, took_ns=took_ms * ms))
        (group,) = journal.overlaps("demo", "1000")
        assert [each.transaction_id for each in group] == ["t1", "t2", "t3"]
        plot = lane_plot(group)
        first, second, third = plot.lanes
        assert first.x < second.x < first.x + first.width
        assert third.x < first.x + first.width
        assert plot.took_ns == 45 * ms
        client = control.api.client
        together = client.get("/console/exchange/3").get_data(as_text=True)
        # Each is drawn for a wide screen and for a phone.
        assert together.count('class="lane accepted"') == 2 * 3
        assert 'class="lane' not in client.get("/console/exchange/1").get_data(as_text=True)
        assert (
            client.get("/console/player?agent=demo&player=1000").get_data(as_text=True).count('class="lane ')
            == 2 * 3
        )


def test_a_reset_begins_anew(control: Control) -> None:
    """No sessions, no exchanges, nothing owed, no faults; the agents stay."""
    control.spin(control.seat())
    control.do("POST", "/faults", {"kind": "latency", "latency_ms": 1})
    control.do("POST", "/reset")
    found = control.get("/state")
    assert [found[name] for name in ("exchanges", "sessions", "faults", "agents")] == [0, 0, 0, 1]
    assert control.get("/findings")["findings"] == []


LARGE = {"method": "transaction_bet", "user_id": "1000", "amount": "9" * 16, "game_id": "SLOT_001"}

WRONG: dict[str, tuple[str, str, object, int, str]] = {
    "unknown query field": ("GET", "/journal?plyer=1", None, 422, "FIELD_UNKNOWN"),
    "query field twice": ("GET", "/journal?player=1&player=2", None, 422, "FIELD_REPEATED"),
    "unknown word": ("GET", "/journal?outcome=ok", None, 422, "FIELD_INVALID"),
    "no number": ("GET", "/journal?limit=many", None, 422, "FIELD_INVALID"),
    "beyond all numbers": ("GET", f"/journal?before={'9' * 30}", None, 422, "FIELD_INVALID"),
    "no such exchange": ("GET", "/journal/77", None, 404, "NOT_FOUND"),
    "a number beyond all": ("GET", f"/journal/{'9' * 30}", None, 404, "NOT_FOUND"),
    "no such session": ("DELETE", "/sessions/nobody-1", None, 404, "NOT_FOUND"),
    "no such agent": ("PATCH", "/agents/nobody", {}, 404, "NOT_FOUND"),
    "nothing owed": ("POST", "/obligations/5/deliver", None, 409, "IN_VAIN"),
    "unknown body field": ("POST", "/clock/advance", {"ms": 1}, 422, "FIELD_UNKNOWN"),
    "missing field": ("POST", "/clock/advance", {}, 422, "FIELD_MISSING"),
    "text for a number": ("POST", "/clock/advance", {"by_ms": "soon"}, 422, "FIELD_INVALID"),
    "a list as body": ("POST", "/clock/advance", [1], 400, "BODY_UNREADABLE"),
    "half a character": ("POST", "/sessions", {"player": "\ud800"}, 422, "FIELD_INVALID"),
    "status without its kind": ("POST", "/faults", {"kind": "reset", "status": 500}, 422, "FIELD_INVALID"),
    "more money than there is": ("POST", "/webhooks", {"webhook": LARGE}, 422, "FIELD_INVALID"),
    "two whens": ("POST", "/faults", {"kind": "reset", "first": 1, "every": 2}, 422, "FIELD_INVALID"),
}


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_request_gets_its_clear_error(
    control: Control, method: str, path: str, body: object, status: int, code: str
) -> None:
    """Status, code, and a message that says what was found."""
    found, told = control.ask(method, path, body)
    assert (found, told["error"]) == (status, code)
    assert told["status"] is False
    assert told["message"]


def test_a_body_has_to_be_json_and_to_say_so(control: Control) -> None:
    """A form of another site cannot."""
    client = control.api.client
    form = client.post("/_sim/clock/advance", data="by_ms=1", content_type="text/plain")
    assert error_of(form) == (415, "TYPE_UNSUPPORTED")
    twice = client.post("/_sim/clock/advance", data='{"by_ms":1,"by_ms":2}', content_type="application/json")
    assert error_of(twice) == (422, "FIELD_REPEATED")
    deep = client.post("/_sim/clock/advance", data="[" * 100_000, content_type="application/json")
    assert error_of(deep) == (400, "BODY_UNREADABLE")
