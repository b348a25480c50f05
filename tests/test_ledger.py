"""The ledger allows what every right wallet may do, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.calls import CallForm
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.book import Book, Ledger, Observation, Terms
from simulator.law.roles import Role

OPENING = Money(100_00)
LOSSES_MAX = 4
GAME = "SLOT_001"


def bet(amount: int, id_: str = "b1", player: str = "p1", game: str = GAME) -> WebhookRequest:
    return WebhookRequest(Method.BET, player, Money(amount), id_, game)


def win(amount: int, id_: str = "w1", game: str = GAME) -> WebhookRequest:
    return WebhookRequest(Method.WIN, "p1", Money(amount), id_, game)


def refund(amount: int, id_: str = "b1", player: str = "p1") -> WebhookRequest:
    return WebhookRequest(Method.REFUND, player, Money(amount), id_)


def opened(balance: int = OPENING, terms: Terms | None = None) -> Book:
    return Ledger().open("p1", Money(balance), terms)


def tell(
    book: Book, request: WebhookRequest, answer: int | str, form: CallForm = CallForm.CANONICAL
) -> Observation:
    """Tell the ledger of an answer: a balance in cents, "refused", or "unknown"."""
    if isinstance(answer, int):
        return book.observe(request, form, Outcome.ACCEPTED, Money(answer))
    return book.observe(request, form, Outcome(answer), None)


ROWS: list[
    tuple[str, list[tuple[WebhookRequest, int | str]], WebhookRequest, set[int | str], set[int | str]]
] = [
    ("a fresh bet takes its amount", [], bet(1000), {9000}, {10000, 11000, 8000, "refused"}),
    ("a bet over the balance is refused", [], bet(10001), {"refused"}, {-1, 10000}),
    ("a bet of the whole balance leaves nothing", [], bet(10000), {0}, {"refused", 10000}),
    (
        "a repeated bet moves nothing, whatever its answer",
        [(bet(1000), 9000), (bet(500, "b2"), 8500)],
        bet(1000),
        {8500, 9000, "refused"},
        {7500, 8000, 9500},
    ),
    (
        "a known id with another amount moves nothing",
        [(bet(1000), 9000)],
        bet(2000),
        {9000, "refused"},
        {7000},
    ),
    ("a win after its bet is credited", [(bet(1000), 9000)], win(500), {9500}, {9000, "refused", 10000}),
    ("a win without a bet is credited or refused", [], win(500), {10500, "refused"}, {10000, 11000}),
    ("a win of 0.00 changes nothing", [(bet(1000), 9000)], win(0), {9000, "refused"}, {9500}),
    ("a bet of 0.00 changes nothing", [], bet(0), {10000, "refused"}, {9999}),
    ("a refund gives the stake back", [(bet(1000), 9000)], refund(1000), {10000}, {9000, "refused", 11000}),
    (
        "a refund over the stake pays the stake at the most",
        [(bet(1000), 9000)],
        refund(5000),
        {10000, "refused"},
        {14000, 9000},
    ),
    (
        "a partial refund pays the amount, the stake, or is refused",
        [(bet(1000), 9000)],
        refund(400),
        {9400, 10000, "refused"},
        {9000, 9500},
    ),
    (
        "a repeated refund pays nothing more",
        [(bet(1000), 9000), (refund(1000), 10000)],
        refund(1000),
        {10000, "refused"},
        {11000, 9000},
    ),
    (
        "a refunded bet that is sent again moves nothing",
        [(bet(1000), 9000), (refund(1000), 10000)],
        bet(1000),
        {10000, 9000, "refused"},
        {8000},
    ),
    ("a refund of an unknown bet pays nothing", [], refund(1000), {10000, "refused"}, {11000}),
    (
        "a refund of a refused bet pays nothing",
        [(bet(20000), "refused")],
        refund(20000),
        {10000, "refused"},
        {30000},
    ),
    (
        "a bet whose accepted refund came first moves nothing",
        [(refund(1000), 10000)],
        bet(1000),
        {10000, "refused"},
        {9000},
    ),
    (
        "a bet whose refund was refused first may be charged",
        [(refund(1000), "refused")],
        bet(1000),
        {10000, 9000, "refused"},
        {8000},
    ),
    (
        "a refund after a win of the same game may be refused",
        [(bet(1000), 9000), (win(500), 9500)],
        refund(1000),
        {10500, "refused"},
        {9500, 11500},
    ),
    (
        "a win with its bet's id is applied, or refused",
        [(bet(1000), 9000)],
        win(500, "b1"),
        {9500, "refused"},
        {9000},
    ),
    (
        "a refund that names a win pays nothing, and may take the win back",
        [(bet(1000), 9000), (win(500), 9500)],
        refund(500, "w1"),
        {9500, 9000, "refused"},
        {10000},
    ),
    (
        "a call refused before is applied once or refused again",
        [(bet(20000), "refused"), (win(15000), 25000)],
        bet(20000),
        {5000, "refused"},
        {25000},
    ),
]


@pytest.mark.parametrize(
    ("before", "call", "allowed", "wrong"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_row_of_the_law(
    before: list[tuple[WebhookRequest, int | str]],
    call: WebhookRequest,
    allowed: set[int | str],
    wrong: set[int | str],
) -> None:
    """Each row of the ledger's table allows its answers and no other."""
    for answer in allowed | wrong:
        book = opened()
        for request, told in before:
            assert tell(book, request, told).possible, (request, told)
        assert tell(book, call, answer).possible == (answer in allowed), answer


