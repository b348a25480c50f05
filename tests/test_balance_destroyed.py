"""A balance that a call has made unreadable is an error with that call, and the run goes on without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.core.findings import Verdict
from simulator.errors import ExitCode
from small_wallet import Answer, Fields, SmallWallet, serving
from suite_runs import causes, played, run_against


class AddsAnyNumber(SmallWallet):
    """Takes whatever its language calls a number: the balance is NaN after a win of NaN."""

    def __init__(self, now: str | None = None) -> None:
        super().__init__()
        self.lost: set[str] = set()
        self.now = now

    def answer_fields(self, fields: Fields) -> Answer:
        player = str(fields.get("user_id"))
        known = player in self.balances and fields.get("method") != "account_details"
        if known and str(fields.get("amount")) == "NaN":
            self.lost.add(player)
        if not known or player not in self.lost:
            return super().answer_fields(fields)
        if self.now is None:
            return Answer(500, b"{}")
        return Answer(200, b'{"status":1,"balance":%s}' % self.now.encode())


NAN = """\
name: A win of NaN
covers: [BAD-02]
steps:
  - win: {amount: 1.00, raw: {amount: "NaN"}}
  - balance: 100.00
"""

ROUND = """\
name: A round
steps: [bet: 1.00, win: 2.00]
"""


@pytest.mark.parametrize("now", ["NaN", "null", '"abc"', '"100.00NaN"', None])
def test_a_balance_that_is_no_amount_any_more_is_an_error_with_the_call(
    tmp_path: Path, now: str | None
) -> None:
    """The balance before and what it is now are shown; the form of that answer is no cause of its own."""
    run = played(AddsAnyNumber(now), tmp_path, NAN, ROUND)
    ((_, finding),) = run.errors
    assert (finding.cause, finding.rule) == ("balance-destroyed", "BAD-02")
    assert finding.label.startswith("the balance was 100.00; now user_balance is answered HTTP ")
    assert finding.label.endswith(f'"balance":{now}}}' if now else "HTTP 500 {}")
    assert '"NaN"' in finding.curl
    assert run.exit_code is ExitCode.FOUND


def test_scenarios_without_a_player_that_is_left_are_blocked_by_the_one_that_destroyed_it(
    tmp_path: Path,
) -> None:
    run = played(AddsAnyNumber("NaN"), tmp_path, NAN, ROUND)
    (round_,) = [event for event in run.finished.values() if event.scenario.name == "A round"]
    assert round_.verdict is Verdict.BLOCKED
    assert round_.reason.startswith(f"blocked by {tmp_path}/0.yaml")


def test_the_run_goes_on_with_the_next_player(tmp_path: Path) -> None:
    paths = []
    for number, text in enumerate((NAN, ROUND, ROUND)):
        paths.append(str(tmp_path / f"{number}.yaml"))
        Path(paths[-1]).write_text(text)
    with serving(AddsAnyNumber("NaN")) as endpoint:
        run = run_against(endpoint, paths)
    assert len(run.with_verdict(Verdict.PASSED)) == 2


class FailsOnceInAWhile(SmallWallet):
    """Every fourth read of a balance is answered with HTTP 500."""

    reads = 0

    def answer_fields(self, fields: Fields) -> Answer:
        if fields.get("method") == "user_balance":
            self.reads += 1
            if self.reads % 4 == 0:
                return Answer(500, b"{}")
        return super().answer_fields(fields)


def test_a_read_that_fails_now_and_then_destroys_no_balance(tmp_path: Path) -> None:
    text = "steps: [bet: 1.00, balance: 99.00, balance: 99.00, win: 1.00, balance: 100.00]\n"
    assert "balance-destroyed" not in causes(played(FailsOnceInAWhile(), tmp_path, text))
