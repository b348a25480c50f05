"""Players of a pool: whoever can be used is used, and is brought to the balance that a scenario names."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from simulator.core.findings import Verdict
from simulator.core.money import Money
from simulator.errors import ExitCode
from simulator.settings import CommandHook
from small_wallet import OPENING_CENTS, PLAYERS, Answer, Fields, Refusal, SmallWallet, serving
from suite_runs import SuiteRun, played, run_against

LIMIT = Money(500_00)


class IdsOfAll(SmallWallet):
    """A transaction_id is one player's; another who comes with it is refused. Ten players."""

    def __init__(self) -> None:
        super().__init__()
        self.balances = {str(number): 100_00 for number in range(1000, 1010)}
        self.owners: dict[str, str] = {}

    def call(self, fields: Fields) -> Fields:
        player = str(fields.get("user_id"))
        if self.owners.setdefault(str(fields.get("transaction_id", player)), player) != player:
            raise Refusal("DOUBLED_TRANSACTION")
        return super().call(fields)


class Meeting(SmallWallet):
    """Answers the first read of each player but the first only once all of them are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.balances = {str(number): 100_00 for number in range(1000, 1004)}
        self.all_there = threading.Barrier(len(self.balances) - 1)
        self.came: set[str] = set()

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        player = str(json.loads(body)["user_id"])
        if player != "1000" and player not in self.came:
            self.came.add(player)
            self.lock.release()
            self.all_there.wait()
            self.lock.acquire()
        return super().answer(http_method, content_type, body)


class LimitedBets(SmallWallet):
    """Bets of up to 500.00, and rich players."""

    def __init__(self, opening: int = 100_000_00) -> None:
        super().__init__()
        self.balances = dict.fromkeys(PLAYERS, opening)

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount > LIMIT:
            raise Refusal("LIMIT")
        return super().bet(player, amount, transaction_id, game)


def one_bet(wallet: SmallWallet, folder: Path, **settings: object) -> SuiteRun:
    """A run of one scenario with all the wallet's players."""
    file = folder / "own.yaml"
    file.write_text("steps: [bet: 1.00]\n", "utf-8")
    with serving(wallet) as endpoint:
        return run_against(endpoint, [str(file)], tuple(wallet.balances), **settings)


def test_no_player_is_asked_with_an_id_of_another(tmp_path: Path) -> None:
    """Where ids are unique across players, the tenth player can be used as the first can."""
    assert one_bet(IdsOfAll(), tmp_path).exit_code is ExitCode.PASSED


def test_players_are_checked_at_once_where_scenarios_run_at_once(tmp_path: Path) -> None:
    """A slow wallet is not asked for one after the other."""
    assert one_bet(Meeting(), tmp_path, jobs=4).exit_code is ExitCode.PASSED


@pytest.mark.parametrize("named", [None, LIMIT])
def test_a_rich_player_is_brought_down_in_bets_of_the_limit(tmp_path: Path, named: Money | None) -> None:
    """Whether the limit is configured or found out; and the balance is put back."""
    wallet = LimitedBets()
    assert one_bet(wallet, tmp_path, max_bet=named).exit_code is ExitCode.PASSED
    assert set(wallet.balances.values()) == {100_000_00}


def test_a_player_who_is_far_too_rich_is_left_alone(tmp_path: Path) -> None:
    """Millions of calls are not even begun: the scenario is skipped with the reason."""
    run = one_bet(LimitedBets(opening=10**15), tmp_path, max_bet=LIMIT)
    (finished,) = run.finished.values()
    assert finished.verdict is Verdict.SKIPPED
    assert "with bets of 500.00 that takes more than 2,500 calls" in finished.reason
    assert run.end is not None
    assert run.end.calls < 30


