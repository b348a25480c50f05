"""Wallets that keep the money right are never accused, in ways for which the operator has no dialect."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import ExitCode
from small_wallet import PLAYERS, Fields, Refusal, SmallWallet, serving
from suite_runs import played, run_against


class CallsWinsOff(SmallWallet):
    """A refund that came first calls off a win too, as an acceptance test of aggregators asks for."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if (player, transaction_id) in self.called_off:
            return self.accepted(player)
        return super().win(player, amount, transaction_id, game)


class RefusesLongIds(SmallWallet):
    """Ids are 64 characters of ASCII, and what is longer is refused."""

    def transaction_of(self, fields: Fields) -> str:
        transaction_id = super().transaction_of(fields)
        if len(transaction_id) > 64 or not transaction_id.isascii():
            raise Refusal("INVALID_PARAMS")
        return transaction_id


@pytest.mark.parametrize("wallet", [SmallWallet, CallsWinsOff, RefusesLongIds])
def test_a_right_wallet_is_not_accused(wallet: type[SmallWallet]) -> None:
    """Exit 0 and no finding, not even a warning."""
    with serving(wallet()) as endpoint:
        run = run_against(endpoint, (), PLAYERS, timeout_s=30.0)  # the machine may be busy with other tests
    assert run.findings == {}
    assert run.exit_code is ExitCode.PASSED


def test_a_second_run_meets_no_id_of_the_first() -> None:
    """Scenarios that choose the exact form of an id pass again on a wallet that remembers the first run."""
    with serving(SmallWallet()) as endpoint:
        runs = [
            run_against(endpoint, ("scenarios/hostile-input", "scenarios/idempotency"), PLAYERS) for _ in "12"
        ]
    assert [run.findings for run in runs] == [{}, {}]


def test_a_wallet_that_serves_one_connection_at_a_time_is_not_accused() -> None:
    """No connection stands open while others wait: simple servers know no threads."""
    wanted = ("two-bets-one-balance", "busy-player", "two-players-same-ids")
    paths = [f"scenarios/concurrency/{name}.yaml" for name in wanted]
    with serving(SmallWallet(), one_at_a_time=True) as endpoint:
        run = run_against(endpoint, paths, PLAYERS, timeout_s=2.0)
    assert run.findings == {}
    assert run.exit_code is ExitCode.PASSED


@pytest.mark.parametrize("fault", ["", ", fault: lost_reply"], ids=["answered", "reply-lost"])
def test_calls_at_once_do_not_make_the_calls_before_them_unknown(fault: str, tmp_path: Path) -> None:
    """A refund without an answer leaves two states, and both know the bet after it: its refund is due."""
    text = f"""\
steps:
  - refund: {{transaction_id: nobodys, amount: 3.43, fault: lost_reply}}
  - bet: {{amount: 19.91, id: early}}
  - parallel: {{times: 10, steps: [bet: 0.50..3.00]}}
  - refund: {{of: early{fault}}}
  - balance
"""
    run = played(SmallWallet(), tmp_path, text, timeout_s=30.0)
    assert run.findings == {}
    assert run.exit_code is ExitCode.PASSED
