"""What a rule is, and the sets of situations that many rules share. The rules stand beside it, by group."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.core.values import Frozen
from simulator.law.situations import Situation as _S


class Rule(Frozen):
    """One check of the conformance catalogue: what a finding can name, and what `explain` prints.

    `source` says who in the industry asks for it, or where the reference does. `situations` are what the
    check can be reported for: of the checks that a scenario covers, the first that has the situation names
    the finding.
    """

    id: str
    title: str
    level: Level
    meaning: str
    why: str
    source: str
    fix: str
    situations: frozenset[_S]

    @property
    def group(self) -> str:
        """The letters of the id, `CON` of `CON-03`."""
        return self.id.partition("-")[0]


FRESH_BET = frozenset(
    {
        _S.BET_NOT_TAKEN,
        _S.BET_WRONG_AMOUNT,
        _S.BET_CREDITED,
        _S.BET_REFUSED,
        _S.BET_REFUSED_BUT_TAKEN,
        _S.CENT_OFF,
    }
)
"""A bet that should simply be taken."""

FRESH_WIN = frozenset(
    {
        _S.WIN_NOT_CREDITED,
        _S.WIN_WRONG_AMOUNT,
        _S.WIN_REFUSED,
        _S.WIN_REFUSED_BUT_CREDITED,
        _S.CENT_OFF,
    }
)
"""A win that should simply be credited."""

FRESH_REFUND = frozenset(
    {
        _S.REFUND_NOT_CREDITED,
        _S.REFUND_REFUSED,
        _S.REFUND_REFUSED_BUT_CREDITED,
        _S.CENT_OFF,
        _S.REFUND_WRONG_AMOUNT,
        _S.REFUND_DEBITED,
    }
)
"""A refund that should simply give the stake back."""

ANSWER = frozenset({_S.ANSWER_BALANCE_WRONG, _S.NO_ANSWER})
"""The money may be right and the answer is not."""

READ = frozenset({_S.BALANCE_READ_WRONG, _S.STALE_READ, _S.READ_CONTRADICTS, _S.READ_REFUSED, _S.NO_ANSWER})
"""`user_balance` does not show the balance."""

REPEATED = frozenset(
    {
        _S.REPEATED_BET_TAKEN_AGAIN,
        _S.REPEATED_WIN_CREDITED_AGAIN,
        _S.REPEATED_REFUND_CREDITED_AGAIN,
    }
)
"""An id that was applied moves money once more."""

SHARED = frozenset({_S.SHARED_ID_SWALLOWED, _S.SHARED_ID_REFUSED})
"""A new call is mixed up with another one because of its id."""

MALFORMED = frozenset({_S.MALFORMED_MOVED, _S.MALFORMED_ACCEPTED})
"""A call that says nothing valid is acted on, or is answered with success."""

CONCURRENT = frozenset({_S.LOST_UPDATE, _S.DOUBLE_EFFECT, _S.CONCURRENT_WRONG})
"""What only calls that overlap in time can show."""