def test_an_unknown_bet_leaves_two_worlds_that_a_read_tells_apart() -> None:
    """A lost reply is two balances until a read shows one of them; then a repeat is judged by it."""
    for read, again in ((9000, 9000), (10000, 9000)):
        book = opened()
        assert not tell(book, bet(1000), "unknown").settled
        assert book.balances == (Money(9000), OPENING)
        assert book.read(Money(read))
        assert tell(book, bet(1000), again).possible
        assert list(book.balances) == [Money(9000)]


def test_an_unknown_bet_may_arrive_late_but_only_once() -> None:
    """A call without an answer may take effect at any later moment, never twice."""
    book = opened()
    tell(book, bet(1000), "unknown")
    assert book.read(OPENING)
    assert book.read(Money(9000))
    assert not book.read(Money(8000))
    assert not book.read(OPENING)


def test_a_refund_that_was_accepted_as_nothing_keeps_an_unknown_bet_out() -> None:
    """After lost reply and refund the money is back, whichever of the two the wallet saw first."""
    book = opened()
    tell(book, bet(1000), "unknown")
    assert tell(book, refund(1000), 10000).possible
    assert book.balances == (OPENING,)
    assert not book.read(Money(9000))


def test_a_call_that_provably_was_not_sent_changes_nothing() -> None:
    """A refused connection is no unknown: the operator never saw a byte."""
    book = opened()
    judged = book.observe(bet(1000), CallForm.CANONICAL, Outcome.UNKNOWN, None, nothing_sent=True)
    assert judged.settled
    assert book.balances == (OPENING,)


def test_odd_calls_may_be_refused_but_not_half_applied() -> None:
    """A valid but odd call is applied exactly once, or refused."""
    for answer, possible in ((9000, True), ("refused", True), (9500, False), (10000, False)):
        assert tell(opened(), bet(1000), answer, CallForm.ODD).possible == possible


def test_malformed_calls_move_nothing() -> None:
    """Whatever a malformed call is answered, the balance stays."""
    for answer in (10000, 9000, 0, "refused", "unknown"):
        book = opened()
        assert tell(book, bet(1000), answer, CallForm.MALFORMED).possible
        assert not book.read(Money(9000))
        assert book.read(OPENING)


def test_players_who_do_not_exist_are_refused() -> None:
    """An accepted call for a stranger is never possible."""
    book = opened(0, Terms(exists=False))
    assert tell(book, bet(1), "refused").possible
    judged = tell(book, win(100), 100)
    assert (judged.possible, judged.role) == (False, Role.STRANGER)


