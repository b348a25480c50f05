"""`load` accounts for every call, judges what it recorded, and leaves the players as they were."""

from __future__ import annotations

import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import load_lab
import small_wallet
from command_line import simulate
from small_wallet import SmallWallet


class LosesUpdates(SmallWallet):
    """Charges only every other bet of the same moment: each answer is right, the balance is not."""

    def __init__(self) -> None:
        super().__init__()
        self.bets = 0

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> dict[str, object]:
        before = self.balances[player]
        answer = super().bet(player, amount, transaction_id, game)
        self.bets += 1
        if self.bets % 7 == 0:
            self.balances[player] = before
        return answer


def load(endpoint: str, folder: Path, *flags: str) -> CompletedProcess[str]:
    """A short load of two players."""
    target = ("--endpoint", endpoint, "--player", "1000", "--player", "1001")
    return simulate("load", *target, "--for", "700ms", *flags, folder=folder)


def counts(printed: str) -> tuple[int, ...]:
    """How many calls were sent, recorded and judged."""
    found = re.search(r"accounted +([\d,]+) sent, ([\d,]+) recorded, ([\d,]+) judged", printed)
    assert found, printed
    return tuple(int(each.replace(",", "")) for each in found.groups())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_call_is_sent_recorded_and_judged_once(tmp_path: Path, workers: str) -> None:
    """With one process and with two, against a right wallet, whose balances are as before."""
    wallet = SmallWallet()
    with small_wallet.serving(wallet) as endpoint:
        done = load(endpoint, tmp_path, "--workers", workers, "--records", "calls")
        assert wallet.balances == dict.fromkeys(small_wallet.PLAYERS, small_wallet.OPENING_CENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    sent, recorded, judged = counts(done.stdout)
    assert sent == recorded == judged > 20
    files = [*(tmp_path / "calls").glob("worker-*.ndjson")]
    assert len(files) == int(workers)
    again = simulate("judge", "calls/openings.ndjson", *map(str, files), folder=tmp_path)
    assert again.returncode == 0, again.stdout


def test_a_lost_update_is_named_with_the_calls_that_collided(tmp_path: Path) -> None:
    """The balances are put back all the same."""
    wallet = LosesUpdates()
    with small_wallet.serving(wallet) as endpoint:
        done = load(endpoint, tmp_path, "--mix", "tables.yaml=1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "error[" in done.stdout
    assert re.search(r"bet@4\S* of \d+\.\d\d +\|", done.stdout)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--users", "3"], "3 users need more players than the 2 named"),
        (["--mix", "slot.yaml=8"], 'did you mean "slots.yaml"?'),
        (["--mix", "slots.yaml=x"], 'found "x"'),
        (["--faults", "lost=1%"], '"lost" is none of'),
        (["--faults", "lost_reply=1"], "expected a share like 0.5%"),
        (["--max-errors", "1"], "expected a share like 0.5%"),
        (["--think", "3s..1s"], "the range ends before it begins"),
    ],
)
def test_bad_input_gets_a_sentence_before_anything_is_sent(
    tmp_path: Path, flags: list[str], said: str
) -> None:
    done = load("http://127.0.0.1:1/w", tmp_path, *flags)
    assert done.returncode == 4
    assert said in done.stderr


def test_a_worker_that_is_killed_is_told_and_its_calls_without_an_answer_are_unknown(tmp_path: Path) -> None:
    _, problems = load_lab.killed(tmp_path, 2)
    assert problems == []


@pytest.mark.campaign
def test_a_master_and_workers_on_four_hosts_make_one_load(tmp_path: Path) -> None:
    """Each in a network namespace of its own; skipped, with the reason, where none can be made."""
    line, problems = load_lab.four_hosts(tmp_path, 3)
    if line.startswith("skipped"):
        pytest.skip(line)
    assert problems == []


def test_a_wallet_that_is_not_there_gives_no_verdict(tmp_path: Path) -> None:
    done = load("http://127.0.0.1:1/w", tmp_path)
    assert done.returncode == 7
    assert "no answer from" in done.stdout
