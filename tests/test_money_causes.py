"""One mistake with money has one cause, though it shows as many: free bets, short wins, lost cents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broken_money import LosesFractions
from simulator.core.findings import Phase, Severity
from simulator.report.causes import Cause, Overview
from simulator.run.suite import run_suite
from simulator.settings import RunSettings
from small_wallet import Answer, Fields, Refusal, SmallWallet, serving
from suite_runs import causes, played


class KeepsFloats(SmallWallet):
    """Adds binary fractions up, and shows them as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.units = {player: cents / 100 for player, cents in self.balances.items()}

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        key = (player, "bet", transaction_id)
        if key not in self.applied and amount / 100 > self.units[player]:
            raise Refusal("NO_BALANCE")
        return super().bet(player, amount, transaction_id, game)

    def move(self, player: str, cents: int) -> Fields:
        self.units[player] += cents / 100
        super().move(player, cents)
        return self.accepted(player)

    def accepted(self, player: str) -> Fields:
        return super().accepted(player) | {"balance": str(self.units[player])}


class RoundsWhatItShows(KeepsFloats):
    """Adds binary fractions up, and shows them with two decimals."""

    def accepted(self, player: str) -> Fields:
        return super().accepted(player) | {"balance": f"{self.units[player]:.2f}"}


class CutsBalances(SmallWallet):
    """Adds binary fractions up and cuts the sum to cents: `Math.floor(balance * 100) / 100`."""

    def move(self, player: str, cents: int) -> Fields:
        sum_ = self.balances[player] / 100 + cents / 100
        return super().move(player, int(sum_ * 100) - self.balances[player])


class CutsWhatItWrites(SmallWallet):
    """Adds exactly, and makes whole cents of the sum as `intval($sum * 100)` does."""

    def move(self, player: str, cents: int) -> Fields:
        written = int(float(self.written(self.balances[player] + cents)) * 100)
        return super().move(player, written - self.balances[player])


class StoresWholeUnits(SmallWallet):
    """Answers with the cents that it has calculated, and keeps the balance in a column of whole units."""

    def move(self, player: str, cents: int) -> Fields:
        answer = super().move(player, cents)
        self.balances[player] -= self.balances[player] % 100
        return answer


class AnswersBefore(SmallWallet):
    """Answers with the balance from before the call."""

    def move(self, player: str, cents: int) -> Fields:
        before = self.accepted(player)
        super().move(player, cents)
        return before


class ReadsLastBettor(SmallWallet):
    """`user_balance` shows the balance of the player who bet last, whoever is asked for."""

    last = ""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        self.last = player
        return super().bet(player, amount, transaction_id, game)

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "user_balance":
            return self.accepted(self.last or self.player_of(fields))
        return super().call(fields)


class RoundsBalances(SmallWallet):
    """Its column has whole units and rounds what is written to it."""

    def move(self, player: str, cents: int) -> Fields:
        rounded = (self.balances[player] + cents + 50) // 100 * 100
        return super().move(player, rounded - self.balances[player])


class ReadsCents(SmallWallet):
    """Takes amounts for cents: a bet of 10.00 takes 0.10."""

    def amount_of(self, fields: Fields) -> int:
        return super().amount_of(fields) // 100


class JoinsTexts(SmallWallet):
    """Adds a win to the balance as texts: 90 and 3.00 make 903.00."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:  # noqa: ARG002  # overrides
        joined = int(f"{self.balances[player] // 100}{amount // 100}{amount % 100:02d}")
        key = (player, "win", transaction_id)
        if key in self.applied:
            return self.accepted(player)
        self.applied[key] = amount
        return self.move(player, joined - self.balances[player])


class StoresNothing(SmallWallet):
    """Calculates every answer, and keeps neither balances nor ids; `status` may be left out."""

    def __init__(self, *, status: bool = True) -> None:
        super().__init__()
        self.status = status

    def call(self, fields: Fields) -> Fields:
        before = dict(self.balances)
        try:
            answer = super().call(fields)
        finally:
            self.balances = before
            self.applied.clear()
            self.called_off.clear()
        return answer if self.status else {key: answer[key] for key in answer if key != "status"}


def errors(wallet: SmallWallet, *folders: str) -> list[Cause]:
    """Return the causes of errors that a run of the bundled suite names, or of some of its folders."""
    bundled = Path(__file__).parent.parent / "scenarios"
    paths = tuple(str(bundled / folder) for folder in folders)
    overview = Overview()
    with serving(wallet) as endpoint:
        run_suite(RunSettings(endpoint=endpoint, players=("1000", "1001"), paths=paths), overview.on)
    overview.finish()
    return overview.of_severity(Severity.ERROR)


@pytest.mark.parametrize(
    ("wallet", "cause", "rule"),
    [
        (KeepsFloats(), "money-kept-as-float", "MON-04"),
        (CutsBalances(), "cents-cut", "MON-02"),
        (LosesFractions(), "fraction-dropped", "MON-01"),
        (RoundsBalances(), "fraction-dropped", "MON-01"),
        (ReadsCents(), "hundredfold", "CON-06"),
        (JoinsTexts(), "win-wrong-amount", "CON-04"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SmallWallet) else str(value),
)
def test_a_mistake_with_money_has_one_cause(wallet: SmallWallet, cause: str, rule: str) -> None:
    assert [(each.key, each.shown.finding.rule) for each in errors(wallet)] == [(cause, rule)]


class UndoesMore(SmallWallet):
    """A refund takes back what was won since, and a win what was refunded: the answers before were right."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = dict.fromkeys(self.balances, 0)

    def move(self, player: str, cents: int) -> Fields:
        last, self.moved[player] = self.moved[player], cents
        return super().move(player, cents - (last if cents > 0 and last > 0 else 0))


