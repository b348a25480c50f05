"""What passes between the referee and its drivers beside calls: policies, reads and rulings. Plain data."""

from __future__ import annotations

from collections.abc import Generator
from enum import StrEnum

from simulator.core.calls import Call
from simulator.core.findings import CallVerdict, Finding, Outcome
from simulator.core.money import Money
from simulator.core.values import Frozen


class Reads(StrEnum):
    """When the balance is read after a call."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


class Policy(Frozen, kw_only=True):
    """How a driver wants to have its calls judged.

    `own_players`: nobody else uses these players, and whoever was not opened does not exist. `after_silence`:
    the balance is read after a call without an answer, too. The limits are None where nothing has to be
    forgotten: of players, of a book's calls before it is begun anew, of calls without an answer.
    """

    reads: Reads = Reads.AUTO
    own_players: bool = True
    after_silence: bool = True
    players_max: int | None = None
    calls_max: int | None = None
    unanswered_max: int | None = None


class ReadBalance(Frozen):
    """A balance read that the referee asks for.

    With `until` one of these balances is waited for, as far as the driver has patience: some reads lag.
    """

    player: str
    until: tuple[Money, ...] = ()


class Ruling(Frozen):
    """What the referee says of one call.

    `outcome` is that of the call, settled by a read where its answer left it open. `expected` is the balance
    that the wallet should have now, going on from where it is. `accused` are the players whose money a
    finding is about. `reason` says why nothing was proven. `dialect` is a knob, its value and the evidence.
    """

    verdict: CallVerdict
    outcome: Outcome
    expected: Money | None = None
    findings: tuple[Finding, ...] = ()
    accused: frozenset[str] = frozenset()
    reason: str = ""
    dialect: tuple[str, str, str] | None = None


Asking = Generator[ReadBalance, Call | None, Ruling]
"""A call on its way to its ruling."""

NOT_OPENED = "the balance of this player was not known before the call"
SENT_BEFORE = "its transaction_id was sent before the ledger knew this player's balance"
NO_READ = "no balance was read after the call"
UNREADABLE = "the balance could not be read"
NO_ANSWER = "the call got no answer that says what it did"
