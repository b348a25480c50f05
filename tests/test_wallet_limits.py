"""A wallet with a smallest bet, or a largest win, is judged within its limits, and gets its balances back."""

from __future__ import annotations

from pathlib import Path

from simulator.core.findings import Verdict
from simulator.core.money import Money
from simulator.errors import ExitCode
from small_wallet import Fields, Refusal, SmallWallet
from suite_runs import played

ONE = Money(1_00)


class TableMinimum(SmallWallet):
    """Bets under 1.00 are refused."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount < ONE:
            raise Refusal("BELOW_MINIMUM")
        return super().bet(player, amount, transaction_id, game)


class CappedWins(SmallWallet):
    """Wins over 20.00 are refused."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount > 20_00:
            raise Refusal("ABOVE_MAXIMUM")
        return super().win(player, amount, transaction_id, game)


class TableMaximum(SmallWallet):
    """Bets over 300.00 are refused."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount > 300_00:
            raise Refusal("ABOVE_LIMIT")
        return super().bet(player, amount, transaction_id, game)


def test_balances_are_reached_with_bets_of_at_least_the_minimum(tmp_path: Path) -> None:
    """A balance that is 0.30 away is reached, and what is drawn is no smaller than the minimum."""
    wallet = TableMinimum()
    text = "player: {balance: 99.70}\nsteps: [bet: 0.10..1.20, win: 0.30]\n"
    run = played(wallet, tmp_path, text, min_bet=ONE)
    assert run.exit_code is ExitCode.PASSED
    assert not run.findings
    assert wallet.balances["1000"] == 100_00


def test_a_scenario_that_needs_a_smaller_bet_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """The other one, whose bet is the smallest, is judged."""
    run = played(TableMinimum(), tmp_path, "steps: [bet: 0.50]\n", "steps: [bet: 1.00]\n", min_bet=ONE)
    (skipped,) = run.with_verdict(Verdict.SKIPPED)
    assert run.finished[skipped].reason == "needs a bet of 0.50: --min-bet is 1.00"
    assert len(run.with_verdict(Verdict.PASSED)) == 1


def test_a_body_of_ones_own_with_a_smaller_bet_must_be_refused(tmp_path: Path) -> None:
    """What the user says of the wallet is held against it."""
    body = (
        '{"method":"transaction_bet","user_id":"${player}","amount":"0.50",'
        '"transaction_id":"${id}","game_id":"SLOT_001"}'
    )
    text = f"steps:\n- send: {{body: '{body}'}}\n"
    assert played(TableMinimum(), tmp_path, text, min_bet=ONE).exit_code is ExitCode.PASSED
    assert played(SmallWallet(), tmp_path, text, min_bet=ONE).exit_code is ExitCode.FOUND


def test_balances_are_reached_with_wins_up_to_the_maximum(tmp_path: Path) -> None:
    """Fifty more are won in parts; a scenario that wins more at once is skipped."""
    wallet = CappedWins()
    rich = "player: {balance: 150.00}\nsteps: [win: 20.00]\n"
    run = played(wallet, tmp_path, rich, "steps: [win: 20.01]\n", max_win=Money(20_00))
    assert run.exit_code is ExitCode.PASSED
    (skipped,) = run.with_verdict(Verdict.SKIPPED)
    assert run.finished[skipped].reason == "needs a win of 20.01: --max-win is 20.00"
    assert wallet.balances["1000"] == 100_00


JACKPOT = "steps: [bet: 1.00, win: 20000.00]\n"


def test_a_jackpot_that_bets_cannot_take_back_is_skipped_and_spoils_nothing(tmp_path: Path) -> None:
    """Whether the limit is told or found out; later scenarios go on, and the balance is put back."""
    for told in (Money(300_00), None):
        wallet = TableMaximum()
        plain = ["steps: [bet: 5.00]\n"] * 3
        run = played(wallet, tmp_path, JACKPOT, JACKPOT, *plain, max_bet=told)
        assert run.exit_code is ExitCode.PASSED
        assert not run.findings
        skipped = run.with_verdict(Verdict.SKIPPED)
        assert len(skipped) == 2
        limit = "takes bets up to 300.00 (--max-bet)" if told else "did not take a bet of 400.00"
        assert run.finished[skipped[0]].reason.startswith(
            f"its wins of 20000.00 cannot be taken back: your wallet {limit}; --seed-hook"
        )
        assert wallet.balances["1000"] == 100_00
        assert run.calls < 60


def test_a_jackpot_is_played_where_bets_take_it_back(tmp_path: Path) -> None:
    """The wallet shows with a bet of a fiftieth that it takes such bets."""
    wallet = SmallWallet()
    run = played(wallet, tmp_path, JACKPOT, "player: {balance: 5.00}\nsteps: [bet: 5.00]\n")
    assert run.exit_code is ExitCode.PASSED
    assert len(run.with_verdict(Verdict.PASSED)) == 2
    assert wallet.balances["1000"] == 100_00


class WholeUnits(SmallWallet):
    """Bets of fractions are refused, whatever their size."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount % 100:
            raise Refusal("WHOLE_UNITS_ONLY")
        return super().bet(player, amount, transaction_id, game)


