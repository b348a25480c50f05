"""Rules of the conformance catalogue: lost replies, timeouts and sending again."""

from __future__ import annotations

from simulator.core.findings import Level
from simulator.law.rule_catalogue.rule import CONCURRENT, FRESH_REFUND, FRESH_WIN, REPEATED, Rule
from simulator.law.situations import Situation as _S

RULES = (
    Rule(
        id="TMO-01",
        title="a bet whose answer is lost can be refunded",
        level=Level.INDUSTRY,
        meaning="A bet whose answer got lost, and then its refund, leave the balance where it was.",
        why=(
            "Lost answers are daily life. The provider cannot know whether the bet was taken, so it refunds."
        ),
        source="imoon, CasinoWebScripts, Tom Horn, superapi.",
        fix=(
            "REF-01, REF-02 and ORD-02 together: a refund is safe for a bet that was taken, for one that "
            "was not, and for one that is still on its way."
        ),
        situations=FRESH_REFUND | {_S.UNKNOWN_REFUND_CREDITED, _S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="TMO-02",
        title="a win whose answer is lost is paid once",
        level=Level.INDUSTRY,
        meaning="A win whose answer got lost is sent again and is paid once.",
        why="Wins are sent until they are answered.",
        source="RubyPlay, Microgaming, imoon.",
        fix="As IDE-02.",
        situations=FRESH_WIN | {_S.REPEATED_WIN_CREDITED_AGAIN, _S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="TMO-03",
        title="a refund whose answer is lost is paid once",
        level=Level.INDUSTRY,
        meaning="A refund whose answer got lost is sent again and gives the stake back once.",
        why="Refunds are sent until they are answered.",
        source="Swipe Games, gr8.tech.",
        fix="As IDE-03.",
        situations=FRESH_REFUND | {_S.REPEATED_REFUND_CREDITED_AGAIN, _S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="TMO-04",
        title="a connection that breaks in the body leaves a consistent balance",
        level=Level.ADVICE,
        meaning=(
            "A connection that breaks in the middle of the request leaves the balance as if the call had "
            "come or had not, and its refund works either way."
        ),
        why="Half a body must not be half a bet.",
        source="Our judgement.",
        fix=(
            "Act only on a body that was read whole and parsed. Do not go on after the client is gone "
            "without a transaction around it."
        ),
        situations=FRESH_REFUND | {_S.UNKNOWN_REFUND_CREDITED, _S.LATE_BET_TAKEN, _S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="TMO-05",
        title="a refund that meets its own slow bet leaves nothing taken",
        level=Level.INDUSTRY,
        meaning=(
            "A bet that the wallet answers too late, while its refund has arrived already, ends with "
            "nothing taken, in whichever order the two are handled."
        ),
        why=(
            "The provider gave up after its timeout. The stake that a slow thread takes afterwards is lost."
        ),
        source="Tom Horn's FAQ, an example of CasinoWebScripts with 33 seconds.",
        fix=(
            "Serialize the calls of one player, keep tombstones, and give up your own work before the "
            "provider does."
        ),
        situations=CONCURRENT | {_S.LATE_BET_TAKEN, _S.UNKNOWN_REFUND_CREDITED, _S.REFUND_NOT_CREDITED},
    ),
    Rule(
        id="TMO-06",
        title="a reply without a status is treated as unknown and the bet refunded",
        level=Level.INDUSTRY,
        meaning=(
            "An answer without a readable status is unknown to the provider, which then refunds the bet. "
            "This is about the simulator's own behaviour."
        ),
        why="Treating such an answer as success or as refusal would be a guess with the player's money.",
        source="CasinoWebScripts (missing status = timeout), 155.io.",
        fix="Nothing in the wallet, but answer status 1 or a clear refusal each time (CON-07, CON-08).",
        situations=frozenset(),
    ),
    Rule(
        id="TMO-07",
        title="wins that are owed reach an operator who was down",
        level=Level.INDUSTRY,
        meaning=(
            "Wins that could not be delivered while the operator was down arrive, once and in order, "
            "when it is back. This is about the simulator's own behaviour."
        ),
        why="What is owed stays owed over an outage.",
        source="Microgaming, RubyPlay.",
        fix="Nothing in the wallet, but be ready for a burst of wins after an outage.",
        situations=frozenset(),
    ),
    Rule(
        id="TMO-08",
        title="a call that is sent again a day later has one effect",
        level=Level.INDUSTRY,
        meaning="A call that is sent again after 24 hours has one effect.",
        why="Some retry ladders are a day long.",
        source="imoon, Microgaming.",
        fix="Keep transaction ids for months; four months is what Hub88 asks for.",
        situations=REPEATED | {_S.BALANCE_READ_WRONG},
    ),
    Rule(
        id="TMO-09",
        title="an illogical refusal does not end the session",
        level=Level.ADVICE,
        meaning=(
            "A refusal that makes no sense, such as lack of funds although there is money, does not end "
            "the session on the provider's side. This is about the simulator's own behaviour."
        ),
        why="A hiccup of the wallet should cost one spin, not the player.",
        source="Practice of Velo and Aristocrat Fusion.",
        fix="Nothing in the wallet, but refuse only what must be refused (CON-03).",
        situations=frozenset(),
    ),
)
