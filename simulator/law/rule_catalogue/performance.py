"""Rules of the conformance catalogue: latency and load."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import CONCURRENT, FRESH_BET, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="PER-01",
        title="answers come within 300 ms",
        level=Level.ADVICE,
        meaning=(
            "Nineteen of twenty answers come within 300 ms; up to 500 ms is a warning, more than a "
            "second is too slow."
        ),
        why=(
            "The reels turn while the game waits. Providers give a bet up after one to five seconds, and "
            "then refund it."
        ),
        source="A guide that asks for under 300 ms, Phoenix (500 ms), imoon (bet timeout of 1 s).",
        fix=(
            "An index on (player, method, transaction_id), no calls to other services while the row is "
            "locked, short transactions."
        ),
        situations=frozenset({_S.SLOW}),
    ),
    Rule(
        id="PER-02",
        title="a call is given up after a few seconds",
        level=Level.INDUSTRY,
        meaning="A call is given up after a few seconds. This is about the simulator's own behaviour.",
        why="A hung wallet must not hang the game.",
        source="Slotegrator 3 s, superapi 3 s, SlotCity 4 s, CasinoWebScripts 5 s, Tom Horn 10 s.",
        fix="Give up your own work earlier than that, and roll it back.",
        situations=frozenset({_S.NO_ANSWER, _S.SLOW}),
    ),
    Rule(
        id="PER-03",
        title="fifty calls a second for a minute are answered right and in time",
        level=Level.ADVICE,
        meaning=(
            "Fifty calls a second for a minute, of five hundred players, are all right, and nineteen of "
            "twenty come within 500 ms."
        ),
        why="That is about a thousand people at slots, an ordinary evening.",
        source="Figures of a settlement engine.",
        fix="As PER-01; a pool of connections that fits, and no global lock.",
        situations=CONCURRENT | {_S.SLOW, _S.NO_ANSWER},
    ),
    Rule(
        id="PER-04",
        title="a burst of 250 calls a second leaves the money right",
        level=Level.ADVICE,
        meaning=(
            "A burst of 250 calls a second leaves fewer than five in a hundred without an answer, and no "
            "balance wrong."
        ),
        why="Bursts come after outages and at the end of tournaments.",
        source="Figures of a settlement engine.",
        fix=("Queue for a moment instead of failing, and answer 503 before the work begins, never after it."),
        situations=CONCURRENT | {_S.NO_ANSWER},
    ),
    Rule(
        id="PER-05",
        title="one busy player loses no update",
        level=Level.ADVICE,
        meaning="One player with twenty calls a second loses no update.",
        why="Autoplay on several tables at once is one busy row.",
        source="Notes on row locks.",
        fix="As CCY-01: one statement, or a row lock that is held briefly.",
        situations=CONCURRENT | FRESH_BET,
    ),
    Rule(
        id="PER-06",
        title="answers do not get slower with ten thousand transactions",
        level=Level.ADVICE,
        meaning=(
            "Answers are not slower after ten thousand transactions: the slowest twentieth at most doubles."
        ),
        why=(
            "A missing index on transaction_id is not noticed in a test and stops the casino in week three."
        ),
        source="Drakon's advice on indexes.",
        fix="A unique index on (player, method, transaction_id); it is also what makes repeats safe.",
        situations=frozenset({_S.SLOW}),
    ),
)