def test_a_smallest_bet_that_nobody_told_is_found_and_is_no_mistake(tmp_path: Path) -> None:
    """The run says which it is, and skips what is smaller."""
    wallet = TableMinimum()
    run = played(wallet, tmp_path, *["steps: [bet: 1.20, win: 0.30]\n"] * 2, "steps: [bet: 0.50]\n")
    assert run.exit_code is ExitCode.PASSED
    assert not run.findings
    (skipped,) = run.with_verdict(Verdict.SKIPPED)
    assert run.finished[skipped].reason == "needs a bet of 0.50: your wallet takes none under 1.00"
    assert run.end is not None
    assert "your wallet takes bets of 1.00 and more, and none of 0.01" in run.end.notes[0]
    assert wallet.balances["1000"] == 100_00


class StakesInSteps(SmallWallet):
    """Bets that are no multiple of 0.10 are refused."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount % 10:
            raise Refusal("STAKE_STEP")
        return super().bet(player, amount, transaction_id, game)


def test_steps_of_bets_that_nobody_told_are_found_and_are_no_mistake(tmp_path: Path) -> None:
    """Balances are reached and amounts are drawn in these steps; what needs another bet is skipped."""
    wallet = StakesInSteps()
    odd = "player: {balance: 99.66}\nsteps: [bet: 0.10..0.39, win: 0.04, bet: 1.20]\n"
    run = played(wallet, tmp_path, odd, odd, "steps: [bet: 0.55]\n")
    assert run.exit_code is ExitCode.PASSED
    assert not run.findings
    (skipped,) = run.with_verdict(Verdict.SKIPPED)
    assert run.finished[skipped].reason == "needs a bet of 0.55: your wallet takes multiples of 0.10"
    assert run.end is not None
    assert any("0.10 and more, in multiples of 0.10, and none of 0.01" in note for note in run.end.notes)
    assert wallet.balances["1000"] == 100_00


def test_cents_that_are_left_do_not_mean_that_no_bet_is_taken(tmp_path: Path) -> None:
    """A wallet that refuses fractions still takes whole units: the scenarios with these are played."""
    run = played(WholeUnits(), tmp_path, *["steps: [bet: 1.00, win: 2.34]\n", "steps: [bet: 5.00]\n"] * 2)
    assert not any("each bet" in ended.reason for ended in run.finished.values())


def test_a_wallet_that_refuses_fractions_has_no_smallest_bet(tmp_path: Path) -> None:
    """1.01 is more than 1.00, and it is refused all the same: that is the mistake."""
    run = played(WholeUnits(), tmp_path, "steps: [bet: 1.20]\n")
    assert run.exit_code is ExitCode.FOUND
    assert [finding.cause for _, finding in run.errors] == ["bet-refused"]


class KnowsItsGames(SmallWallet):
    """Bets in other games than its own three are refused."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if game not in ("aztec", "bonanza", "comet"):
            raise Refusal("NO_SUCH_GAME")
        return super().bet(player, amount, transaction_id, game)


TWO_GAMES = """\
steps:
  - bet: 5.00
  - bet: {amount: 2.00, game: SLOT_002}
  - send:
      json:
        method: transaction_bet
        user_id: ${player}
        amount: "1.00"
        transaction_id: ${id}
        game_id: SLOT_001
"""


def test_a_wallet_that_knows_other_games_is_asked_for_those(tmp_path: Path) -> None:
    """They stand in for those of the scenarios, in bodies of the author's, too."""
    wallet = KnowsItsGames()
    run = played(wallet, tmp_path, TWO_GAMES, games=("aztec", "comet"))
    assert run.exit_code is ExitCode.PASSED, run.findings
    assert not run.findings
    assert wallet.balances["1000"] == 100_00


def test_a_scenario_with_more_games_than_are_given_is_skipped(tmp_path: Path) -> None:
    """The reason names the flag."""
    run = played(KnowsItsGames(), tmp_path, TWO_GAMES, *["steps: [bet: 5.00]\n"] * 2, games=("aztec",))
    assert run.exit_code is ExitCode.PASSED
    (skipped,) = run.with_verdict(Verdict.SKIPPED)
    assert run.finished[skipped].reason == "needs 2 games, only 1 given; add another --game"


def test_an_unknown_player_may_bet_the_limit_too(tmp_path: Path) -> None:
    text = "players: {ghost: {exists: false}}\nsteps: [bet: {amount: limit, player: ghost}]\n"
    run = played(TableMaximum(), tmp_path, text, max_bet=Money(300_00))
    assert run.exit_code is ExitCode.PASSED
