"""Wallets with their own idea of a round: one win, one game, one player at a time."""

from simulator.reference_operator.calls import BET, WIN, Accepted, Answer, Call, MoneyCall
from simulator.reference_operator.database import Books, Database, Effect, Player
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet, refusal

GROUP = "rounds"


def find_last(books: Books, player: Player, column: str, method: str) -> str | None:
    """`column` of the player's last effect of this method."""
    row = books.execute(
        f"SELECT {column} FROM effects WHERE user_id = ? AND method = ? ORDER BY number DESC LIMIT 1",
        (player.user_id, method),
    ).fetchone()
    return row[0] if row else None


@defect(
    "second-win-swallowed",
    "A bet is settled by its first win: further ones are answered with success and not paid.",
    Kind.SEQUENTIAL,
    GROUP,
)
class SecondWinSwallowed(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        last = books.execute(
            "SELECT method FROM effects WHERE user_id = ? AND game_id = ? ORDER BY number DESC LIMIT 1",
            (player.user_id, call.game_id),
        ).fetchone()
        if call.method == WIN and last == (WIN,):
            return super().apply(books, player, call, 0)
        return super().apply(books, player, call, moved)


@defect(
    "lobby-switch-loses-win",
    "Only the game of the last bet is open: a win for the game before it is refused.",
    Kind.SEQUENTIAL,
    GROUP,
)
class LobbySwitchLosesWin(Wallet):
    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        game_id = find_last(books, player, "game_id", BET)
        if game_id is not None and game_id != win.game_id:
            raise refusal(player, "INVALID_GAME", "this game is not open")


@defect(
    "late-win-refused",
    "A win must follow its bet at once: after three more bets it is refused.",
    Kind.SEQUENTIAL,
    GROUP,
)
class LateWinRefused(Wallet):
    def check_win(self, books: Books, player: Player, win: MoneyCall) -> None:
        last_bets = books.execute(
            "SELECT game_id FROM effects WHERE user_id = ? AND method = ? ORDER BY number DESC LIMIT 3",
            (player.user_id, BET),
        ).fetchall()
        if len(last_bets) == 3 and (win.game_id,) not in last_bets:
            raise refusal(player, "ROUND_CLOSED", "this round is over")


@defect(
    "zero-win-closes-round",
    "After a win of 0.00 the round counts as lost: a real win of the same game is answered and not paid.",
    Kind.SEQUENTIAL,
    GROUP,
)
class ZeroWinClosesRound(Wallet):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        last = books.execute(
            "SELECT method, amount FROM effects WHERE user_id = ? AND game_id = ? "
            "ORDER BY number DESC LIMIT 1",
            (player.user_id, call.game_id),
        ).fetchone()
        if call.method == WIN and last == (WIN, 0):
            return super().apply(books, player, call, 0)
        return super().apply(books, player, call, moved)


class LastBettor(Wallet):
    """Remembers who bet last in one variable for everybody."""

    def __init__(self, database: Database, max_bet: int | None = None, seed: int = 0) -> None:
        super().__init__(database, max_bet, seed)
        self.last_bettor = ""

    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        if call.method == BET:
            self.last_bettor = player.user_id
        return super().apply(books, player, call, moved)


@defect(
    "win-paid-to-last-bettor",
    "The current player is one variable for everybody: a win goes to whoever bet last.",
    Kind.SEQUENTIAL,
    GROUP,
)
class WinPaidToLastBettor(LastBettor):
    def apply(self, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
        bettor = books.player(self.last_bettor)
        if call.method != WIN or bettor is None or bettor.user_id == player.user_id:
            return super().apply(books, player, call, moved)
        books.set_balance(bettor.user_id, bettor.balance + moved)
        super().apply(books, player, call, 0)
        return Accepted(player.balance + moved)


@defect(
    "balance-of-last-bettor",
    "The current player is one variable for everybody: user_balance shows the money of whoever bet last.",
    Kind.SEQUENTIAL,
    GROUP,
)
class BalanceOfLastBettor(LastBettor):
    def user_balance(self, call: Call) -> Answer:
        with self.database.transaction() as books:
            player = self.find_player(books, call)
            bettor = books.player(self.last_bettor) or player
        return Accepted(bettor.balance, player.status)


@defect(
    "one-refund-a-game",
    "A game is refunded once: the refund of a second bet on it is answered with success and not credited.",
    Kind.SEQUENTIAL,
    GROUP,
)
class OneRefundAGame(Wallet):
    def refund_bet(self, books: Books, player: Player, refund: MoneyCall, bet: Effect) -> Answer:
        refunded = books.execute(
            "SELECT 1 FROM effects AS refund JOIN effects AS bet ON bet.user_id = refund.user_id "
            "AND bet.transaction_id = refund.transaction_id AND bet.method = ? "
            "WHERE refund.user_id = ? AND refund.method = ? AND bet.game_id = ?",
            (BET, player.user_id, refund.method, bet.game_id),
        ).fetchone()
        if refunded:
            return self.apply(books, player, refund, 0)
        return super().refund_bet(books, player, refund, bet)
