"""One exchange as the journal keeps it, what the ledger says of it, and a filter of entries. Plain data."""

from __future__ import annotations

from dataclasses import field, replace
from enum import StrEnum

from simulator.core.findings import Outcome, Severity
from simulator.core.frozen import Frozen
from simulator.core.money import Money

Headers = tuple[tuple[str, str], ...]


class Purpose(StrEnum):
    """Why a call was made."""

    LAUNCH = "launch"
    ROUND = "round"
    RESEND = "resend"
    PROBE = "probe"
    HAND = "hand"


class Verdict(StrEnum):
    """What the ledger says of an exchange.

    RIGHT: a right wallet answers so. WRONG: no right wallet does. NOTED: something to know, none of it wrong
    money. OPEN: the call has no answer yet. UNJUDGED: the ledger does not know this player's money.
    """

    RIGHT = "right"
    WRONG = "wrong"
    NOTED = "noted"
    OPEN = "open"
    UNJUDGED = "unjudged"


class PlayFinding(Frozen):
    """Something an exchange shows: `rule`, what happened, and where it is about money, which balances.

    `cause` groups findings of one kind; `expected` are the balances that a right wallet could have, `found`
    the one it has.
    """

    rule: str
    severity: Severity
    cause: str
    message: str
    why: str = ""
    expected: tuple[Money, ...] = ()
    found: Money | None = None


class Entry(Frozen, kw_only=True):
    """One exchange. `number` is its own for ever; `change` grows with everything that happens to any entry.

    `at_ms` is when it was recorded, in Unix milliseconds of the simulator's clock. `expected` is the balance
    the ledger has after the call, where it is one. `http_status` is None without an answer, and `problem`
    says why. `reply_body` is cut at a bound; `reply_bytes` is its whole length. Secrets in headers are
    masked. `sent_ns` is when its first byte went out, in Unix nanoseconds of the same clock as `at_ms`.
    """

    at_ms: int
    agent: str
    session: str
    player: str
    method: str
    transaction_id: str
    game: str
    amount: Money | None
    purpose: Purpose
    attempt: int
    outcome: Outcome
    balance: Money | None
    expected: Money | None
    verdict: Verdict
    fault: str
    http_status: int | None
    duration_ns: int | None
    problem: str
    findings: tuple[PlayFinding, ...]
    content_type: str
    request_body: bytes
    reply_headers: Headers
    reply_bytes: int
    reply_body: bytes
    sent_ns: int = 0
    number: int = 0
    change: int = 0


class Filter(Frozen, kw_only=True):
    """Which entries: an empty field asks nothing. `text` is looked for in ids, players and both bodies."""

    agent: str = ""
    session: str = ""
    player: str = ""
    method: str = ""
    outcome: str = ""
    verdict: str = ""
    transaction_id: str = ""
    purpose: str = ""
    text: str = field(default="")

    @property
    def standing(self) -> Filter:
        """The part of it that no later word on an entry can change the answer to."""
        return replace(self, verdict="", text="")
