"""Rules of the conformance catalogue: signatures, which the reference does not document."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="SEC-01",
        title="a win with a wrong signature is refused",
        level=Level.INDUSTRY,
        meaning="Where a signature or key is agreed on, a win with a wrong one is refused and pays nothing.",
        why="The endpoint is on the internet. Without the check anybody can credit anybody.",
        source=(
            "Slotegrator sends such a win in its validation; Tom Horn, BetGames, BlueOcean. The "
            "BetronTech reference documents no signature."
        ),
        fix=(
            "Check the signature before anything else, on every method, with a comparison in constant time."
        ),
        situations=frozenset({_S.MALFORMED_MOVED, _S.UNKNOWN_PLAYER_ACCEPTED, _S.EXPECTATION_FAILED}),
    ),
    Rule(
        id="SEC-02",
        title="a call without its signature is refused",
        level=Level.INDUSTRY,
        meaning=(
            "Where a header with a key or signature is agreed on, a call without it is refused with 401 "
            "or 403."
        ),
        why='"No header" is the first thing an attacker tries.',
        source="Acceptance tests of aggregators. The BetronTech reference documents no signature.",
        fix="A missing header is a wrong one.",
        situations=frozenset({_S.EXPECTATION_FAILED, _S.MALFORMED_MOVED}),
    ),
    Rule(
        id="SEC-03",
        title="a body that was changed after signing is refused",
        level=Level.INDUSTRY,
        meaning="A body that was changed after it was signed is refused.",
        why="A signature that does not cover the amount protects nothing.",
        source="jackpot.studio. The BetronTech reference documents no signature.",
        fix="Sign and check the raw bytes of the body, not single fields.",
        situations=frozenset({_S.EXPECTATION_FAILED, _S.MALFORMED_MOVED}),
    ),
    Rule(
        id="SEC-04",
        title="a stale timestamp is refused",
        level=Level.ADVICE,
        meaning="A call whose timestamp is older than about two minutes is refused.",
        why="A recorded call could otherwise be played back for ever.",
        source="HypeTech suggests two minutes. The BetronTech reference documents no timestamp.",
        fix="Put the time into what is signed, and compare it with your own clock.",
        situations=frozenset({_S.EXPECTATION_FAILED, _S.MALFORMED_MOVED}),
    ),
    Rule(
        id="SEC-05",
        title="a replayed nonce is refused",
        level=Level.ADVICE,
        meaning="A nonce that was used, with a new transaction_id, is refused.",
        why="A replayed envelope with new content shows that the nonce is not bound to the body.",
        source="Slotegrator (X-Nonce). The BetronTech reference documents no nonce.",
        fix="Keep nonces as long as their timestamps are valid.",
        situations=frozenset({_S.EXPECTATION_FAILED, _S.MALFORMED_MOVED}),
    ),
    Rule(
        id="SEC-06",
        title="the key itself is not a valid signature",
        level=Level.ADVICE,
        meaning="A signature that equals the key itself is refused.",
        why="A mistake that has been made: the key was compared instead of the hash.",
        source='BlueOcean ("hash == key").',
        fix="Compute the hash, then compare it.",
        situations=frozenset({_S.EXPECTATION_FAILED, _S.MALFORMED_MOVED}),
    ),
)
