"""Findings, outcomes and verdicts: what is wrong with a wallet, as data."""

from __future__ import annotations

from dataclasses import replace
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
        """Return a number that grows as the level gets less binding, from 0."""
        return list(Level).index(self)


class Severity(StrEnum):
    """The severity of a finding: only an error makes the exit code 1."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Outcome(StrEnum):
    """The outcome of one call, as far as its answer tells."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """The outcome of a scenario, declared from best to worst."""

    PASSED = "passed"
    XFAILED = "xfailed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    INCONCLUSIVE = "inconclusive"
    XPASSED = "xpassed"
    FAILED = "failed"


class CallVerdict(StrEnum):
    """The verdict on one call.

    RIGHT: a right wallet may answer like this. WRONG: no right wallet does. NOTED: worth knowing, but the
    money is right. OPEN: nothing proves yet what it did. UNJUDGED: the player's money is not known.
    """

    RIGHT = "right"
    WRONG = "wrong"
    NOTED = "noted"
    OPEN = "open"
    UNJUDGED = "unjudged"


class Phase(StrEnum):
    """When a call was sent: before a run, to prepare a scenario, as a step of it, or at its end."""

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


class Alternative(Frozen):
    """Another cause that explains a finding as well, and how the finding reads then.

    `elsewhere`: only if calls of other players were booked on this one.
    """

    cause: str
    rule: str
    message: str
    why: str
    elsewhere: bool = False


class KnownCause(Frozen, kw_only=True):
    """A cause that is known, and does not fail a run: an entry of the file that `--accept` names.

    `expires` is the last day on which it is accepted, as ISO 8601; empty means that it has none. `scenario`
    is the id of the scenario that showed it, and `what` its sentence; both may be empty.
    """

    cause: str
    reason: str
    what: str = ""
    scenario: str = ""
    expires: str = ""


class Finding(Frozen):
    """Something that a wallet does wrong.

    `cause` is the name of the situation, which groups findings of one defect; `message` is a sentence;
    `label` is the short text beside the caret; `trail` is the ledger line in words
    ("100.00 → bet 10.00 → 90.00"); `lanes` draw concurrent calls over time, a line each; `why` says why it
    costs money; `curl` repeats the call, and `answer` is the reply to it; `phase` is when it was sent. If it
    is about money, `expected` are the balances that a right wallet could have after the balance it had, and
    `found` is the actual one. `may_be` are other causes that explain it alone: what the other findings of a
    run have in common decides between them.
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
    may_be: tuple[Alternative, ...] = ()

    @property
    def difference(self) -> Money | None:
        """Return how much too much the wallet had, negative for too little; None if it is not about money.

        Where several balances would be right, the nearest one counts.
        """
        if self.found is None or not self.expected:
            return None
        return min((Money(self.found - each) for each in self.expected), key=abs)

    def read_as(self, cause: str) -> Finding:
        """Return the finding as one of the cause that explains it as well."""
        for other in self.may_be:
            if other.cause == cause:
                return replace(self, cause=cause, rule=other.rule, message=other.message, why=other.why)
        return self
