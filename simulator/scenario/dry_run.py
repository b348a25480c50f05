"""What the ledger will hold before anything is sent: finds claims that no right wallet could meet.

It follows a scenario's first steps as long as there is one thing that a right wallet can do. What is random,
raced, disturbed or left to the operator's dialect ends it for that player, or for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from simulator.core.calls import CallForm
from simulator.core.findings import Outcome, Place
from simulator.core.money import AllOf, Amount, Money, TimesBet, Written, format_money
from simulator.core.steps import (
    MAIN_PLAYER,
    Balance,
    Bet,
    Block,
    Details,
    Expect,
    Expected,
    PlayerSpec,
    Refund,
    Resend,
    Restart,
    Scenario,
    Step,
    Wait,
    Win,
)
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.book import Book, Ledger, Terms
from simulator.law.roles import Branch

STEPS_MAX = 300
"""How far a scenario is followed: a slip shows early, and a long file must not load slowly."""

TRAIL_MAX = 6


class Contradiction(NamedTuple):
    """A claim that the ledger rules out: the step's place and the reason in words."""

    place: Place
    message: str


def contradictions(scenario: Scenario) -> Iterator[Contradiction]:
    """The claims of the scenario that no right wallet could meet, the first of each player."""
    steps = scenario.steps[:STEPS_MAX]
    if any(_claims(step) for step in steps):
        yield from _Foresight(scenario).follow(steps)


def _claims(step: Step) -> bool:
    """Whether the author claims anything of a balance or an outcome."""
    if isinstance(step, Balance) and step.is_ is not None:
        return True
    if not isinstance(step, Bet | Win | Refund | Resend | Balance):
        return False
    return step.expect.outcome is not None or step.expect.balance is not None


class _Unclear(Exception):
    """Nothing more can be foreseen for this player."""


