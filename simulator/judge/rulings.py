"""The data that the referee and its drivers exchange besides calls: policies, reads, rulings, standings."""

from __future__ import annotations

from collections.abc import Generator
from enum import StrEnum
from typing import TypeVar

from simulator.core.calls import Call
from simulator.core.findings import CallVerdict, Finding, Outcome
from simulator.core.money import ZERO, Money
from simulator.core.values import Frozen
from simulator.core.webhooks import WebhookRequest


class Reads(StrEnum):
    """When the balance is read after a call."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


class Policy(Frozen, kw_only=True):
    """How a driver wants its calls judged.

    `own_players`: no one else uses these players, and a player without an account does not exist.
    `after_silence`: the balance is also read after a call without an answer. `cents_kept`: a cent was seen
    to move exactly, so the wallet does not count in whole units. The limits on players, on the calls of a
    book before a new one is begun, on those of all books together, and on calls without an answer are None
    for no limit. `sends_alone`: the driver sends calls of its own where the referee asks for them.
    `roots_only`: a call that was found wrong accuses its repeats of nothing else. `answers_only`: reads were
    seen to lag, so accounts are opened at what answers have shown.
    """

    reads: Reads = Reads.AUTO
    cents_kept: bool = False
    own_players: bool = True
    after_silence: bool = True
    players_max: int | None = None
    calls_max: int | None = None
    calls_kept_max: int | None = None
    unanswered_max: int | None = None
    sends_alone: bool = False
    roots_only: bool = False
    answers_only: bool = False


class ReadBalance(Frozen):
    """A balance read that the referee asks for.

    With `until`, the driver reads again, as far as it can, until one of these balances shows: reads may lag.
    With `idle`, it lets a moment pass before, in which it sends nothing.
    """

    player: str
    until: tuple[Money, ...] = ()
    idle: bool = False


class SendAlone(Frozen):
    """A call that the referee wants to be sent with nothing else in flight.

    The driver puts a new id in place of each transaction id that it has not met here before, and a game
    where a bet or a win names none.
    """

    request: WebhookRequest


class Ruling(Frozen):
    """The judgement of one call.

    `outcome` is that of the call, settled by a read if its answer left it open. `expected` is the balance
    that the wallet should have now, given its previous one. `accused` are the players whose money a finding
    is about. `reason` says why nothing was proven. `dialect` is a knob, its value and the evidence.
    `doubted`: the balance before the call may have been read wrongly.
    """

    verdict: CallVerdict
    outcome: Outcome
    expected: Money | None = None
    findings: tuple[Finding, ...] = ()
    accused: frozenset[str] = frozenset()
    reason: str = ""
    dialect: tuple[str, str, str] | None = None
    doubted: bool = False


class PlayerStanding(Frozen):
    """A player's balances: the wallet's, if known, the right one, and the difference.

    `law` holds one balance, or several while a call has no answer. `difference` is the amount by which the
    wallet has too much, or too little if negative. `wrong` counts the wrong calls; `since` is the number of
    the first.
    """

    law: tuple[Money, ...]
    wallet: Money | None
    difference: Money = ZERO
    wrong: int = 0
    since: int | None = None


class LeftOff(Frozen):
    """What was known of a player's wallet before the account is opened.

    `difference`, `wrong` and `since` are as in `PlayerStanding`. `late` are the calls that never got an
    answer: each may take effect at any later moment.
    """

    difference: Money = ZERO
    wrong: int = 0
    since: int | None = None
    late: tuple[WebhookRequest, ...] = ()


Said = TypeVar("Said", covariant=True)

Wanted = ReadBalance | SendAlone

Wanting = Generator[Wanted, Call | None, Said]
"""Yields what it needs, is sent each call with its answer, None if it was not made; returns its result."""

Asking = Wanting[Ruling]
"""Judges a call: yields what it needs and returns the ruling."""

SOMEONE_ELSE = "someone else uses this player: the balance changed while no call was in flight"
NOT_OPENED = "the balance of this player was not known before the call"
CAME_LATE = "an earlier call without an answer may have taken effect only now"
SENT_BEFORE = "its transaction_id was sent before the ledger knew this player's balance"
NO_READ = "no balance was read after the call"
UNREADABLE = "the balance could not be read"
NO_ANSWER = "the call got no answer that says what it did"