def test_what_is_tagged_long_begins_first_when_several_players_are_worked(tmp_path: Path) -> None:
    """No worker is left alone with it at the end."""
    documents = [f"name: {number}\nsteps: [bet: 1.00, win: 1.00]\n" for number in range(20)]
    documents.append("name: The long one\ntags: [long]\nsteps: [bet: 1.00]\n")
    file = tmp_path / "own.yaml"
    file.write_text("---\n".join(documents), "utf-8")
    with serving(SmallWallet()) as endpoint:
        run = run_against(endpoint, [str(file)], PLAYERS, jobs=2)
    ended = [event.scenario.name for event in run.finished.values()]
    assert len(ended) == 21
    assert ended.index("The long one") < 10


def test_who_needs_two_players_is_not_overtaken_until_the_end(tmp_path: Path) -> None:
    """Players that become free are kept for the scenario that has waited longest."""
    documents = [f"name: {number}\nsteps: [bet: 1.00, win: 1.00]\n" for number in range(60)]
    documents.insert(
        10,
        "name: The pair\nplayers: {other: {}}\nsteps: [bet: 1.00, bet: {amount: 1.00, player: other}]\n",
    )
    file = tmp_path / "own.yaml"
    file.write_text("---\n".join(documents), "utf-8")
    with serving(SmallWallet()) as endpoint:
        run = run_against(endpoint, [str(file)], PLAYERS[:2], jobs=2)
    ended = [event.scenario.name for event in run.finished.values()]
    assert len(ended) == 61
    assert ended.index("The pair") <= 13


def test_nobody_waits_for_a_scenario_that_cannot_restart_the_wallet(tmp_path: Path) -> None:
    """Without a hook it is skipped, and it comes last: a thousand slow calls do not hold up the others."""
    documents = ["name: The long one\ntags: [long]\nsteps: [repeat: {times: 200, steps: [bet: 0.01]}]\n"]
    documents.append("name: Restarts\nsteps: [restart]\n")
    documents += [f"name: {number}\nsteps: [bet: 1.00]\n" for number in range(5)]
    file = tmp_path / "own.yaml"
    file.write_text("---\n".join(documents), "utf-8")
    with serving(SmallWallet()) as endpoint:
        run = run_against(endpoint, [str(file)], PLAYERS, jobs=2)
    ended = [event.scenario.name for event in run.finished.values()]
    assert ended[-1] == "The long one"


def test_a_seed_hook_may_name_its_player_by_a_number(tmp_path: Path) -> None:
    """Ids are numbers in many databases; on the wire they are text."""
    file = tmp_path / "own.yaml"
    file.write_text("steps: [bet: 1.00]\n", "utf-8")
    hook = CommandHook(("echo", '{"user_id": 1000}'))
    with serving(SmallWallet()) as endpoint:
        run = run_against(endpoint, [str(file)], (), seed_hook=hook)
    assert run.exit_code is ExitCode.PASSED


def test_a_hook_that_keeps_failing_is_called_three_times_and_told_once(tmp_path: Path) -> None:
    """The reason is one for all scenarios, and begins where the hook's own words begin."""
    calls = tmp_path / "calls"
    script = f"echo $0 >>{calls}; echo first words >&2; printf %500s last >&2; exit 3"
    hook = CommandHook(("sh", "-c", script))
    texts = []
    for number in range(6):
        file = tmp_path / f"{number}.yaml"
        file.write_text("steps:\n- bet: 1.00\n- restart:\n- balance: 99.00\n", "utf-8")
        texts.append(str(file))
    with serving(SmallWallet()) as endpoint:
        run = run_against(endpoint, texts, ("1000",), restart_hook=hook)
    reasons = {event.reason for event in run.finished.values()}
    assert len(reasons) == 1
    assert "first words" in reasons.pop()
    assert len(calls.read_text("utf-8").splitlines()) <= 3


