"""What must still be delivered: refunds and wins, written down before they are sent, kept until answered.

When they are sent is `dispatcher`'s. A row is gone once its call was answered; until then it survives
everything but the loss of its disk, with its transaction_id and its bytes.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest, WireRequest
from simulator.serve.store import JournalStore, Value

OPEN_MAX = 10_000
"""More obligations than this are not shown at once."""


class State(StrEnum):
    """Where an obligation stands.

    HELD: its round is under way, which sees to it: a bet is out, and this is its refund in case no answer
    comes, or this is the win that is being sent. DUE: to be sent at `due_ms`. UNDELIVERED: given up at the
    ladder's end; it is sent again by hand only.
    """

    HELD = "held"
    DUE = "due"
    UNDELIVERED = "undelivered"


class Obligation(Frozen, kw_only=True):
    """A win or a refund that is owed. `attempts` so far; `since_ms` is when its round began."""

    state: State
    due_ms: int
    since_ms: int
    attempts: int
    agent: str
    session: str
    player: str
    method: Method
    transaction_id: str
    game: str
    amount: Money
    content_type: str
    body: bytes
    number: int = 0

    @property
    def request(self) -> WebhookRequest:
        """The call as the provider means it."""
        game = None if self.method is Method.REFUND else self.game
        return WebhookRequest(self.method, self.player, self.amount, self.transaction_id, game)


class LastRound(Frozen):
    """How many rounds a session has begun, and the bet of the latest; `stake` None when there was none."""

    played: int
    player: str = ""
    game: str = ""
    bet_id: str = ""
    stake: Money | None = None
    began_ms: int = 0


_COLUMNS = (
    "number, state, due_ms, since_ms, attempts, agent, session, player, method, transaction_id, game, "
    "amount, content_type, body"
)


class Obligations:
    """The table of what is owed. Each method commits by itself, or with the transaction around it."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    # --- writing -----------------------------------------------------------------------------------

    def begin_round(self, owed: Obligation, played: int) -> int:
        """A round begins: count it, and hold its bet's refund. Committed before the bet goes out."""
        with self._store.transaction():
            self._store.write(
                "INSERT OR REPLACE INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(owed.agent, owed.session, played, owed.player, owed.game),
                    *(owed.transaction_id, owed.amount, owed.since_ms),
                ),
            )
            return self.add(owed).number

    def add(self, owed: Obligation) -> Obligation:
        """Write down an obligation; returns it with its number."""
        values: tuple[Value, ...] = (
            *(owed.state.value, owed.due_ms, owed.since_ms, owed.attempts, owed.agent, owed.session),
            *(owed.player, owed.method.value, owed.transaction_id, owed.game, owed.amount),
            *(owed.content_type, owed.body),
        )
        number = self._store.write(
            f"INSERT INTO obligations ({_COLUMNS}) VALUES (NULL{', ?' * len(values)})", values
        )
        return replace(owed, number=number)

    def become_win(self, number: int, win: WebhookRequest, wire: WireRequest) -> None:
        """The bet was accepted: its refund is not owed any more, its win is."""
        self._store.write(
            "UPDATE obligations SET method = ?, transaction_id = ?, amount = ?, content_type = ?, body = ? "
            "WHERE number = ?",
            (win.method.value, win.transaction_id, win.amount, wire.content_type, wire.body, number),
        )

    def release(self, number: int, due_ms: int) -> None:
        """The round cannot see to it any more: deliver it like all others."""
        self._store.write(
            "UPDATE obligations SET state = ?, due_ms = ? WHERE number = ? AND state = ?",
            (State.DUE.value, due_ms, number, State.HELD.value),
        )

    def attempted(self, number: int, attempts: int, next_ms: int | None) -> None:
        """It was sent and not answered: wait for the next rung, or give up where there is none."""
        state = State.UNDELIVERED if next_ms is None else State.DUE
        self._store.write(
            "UPDATE obligations SET state = ?, attempts = ?, due_ms = coalesce(?, due_ms) WHERE number = ?",
            (state.value, attempts, next_ms, number),
        )

    def postpone(self, number: int, due_ms: int) -> None:
        """It could not be sent at all, for a reason of ours: that is no attempt."""
        self._store.write("UPDATE obligations SET due_ms = ? WHERE number = ?", (due_ms, number))

    def settle(self, number: int) -> None:
        """It was answered: nothing is owed."""
        self._store.write("DELETE FROM obligations WHERE number = ?", (number,))

    def clear(self) -> None:
        """Forget all that is owed, and all rounds."""
        with self._store.transaction():
            self._store.write("DELETE FROM obligations")
            self._store.write("DELETE FROM rounds")

    def recover(self, now_ms: int) -> int:
        """After a restart: a bet that was out is refunded, and what came due meanwhile is due now.

        Returns how many obligations wait to be delivered.
        """
        with self._store.transaction():
            self._store.write(
                "UPDATE obligations SET state = ?, due_ms = ? WHERE state = ? OR (state = ? AND due_ms < ?)",
                (State.DUE.value, now_ms, State.HELD.value, State.DUE.value, now_ms),
            )
        return self.count(State.DUE)

    # --- reading -----------------------------------------------------------------------------------

    def of(self, number: int) -> Obligation | None:
        """One obligation; None once it was settled."""
        rows = self._read("number = ?", (number,), 1)
        return rows[0] if rows else None

    def owed_as(self, agent: str, method: str, transaction_id: str) -> Obligation | None:
        """The obligation that a call with that id would settle, delivered or given up."""
        rows = self._read(
            "agent = ? AND method = ? AND transaction_id = ? AND state != ?",
            (agent, method, transaction_id, State.HELD.value),
            1,
        )
        return rows[0] if rows else None

    def due(self, limit: int = OPEN_MAX) -> list[Obligation]:
        """What waits to be delivered, the next one first."""
        return self._read("state = ?", (State.DUE.value,), limit)

    def next_due(self, players: int) -> list[Obligation]:
        """The next one of each player, of so many players of each agent, who has waited longest first."""
        of_players = (
            "SELECT number, agent, due_ms, min(due_ms * 1000000000 + number) FROM obligations "
            "WHERE state = ? GROUP BY agent, player"
        )
        turns = (
            "SELECT number, row_number() OVER (PARTITION BY agent ORDER BY due_ms, number) AS turn "
            f"FROM ({of_players})"
        )
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM obligations WHERE number IN "
            f"(SELECT number FROM ({turns}) WHERE turn <= ?) ORDER BY due_ms, number",
            (State.DUE.value, players),
        )
        return [_obligation(*row) for row in rows]

    def undelivered(self, limit: int = OPEN_MAX) -> list[Obligation]:
        """What was given up, and is owed all the same."""
        return self._read("state = ?", (State.UNDELIVERED.value,), limit)

    def count(self, state: State) -> int:
        """How many are in that state."""
        rows = self._store.read("SELECT count(*) FROM obligations WHERE state = ?", (state.value,))
        return int(rows[0][0])

    def last_round(self, agent: str, session: str) -> LastRound:
        """The latest round of a session."""
        rows = self._store.read(
            "SELECT played, player, game, bet_id, stake, began_ms FROM rounds "
            "WHERE agent = ? AND session = ?",
            (agent, session),
        )
        return LastRound(*rows[0]) if rows else LastRound(0)

    def _read(self, where: str, values: tuple[Value, ...], limit: int) -> list[Obligation]:
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM obligations WHERE {where} ORDER BY due_ms, number LIMIT ?",
            (*values, limit),
        )
        return [_obligation(*row) for row in rows]


def _obligation(
    number: int,
    state: str,
    due_ms: int,
    since_ms: int,
    attempts: int,
    agent: str,
    session: str,
    player: str,
    method: str,
    transaction_id: str,
    game: str,
    amount: int,
    content_type: str,
    body: bytes,
) -> Obligation:
    return Obligation(
        number=number,
        state=State(state),
        due_ms=due_ms,
        since_ms=since_ms,
        attempts=attempts,
        agent=agent,
        session=session,
        player=player,
        method=Method(method),
        transaction_id=transaction_id,
        game=game,
        amount=Money(amount),
        content_type=content_type,
        body=body,
    )
