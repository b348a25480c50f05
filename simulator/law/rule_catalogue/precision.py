"""Rules of the conformance catalogue: exact amounts."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_WIN, MALFORMED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="MON-01",
        title="one cent is one cent",
        level=Level.INDUSTRY,
        meaning="Bets and wins of 0.01 change the balance by exactly 0.01.",
        why=(
            "One lost cent a call is invisible to a player and adds up to real money over a month of spins."
        ),
        source="jackpot.studio's decimal test; every tester has a smallest amount.",
        fix=(
            "Read the amount as a decimal and keep integer cents or DECIMAL. No rounding to one digit, "
            "no minimum stake in the wallet."
        ),
        situations=FRESH_BET | FRESH_WIN | ANSWER,
    ),
    Rule(
        id="MON-02",
        title="three bets of 0.10 are exactly one win of 0.30",
        level=Level.INDUSTRY,
        meaning="Three bets of 0.10 and one win of 0.30 bring the balance back exactly.",
        why=(
            "In binary fractions 0.1 + 0.1 + 0.1 is not 0.3. A comparison or a sum then is off by a "
            "hair, and a player with exactly enough money is refused."
        ),
        source='Drakon ("no floating point"), flexsoft.',
        fix=(
            "Do not use float or double for money anywhere: not in the language, not in the column type, "
            "not in JSON. Integer cents are the simplest way."
        ),
        situations=FRESH_BET | FRESH_WIN | ANSWER | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="MON-03",
        title="a thousand bets of 0.01 take exactly 10.00",
        level=Level.ADVICE,
        meaning="After a thousand bets of 0.01 the balance is lower by exactly 10.00.",
        why="Errors that one call hides add up; so do calls that get lost now and then.",
        source="Our judgement.",
        fix=(
            "As MON-02. If the sum is off by whole stakes, look for calls whose update is skipped: a "
            "swallowed exception, a lock timeout that is ignored."
        ),
        situations=FRESH_BET | ANSWER | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="MON-04",
        title="no binary fractions leak into an answer",
        level=Level.INDUSTRY,
        meaning=(
            "No answer has more than two decimals or an exponent. 99.96000000000001 and 1e+05 are what a "
            "float looks like."
        ),
        why=(
            "The number shows that money is kept as a float. What is a cosmetic tail today is a lost "
            "cent after the next million calls."
        ),
        source="Seen in the wild in operators' wallets.",
        fix=(
            "Store cents as integers or DECIMAL(20,2), calculate in decimals, and format to two places "
            "when you answer. Rounding only the output hides the fault, it does not remove it."
        ),
        situations=frozenset({_S.ANSWER_BALANCE_WRONG}),
    ),
    Rule(
        id="MON-05",
        title="a seven-digit balance is exact and has no separators",
        level=Level.ADVICE,
        meaning=(
            "A balance of seven digits is exact, with a point before the cents and nothing between the "
            'thousands: "1234667.89".'
        ),
        why=("A Turkish or Brazilian locale writes 1.234.667,89. Clients read that as 1.23, or not at all."),
        source="Experience with locales for TRY and BRL.",
        fix=(
            "Format money for the wire without the locale: number_format($x, 2, '.', ''), "
            "String.format(Locale.ROOT, ...), CultureInfo.InvariantCulture."
        ),
        situations=FRESH_WIN | ANSWER,
    ),
    Rule(
        id="MON-06",
        title="10, 10.0 and 10.00 are one amount",
        level=Level.ADVICE,
        meaning=(
            '"10", "10.0" and "10.00" mean ten. A wallet reads all of them as 10.00, or refuses the two '
            "short forms. No other result."
        ),
        why=(
            'A text that is compared or concatenated instead of parsed gives 10.00 + "10" or ten cents '
            'for "10".'
        ),
        source="Our judgement; the documented form has two decimals, senders differ.",
        fix=(
            "Parse the amount as a decimal first, then convert it to cents. Never strip the point and "
            "read the digits."
        ),
        situations=FRESH_BET | {_S.ODD_AMOUNT_WRONG, _S.NO_ANSWER},
    ),
    Rule(
        id="MON-07",
        title="an amount that comes as a JSON number is read exactly or refused",
        level=Level.ADVICE,
        meaning="An amount that comes as the JSON number 10.5 takes exactly 10.50, or the call is refused.",
        why=(
            "Relatives of this protocol send numbers. Reading one as 10, 105 or 10.499999 moves the "
            "wrong amount."
        ),
        source="The sibling Drakon sends numbers.",
        fix=(
            "Accept string and number, and parse the number from its text (parse_float=Decimal, "
            "JSON_BIGINT_AS_STRING, BigDecimal), not through a double."
        ),
        situations=FRESH_BET | {_S.ODD_AMOUNT_WRONG, _S.NO_ANSWER},
    ),
    Rule(
        id="MON-08",
        title="a third decimal is refused, never rounded in silence",
        level=Level.ADVICE,
        meaning=(
            "An amount with a third decimal such as 10.005 is refused, or one documented rounding "
            "applies to bets, wins and refunds alike. Never 10.01 for the bet and 10.00 for its refund."
        ),
        why=(
            "Where two directions round differently, each round trip makes or loses a cent; somebody "
            "will automate it."
        ),
        source="Slotegrator sends four decimals.",
        fix=(
            "Refuse amounts with more than two decimals. If you must round, round down everywhere and "
            "store the rounded amount with the transaction."
        ),
        situations=MALFORMED | FRESH_BET | {_S.ODD_AMOUNT_WRONG, _S.NO_ANSWER},
    ),
)
