"""Rules of the conformance catalogue: malformed calls."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import FRESH_BET, FRESH_WIN, MALFORMED, READ, SHARED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="BAD-01",
        title="a negative amount moves no money",
        level=Level.INDUSTRY,
        meaning="A bet, win or refund with a negative amount is refused and moves nothing.",
        why="Subtracting a negative bet is a deposit. It works from any browser that can send a call.",
        source="forsyt, jackpot.studio, BetGames, Drakon (NO_AMOUNT).",
        fix=(
            "Refuse amount < 0 before anything else, for all three methods; a CHECK (amount >= 0) on the "
            "column is a second net."
        ),
        situations=MALFORMED | {_S.BET_CREDITED, _S.REFUND_DEBITED, _S.REFUND_OVER_STAKE, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-02",
        title="an amount that is no amount is refused",
        level=Level.INDUSTRY,
        meaning=(
            "An amount that is empty, null, a word, NaN, Infinity, 1e3, 1,00 or 0x10 is refused, moves "
            "nothing and causes no error of the server."
        ),
        why=(
            "What a lenient parser makes of it is anyone's guess: zero, ten, a thousand, or NaN, which "
            "passes every comparison."
        ),
        source="forsyt; our collection.",
        fix=(
            "Match ^\\d+\\.\\d{2}$ (or the forms that you decided to take) and refuse the rest. parseFloat, "
            "(float) and Number are not checks."
        ),
        situations=MALFORMED | FRESH_BET | {_S.ODD_AMOUNT_WRONG, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-03",
        title="a call without a required field is refused",
        level=Level.INDUSTRY,
        meaning="A call in which one required field is missing is refused and moves nothing.",
        why=(
            "A default for a missing field moves money that nobody named: no id makes a call "
            "unrepeatable, no amount a guess."
        ),
        source="BetGames, published test suites.",
        fix="Validate all required fields first, and refuse with the name of the missing one.",
        situations=MALFORMED | {_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-04",
        title="what is not a JSON object is refused",
        level=Level.INDUSTRY,
        meaning=(
            "A body that is not a JSON object (empty, text, an array, null, cut off) is refused without "
            "a crash or a hang, and moves nothing."
        ),
        why=(
            "Answering success to garbage hides a broken sender. Seen in the wild: HTTP 200 to malformed "
            "JSON."
        ),
        source="Our judgement.",
        fix="Parse in one place, check for an object, answer 400 with a JSON error.",
        situations=MALFORMED | {_S.NO_ANSWER},
    ),
    Rule(
        id="BAD-05",
        title="a key that comes twice has one reading",
        level=Level.ADVICE,
        meaning="A body in which a key stands twice has one reading or is refused.",
        why="Two parsers on the way that read two different amounts are a known way to cheat.",
        source="Our judgement (RFC 8259 leaves it open).",
        fix=(
            "Parse once and use only that result for checking, charging and storing. Refuse twin keys if "
            "your parser can."
        ),
        situations=MALFORMED | FRESH_BET | {_S.ODD_AMOUNT_WRONG, _S.SAME_ID_OTHER_AMOUNT_MOVED, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-06",
        title="a user_id that comes as a number is the same player or refused",
        level=Level.ADVICE,
        meaning="A user_id that comes as a JSON number is the same player as the string, or is refused.",
        why='In loosely typed languages 7 and "7" can be two keys: two wallets for one person.',
        source="A dialect of senders; our judgement.",
        fix="Convert to a string at the door, or refuse anything that is not a string.",
        situations=FRESH_BET | READ | {_S.ODD_AMOUNT_WRONG, _S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER},
    ),
    Rule(
        id="BAD-07",
        title="any Unicode in an id is survived",
        level=Level.INDUSTRY,
        meaning=(
            "Emoji, right-to-left text, other alphabets and control characters in an id cause no error "
            "of the server, and the call has its effect once or not at all."
        ),
        why=(
            "A column with three-byte UTF-8 or a log that cannot encode turns a bet into an unknown "
            "outcome after it was charged."
        ),
        source='jackpot.studio ("edge cases").',
        fix=(
            "utf8mb4 or UTF-8 from end to end, or a clean refusal of ids outside a plain alphabet, "
            "before the money moves."
        ),
        situations=FRESH_BET | FRESH_WIN | MALFORMED | SHARED | {_S.NO_ANSWER},
    ),
    Rule(
        id="BAD-08",
        title="another Content-Type is understood or refused",
        level=Level.ADVICE,
        meaning="A correct JSON body with another Content-Type is handled like any other or refused (415).",
        why=(
            "Proxies and libraries change the header. A framework that then sees no fields must not go "
            "on with defaults."
        ),
        source="Our judgement.",
        fix="Read the raw body and parse it as JSON, or answer 415.",
        situations=FRESH_BET | MALFORMED | {_S.ODD_AMOUNT_WRONG, _S.NO_ANSWER},
    ),
)
