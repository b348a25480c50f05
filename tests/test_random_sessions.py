"""In random sessions no right wallet is accused, and a wrong one of nothing but what it does wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import sampled
from random_sessions import RIGHT, WRONG, play
from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.explore.alone import Ran, errors_of
from simulator.reference_operator import DIALECTS
from simulator.run.suite import run_scenarios
from simulator.scenario.files import load_scenarios


@pytest.mark.parametrize("name", sampled((RIGHT, *DIALECTS), every=20))
def test_a_right_wallet_is_not_accused(name: str) -> None:
    told = play(name, sessions=30, seed=2)
    assert not told.causes, told.others
    assert not told.undecided


@pytest.mark.parametrize("name", sampled(WRONG, every=20))
def test_a_wrong_wallet_is_accused_of_its_own_mistake_only(name: str) -> None:
    """Calls at once are left out here: whether they meet is chance."""
    told = play(name, sessions=10, seed=2, in_turn=True)
    assert not told.accused, told.others


@pytest.mark.parametrize(
    ("defect", "steps", "causes"),
    [
        # What is missing here is too much there.
        (
            "win-paid-to-last-bettor",
            "[bet: {amount: 1.00, player: other}, win: 0.29, balance: {player: other}]",
            ["win-not-credited"],
        ),
        # The refund is taken for a repeat of the one that another player sent with that id.
        (
            "answer-of-another-player",
            "[bet: {amount: 4.35, id: b1}, refund: {of: b1, player: other}, refund: b1, balance]",
            ["shared-id-swallowed"],
        ),
        # Four copies at once of a call that must do nothing: that one of them pays is no race.
        (
            "refund-of-refused-bet-credited",
            "[bet: {amount: 6.29, id: b1, game: g}, bet: {amount: 200.00, id: b2}, "
            "parallel: [refund: {of: b2, id: r2}, resend: {step: r2, times: 3}]]",
            ["refused-bet-refund-credited"],
        ),
        # What is missing after copies of one call was overwritten by no other one.
        (
            "one-refund-a-game",
            "[bet: {amount: 1.00, id: b1, game: g}, refund: b1, bet: {amount: 8.41, id: b2, game: g}, "
            "parallel: [refund: {of: b2, id: r2}, resend: {step: r2, times: 3}]]",
            ["refund-not-credited"],
        ),
        # The bet has been charged although there was no money for it, so its refund is due.
        (
            "overdraft-to-zero",
            "[bet: all, bet: {amount: 20.58, id: b1}, win: 26.79, refund: b1]",
            ["overdraft"],
        ),
        # A new account has as much after its first win as a player who had nothing.
        (
            "unknown-player-created",
            "[bet: all, send: {body: '"
            '{"method":"transaction_win","user_id":"${wide_player}","amount":"1.00",'
            '"transaction_id":"${run}-w","game_id":"g"}\'}, win: 16.97]',
            ["unknown-player-accepted"],
        ),
        # The refund under another name has taken the id.
        (
            "unknown-method-refunds",
            "[bet: {amount: 5.00, id: b1, raw: {transaction_id: '${run}-m1'}}, send: {body: '"
            '{"method":"rollback","user_id":"${player}","amount":"5.00","transaction_id":"${run}-m1",'
            '"game_id":"g"}\'}, refund: b1]',
            ["malformed-moved"],
        ),
    ],
)
def test_what_a_random_session_once_called_otherwise(
    defect: str, steps: str, causes: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "session.yaml"
    file.write_text(f"name: A session\nplayers:\n  other: {{balance: 31.00}}\nsteps: {steps}\n", "utf-8")
    told = Ran()
    with embedded_operator(defects=(defect,)) as operator:
        run_scenarios(settings_for(operator, seed=1), load_scenarios([str(file)]), told.on)
    assert [each.key for each in errors_of(told.failed)] == causes