class _Foresight:
    """The ledger of a scenario as far as it can be foreseen; players and ids go by their names there."""

    def __init__(self, scenario: Scenario) -> None:
        self._limited = "limits" in scenario.needs
        ledger = Ledger()
        self._books: dict[str, Book] = {}
        self._trail: dict[str, list[str]] = {}
        for name, spec in scenario.players.items():
            self._books[name] = ledger.open(
                name, spec.balance, Terms(exists=spec.exists, blocked=spec.blocked)
            )
            self._trail[name] = [_beginning(spec)]
        self._requests: dict[str, WebhookRequest] = {}
        self._last: WebhookRequest | None = None
        self._last_bets: dict[str, Money] = {}

    def follow(self, steps: tuple[Step, ...]) -> Iterator[Contradiction]:
        """Follow the steps until nothing more can be foreseen."""
        for step in steps:
            if isinstance(step, Details | Restart | Wait):
                continue
            if isinstance(step, Block):
                self._block(step.player or MAIN_PLAYER)
                continue
            if not isinstance(step, Balance | Bet | Win | Refund | Resend):
                return
            if isinstance(step, Bet | Win | Refund) and (step.raw or step.omit):
                return
            player = step.player or (self._last_player(step) if isinstance(step, Resend) else MAIN_PLAYER)
            if player not in self._books:
                if isinstance(step, Balance):
                    continue
                # What is sent for a player that is lost sight of may use an id again.
                return
            try:
                message = self._step(step, player)
            except _Unclear:
                message = None
                del self._books[player]
            if message is not None:
                yield Contradiction(step.place, message)
                self._books.pop(player, None)

    def _block(self, player: str) -> None:
        if player in self._books:
            self._books[player].terms = replace(self._books[player].terms, blocked=True)
            self._trail[player] += ["blocked", format_money(self._books[player].balances[0])]

    def _step(self, step: Balance | Bet | Win | Refund | Resend, player: str) -> str | None:
        """Take the step in; the contradiction if it has one. Raises _Unclear."""
        book = self._books[player]
        if isinstance(step, Balance):
            claimed = step.expect.balance if step.is_ is None else step.is_
            right = claimed is None or not book.terms.exists or claimed in book.balances
            return None if right or claimed is None else self._wrong_balance(player, claimed, book.balances)
        if step.fault is not None or step.expect.outcome is Expected.EITHER:
            raise _Unclear
        request = self._request(step, player, book)
        odd = isinstance(step, Bet | Win) and step.game is not None
        branches = book.branches(book.worlds[0], request, CallForm.OPTIONAL if odd else CallForm.CANONICAL)
        if not book.terms.exists:
            branches = [Branch(Outcome.REFUSED, 0, None)]
        if self._limited and request.method is Method.BET:
            raise _Unclear
        allowed = [branch for branch in branches if _admits(step.expect, branch)]
        if not allowed:
            return self._wrong_outcome(player, step.expect, request, branches)
        self._take(player, book, request, allowed)
        return None

    def _take(self, player: str, book: Book, request: WebhookRequest, allowed: list[Branch]) -> None:
        """Let the book become what the call makes of it, if that is one thing. Raises _Unclear."""
        if all(branch.moves == 0 and branch.entry is None for branch in allowed):
            return
        if len(allowed) > 1:
            raise _Unclear
        branch = allowed[0]
        answer = Money(branch.answers[0]) if branch.answers else None
        book.observe(request, CallForm.CANONICAL, branch.outcome, answer)
        if request.method is Method.BET and branch.outcome is Outcome.ACCEPTED and request.amount is not None:
            self._last_bets[player] = request.amount
        noun = request.method.noun if branch.outcome is Outcome.ACCEPTED else f"refused {request.method.noun}"
        amount = f" {format_money(request.amount)}" if request.amount is not None else ""
        self._trail[player] += [noun + amount, format_money(book.balances[0])]

    # --- what is asked -----------------------------------------------------------------------------

    def _last_player(self, step: Resend) -> str:
        request = self._last if step.of is None else self._requests.get(step.of)
        return request.player if request is not None else ""

    def _request(self, step: Bet | Win | Refund | Resend, player: str, book: Book) -> WebhookRequest:
        match step:
            case Bet() | Win():
                method = Method.BET if isinstance(step, Bet) else Method.WIN
                amount = self._money(step.amount, player, book)
                request = WebhookRequest(method, player, amount, step.label, step.game or "")
                self._requests[step.label] = request
            case Refund():
                request = self._refund(step, player, book)
                self._requests[step.label] = request
            case Resend():
                known = self._last if step.of is None else self._requests.get(step.of)
                if known is None:
                    raise _Unclear
                request = replace(known, player=player)
                if step.amount is not None:
                    request = replace(request, amount=self._money(step.amount, player, book))
        self._last = request
        return request

    def _refund(self, step: Refund, player: str, book: Book) -> WebhookRequest:
        bet = self._requests.get(step.of) if step.of is not None else None
        if step.of is not None and bet is None:
            raise _Unclear
        amount = bet.amount if bet is not None else None
        if step.amount is not None:
            amount = self._money(step.amount, player, book)
        return WebhookRequest(Method.REFUND, player, amount, step.of or f"id {step.transaction_id}")

    def _money(self, amount: Amount, player: str, book: Book) -> Money:
        match amount:
            case Written(money=money):
                return money
            case AllOf(plus=plus) if not book.ambiguous:
                return Money(book.balances[0] + plus)
            case TimesBet(factor=factor) if player in self._last_bets:
                return Money(int(self._last_bets[player] * factor))
            case _:
                raise _Unclear

    # --- in words ----------------------------------------------------------------------------------

    def _wrong_balance(self, player: str, claimed: Money, possible: tuple[Money, ...]) -> str:
        held = " or ".join(map(format_money, possible))
        claim = f"balance {format_money(claimed)} contradicts the ledger"
        return f"{claim}: it holds {held} here ({self._story(player)})"

    def _wrong_outcome(
        self, player: str, expect: Expect, request: WebhookRequest, branches: list[Branch]
    ) -> str:
        outcomes = {branch.outcome for branch in branches}
        if expect.outcome is not None and not any(expect.outcome.admits(outcome) for outcome in outcomes):
            only = " or ".join(sorted(outcome.value for outcome in outcomes))
            amount = "" if request.amount is None else f" of {format_money(request.amount)}"
            return (
                f"expect {expect.outcome.value} contradicts the ledger: a {request.method.noun}{amount} "
                f"can only be {only} here ({self._story(player)})"
            )
        answers = sorted({answer for branch in branches for answer in branch.answers or ()})
        return self._wrong_balance(player, expect.balance or Money(0), tuple(map(Money, answers)))

    def _story(self, player: str) -> str:
        trail = self._trail[player]
        shown = trail if len(trail) <= TRAIL_MAX else ["…", *trail[-TRAIL_MAX + 1 :]]
        return " → ".join(shown)


def _beginning(spec: PlayerSpec) -> str:
    if not spec.exists:
        return "no such player"
    return f"blocked, {format_money(spec.balance)}" if spec.blocked else format_money(spec.balance)


def _admits(expect: Expect, branch: Branch) -> bool:
    """Whether the branch is what the author claims."""
    if expect.outcome is not None and not expect.outcome.admits(branch.outcome):
        return False
    if expect.balance is None or branch.outcome is Outcome.REFUSED or branch.answers is None:
        return True
    return expect.balance in branch.answers
