"""Rules of the conformance catalogue: how a call travels and how it is taken in."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import ANSWER, FRESH_BET, FRESH_REFUND, FRESH_WIN, MALFORMED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="CON-09",
        title="the fields stand in the answer itself, not in a wrapper",
        level=Level.ADVICE,
        meaning=(
            'status and balance stand at the top of the object, not inside {"data": {...}} or '
            '{"response": {...}}.'
        ),
        why="A client that reads balance at the top finds none and treats the call as unanswered.",
        source="Operators' notes on the sibling Drakon; the examples of the reference are flat.",
        fix=(
            "Bypass the envelope that your framework puts around API answers (resource wrappers, global "
            "response filters) for this one route."
        ),
        situations=frozenset(),
    ),
    Rule(
        id="CON-10",
        title="the endpoint answers by itself and redirects nowhere",
        level=Level.ADVICE,
        meaning=(
            "The endpoint answers the POST by itself. No 301, 302 or 308, no login page, no CSRF check "
            "(HTTP 419)."
        ),
        why=(
            "Redirects are not followed: a 302 would turn the POST into a GET without its body. The call "
            "ends unknown, bets are refunded, wins are sent again and again."
        ),
        source=(
            "Operators' notes on the sibling Drakon; Stripe's webhook guidance counts every 3xx as a failure."
        ),
        fix=(
            "Register the exact URL (scheme, host, trailing slash) that answers. Take the route out of "
            "the CSRF middleware, the session login and the http-to-https redirect."
        ),
        situations=frozenset({_S.NO_ANSWER}),
    ),
    Rule(
        id="CON-11",
        title="a balance read right after a call shows its effect",
        level=Level.INDUSTRY,
        meaning=(
            "user_balance, called right after a bet, win or refund was answered, shows that call's "
            "effect, and the same balance as the answer did."
        ),
        why=(
            "Games read the balance between rounds. An old number lets a player stake money that is "
            "gone, or blocks money that is there."
        ),
        source="Phoenix and other guides: read your own writes.",
        fix=(
            "Read the balance from the primary, not from a replica or a cache; commit before you answer; "
            "let the answer of a money call come from the row that was updated."
        ),
        situations=frozenset(
            {
                _S.BET_NOT_TAKEN,
                _S.WIN_NOT_CREDITED,
                _S.REFUND_NOT_CREDITED,
                _S.STALE_READ,
                _S.READ_CONTRADICTS,
                _S.BALANCE_READ_WRONG,
                _S.ANSWER_BALANCE_WRONG,
            }
        ),
    ),
    Rule(
        id="CON-12",
        title="a field that the wallet does not know is ignored",
        level=Level.INDUSTRY,
        meaning="A key that the wallet does not know is ignored; the call goes on as if it were not there.",
        why=(
            "Interfaces grow. A wallet that rejects unknown keys stops working on the day a field is added."
        ),
        source="VegasLounge's test suite sends a made-up key; the usual rule of tolerant reading.",
        fix=(
            'Validate the keys you need and leave the others alone. Switch "additionalProperties: false" '
            'or "forbid extra" off for incoming webhooks.'
        ),
        situations=FRESH_BET | FRESH_WIN | FRESH_REFUND | {_S.NO_ANSWER},
    ),
    Rule(
        id="CON-13",
        title="the order of keys and white space in the JSON do not matter",
        level=Level.ADVICE,
        meaning=(
            "The result does not depend on the order of the keys or on blanks and line breaks in the JSON."
        ),
        why=(
            "A wallet that reads fields by position or by a regular expression works with one sender's "
            "serializer and with no other."
        ),
        source="Notes on signatures over raw bodies; JSON objects have no order (RFC 8259).",
        fix=(
            "Parse the body with a JSON parser, once, and read fields by name. If you check a signature, "
            "compute it over the raw bytes and not over JSON that you wrote again."
        ),
        situations=FRESH_BET | FRESH_WIN | FRESH_REFUND | ANSWER,
    ),
    Rule(
        id="CON-14",
        title="an unknown method is refused",
        level=Level.INDUSTRY,
        meaning=(
            "A method that is not one of the five is refused, with any status except 1, and moves nothing."
        ),
        why=(
            "A fall-through branch that treats everything unknown as a win or as a success will one day "
            "be reached."
        ),
        source="Drakon (INVALID_METHOD), BetGames' API test.",
        fix=(
            'End the dispatch with a refusal: {"status": 0, "error": "INVALID_METHOD"}. Compare method '
            "names exactly."
        ),
        situations=MALFORMED | {_S.NO_ANSWER},
    ),
    Rule(
        id="CON-15",
        title="a refusal says why in a way that a program can read",
        level=Level.INDUSTRY,
        meaning=(
            'A refusal is JSON with an error code that a program can tell apart, such as {"status": 0, '
            '"error": "NO_BALANCE", "balance": "3.20"}.'
        ),
        why=(
            '"You have no money", "your account is blocked" and "please try again" need different '
            "messages to the player. Without a code every refusal looks like a fault of the game."
        ),
        source='Hub88 ("send the actual balance"), VegasLounge, Drakon\'s error names.',
        fix=(
            "Give each kind of refusal a constant name: NO_BALANCE, INVALID_USER, INVALID_TRANSACTION, "
            "DOUBLED_BET, and add the balance when money is short."
        ),
        situations=frozenset(),
    ),
    Rule(
        id="CON-16",
        title="many calls over one connection are all answered",
        level=Level.ADVICE,
        meaning=(
            "Twenty calls in a row over one kept-alive connection are all answered, without a stall or a "
            "half-closed connection."
        ),
        why="Under load a new TLS connection for each bet costs more time than the bet itself.",
        source="Guides that ask for answers under 300 ms name keep-alive.",
        fix=("Leave keep-alive on in the web server, and close idle connections only after several seconds."),
        situations=frozenset({_S.NO_ANSWER}),
    ),
    Rule(
        id="CON-17",
        title="a chunked body and Expect: 100-continue are understood",
        level=Level.ADVICE,
        meaning=(
            "A request with Transfer-Encoding: chunked, or with Expect: 100-continue, is read like any other."
        ),
        why=(
            "HTTP libraries and proxies choose these by themselves. A wallet that sees an empty body "
            "then refuses a good bet."
        ),
        source="Our judgement; both belong to HTTP/1.1.",
        fix="Let the web server or framework read the body. Do not rely on Content-Length being there.",
        situations=FRESH_BET | {_S.NO_ANSWER},
    ),
)