def test_a_hook_that_does_not_end_is_told_with_the_front_of_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it waits for stands there."""
    monkeypatch.setattr("simulator.run.players.HOOK_TIMEOUT_S", 0.3)
    hook = CommandHook(("sh", "-c", "echo waiting for the lock of the queue >&2; exec sleep 60"))
    file = tmp_path / "own.yaml"
    file.write_text("steps:\n- bet: 1.00\n- restart:\n- balance: 99.00\n", "utf-8")
    with serving(SmallWallet()) as endpoint:
        run = run_against(endpoint, [str(file)], ("1000",), restart_hook=hook)
    (finished,) = run.finished.values()
    assert finished.reason.endswith("and was killed: waiting for the lock of the queue")


class LosesAtMost(SmallWallet):
    """Refuses bets of a player who has lost a limit, as laws on gambling ask for."""

    limit = 60_00

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        known = (player, "bet", transaction_id) in self.applied
        if not known and self.balances[player] - amount < OPENING_CENTS - self.limit:
            raise Refusal("LOSS_LIMIT")
        return super().bet(player, amount, transaction_id, game)


def test_a_player_whose_bets_are_all_refused_from_some_point_on_is_given_up_early(tmp_path: Path) -> None:
    """A limit on losses is no mistake: the run ends with the wallet's answer, and restores the money."""
    wallet = LosesAtMost()
    bets = "steps:\n  - bet: 30.00\n  - bet: 25.00\n  - bet: 20.00\n"
    run = played(wallet, tmp_path, bets, *["steps: [bet: 1.00]\n"] * 9)
    assert (run.exit_code, run.errors) == (ExitCode.INCONCLUSIVE, [])
    first, *others = run.finished.values()
    assert first.verdict is Verdict.INCONCLUSIVE
    assert {event.verdict for event in others} == {Verdict.BLOCKED}
    assert all('{"status": 0, "error": "LOSS_LIMIT"' in event.reason for event in run.finished.values())
    assert wallet.balances["1000"] == OPENING_CENTS


def test_bets_together_that_meet_such_a_limit_are_no_mistake_either(tmp_path: Path) -> None:
    """What is refused beside others is refused alone, and so is every smaller bet."""
    bets = "steps:\n  - bet: 40.00\n  - parallel: {times: 4, steps: [bet: 9.00]}\n"
    run = played(LosesAtMost(), tmp_path, bets)
    assert (run.exit_code, run.errors) == (ExitCode.INCONCLUSIVE, [])


def test_a_limit_that_keeps_players_from_being_prepared_ends_the_run_early(tmp_path: Path) -> None:
    """Some scenarios in a row are enough to know that the wallet takes no bet of that player."""
    wallet = LosesAtMost()
    run = played(wallet, tmp_path, *["player: {balance: 10.00}\nsteps: [bet: 1.00]\n"] * 9)
    assert run.exit_code is ExitCode.INCONCLUSIVE
    verdicts = [event.verdict for event in run.finished.values()]
    assert verdicts[-5:] == [Verdict.BLOCKED] * 5
    assert set(verdicts[:-5]) <= {Verdict.SKIPPED, Verdict.BLOCKED}
    assert wallet.balances["1000"] == OPENING_CENTS


class RefusesBetsOf(SmallWallet):
    """Takes no bet of 20.00, for no reason."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount == 20_00:
            raise Refusal("NO")
        return super().bet(player, amount, transaction_id, game)


def test_a_bet_that_is_refused_alone_stays_a_mistake(tmp_path: Path) -> None:
    """Smaller bets are taken that add up to it, so nothing limits the player."""
    run = played(RefusesBetsOf(), tmp_path, "steps:\n  - bet: 30.00\n  - bet: 20.00\n")
    assert {finding.cause for _, finding in run.errors} == {"bet-refused"}


class Excludes(SmallWallet):
    """One player has excluded himself."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if player == "1001":
            raise Refusal("SELF_EXCLUDED")
        return super().bet(player, amount, transaction_id, game)


def test_a_second_player_who_may_not_play_is_named() -> None:
    """The first one could, so neither a header nor the profile is missing."""
    with serving(Excludes()) as endpoint:
        run = run_against(endpoint)
    assert run.exit_code is ExitCode.INCONCLUSIVE
    assert run.end is not None
    assert "is player 1001 blocked, excluded or limited?" in run.end.root_cause
