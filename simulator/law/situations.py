"""What an operator's wallet did wrong, named by what happened rather than by the check that asked for it.

The ledger finds situations; a rule is chosen for one afterwards (`rules.rule_of`), because the same mistake
is told under different checks: a bet that is charged twice is IDE-01 when it was sent again at once and
IDE-04 when twenty calls lay between. Findings of one situation are one cause and are grouped under
`CAUSE_TITLE`. Plain data: importing it costs nothing, a run without findings needs no more.
"""

from __future__ import annotations

from enum import StrEnum

from simulator.core.webhooks import Method


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
    BALANCE_READ_WRONG = "balance-read-wrong"
    STALE_READ = "stale-read"
    READ_CONTRADICTS = "read-contradicts-answers"
    CENT_OFF = "cent-off"
    HUNDREDFOLD = "hundredfold"
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

_OF_CLAIMS = frozenset({_S.EXPECTATION_FAILED, _S.POLICY_BROKEN, _S.SLOW})


def breaks_the_law(cause: str) -> bool:
    """Whether a finding's `cause` is what no right wallet does, whoever asks.

    Neither the form of a reply is that, nor what an author, a policy or a limit of time claims.
    """
    kind = cause.partition(":")[0]
    return kind in set(Situation) and kind not in _OF_CLAIMS


DEFAULT_RULE: dict[Situation, str] = {
    _S.BET_NOT_TAKEN: "CON-03",
    _S.BET_WRONG_AMOUNT: "CON-03",
    _S.BET_CREDITED: "CON-03",
    _S.BET_REFUSED: "CON-03",
    _S.BET_REFUSED_BUT_TAKEN: "CON-03",
    _S.OVERDRAFT: "INS-01",
    _S.OVERDRAFT_REFUSED_BUT_TAKEN: "INS-01",
    _S.WIN_NOT_CREDITED: "CON-04",
    _S.WIN_WRONG_AMOUNT: "CON-04",
    _S.WIN_REFUSED: "CON-04",
    _S.WIN_REFUSED_BUT_CREDITED: "CON-04",
    _S.REPEATED_BET_TAKEN_AGAIN: "IDE-01",
    _S.REPEATED_WIN_CREDITED_AGAIN: "IDE-02",
    _S.REPEATED_REFUND_CREDITED_AGAIN: "IDE-03",
    _S.REPEAT_OF_REFUSED_WRONG: "IDE-13",
    _S.LATE_BET_TAKEN: "ORD-02",
    _S.REFUND_NOT_CREDITED: "REF-01",
    _S.REFUND_REFUSED: "REF-01",
    _S.REFUND_REFUSED_BUT_CREDITED: "REF-01",
    _S.REFUND_WRONG_AMOUNT: "REF-01",
    _S.REFUND_OVER_STAKE: "REF-05",
    _S.REFUND_DEBITED: "REF-01",
    _S.UNKNOWN_REFUND_CREDITED: "REF-02",
    _S.REFUSED_BET_REFUND_CREDITED: "REF-04",
    _S.FOREIGN_REFUND_MOVED: "REF-08",
    _S.WIN_ID_REFUND_CREDITED: "REF-09",
    _S.SAME_ID_OTHER_AMOUNT_MOVED: "IDE-09",
    _S.SAME_ID_OTHER_PLAYER_MOVED: "IDE-08",
    _S.SHARED_ID_SWALLOWED: "IDE-06",
    _S.SHARED_ID_REFUSED: "IDE-06",
    _S.ZERO_MOVED: "MON-09",
    _S.MALFORMED_MOVED: "BAD-02",
    _S.UNKNOWN_PLAYER_ACCEPTED: "UNK-02",
    _S.BALANCE_READ_WRONG: "MON-15",
    _S.STALE_READ: "CON-11",
    _S.READ_CONTRADICTS: "CON-11",
    _S.CENT_OFF: "MON-15",
    _S.HUNDREDFOLD: "CON-06",
    _S.ANSWER_BALANCE_WRONG: "CON-11",
    _S.ODD_AMOUNT_WRONG: "MON-06",
    _S.MALFORMED_ACCEPTED: "BAD-02",
    _S.NO_ANSWER: "CON-08",
    _S.EXPECTATION_FAILED: "EXP-01",
    _S.POLICY_BROKEN: "EXP-02",
    _S.SLOW: "PER-01",
    _S.NEGATIVE_BALANCE: "MON-14",
    _S.READ_REFUSED: "CON-02",
    _S.DETAILS_WRONG: "CON-01",
    _S.LIMIT_IGNORED: "LIM-01",
    _S.BLOCKED_PLAYER_WRONG: "UNK-08",
    _S.MONEY_FROM_NOWHERE: "MON-15",
    _S.LOST_UPDATE: "CCY-01",
    _S.DOUBLE_EFFECT: "CCY-02",
    _S.EFFECT_THEN_READ: "CCY-07",
    _S.CONCURRENT_WRONG: "CCY-07",
}
"""The rule of a situation when no check that the scenario covers can be reported for it."""

_DOCUMENTED_ANSWER = {
    Method.DETAILS: "CON-01",
    Method.BALANCE: "CON-02",
    Method.BET: "CON-03",
    Method.WIN: "CON-04",
    Method.REFUND: "CON-05",
}

METHOD_RULE: dict[tuple[Situation, Method], str] = {
    **{(_S.NO_ANSWER, method): rule for method, rule in _DOCUMENTED_ANSWER.items()},
    (_S.ANSWER_BALANCE_WRONG, Method.BET): "CON-03",
    (_S.ANSWER_BALANCE_WRONG, Method.WIN): "CON-04",
    (_S.ANSWER_BALANCE_WRONG, Method.REFUND): "CON-05",
    (_S.SHARED_ID_SWALLOWED, Method.REFUND): "IDE-07",
    (_S.SHARED_ID_REFUSED, Method.REFUND): "IDE-07",
    (_S.ZERO_MOVED, Method.BET): "MON-10",
    (_S.ZERO_MOVED, Method.REFUND): "MON-11",
    (_S.UNKNOWN_PLAYER_ACCEPTED, Method.DETAILS): "UNK-01",
    (_S.UNKNOWN_PLAYER_ACCEPTED, Method.BALANCE): "UNK-01",
    (_S.UNKNOWN_PLAYER_ACCEPTED, Method.WIN): "UNK-03",
    (_S.UNKNOWN_PLAYER_ACCEPTED, Method.REFUND): "UNK-04",
    (_S.BLOCKED_PLAYER_WRONG, Method.WIN): "UNK-09",
    (_S.BLOCKED_PLAYER_WRONG, Method.REFUND): "UNK-09",
}
"""Narrower than `DEFAULT_RULE`, where the method of the call says which check it is."""