@pytest.mark.parametrize(
    ("steps", "cause"),
    [
        ("[bet: {amount: 10.00, id: b}, win: 25.00, refund: b]", "refund-debited"),
        ("[bet: {amount: 10.00, id: b}, win: 2.50, refund: b]", "refund-wrong-amount"),
        ("[bet: {amount: 10.00, id: b}, refund: b, win: 15.00]", "win-wrong-amount"),
    ],
)
def test_what_a_call_undoes_is_not_held_against_the_call_that_it_undoes(
    steps: str, cause: str, tmp_path: Path
) -> None:
    """The balance is read before a call that is no plain bet or win: without that, the win was missing."""
    assert causes(played(UndoesMore(), tmp_path, f"steps: {steps}\n")) == {cause}


def test_a_float_that_is_shown_with_two_decimals_is_known_by_the_bets_it_refuses() -> None:
    """Some bets of a whole balance are taken and some refused, though no digit beyond the cent is seen."""
    (cause,) = errors(RoundsWhatItShows(), "money", "rounds", "timeouts")
    assert (cause.key, cause.shown.finding.rule) == ("money-kept-as-float", "MON-04")


@pytest.mark.parametrize(
    "wallet", [StoresNothing(), StoresNothing(status=False)], ids=["status", "no status"]
)
def test_a_wallet_that_stores_nothing_has_that_one_cause(wallet: SmallWallet) -> None:
    """Bets that are not taken, wins that are not paid and repeats that count are all of it."""
    folders = ("contract", "idempotency", "refunds", "ordering")
    assert [cause.key for cause in errors(wallet, *folders) if cause.breaks_the_law] == ["nothing-stored"]