def test_a_blocked_player_is_owed_wins_and_refunds_but_may_not_bet() -> None:
    """Blocked means no new stakes; what is owed is paid."""
    book = opened(terms=Terms(blocked=True))
    assert not tell(book, bet(100), 9900).possible
    assert tell(book, win(100), 10100).possible


def test_another_players_id_is_that_players_business() -> None:
    """The same id for two players is applied for both or not moved for the second; refunds never cross."""
    ledger = Ledger()
    one, two = ledger.open("p1", OPENING), ledger.open("p2", OPENING)
    assert tell(one, bet(1000), 9000).possible
    for answer, possible in ((10000, True), (11000, False)):
        assert tell(two, refund(1000, player="p2"), answer).possible == possible
    assert tell(two, bet(1000, player="p2"), "refused").possible


@dataclass
class RightWallet:
    """A wallet as plain as can be, in one of the dialects; written from the table, not from the code."""

    balance: int
    repeats: str
    bets: dict[str, int] = field(default_factory=dict)
    wins: dict[str, int] = field(default_factory=dict)
    refunds: dict[str, int] = field(default_factory=dict)
    answers: dict[tuple[Method, str], int] = field(default_factory=dict)

    def call(self, request: WebhookRequest) -> int | str:
        store = {Method.BET: self.bets, Method.WIN: self.wins, Method.REFUND: self.refunds}[request.method]
        assert request.transaction_id is not None
        assert request.amount is not None
        key = (request.method, request.transaction_id)
        if request.transaction_id in store:
            again: dict[str, int | str] = {"first": self.answers[key], "current": self.balance}
            refused: int | str = "refused"
            return again.get(self.repeats, refused)
        if not self._apply(request, request.transaction_id, request.amount):
            return "refused"
        store[request.transaction_id] = request.amount
        self.answers[key] = self.balance
        return self.balance

    def _apply(self, request: WebhookRequest, id_: str, amount: int) -> bool:
        if request.method is Method.BET:
            if id_ in self.refunds:
                return False
            if amount > self.balance:
                return False
            self.balance -= amount
        elif request.method is Method.WIN:
            self.balance += amount
        else:
            self.balance += self.bets.get(id_, 0)
        return True


ids = st.sampled_from(["a", "b", "c"])
calls = st.builds(
    WebhookRequest,
    st.sampled_from([Method.BET, Method.WIN, Method.REFUND]),
    st.just("p1"),
    st.sampled_from([Money(0), Money(10), Money(2500), Money(9000), Money(20000)]),
    ids,
    st.just(GAME),
)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(calls, st.booleans()), max_size=14), st.sampled_from(["first", "current", "refused"])
)
def test_a_right_wallet_is_never_accused(sent: list[tuple[WebhookRequest, bool]], repeats: str) -> None:
    """Whatever is sent and whichever replies are lost, a right wallet's answers and reads are possible."""
    wallet, book = RightWallet(OPENING, repeats), opened()
    losses_left = LOSSES_MAX
    for request, lost in sent:
        answer = wallet.call(request)
        told: int | str = "unknown" if lost and losses_left > 0 else answer
        losses_left -= lost
        assert tell(book, request, told).possible, (request, told, book.balances)
        assert wallet.balance in book.balances
    assert book.read(Money(wallet.balance))


@settings(max_examples=300)
@given(st.lists(calls, min_size=1, max_size=10), st.data())
def test_money_that_moves_outside_the_calls_is_seen_at_the_next_read(
    sent: list[WebhookRequest], data: st.DataObject
) -> None:
    """With every answer known, a balance that is off by any amount is never explained away."""
    wallet, book = RightWallet(OPENING, "current"), opened()
    for request in sent:
        assert tell(book, request, wallet.call(request)).possible
    off = data.draw(st.integers(-5000, 5000).filter(bool))
    assert not book.read(Money(wallet.balance + off))


def test_books_stay_small_over_many_calls() -> None:
    """One world is left after every answered call, so that a long session costs memory only for its ids."""
    book = opened(10**9)
    for number in range(2000):
        assert tell(book, bet(100, f"b{number}"), book.balances[0] - 100).settled
        assert len(book.worlds) == 1
        assert not book.worlds[0].delta
