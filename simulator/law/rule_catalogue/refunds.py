"""Rules of the conformance catalogue: refunds and what they may pay."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, CONCURRENT, FRESH_REFUND, MALFORMED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="REF-01",
        title="a refund brings back the balance from before the bet",
        level=Level.DOCUMENTED,
        meaning="A bet and its refund leave the balance exactly where it was before the bet.",
        why=(
            "The round did not take place. Anything but the stake is money taken from, or given to, the "
            "player for nothing."
        ),
        source="The BetronTech reference, webhook refund.",
        fix=(
            "Give back the stake that is stored with the bet, once, in the same database transaction "
            "that marks the bet as refunded."
        ),
        situations=FRESH_REFUND | ANSWER | CONCURRENT,
    ),
    Rule(
        id="REF-02",
        title="a refund of a bet that never was pays nothing",
        level=Level.INDUSTRY,
        meaning=(
            "A refund whose transaction_id names no bet of the player pays nothing. Success and refusal "
            "are both right answers."
        ),
        why=(
            "The provider refunds when it got no answer, also when the bet never arrived. Paying then is "
            "free money, and a way to make it at will."
        ),
        source=(
            "All guides: success without movement (Slotegrator, SOFTSWISS style) or an error (Drakon, "
            "Tom Horn, Groove)."
        ),
        fix=(
            "Look up the bet first. Without one, store a tombstone (see ORD-02) and answer success, or "
            "refuse. Never add the amount that the call names."
        ),
        situations=frozenset({_S.UNKNOWN_REFUND_CREDITED, _S.NO_ANSWER}),
    ),
    Rule(
        id="REF-03",
        title="a refund that is sent five times is paid once",
        level=Level.INDUSTRY,
        meaning="A refund that is sent five times gives the stake back once.",
        why=(
            "Refunds are repeated until they are answered, by some for hours. Five answers that got lost "
            "must not pay five stakes."
        ),
        source="All guides.",
        fix=(
            "As IDE-03: refunded is a state of the bet, changed under the row lock, not an event that is "
            "applied whenever it comes."
        ),
        situations=CONCURRENT | {_S.REPEATED_REFUND_CREDITED_AGAIN, _S.REFUND_OVER_STAKE, _S.NO_ANSWER},
    ),
    Rule(
        id="REF-04",
        title="a refund of a refused bet pays nothing",
        level=Level.INDUSTRY,
        meaning="A refund of a bet that was refused for lack of funds pays nothing.",
        why=(
            "Bet more than you have, be refused, refund it, repeat: a money machine that needs no skill. "
            "Found in operators' wallets."
        ),
        source='Slotegrator, Groove ("do not refund a failed wager"), gr8.tech (parent.failed).',
        fix=(
            "Refund only bets that were charged. If refused bets are stored, store them with a state and "
            "check it."
        ),
        situations=frozenset({_S.REFUSED_BET_REFUND_CREDITED, _S.NO_ANSWER}),
    ),
    Rule(
        id="REF-05",
        title="a refund never pays more than the stake",
        level=Level.INDUSTRY,
        meaning="A refund whose amount is larger than the stake never pays more than the stake.",
        why=(
            "In the wild a refund of 500 for a bet of 10 was paid. One wrong or forged call empties the "
            "house."
        ),
        source=(
            "BlueOcean: rely on the transaction id, not on the amount. The BetronTech reference says "
            '"add the amount", which is why this is industry level.'
        ),
        fix="Pay the stored stake, and refuse or cap when the call names more.",
        situations=frozenset({_S.REFUND_OVER_STAKE, _S.REFUND_DEBITED, _S.NO_ANSWER}),
    ),
    Rule(
        id="REF-06",
        title="a partial refund pays the part or the stake, once",
        level=Level.ADVICE,
        meaning=(
            "A refund of a part of the stake pays the part or the whole stake, or is refused. A second "
            "one with the same id is a repeat and pays nothing."
        ),
        why=(
            "Live tables take one chip of several back. Paying the part again and again adds up to more "
            "than the stake."
        ),
        source="AMB (AdjustBets); our judgement.",
        fix="Keep what was refunded with the bet, and never let it exceed the stake.",
        situations=frozenset(
            {
                _S.REFUND_OVER_STAKE,
                _S.REFUND_WRONG_AMOUNT,
                _S.REFUND_NOT_CREDITED,
                _S.REPEATED_REFUND_CREDITED_AGAIN,
                _S.SAME_ID_OTHER_AMOUNT_MOVED,
                _S.REFUND_DEBITED,
                _S.NO_ANSWER,
            }
        ),
    ),
    Rule(
        id="REF-07",
        title="a refund without an amount pays the stored stake or nothing",
        level=Level.ADVICE,
        meaning="A refund without an amount pays the stored stake or is refused cleanly.",
        why=(
            "Some senders leave the amount out because the id says it all. Reading it as zero keeps the "
            "stake and answers success."
        ),
        source="BlueOcean, Slotegrator.",
        fix="Take the amount from the stored bet; the field in the call is only for checking.",
        situations=MALFORMED
        | {
            _S.REFUND_OVER_STAKE,
            _S.REFUND_WRONG_AMOUNT,
            _S.REFUND_NOT_CREDITED,
            _S.REFUND_DEBITED,
            _S.NO_ANSWER,
        },
    ),
)
