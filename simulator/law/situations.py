"""The situations: what a wallet did wrong, named by what happened, not by the check that found it.

The ledger finds situations; `rules.rule_of` then chooses a rule, because the same mistake belongs to
different checks: a bet that is charged twice is IDE-01 if it was sent again at once, and IDE-04 if twenty
calls came in between. `catalogue/en/situations.toml` holds the texts of a situation and its rule. Importing
this module reads no file.
"""

from __future__ import annotations

from enum import StrEnum


class Situation(StrEnum):
    """One way in which money or an answer goes wrong."""

    BET_NOT_TAKEN = "bet-not-taken"
    BET_WRONG_AMOUNT = "bet-wrong-amount"
    BET_CREDITED = "bet-credited"
    BET_REFUSED = "bet-refused"
    BET_REFUSED_BUT_TAKEN = "bet-refused-but-taken"
    OVERDRAFT = "overdraft"
    OVERDRAFT_REFUSED_BUT_TAKEN = "overdraft-refused-but-taken"
    WIN_NOT_CREDITED = "win-not-credited"
    WIN_WRONG_AMOUNT = "win-wrong-amount"
    WIN_REFUSED = "win-refused"
    WIN_REFUSED_BUT_CREDITED = "win-refused-but-credited"
    REPEATED_BET_TAKEN_AGAIN = "repeated-bet-taken-again"
    REPEATED_WIN_CREDITED_AGAIN = "repeated-win-credited-again"
    REPEATED_REFUND_CREDITED_AGAIN = "repeated-refund-credited-again"
    REPEAT_OF_REFUSED_WRONG = "repeat-of-refused-wrong"
    LATE_BET_TAKEN = "late-bet-taken"
    REFUND_NOT_CREDITED = "refund-not-credited"
    REFUND_REFUSED = "refund-refused"
    REFUND_REFUSED_BUT_CREDITED = "refund-refused-but-credited"
    REFUND_WRONG_AMOUNT = "refund-wrong-amount"
    REFUND_OVER_STAKE = "refund-over-stake"
    REFUND_DEBITED = "refund-debited"
    UNKNOWN_REFUND_CREDITED = "unknown-refund-credited"
    REFUSED_BET_REFUND_CREDITED = "refused-bet-refund-credited"
    FOREIGN_REFUND_MOVED = "foreign-refund-moved"
    WIN_ID_REFUND_CREDITED = "win-id-refund-credited"
    SAME_ID_OTHER_AMOUNT_MOVED = "same-id-other-amount-moved"
    SAME_ID_OTHER_PLAYER_MOVED = "same-id-other-player-moved"
    SHARED_ID_SWALLOWED = "shared-id-swallowed"
    SHARED_ID_REFUSED = "shared-id-refused"
    ZERO_MOVED = "zero-moved"
    MALFORMED_MOVED = "malformed-moved"
    UNKNOWN_PLAYER_ACCEPTED = "unknown-player-accepted"
    SAME_PLAYER_ID = "same-player-id"
    BALANCE_READ_WRONG = "balance-read-wrong"
    STALE_READ = "stale-read"
    READ_CONTRADICTS = "read-contradicts-answers"
    CENT_OFF = "cent-off"
    HUNDREDFOLD = "hundredfold"
    FRACTION_DROPPED = "fraction-dropped"
    CENTS_CUT = "cents-cut"
    MONEY_KEPT_AS_FLOAT = "money-kept-as-float"
    BALANCE_DESTROYED = "balance-destroyed"
    NOTHING_STORED = "nothing-stored"
    ANSWER_BALANCE_WRONG = "answer-balance-wrong"
    ODD_AMOUNT_WRONG = "odd-amount-wrong"
    MALFORMED_ACCEPTED = "malformed-accepted"
    NO_ANSWER = "no-answer"
    EXPECTATION_FAILED = "expectation-failed"
    POLICY_BROKEN = "policy-broken"
    SLOW = "slow"
    NEGATIVE_BALANCE = "negative-balance"
    READ_REFUSED = "read-refused"
    DETAILS_WRONG = "details-wrong"
    LIMIT_IGNORED = "limit-ignored"
    BLOCKED_PLAYER_WRONG = "blocked-player-wrong"
    MONEY_FROM_NOWHERE = "money-from-nowhere"
    LOST_UPDATE = "lost-update"
    DOUBLE_EFFECT = "double-effect"
    EFFECT_THEN_READ = "effect-then-read"
    CONCURRENT_WRONG = "concurrent-wrong"


_S = Situation

SETS: dict[str, frozenset[Situation]] = {
    # A bet that must be taken.
    "FRESH_BET": frozenset(
        {
            _S.BET_NOT_TAKEN,
            _S.BET_WRONG_AMOUNT,
            _S.BET_CREDITED,
            _S.BET_REFUSED,
            _S.BET_REFUSED_BUT_TAKEN,
            _S.CENT_OFF,
        }
    ),
    # A win that must be credited.
    "FRESH_WIN": frozenset(
        {_S.WIN_NOT_CREDITED, _S.WIN_WRONG_AMOUNT, _S.WIN_REFUSED, _S.WIN_REFUSED_BUT_CREDITED, _S.CENT_OFF}
    ),
    # A refund that must pay the stake.
    "FRESH_REFUND": frozenset(
        {
            _S.REFUND_NOT_CREDITED,
            _S.REFUND_REFUSED,
            _S.REFUND_REFUSED_BUT_CREDITED,
            _S.REFUND_WRONG_AMOUNT,
            _S.REFUND_DEBITED,
            _S.CENT_OFF,
        }
    ),
    # The money may be right, but the answer is not.
    "ANSWER": frozenset({_S.ANSWER_BALANCE_WRONG, _S.NO_ANSWER}),
    # `user_balance` does not show the balance.
    "READ": frozenset(
        {_S.BALANCE_READ_WRONG, _S.STALE_READ, _S.READ_CONTRADICTS, _S.NO_ANSWER, _S.READ_REFUSED}
    ),
    # An id that was applied moves money once more.
    "REPEATED": frozenset(
        {_S.REPEATED_BET_TAKEN_AGAIN, _S.REPEATED_WIN_CREDITED_AGAIN, _S.REPEATED_REFUND_CREDITED_AGAIN}
    ),
    # A new call is confused with another one because of its id.
    "SHARED": frozenset({_S.SHARED_ID_SWALLOWED, _S.SHARED_ID_REFUSED}),
    # An invalid call takes effect, or is answered with success.
    "MALFORMED": frozenset({_S.MALFORMED_MOVED, _S.MALFORMED_ACCEPTED}),
    # Mistakes that only show with calls that overlap in time.
    "CONCURRENT": frozenset({_S.LOST_UPDATE, _S.DOUBLE_EFFECT, _S.CONCURRENT_WRONG}),
}
"""Sets of situations, which the catalogue names instead of listing their members."""

_NO_LAW = frozenset({_S.EXPECTATION_FAILED, _S.POLICY_BROKEN, _S.SLOW, _S.NO_ANSWER})


def breaks_the_law(cause: str) -> bool:
    """Return whether no right wallet does what a finding's `cause` names, whatever a scenario asks for.

    The form of a reply does not break the law, nor does its absence, a claim of an author, a policy or a
    limit of time.
    """
    situation = cause.partition(":")[0]
    return situation in set(Situation) and situation not in _NO_LAW
