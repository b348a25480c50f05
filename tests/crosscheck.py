"""Random histories, judged by the checker and by an exhaustive search: they must agree on every one.

`python tests/crosscheck.py 100000` (or `make crosscheck`) prints what it compared, and each disagreement.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from literal_history import LiteralHistory
from right_wallets import Recipe, history_of, mutate
from simulator.core.calls import CallForm, Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money, money_text
from simulator.core.webhooks import Method
from simulator.history.check import TRIES, HistoryVerdict, Trial, check_history
from simulator.history.operations import ends_quietly, hide_concurrent_balances
from simulator.history.problem import Start
from simulator.history.quick import InTurn
from simulator.law.book import Terms

ATTEMPTS_MAX = 9

IN_TURN = 10_000_000
"""The calls of the histories from this seed on do not overlap, but for those that are sent at one moment."""


OPEN_MAX = 5
"""In longer histories with unanswered calls, losing each effect in turn takes too many orders."""

UNANSWERED = 20_000_000
"""In the histories from this seed on many calls are not answered, some are sent again, and bets refunded."""


@dataclass(frozen=True)
class Compared:
    """One history, and what was said of it."""

    seed: int
    opening: int
    history: list[Operation]
    valid: bool
    then_read: bool
    verdict: HistoryVerdict
    literal: tuple[str, str, int]
    followed: bool
    pieced: bool
    hides_loss: bool | None = None
    """Whether some effect may be lost although an order explains every answer; None if that was not asked."""

    @property
    def agrees(self) -> bool:
        """Whether all say the same, and nothing wrong of a right wallet."""
        said = (str(self.verdict.verdict), str(self.verdict.money), self.verdict.tier)
        right = not self.valid or self.literal[2] <= (2 if self.then_read else 1)
        sure = self.verdict.tier != 1 or self.verdict.doubt is not None or not self.hides_loss
        found = self.followed or self.pieced
        return said == self.literal and right and sure and (not found or self.literal[2] == 1)


def compare(seed: int) -> Compared:
    """Make the history of that seed and judge it twice."""
    chance = random.Random(seed)
    if seed >= UNANSWERED:
        return compare_unanswered(seed, chance)
    recipe = Recipe(
        attempts=chance.randint(1, ATTEMPTS_MAX if chance.random() < 0.3 else 6),
        opening=chance.choice((0, 20, 50, 200)),
        crowding=0.0 if seed >= IN_TURN else chance.choice((0.1, 0.3, 0.6, 1.2)),
        amounts=chance.choice(((0, 5, 10, 10, 20, 30, 60), (3, 7, 11, 20, 45), (10,), (1, 2, 40))),
        ids=chance.choice((1, 2, 4, 8)),
        games=chance.choice((("g",), ("g", "g", "h", None))),
        lost=chance.choice((0.0, 0.0, 0.1, 0.3)),
        reads=chance.choice((0.0, 0.2, 0.4)),
        then_read=chance.random() < 0.5,
    )
    history = history_of(recipe, chance)
    changes = chance.choice((0, 1, 1, 2))
    for _ in range(changes):
        if len(history) > 1:
            history = mutate(history, chance)
    valid, terms, foreign = changes == 0, Terms(), frozenset[int]()
    if chance.random() < 0.2:
        valid, terms = (
            False,
            chance.choice((Terms(blocked=True), Terms(max_bet=Money(10)), Terms(exists=False))),
        )
    if chance.random() < 0.1:
        valid, foreign = False, frozenset(each.index for each in history if chance.random() < 0.4)
    verdict = check_history(Money(recipe.opening), history, terms=terms, foreign=foreign)
    literal = literal_verdict(recipe.opening, history, terms, foreign)
    plain = terms == Terms() and not foreign
    followed = plain and is_followed(recipe.opening, history)
    pieced = plain and is_pieced(recipe.opening, history)
    hides = None
    if len(history) <= OPEN_MAX and terms == Terms() and not foreign and literal[2] == 1 and is_open(history):
        hides = hides_loss(recipe.opening, history)
    return Compared(
        *(seed, recipe.opening, history, valid, recipe.then_read, verdict, literal, followed, pieced, hides)
    )


def compare_unanswered(seed: int, chance: random.Random) -> Compared:
    """Make a history with many calls without an answer, in half of which an effect is lost, and judge it."""
    recipe = Recipe(
        attempts=chance.randint(2, 5),
        opening=chance.choice((50, 200)),
        crowding=chance.choice((0.0, 0.1, 0.3, 0.6)),
        amounts=chance.choice(((10,), (10, 20), (10, 20, 30), (3, 7, 11, 20, 45))),
        ids=chance.choice((1, 2, 4, 8)),
        lost=chance.choice((0.2, 0.4, 0.6)),
        reads=chance.choice((0.0, 0.2)),
        odd=0.02,
        last_read=chance.random() < 0.9,
        loses=chance.random() < 0.5,
    )
    history = history_of(recipe, chance)
    verdict = check_history(Money(recipe.opening), history)
    literal = literal_verdict(recipe.opening, history, Terms(), frozenset())
    asked = literal[2] == 1 and is_open(history)
    hides = hides_loss(recipe.opening, history) if asked else None
    return Compared(
        *(seed, recipe.opening, history, not recipe.loses, False, verdict, literal),
        followed=is_followed(recipe.opening, history),
        pieced=is_pieced(recipe.opening, history),
        hides_loss=hides,
    )


def is_followed(opening: int, history: Sequence[Operation]) -> bool:
    """Whether the calls, as lines of a file, are right for the judge that takes them one after the other."""
    in_turn = InTurn(opening, 1)
    return all(in_turn.takes(line_of(each), each.player) for each in history)


def is_pieced(opening: int, history: Sequence[Operation]) -> bool:
    """Whether an order is found in pieces, as those of long histories are looked for."""
    trial = Trial([Start(opening)], Terms(), (), TRIES)
    return any(trial.in_pieces(history, size) for size in (1, 2))


def line_of(each: Operation) -> dict[str, object]:
    """A call as the line of a file says it."""
    return {
        "type": "exchange", "player": each.player, "method": each.method.value,
        "transaction_id": each.transaction_id, "amount": money_text(each.amount), "game_id": each.game_id,
        "sent_ns": each.sent_ns, "answered_ns": each.answered_ns, "outcome": each.outcome.value,
        "balance": money_text(each.balance), "form": each.form.value,
    }  # fmt: skip


def literal_verdict(
    opening: int, history: Sequence[Operation], terms: Terms, foreign: frozenset[int]
) -> tuple[str, str, int]:
    """Verdict, money and tier by exhaustive search."""

    def has_order(operations: Sequence[Operation], then_read: bool) -> bool:
        every = LiteralHistory(opening, operations, then_read=then_read, terms=terms, foreign=foreign)
        return every.has_order()

    if has_order(history, then_read=False):
        return "consistent", "right", 1
    if has_order(history, then_read=True):
        return "inconsistent", "right", 2
    hidden = hide_concurrent_balances(history)
    if not has_order(hidden, then_read=False):
        return "inconsistent", "wrong", 3
    return "inconsistent", "right" if ends_quietly(hidden) else "unproven", 3


def hides_loss(opening: int, history: Sequence[Operation]) -> bool:
    """Whether some order explains every answer although one effect was lost before the last balance."""
    ids = Counter(each.transaction_id for each in history)
    telling = [
        each
        for each in history
        if each.outcome is Outcome.ACCEPTED and each.balance is not None
        if each.is_read
        or (ids[each.transaction_id] == 1 and each.amount and each.form is not CallForm.MALFORMED)
    ]
    if not telling:
        return False
    last = max(telling, key=lambda each: each.sent_ns)
    return any(
        LiteralHistory(opening, history, then_read=False, lost=(each.index, last.index)).has_order()
        for each in history
        if each.method.moves_money and each.outcome is Outcome.ACCEPTED and each.ends_ns < last.sent_ns
    )


def is_open(history: Sequence[Operation]) -> bool:
    """Whether a call that may move money has no answer, and no accepted call with its id tells of it."""
    return any(
        each.is_unknown and _may_move(each, history) and not _is_told(each, history) for each in history
    )


def _may_move(operation: Operation, history: Sequence[Operation]) -> bool:
    others = {each.method for each in history if each.transaction_id == operation.transaction_id}
    if operation.method is Method.REFUND:
        return bool(others & {Method.BET, Method.WIN})
    return operation.method.moves_money and bool(operation.amount)


def _is_told(operation: Operation, history: Sequence[Operation]) -> bool:
    telling = {operation.method, *([Method.REFUND] if operation.method is Method.BET else ())}
    return any(
        each.transaction_id == operation.transaction_id
        and each.method in telling
        and each.outcome is Outcome.ACCEPTED
        and (each.method is not Method.REFUND or bool(each.amount))
        for each in history
    )


def disagreements(seeds: range, counts: Counter[str]) -> Iterator[Compared]:
    """The histories of these seeds that are judged differently; what was compared is added to the counts."""
    for seed in seeds:
        compared = compare(seed)
        _, money, tier = compared.literal
        counts[f"tier {tier}, money {money}" + (", right wallet" if compared.valid else "")] += 1
        counts["followed call by call"] += compared.followed
        counts["found in pieces"] += compared.pieced
        if compared.hides_loss is not None:
            said = "doubted" if compared.verdict.doubt else "sure"
            counts[
                f"calls without an answer, a loss {'fits' if compared.hides_loss else 'excluded'}: {said}"
            ] += 1
        if not compared.agrees:
            yield compared


def main(arguments: Sequence[str]) -> int:
    """Compare that many histories; 1 when the two disagree on any."""
    count = int(arguments[0]) if arguments else 100_000
    first = int(arguments[1]) if len(arguments) > 1 else 0
    counts: Counter[str] = Counter()
    found = list(disagreements(range(first, first + count), counts))
    found += disagreements(range(IN_TURN + first, IN_TURN + first + count // 4), counts)
    found += disagreements(range(UNANSWERED + first, UNANSWERED + first + count // 4), counts)
    for compared in found[:3]:
        print(f"seed {compared.seed}: {compared.verdict}\nby every order: {compared.literal}")
        print(f"opening {compared.opening}, made right: {compared.valid}, then read: {compared.then_read}")
        print(*compared.history, sep="\n")
    print(*(f"{number:8,}  {what}" for what, number in sorted(counts.items())), sep="\n")
    print(f"{count + 2 * (count // 4):8,}  histories, {len(found)} disagreements")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
