"""Lost rounds end in a win of 0.00, as every bet should; a setting, an agent or a session leaves it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command_line import simulate
from control_client import Control, controlled
from play_page import page_of
from play_server import play_server, seed_where
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.serve.accounts import SessionFile
from simulator.settings import AgentSettings, load_serve_settings

LOST = seed_where(lambda drawn: drawn.factor_hundredths == 0, rounds=3)


def sent(control: Control, session: str) -> list[tuple[str, str | None]]:
    """Method and amount of what moved money in that session, oldest first."""
    found = control.do("GET", f"/journal?session={session}")["exchanges"]
    moved = [(each["method"], each["amount"]) for each in reversed(found)]
    return [each for each in moved if each[0].startswith("transaction")]


def lost_round(control: Control, **launch: Any) -> str:
    """Launch, and lose a round of 1.00; the session's id."""
    session = str(control.do("POST", "/sessions", {"player": "1000", **launch})["id"])
    played = control.do("POST", f"/sessions/{session}/play", {"stake": "1.00", "outcome": "loss"})
    assert played["rounds"][0]["standing"] == "paid"
    assert played["difference"] == "0.00"
    return session


BET, ZERO_WIN = ("transaction_bet", "1.00"), ("transaction_win", "0.00")


def test_lost_rounds_are_settled_by_default() -> None:
    """The rule SES-06 asks that every bet ends in a win, of 0.00 or more, or in a refund."""
    assert load_serve_settings({}, {}).zero_wins is True
    assert load_serve_settings({}, {"BETRONTECH_SIM_ZERO_WINS": "false"}).zero_wins is False
    with controlled(zero_wins=True) as control:
        session = lost_round(control)
        assert sent(control, session) == [BET, ZERO_WIN]
        assert control.do("GET", "/findings")["findings"] == []


def test_an_agent_and_a_session_choose_for_themselves() -> None:
    """The session's wish is above the agent's, which is above the setting."""
    with controlled(zero_wins=True) as control:
        assert control.do("PATCH", "/agents/demo", {"zero_wins": False})["zero_wins"] is False
        assert sent(control, lost_round(control)) == [BET]
        assert sent(control, lost_round(control, zero_wins=True)) == [BET, ZERO_WIN]
        control.do("PATCH", "/agents/demo", {"zero_wins": True})
        assert sent(control, lost_round(control, zero_wins=False)) == [BET]
        shown = control.do("GET", "/sessions")["sessions"]
        assert [each["zero_wins"] for each in shown] == [False, True, True]


def test_an_agent_of_the_settings_has_its_own_wish() -> None:
    """As a word of --agent, or a key in the file."""
    written = "code=acme token=t secret_key=s zero_wins=false"
    agents = load_serve_settings({"agents": (written,)}, {}).agents
    assert agents == (AgentSettings(code="acme", token="t", secret_key="s", zero_wins=False),)


def test_the_wish_of_a_session_outlives_a_restart(tmp_path: Path) -> None:
    """It is in the file of sessions."""
    with controlled(zero_wins=True) as control:
        session = control.do("POST", "/sessions", {"player": "1000", "zero_wins": False})["id"]
        state = control.api.state
        SessionFile(tmp_path).rewrite(state.sessions.all())
        read = SessionFile(tmp_path).sessions(state.agents, state.catalogue, lambda _: state.delivery)
    assert [(each.id, each.launch.zero_wins) for each in read] == [(session, False)]


@pytest.mark.parametrize("trouble", ["none", "lost reply"])
def test_the_player_of_a_lost_round_reads_nothing_about_a_win(trouble: str) -> None:
    """Whatever becomes of the win of 0.00, the round is lost."""
    with play_server(seed=LOST, zero_wins=True) as server:
        page = page_of(server)
        page.opened()
        if trouble == "lost reply":
            page.trouble("lose_reply", on="win")
        played = page.spun()
        assert (played["problem"], played["balance"]) == (None, "999.00")


def test_a_wallet_may_refuse_a_win_of_nothing() -> None:
    """No money is missing, so nothing is wrong, and the player is not sent to the casino."""
    wallet = OperatorSettings(dialects=("zero-win-refused",))
    with (
        OperatorServer(wallet) as operator,
        play_server(seed=LOST, zero_wins=True, webhook_url=operator.endpoint) as server,
    ):
        page = page_of(server)
        page.opened()
        played = page.spun()
        assert (played["problem"], played["round"]["standing"]) == (None, "paid")
        assert page.entries()[-1]["outcome"] == "refused"
        assert all(entry["verdict"] != "wrong" for entry in page.entries())


def test_a_replayed_session_brings_no_note_about_open_bets(tmp_path: Path) -> None:
    """What the simulator played itself leaves no bet without an end."""
    with controlled(zero_wins=True) as control:
        session = str(control.do("POST", "/sessions", {"player": "1000"})["id"])
        control.do("POST", f"/sessions/{session}/play", {"rounds": 10, "stake": "1.00"})
        text = control.api.client.get("/_sim/journal/export.yaml").get_data(as_text=True)
        (tmp_path / "played.yaml").write_text(text)
        target = ("--endpoint", control.played.operator.endpoint, "--player", "1001")
        done = simulate("run", "played.yaml", *target, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "SES-06" not in done.stdout
