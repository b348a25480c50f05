"""What exploration has met: each call by its role, its outcome, the state of its id, and its fault.

It guides what is tried next, and judges nothing: the referee of the run does. What is tried depends on what a
right wallet would answer, so that the same seed makes up the same sessions whatever the wallet does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from random import Random
from typing import NamedTuple

from simulator.core.calls import Call, CallForm, Opening, UnsentCall
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.steps import Scenario
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.book import Book, Ledger, Terms, TooManyWorlds
from simulator.law.roles import Applied, Mark, Pending, Role, Tombstone
from simulator.report.events import Event
from simulator.scenario.dry_run import DryRun

NO_WEBHOOK = "not a webhook"

READ = "read"


CALLS_FOLLOWED_MAX = 40
"""How far a session is followed before it runs; what is repeated after that promises nothing new."""

WORLDS_MAX = 4
"""With more possible states of a wallet its calls are counted, and no longer followed."""


class Cell(NamedTuple):
    """One kind of call that was met. `id_state` is what was known of its id before; `fault` may be empty."""

    role: str
    outcome: Outcome
    id_state: str
    fault: str


class Coverage:
    """Counts the cells of the calls of a run, from its events."""

    def __init__(self) -> None:
        self.cells: Counter[Cell] = Counter()
        self._ledgers: dict[str | None, Ledger] = {}

    def on(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Opening) and event.balance is not None:
            self._ledger(event.scenario_id).open(event.player, event.balance)
        elif isinstance(event, Call) and event.why.purpose == "step":
            fault = event.exchange.fault or ""
            ledger = self._ledger(event.why.scenario_id)
            self.cells[
                _met(ledger, event.form.request, event.form.kind, event.outcome, event.balance, fault)
            ] += 1

    def forget_ledgers(self) -> None:
        """Drop what is only needed while scenarios run."""
        self._ledgers.clear()

    def by_role(self) -> list[tuple[str, Counter[Outcome], list[str], list[str]]]:
        """Return for each role its outcomes, the states of its ids, and its faults; empty if never met."""
        rows = []
        for role in (*(role.value for role in Role), READ, NO_WEBHOOK):
            outcomes: Counter[Outcome] = Counter()
            states, faults = set(), set()
            for cell, count in self.cells.items():
                if cell.role == role:
                    outcomes[cell.outcome] += count
                    states.add(cell.id_state)
                    faults.add(cell.fault)
            rows.append((role, outcomes, sorted(states - {""}), sorted(faults - {""})))
        return rows

    def _ledger(self, scenario_id: str | None) -> Ledger:
        return self._ledgers.setdefault(scenario_id, Ledger())


def promised(scenario: Scenario, seed: int) -> frozenset[Cell]:
    """Return the cells that a scenario adds with a right wallet, as far as that is clear."""
    ledger = Ledger()
    found: set[Cell] = set()
    for each in islice(DryRun(scenario, Random(seed)).calls(), CALLS_FOLLOWED_MAX):
        if each.call is None:
            continue
        request = each.call.form.request
        spec = scenario.players.get(each.player)
        if request is not None and request.player not in ledger.books and spec is not None:
            ledger.open(request.player, spec.balance, Terms(exists=spec.exists, blocked=spec.blocked))
        outcome = each.answers[0] if each.answers else Outcome.UNKNOWN
        found.add(_met(ledger, request, each.call.form.kind, outcome, None, _fault(each.call)))
    return frozenset(found)


def _fault(call: UnsentCall) -> str:
    return "" if call.fault is None else call.fault.kind.value


def _met(
    ledger: Ledger,
    request: WebhookRequest | None,
    form: CallForm,
    outcome: Outcome,
    balance: Money | None,
    fault: str,
) -> Cell:
    """Return the cell of a call, and let the ledger take it in."""
    if request is None:
        return Cell(NO_WEBHOOK, outcome, "", fault)
    if not request.method.moves_money:
        return Cell(READ, outcome, "", fault)
    book = ledger.books.get(request.player)
    if book is None:
        return Cell(Role.STRANGER.value, outcome, "", fault)
    state = _id_state(book, request)
    role = book.role(request, form)
    if len(book.worlds) <= WORLDS_MAX:
        with suppress(TooManyWorlds):
            book.observe(request, form, outcome, balance)
    return Cell(role.value, outcome, state, fault)


_STATES = ((Applied, "applied"), (Tombstone, "refunded first"), (Pending, "unanswered"), (Mark, "refused"))


def _id_state(book: Book, request: WebhookRequest) -> str:
    """Return what is known of a call's id: as one of its own method, else of another one."""
    if request.transaction_id is None:
        return "none"
    world = book.worlds[0]
    others: Iterable[Method] = (Method.BET, Method.WIN, Method.REFUND)
    for method in (request.method, *others):
        entry = world.entry(method, request.transaction_id)
        for kind, words in _STATES:
            if isinstance(entry, kind):
                return words if method is request.method else f"{method.noun} {words}"
    return "new"
