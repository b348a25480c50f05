"""Rules of the conformance catalogue: hostile requests and leaks."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import FRESH_BET, FRESH_WIN, MALFORMED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="SEC-07",
        title="a GET request moves no money",
        level=Level.ADVICE,
        meaning="A GET request with the fields of a webhook moves no money.",
        why=(
            "Links are followed by crawlers, previews and caches, and can be put into a page. A GET that "
            "pays is an open door."
        ),
        source="An operator's route of the sibling Drakon accepted GET.",
        fix="Route POST only, and answer 405 to everything else.",
        situations=MALFORMED,
    ),
    Rule(
        id="SEC-08",
        title="a call from an address off the list is refused",
        level=Level.INDUSTRY,
        meaning="Where the provider's addresses are agreed on, a call from another address is refused.",
        why="An address list is the cheapest second lock.",
        source="Most guides. Hard to prove from one machine; the BetronTech reference documents no list.",
        fix="Check the peer address at the proxy; do not trust X-Forwarded-For from outside.",
        situations=frozenset({_S.EXPECTATION_FAILED, _S.MALFORMED_MOVED}),
    ),
    Rule(
        id="SEC-09",
        title="account_details gives no secrets away",
        level=Level.ADVICE,
        meaning=(
            "account_details answers an id, a name and an e-mail address, and no password hash, token, "
            "document number or balance of a bank."
        ),
        why=(
            "What the game does not need, the game must not have: it is somebody else's system, with "
            "somebody else's logs."
        ),
        source="Our judgement, and data protection law.",
        fix="Name the fields of the answer one by one. Never serialize the whole user.",
        situations=frozenset({_S.EXPECTATION_FAILED, _S.DETAILS_WRONG}),
    ),
    Rule(
        id="SEC-10",
        title="an error gives no stack trace or SQL away",
        level=Level.ADVICE,
        meaning="An error answer shows no stack trace, SQL or file path.",
        why="It tells an attacker which library and which table to aim at.",
        source="Our judgement.",
        fix="Switch debug mode off in production, log the details, answer a code.",
        situations=frozenset({_S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="SEC-11",
        title="SQL and markup in a field are data",
        level=Level.INDUSTRY,
        meaning=(
            "SQL and markup in user_id, transaction_id or game_id are data: stored as they are or "
            "refused, with no error of the server and no effect on anything else."
        ),
        why="A quote that breaks a query is the beginning of the end of a wallet.",
        source='jackpot.studio ("attack vectors").',
        fix="Bind parameters, never build SQL from text. Escape when you display, not when you store.",
        situations=FRESH_BET | FRESH_WIN | MALFORMED | {_S.UNKNOWN_PLAYER_ACCEPTED, _S.NO_ANSWER},
    ),
)
