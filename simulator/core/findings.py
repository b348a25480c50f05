"""Findings and outcomes: what is wrong with an operator, as data."""

from __future__ import annotations

from enum import StrEnum

from simulator.core.money import Money
from simulator.core.values import Frozen


class Level(StrEnum):
    """How binding a rule or a scenario is."""

    DOCUMENTED = "documented"
    INDUSTRY = "industry"
    ADVICE = "advice"

    @property
    def rank(self) -> int:
        """0 is the most binding."""
        return list(Level).index(self)


class Severity(StrEnum):
    """What a finding does to the exit code: only an error makes it 1."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Outcome(StrEnum):
    """What one call did, as far as its answer tells (restated API, §3)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """The outcome of a scenario, from best to worst in declaration order within a run."""

    PASSED = "passed"
    XFAILED = "xfailed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    INCONCLUSIVE = "inconclusive"
    XPASSED = "xpassed"
    FAILED = "failed"


class CallVerdict(StrEnum):
    """What the ledger says of one call.

    RIGHT: a right wallet answers so. WRONG: no right wallet does. NOTED: something to know, none of it wrong
    money. OPEN: nothing proves yet what it did. UNJUDGED: the ledger does not know this player's money.
    """

    RIGHT = "right"
    WRONG = "wrong"
    NOTED = "noted"
    OPEN = "open"
    UNJUDGED = "unjudged"


class Phase(StrEnum):
    """What a call was made for: before a run, to prepare a scenario, as a step of it, or at its end."""

    PREFLIGHT = "preflight"
    PREPARATION = "preparation"
    STEP = "step"
    END = "end"


class Place(Frozen):
    """A place in a scenario file: line and column count from 1; `width` is how much a caret underlines."""

    file: str
    line: int
    column: int = 1
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Finding(Frozen):
    """Something the operator does wrong.

    `cause` is the situation's name and groups findings that one defect makes; `message` is a sentence;
    `label` is the short text beside the caret; `trail` is the ledger line in words
    ("100.00 → bet 10.00 → 90.00"); `lanes` draw concurrent calls over time, a line each; `why` says why it
    costs money; `curl` repeats the call, and `answer` is what came back; `phase` is what it was made for.
    Where it is about money, `expected` are the balances that a right wallet could have, going on from where
    it was, and `found` is the one it has.
    """

    rule: str
    severity: Severity
    cause: str
    message: str
    place: Place | None = None
    label: str = ""
    trail: str = ""
    lanes: tuple[str, ...] = ()
    why: str = ""
    curl: str = ""
    answer: str = ""
    player: str | None = None
    count: int = 1
    expected: tuple[Money, ...] = ()
    found: Money | None = None
    phase: Phase = Phase.STEP
