"""The referees of `serve`, one for each agent: they judge each call and know the standing of each player.

The player's queue lets calls of one player come one after another. A referee asks for balance reads, which
`calls` sends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from simulator.core.calls import NOT_KEPT, Call, Player
from simulator.core.findings import CallVerdict, Finding
from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Reply
from simulator.judge.findings import Findings
from simulator.judge.referee import Referee
from simulator.judge.rulings import UNREADABLE, Asking, LeftOff, PlayerStanding, Policy, ReadBalance, Ruling

PLAYERS_MAX = 10_000
CALLS_MAX = 2000
"""After this many calls a book is closed, and a new one opened at its balance."""
CALLS_KEPT_MAX = 100_000
"""Of more calls in all books of an agent (50 MB), those of the player away for longest are forgotten."""
UNANSWERED_MAX = 8
"""After this many calls without an answer, too many states are possible: a new book is opened."""

_FINDINGS = Findings()
_POLICY = Policy(
    own_players=False,
    after_silence=False,
    players_max=PLAYERS_MAX,
    calls_max=CALLS_MAX,
    calls_kept_max=CALLS_KEPT_MAX,
    unanswered_max=UNANSWERED_MAX,
)


class Waiting(Frozen):
    """A call that cannot be judged before a balance is read."""

    asking: Asking
    wanted: ReadBalance


class Referees:
    """A referee for each agent; thread-safe, as long as calls of one player are judged one at a time.

    `left_off` says how wrong a player's wallet was when the simulator was stopped, and what had no answer.
    """

    def __init__(self, left_off: Callable[[str, str], LeftOff]) -> None:
        self._left_off = left_off
        self._lock = threading.Lock()
        self._of_agent: dict[str, Referee] = {}

    def balances(self, player: Player) -> tuple[Money, ...]:
        """Return what a right wallet may show now, going on from where it is; nothing if that is unknown."""
        with self._lock:
            referee = self._of_agent.get(player[0])
            return () if referee is None else referee.balances(player[1])

    def standing(self, player: Player) -> PlayerStanding | None:
        """Return what the law says a player has, and what the wallet shows; None if that is unknown."""
        with self._lock:
            referee = self._of_agent.get(player[0])
            return None if referee is None else referee.standing(player[1])

    def difference(self, player: Player) -> Money:
        """Return what a player's wallet has too much, as far as is known."""
        referee = self._referee(player)
        with self._lock:
            return referee.difference(player[1])

    def forget(self) -> None:
        """Close all books."""
        with self._lock:
            self._of_agent.clear()

    def judge(self, agent: str, call: Call) -> Ruling | Waiting:
        """Begin with a call: a ruling where its answer says enough, else the read that is wanted first."""
        referee = self._referee((agent, call.request.player))
        with self._lock:
            moves = call.request.method.moves_money
            asking = referee.call(call) if moves else referee.read(call)
            return _said(asking, None)

    def _referee(self, player: Player) -> Referee:
        """Return the referee of a player, who goes on from where the journal left off."""
        with self._lock:
            referee = self._of_agent.get(player[0])
            if referee is None:
                referee = self._of_agent[player[0]] = Referee(_FINDINGS, _POLICY)
            if referee.knows(player[1]):
                return referee
        # Read the journal without the lock, since others take the lock within its transaction.
        before = self._left_off(*player)
        with self._lock:
            referee.carry_over(player[1], before)
        return referee

    def go_on(self, waiting: Waiting, read: Call | None) -> Ruling | Waiting:
        """Continue with the requested read, or None without one."""
        with self._lock:
            return _said(waiting.asking, read)


def _said(asking: Asking, read: Call | None) -> Ruling | Waiting:
    try:
        wanted = asking.send(read)
        # The policy of this driver lets the referee ask for reads alone.
        assert isinstance(wanted, ReadBalance)
        return Waiting(asking, wanted)
    except StopIteration as ended:
        ruling: Ruling = ended.value
        return ruling


def without_bytes(call: Call, number: int) -> Call:
    """Return a call as a referee gets it. `number` is that of its entry in the journal.

    The bytes stay out of it: an account remembers its latest calls, and the journal has their bytes.
    """
    exchange, reply = call.exchange, call.exchange.reply
    if isinstance(reply, Reply):
        reply = Reply(reply.status, (), b"")
    bare = Exchange(
        *(exchange.request, NOT_KEPT, reply, exchange.sent_ns, exchange.answered_ns, exchange.fault)
    )
    return Call(bare, call.reading, call.form, call.why, number)


def with_forms(ruling: Ruling, forms: tuple[Finding, ...]) -> Ruling:
    """Return a ruling with what the reply's form shows; a right call is noted for it."""
    if not forms:
        return ruling
    right = ruling.verdict is CallVerdict.RIGHT
    return Ruling(
        CallVerdict.NOTED if right else ruling.verdict,
        ruling.outcome,
        ruling.expected,
        (*forms, *ruling.findings),
        ruling.accused,
        ruling.reason,
        ruling.dialect,
    )


def seen(call: Call) -> Ruling:
    """Return what is said of a read that served to judge another call: only its own form is left to say."""
    if call.balance is None:
        return Ruling(CallVerdict.UNJUDGED, call.outcome, reason=UNREADABLE)
    return Ruling(CallVerdict.RIGHT, call.outcome, call.balance)
