"""Scenarios that restart the operator have it to themselves, and what a hook cannot do is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock

from simulator.core.findings import Verdict
from simulator.errors import ExitCode
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.run.turns import Stage
from simulator.settings import HttpHook
from suite_runs import run_against

PLAYERS = ("1000", "1001")


def test_who_has_the_stage_alone_shares_it_with_nobody() -> None:
    """However many come and go, and in whatever order."""
    stage, lock, start = Stage(), Lock(), Barrier(8)
    playing, seen = [0], []

    def play(number: int) -> None:
        start.wait()
        for turn in range(40):
            alone = (number + turn) % 5 == 0
            with stage.hold(alone=alone):
                with lock:
                    playing[0] += 1
                    seen.append((alone, playing[0]))
                with lock:
                    playing[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(play, range(8)))
    assert len(seen) == 320
    assert {count for alone, count in seen if alone} == {1}


def test_a_blocked_player_of_the_pool_is_unblocked_for_the_next_scenario() -> None:
    """One hook does both: it is told whether to block."""
    with OperatorServer(OperatorSettings(opening_balance="100.00")) as server:
        hook = HttpHook(f"{server.base_url}/_operator/players/{{user_id}}/block")
        paths = ["scenarios/refunds/refund-to-blocked-player.yaml", "scenarios/contract/bet-answer.yaml"]
        run = run_against(server.endpoint, paths, PLAYERS[:1], block_hook=hook)
        assert run.with_verdict(Verdict.PASSED) == paths
        found = server.operator.find_player(PLAYERS[0])
        assert found is not None
        assert found[0].status == 1


def test_a_player_who_cannot_be_unblocked_is_not_used_again() -> None:
    """A scenario without players is skipped, rather than told that its bets are refused."""
    with OperatorServer(OperatorSettings(opening_balance="100.00")) as server:
        gone = HttpHook(f"{server.base_url}/_operator/no-such-hook/{{user_id}}")
        paths = ["scenarios/refunds/refund-to-blocked-player.yaml", "scenarios/contract/bet-answer.yaml"]
        run = run_against(server.endpoint, paths, PLAYERS[:1], block_hook=gone)
    assert run.errors == []
    assert run.with_verdict(Verdict.INCONCLUSIVE) == paths[:1]
    assert "no-such-hook" in run.finished[paths[0]].reason
    assert run.with_verdict(Verdict.SKIPPED) == paths[1:]
    assert "unblocked" in run.finished[paths[1]].reason


def test_a_scenario_that_restarts_the_operator_plays_while_no_other_does(tmp_path: Path) -> None:
    """Restarts among eight players at once disturb nobody."""
    for number in range(6):
        text = f"name: Restart {number}\nsteps: [bet: 1.00, restart, balance]\n"
        (tmp_path / f"restart-{number}.yaml").write_text(text, "utf-8")
        text = f"name: Play {number}\nsteps: [{{repeat: {{times: 20, steps: [bet: 0.50]}}}}]\n"
        (tmp_path / f"play-{number}.yaml").write_text(text, "utf-8")
    with OperatorServer() as server:
        run = run_against(
            server.endpoint,
            [str(tmp_path)],
            tuple(str(player) for player in range(1000, 1008)),
            jobs=8,
            restart_hook=HttpHook(f"{server.base_url}/_operator/restart"),
        )
    assert run.findings == {}
    assert run.exit_code is ExitCode.PASSED