@pytest.mark.parametrize(
    ("wallet", "cause", "folders"),
    [
        (CutsWhatItWrites(), "cents-cut", ("money",)),
        (StoresWholeUnits(), "fraction-dropped", ("money", "rounds")),
        (AnswersBefore(), "answer-balance-wrong", ("contract", "ordering")),
        (ReadsLastBettor(), "read-contradicts-answers", ("contract", "money")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SmallWallet) else "",
)
def test_a_mistake_in_what_is_written_or_shown_has_one_cause(
    wallet: SmallWallet, cause: str, folders: tuple[str, ...]
) -> None:
    """A sum that is cut, a column without cents behind answers that have them, another balance than due."""
    assert [each.key for each in errors(wallet, *folders)] == [cause]


class CutsIds(SmallWallet):
    """Its column for ids has 10 characters and loses the rest."""

    def transaction_of(self, fields: Fields) -> str:
        return super().transaction_of(fields)[:10]


class CastsIds(SmallWallet):
    """Makes integers of ids, as `(int) $id` does: what does not begin with digits is 0."""

    def transaction_of(self, fields: Fields) -> str:
        digits = re.match("[0-9]*", super().transaction_of(fields))
        return "0" if digits is None else digits[0] or "0"


@pytest.mark.parametrize("wallet", [CutsIds(), CastsIds()], ids=lambda wallet: type(wallet).__name__)
def test_ids_of_a_run_that_a_wallet_takes_for_the_same_are_one_cause(wallet: SmallWallet) -> None:
    """Bets that are not taken, wins that are not paid and refunds of another stake are all of it."""
    assert [each.key for each in errors(wallet, "ordering", "rounds")] == ["shared-id-swallowed"]


class LosesEverySecond(SmallWallet):
    """Every second bet and win is answered as if it were new, and has no effect."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def move(self, player: str, cents: int) -> Fields:
        self.times += 1
        return super().move(player, cents if self.times % 2 else 0)


def test_calls_without_effect_are_not_blamed_on_ids_that_the_wallet_tells_apart() -> None:
    """Others with ids as much alike had theirs."""
    found = {each.key for each in errors(LosesEverySecond(), "ordering", "rounds")}
    assert found == {"bet-not-taken", "win-not-credited"}


class FreeBets(SmallWallet):
    """Answers bets as if they were charged."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        before = self.balances[player]
        answer = super().bet(player, amount, transaction_id, game)
        self.balances[player] = before
        return answer


def test_a_call_that_prepares_a_scenario_reports_no_rule_of_it(tmp_path: Path) -> None:
    """The scenario is about reads; the bet that only brings its player to 10.00 is not."""
    run = played(
        FreeBets(), tmp_path, "covers: [CON-11]\nplayer: {balance: 10.00}\nsteps: [balance: 10.00]\n"
    )
    assert {(each.phase, each.cause, each.rule) for _, each in run.errors} == {
        (Phase.PREPARATION, "bet-not-taken", "CON-03")
    }


class CachesReads(SmallWallet):
    """`user_balance` comes from a cache that bets clear, and wins do not."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[str, Fields] = {}

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        self.cache.pop(player, None)
        return super().bet(player, amount, transaction_id, game)

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") != "user_balance":
            return super().call(fields)
        return self.cache.setdefault(self.player_of(fields), super().call(fields))


class BooksWinsLate(SmallWallet):
    """A win of 1.00 or more is booked when the balance is read for the third time.

    With `answers_first` its answer shows it at once.
    """

    answers_first = False

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.owed: list[tuple[str, int]] = []

    def call(self, fields: Fields) -> Fields:
        self.reads = self.reads + 1 if fields.get("method") == "user_balance" else 0
        if self.reads == 3:
            while self.owed:
                self.move(*self.owed.pop())
        return super().call(fields)

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount < 100:
            return super().win(player, amount, transaction_id, game)
        if (player, "win", transaction_id) not in self.applied:
            self.applied[player, "win", transaction_id] = amount
            self.owed.append((player, amount))
        answered = self.balances[player] + (amount if self.answers_first else 0)
        return self.accepted(player) | {"balance": self.written(answered)}


class AnswersWinsFirst(BooksWinsLate):
    answers_first = True


class ShowsBalanceBeforeRefund(SmallWallet):
    """A refund is answered with the balance from before it."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        before = self.accepted(player)
        super().refund(player, amount, transaction_id)
        return before


class GivesShareBack(SmallWallet):
    """One percent of each stake comes back at once."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        known = (player, "bet", transaction_id) in self.applied
        answer = super().bet(player, amount, transaction_id, game)
        return answer if known else self.move(player, amount // 100)


class RefundsCents(SmallWallet):
    """A refund takes its amount for whole units where cents are meant, and never asks for the stake."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        stake = self.applied.get((player, "bet", transaction_id))
        known = (player, "refund", transaction_id) in self.applied
        answer = super().refund(player, amount, transaction_id)
        return answer if known or stake is None else self.move(player, 100 * amount - stake)


class CapsWins(SmallWallet):
    """A win pays 10,000.00 at the most, which of a million is a hundredth."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        return super().win(player, min(amount, 1_000_000), transaction_id, game)


class TakesFees(SmallWallet):
    """Each bet costs five cents more, one of nothing, too."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        known = (player, "bet", transaction_id) in self.applied
        answer = super().bet(player, amount, transaction_id, game)
        return answer if known else self.move(player, -5)


class RefundsWholeGames(SmallWallet):
    """A refund pays all bets of its game back, and the refunds of the others then pay nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, dict[str, int]] = {}

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if (player, "bet", transaction_id) not in self.applied:
            self.open.setdefault(f"{player} {game}", {})[transaction_id] = amount
        return super().bet(player, amount, transaction_id, game)

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:  # noqa: ARG002  # overrides
        for bets in self.open.values():
            if transaction_id in bets:
                stakes = sum(bets.values())
                bets.clear()
                return self.move(player, stakes)
        return self.accepted(player)


class ReadsWholeUnits(SmallWallet):
    """`user_balance` leaves the cents out."""

    def call(self, fields: Fields) -> Fields:
        answer = super().call(fields)
        if fields.get("method") == "user_balance":
            answer["balance"] = answer["balance"][:-2] + "00"
        return answer


class KeepsLastUnit(SmallWallet):
    """A bet that would leave less than 1.00 is refused."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount > self.balances[player] - 100:
            raise Refusal("NO_BALANCE")
        return super().bet(player, amount, transaction_id, game)


class FailsOnThree(SmallWallet):
    """Bets and wins of 3.00 are errors of the server, as all are that a deadlock ends."""

    def answer_fields(self, fields: Fields) -> Answer:
        return Answer(500, b"{}") if fields.get("amount") == "3.00" else super().answer_fields(fields)


class BooksStrangersOnOne(SmallWallet):
    """Whoever is not known is player 0, and so is a known one whose id is written as a number."""

    def __init__(self) -> None:
        super().__init__()
        self.balances["0"] = 777_00

    def player_of(self, fields: Fields) -> str:
        known = isinstance(fields.get("user_id"), str) and fields["user_id"] in self.balances
        return super().player_of(fields) if known else "0"


class SaysYesToAll(SmallWallet):
    """Refusals name the error beside the status of a success."""

    def refusal(self, fields: Fields, error: str) -> Fields:
        return super().refusal(fields, error) | {"status": 1}


_BET_OF = (
    """[send: {body: '{"method":"transaction_bet","user_id":%s,"amount":"5.00","""
    """"transaction_id":"${run}-%s","game_id":"SLOT_001"}'}]"""
)


@pytest.mark.parametrize(
    ("wallet", "texts", "cause"),
    [
        (TakesFees(), ["[bet: 2.00, bet: 0.00]", "[bet: 1.00]"], "bet-wrong-amount"),
        (
            RefundsWholeGames(),
            ["[bet: {amount: 2.00, id: a}, bet: {amount: 3.00, id: b}, refund: a, refund: b]"],
            "refund-wrong-amount",
        ),
        (ReadsWholeUnits(), ["[bet: 2.00, win: 0.40]"] * 2, "read-contradicts-answers"),
        (KeepsLastUnit(), ["[bet: {amount: all, expect: accepted}]"] * 2, "bet-refused"),
        (
            SaysYesToAll(),
            ["[bet: all+1.00]", "[send: {json: {method: user_balance, user_id: no-one}}]"],
            "form:CON-15:success-with-error",
        ),
        (
            BooksStrangersOnOne(),
            [_BET_OF % ('"no-one"', "a"), _BET_OF % ('"nobody"', "b"), _BET_OF % ("${player}", "c")],
            "unknown-player-accepted",
        ),
        (
            FailsOnThree(),
            ["[bet: 1.00, parallel: {times: 4, steps: [bet: 3.00, win: 3.00]}]"],
            "form:CON-03:http-500",
        ),
        (CapsWins(), ["[win: 16.28, win: 1000000.00]"], "win-wrong-amount"),
        (CachesReads(), ["[bet: 10.00, win: 5.00]", "[bet: 2.00]", "[bet: 1.00]"], "stale-read"),
        (BooksWinsLate(), ["[bet: 10.00, win: 5.00, bet: 1.00]"], "answer-balance-wrong"),
        (AnswersWinsFirst(), ["[bet: 10.00, win: 5.00]", "[bet: 10.00, win: 5.00, bet: 1.00]"], "stale-read"),
        (
            ShowsBalanceBeforeRefund(),
            ["[bet: {amount: 10.00, id: b}, refund: {of: b, amount: 4.00}]"],
            "answer-balance-wrong",
        ),
        (
            GivesShareBack(),
            ["[bet: 10.00]", "[bet: 1.00]", "[bet: {amount: 20.00, fault: lost_reply}]"],
            "bet-wrong-amount",
        ),
        (
            RefundsCents(),
            [
                "[bet: {amount: 10.00, id: b}, refund: b]",
                "[bet: {amount: 10.00, id: b}, refund: {of: b, amount: 30.00}]",
            ],
            "hundredfold",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SmallWallet) else "",
)
def test_a_late_read_a_late_booking_and_a_share_are_one_cause_each(
    wallet: SmallWallet, texts: list[str], cause: str, tmp_path: Path
) -> None:
    overview = Overview()
    paths = []
    for number, text in enumerate(texts):
        paths.append(str(tmp_path / f"{number}.yaml"))
        Path(paths[-1]).write_text(f"name: {number}\nsteps: {text}\n")
    with serving(wallet) as endpoint:
        run_suite(RunSettings(endpoint=endpoint, players=("1000",), paths=tuple(paths)), overview.on)
    overview.finish()
    assert [each.key for each in overview.of_severity(Severity.ERROR)] == [cause]
