"""The table of obligations: wins and refunds, written before they are sent, deleted when they are answered.

Until then an obligation, with its transaction_id and its bytes, survives everything but the loss of the disk.
`dispatcher` decides when it is sent.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest, WireRequest
from simulator.serve.clock import Ladder
from simulator.serve.store import JournalStore, JournalUnusable, Value

OPEN_MAX = 10_000
"""How many obligations are returned at most."""


class State(StrEnum):
    """The state of an obligation.

    HELD: its round is in progress and takes care of it: this is the refund of a bet that is not answered yet,
    or the win that is being sent. DUE: to be sent at `due_ms`. UNDELIVERED: given up at the end of the
    ladder; it is only sent again by hand.
    """

    HELD = "held"
    DUE = "due"
    UNDELIVERED = "undelivered"


class Obligation(Frozen, kw_only=True):
    """A win or refund that must still be delivered. `attempts` so far; `since_ms`: when its round began."""

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
        """Return the call, independent of the wire profile."""
        game = None if self.method is Method.REFUND else self.game
        return WebhookRequest(self.method, self.player, self.amount, self.transaction_id, game)


class LastRound(Frozen):
    """How many rounds a session has begun, and the bet of the last one; `stake` is None without a bet."""

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
    """The table. Each method commits by itself, or with the transaction around it."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._in_progress: set[int] = set()
        self._left_held = False

    # --- writing -----------------------------------------------------------------------------------

    def begin_round(self, owed: Obligation, played: int) -> int:
        """Count a new round and hold the refund of its bet. Committed before the bet is sent."""
        with self._store.transaction(durable=True):
            self._store.write(
                "INSERT OR REPLACE INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(owed.agent, owed.session, played, owed.player, owed.game),
                    *(owed.transaction_id, owed.amount, owed.since_ms),
                ),
            )
            return self.add(owed).number

    def add(self, owed: Obligation) -> Obligation:
        """Insert an obligation; return it with its number."""
        values: tuple[Value, ...] = (
            *(owed.state.value, owed.due_ms, owed.since_ms, owed.attempts, owed.agent, owed.session),
            *(owed.player, owed.method.value, owed.transaction_id, owed.game, owed.amount),
            *(owed.content_type, owed.body),
        )
        number = self._store.write(
            f"INSERT INTO obligations ({_COLUMNS}) VALUES (NULL{', ?' * len(values)})", values
        )
        if owed.state is State.HELD:
            self._in_progress.add(number)
        return replace(owed, number=number)

    def become_win(self, number: int, win: WebhookRequest, wire: WireRequest) -> None:
        """Turn the refund of an accepted bet into the win of its round."""
        self._store.write(
            "UPDATE obligations SET method = ?, transaction_id = ?, amount = ?, content_type = ?, body = ? "
            "WHERE number = ?",
            (win.method.value, win.transaction_id, win.amount, wire.content_type, wire.body, number),
        )

    def release(self, number: int, due_ms: int) -> None:
        """Make an obligation due whose round can no longer take care of it."""
        self._in_progress.discard(number)
        try:
            self._store.write(
                "UPDATE obligations SET state = ?, due_ms = ? WHERE number = ? AND state = ?",
                (State.DUE.value, due_ms, number, State.HELD.value),
            )
        except JournalUnusable:
            self._left_held = True
            raise

    def take_up_held(self, now_ms: int) -> None:
        """Make obligations due whose round ended while nothing could be written, as on a full disk."""
        if not self._left_held:
            return
        with self._store.transaction(durable=True):
            rows = self._store.read(
                "SELECT number FROM obligations WHERE state = ? ORDER BY number LIMIT ?",
                (State.HELD.value, OPEN_MAX),
            )
            for (number,) in rows:
                if number not in self._in_progress:
                    self.release(number, now_ms)
        self._left_held = False

    def attempted(self, number: int, attempts: int, next_ms: int | None) -> None:
        """Record an attempt without an answer: wait until `next_ms`, or give up with None."""
        state = State.UNDELIVERED if next_ms is None else State.DUE
        self._store.write(
            "UPDATE obligations SET state = ?, attempts = ?, due_ms = coalesce(?, due_ms) WHERE number = ?",
            (state.value, attempts, next_ms, number),
        )

    def postpone(self, number: int, due_ms: int) -> None:
        """Move the due time of an obligation that was not sent, without counting an attempt."""
        self._store.write("UPDATE obligations SET due_ms = ? WHERE number = ?", (due_ms, number))

    def settle(self, number: int) -> None:
        """Delete an obligation that was answered."""
        self._store.write("DELETE FROM obligations WHERE number = ?", (number,))

    def clear(self) -> None:
        """Delete all obligations and rounds."""
        with self._store.transaction():
            self._store.write("DELETE FROM obligations")
            self._store.write("DELETE FROM rounds")

    def recover(self, now_ms: int, ladder: Ladder) -> int:
        """Make held and overdue obligations due now, as after a restart; unanswered bets are refunded.

        Others wait no longer than their rung of the ladder: the machine's clock may have been set back.
        Returns how many obligations are due.
        """
        with self._store.transaction(durable=True):
            waiting = self._store.read(
                "SELECT DISTINCT attempts FROM obligations WHERE state = ? AND due_ms > ?",
                (State.DUE.value, now_ms),
            )
            for (attempts,) in waiting:
                latest_ms = now_ms + (ladder.wait_ms(attempts) or 0)
                self._store.write(
                    "UPDATE obligations SET due_ms = min(due_ms, ?) WHERE state = ? AND attempts = ?",
                    (latest_ms, State.DUE.value, attempts),
                )
            self._store.write(
                "UPDATE obligations SET state = ?, due_ms = ? WHERE state = ? OR (state = ? AND due_ms < ?)",
                (State.DUE.value, now_ms, State.HELD.value, State.DUE.value, now_ms),
            )
        return self.count(State.DUE)

    # --- reading -----------------------------------------------------------------------------------

    def of(self, number: int) -> Obligation | None:
        """Return an obligation, or None once it is settled."""
        rows = self._read("number = ?", (number,), 1)
        return rows[0] if rows else None

    def owed_as(self, agent: str, method: str, transaction_id: str) -> Obligation | None:
        """Return the due or undelivered obligation that a call with this id would settle, or None."""
        rows = self._read(
            "agent = ? AND method = ? AND transaction_id = ? AND state != ?",
            (agent, method, transaction_id, State.HELD.value),
            1,
        )
        return rows[0] if rows else None

    def due(self, limit: int = OPEN_MAX) -> list[Obligation]:
        """Return the obligations that are to be sent, the next one first."""
        return self._read("state = ?", (State.DUE.value,), limit)

    def next_due(self, players: int) -> list[Obligation]:
        """Return the next obligation of up to `players` players of each agent, the longest-waiting first."""
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
        """Return the obligations that were given up, although they are owed."""
        return self._read("state = ?", (State.UNDELIVERED.value,), limit)

    def count(self, state: State) -> int:
        """Return how many obligations are in that state."""
        rows = self._store.read("SELECT count(*) FROM obligations WHERE state = ?", (state.value,))
        return int(rows[0][0])

    def last_round(self, agent: str, session: str) -> LastRound:
        """Return the last round of a session."""
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
