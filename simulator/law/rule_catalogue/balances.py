"""Rules of the conformance catalogue: zero, the whole balance, jackpots and sums."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="MON-09",
        title="a win of 0.00 changes nothing",
        level=Level.INDUSTRY,
        meaning=(
            "A win of 0.00 leaves the balance as it is. This is how a lost spin is settled; most wallets "
            "accept it, refusing it is a dialect."
        ),
        why=(
            "If it moves money, every lost spin does. If it ends in an error of the server, every lost "
            "round stays open."
        ),
        source="RubyPlay, LPM, BlueOcean, Slotegrator, jackpot.studio.",
        fix="Accept amount >= 0 for wins, store the id, change nothing, answer the current balance.",
        situations=frozenset(
            {
                _S.ZERO_MOVED,
                _S.WIN_NOT_CREDITED,
                _S.WIN_WRONG_AMOUNT,
                _S.WIN_REFUSED_BUT_CREDITED,
                _S.NO_ANSWER,
            }
        ),
    ),
    Rule(
        id="MON-10",
        title="a bet of 0.00 changes nothing",
        level=Level.INDUSTRY,
        meaning="A bet of 0.00 leaves the balance as it is, accepted or refused.",
        why=(
            "Free spins are opened with it. A wallet that takes a minimum stake instead charges for what "
            "was given away."
        ),
        source="BlueOcean and Slotegrator accept it, BetGames' test refuses it: a dialect.",
        fix=(
            "Treat zero as a valid amount that changes nothing, or refuse it cleanly; test `amount is "
            "None`, not `if not amount`."
        ),
        situations=FRESH_BET | {_S.ZERO_MOVED, _S.NO_ANSWER},
    ),
    Rule(
        id="MON-11",
        title="a refund of 0.00 takes nothing",
        level=Level.ADVICE,
        meaning=(
            "A refund of 0.00 moves nothing, or gives the stake back where the wallet goes by the "
            "transaction_id alone. It never takes anything, and it is answered."
        ),
        why=(
            'Zero is where signs and checks for "no amount" go wrong: a refund that takes the stake '
            "again, or one that ends in an error and blocks the queue of refunds."
        ),
        source="A step of Slotegrator's self-validation.",
        fix='Find the bet by its id, and check the amount with a comparison, not with "if not amount".',
        situations=frozenset({_S.ZERO_MOVED, _S.REFUND_DEBITED, _S.REFUND_OVER_STAKE, _S.NO_ANSWER}),
    ),
    Rule(
        id="MON-12",
        title="a bet of the whole balance is taken",
        level=Level.INDUSTRY,
        meaning="A bet of exactly the whole balance is accepted and leaves 0.00.",
        why=(
            'A player who goes all in and is refused will not come back; "greater than" instead of "at '
            'least" is the usual mistake.'
        ),
        source='Slotegrator ("full balance"), BlueOcean ("remove all").',
        fix=(
            "Compare in cents with balance >= amount. A float balance of 24.999999 is not 25.00: see MON-02."
        ),
        situations=FRESH_BET | ANSWER | {_S.OVERDRAFT},
    ),
    Rule(
        id="MON-13",
        title="a jackpot of 99999999.99 fits",
        level=Level.ADVICE,
        meaning="A win of 99999999.99 is credited to the cent, and the balance can be staked afterwards.",
        why=(
            "A column that is too small cuts the jackpot off, wraps around, or fails, on the day the "
            "newspapers call."
        ),
        source="Guides with DECIMAL(20,4) and DECIMAL(32,10) columns.",
        fix=(
            "BIGINT cents or DECIMAL(20,2). Check INT columns: 2147483647 cents are only 21 million. "
            "Float32 has seven digits."
        ),
        situations=FRESH_WIN | FRESH_BET | ANSWER | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="MON-14",
        title="a balance is never negative",
        level=Level.INDUSTRY,
        meaning="No call ever leaves a balance below 0.00.",
        why="A negative balance is credit that nobody granted and nobody will repay.",
        source="All guides but one (superapi allows it for taking wins back).",
        fix=(
            "Put the check into the update itself (WHERE balance >= :amount) and a CHECK (balance >= 0) "
            "on the column. A check before the update is not enough when two bets come at once."
        ),
        situations=frozenset({_S.NEGATIVE_BALANCE, _S.OVERDRAFT, _S.OVERDRAFT_REFUSED_BUT_TAKEN}),
    ),
    Rule(
        id="MON-15",
        title="at the end the balance is what the calls add up to",
        level=Level.DOCUMENTED,
        meaning=(
            "At the end of a session the balance is the opening balance, less the accepted bets, plus "
            "wins and refunds, to the cent."
        ),
        why=(
            "This is the sum that auditors make. A difference means that money was lost or made on the "
            "way, whatever each single answer said."
        ),
        source="Follows from the BetronTech reference: each answer shows the balance after its call.",
        fix=(
            "Compare your transaction rows with the balance of the player. Look for updates outside of a "
            "database transaction, for effects without a row, for rows without an effect, and for "
            "somebody else using the player."
        ),
        situations=FRESH_BET
        | FRESH_WIN
        | FRESH_REFUND
        | {_S.BALANCE_READ_WRONG, _S.MONEY_FROM_NOWHERE, _S.ANSWER_BALANCE_WRONG},
    ),
)
