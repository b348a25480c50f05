"""Operations that several defects share and no correct wallet has: forget an effect, apply it again."""

import time

from simulator.reference_operator.calls import Answer, MoneyCall
from simulator.reference_operator.database import Books, Player
from simulator.reference_operator.wallet import Wallet

RACE_WINDOW_S = 0.005


def forget(books: Books, call: MoneyCall, method: str) -> None:
    """Delete the effect's row and leave the balance as it is."""
    books.execute(
        "DELETE FROM effects WHERE user_id = ? AND method = ? AND transaction_id = ?",
        (call.user_id, method, call.transaction_id),
    )


def apply_again(wallet: Wallet, books: Books, player: Player, call: MoneyCall, moved: int) -> Answer:
    """Apply a call whose id was applied before, as a table without the UNIQUE key would allow."""
    forget(books, call, call.method)
    return wallet.apply(books, player, call, moved)


def split(books: Books) -> None:
    """Commit, wait long enough for other calls to come in between, and begin a second transaction."""
    books.__exit__(None, None, None)
    time.sleep(RACE_WINDOW_S)
    books.__enter__()


def reread(books: Books, player: Player) -> Player:
    """Return the player as the table has it now."""
    return books.player(player.user_id) or player
