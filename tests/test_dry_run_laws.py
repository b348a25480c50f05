"""Whatever a right wallet answers, the dry run has allowed for it; and it sends what a run sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.core.calls import Call, CallForm, FaultKind, FaultSpec, Reading, UnsentCall
from simulator.core.findings import Outcome, Place
from simulator.core.money import AllOf, Money, TimesBet, Written, format_money
from simulator.core.steps import (
    Balance,
    Bet,
    Block,
    Expect,
    Expected,
    PlayerSpec,
    Refund,
    Resend,
    Scenario,
    Step,
    Win,
)
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.judge.replies import read_reply
from simulator.law.book import Ledger, Terms
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.operator import Operator
from simulator.report.events import Event
from simulator.run.suite import run_suite
from simulator.scenario.dry_run import FIRST_PLAYER, DryCall, DryRun, contradictions
from simulator.scenario.files import load_scenarios
from simulator.scenario.script import CannotSend, Script, draws
from simulator.settings import RunSettings
from simulator.wire.profiles import BETRONTECH
from small_wallet import PLAYERS, SmallWallet, serving

OPENING = Money(20_00)
SPECS = {"player": PlayerSpec(OPENING), "other": PlayerSpec(OPENING), "ghost": PlayerSpec(exists=False)}
IDS = {name: str(FIRST_PLAYER + number) for number, name in enumerate(SPECS)}
LABELS = tuple(f"b{number}" for number in range(6))
DIALECTS = (
    "refusal-without-balance",
    "repeated-bet-first-balance",
    "repeated-credit-first-balance",
    "repeated-bet-status-0",
    "repeated-credit-http-400",
    "conflict-http-409",
    "unknown-refund-refused",
    "unknown-refund-remembered",
    "late-bet-refused",
    "zero-bet-refused",
    "zero-win-refused",
    "win-without-bet-refused",
    "win-after-refund-refused",
    "refund-after-win-refused",
    "refund-credits-its-amount",
    "refund-of-win-debits",
    "ids-global",
    "odd-amounts-accepted",
    "game-id-optional",
)

# --- random scenarios -----------------------------------------------------------------------------

WRITTEN = [Written(Money(cents), "") for cents in (0, 1, 250, 600, 1500, 3000)]
AMOUNTS = st.sampled_from([*WRITTEN, AllOf(), TimesBet(Fraction(3, 2))])
PLAIN_AMOUNTS = st.sampled_from(WRITTEN)
FAULTS = st.sampled_from([None, None, None, *(FaultSpec(kind) for kind in FaultKind)])
NAMES = st.sampled_from([None, None, None, None, "other", "ghost"])
GAMES = st.sampled_from([None, None, "SLOT_002", "NOPE"])
RAW = st.sampled_from([{}, {}, {}, {"amount": "5.001"}, {"transaction_id": "${run}-x"}, {"amount": "many"}])
OMIT = st.sampled_from([frozenset[str](), frozenset[str](), frozenset[str](), frozenset({"game_id"})])
EITHER = st.sampled_from([Expect(), Expect(), Expect(outcome=Expected.EITHER)])
PLACE = st.just(Place("x.yaml", 1, 1))


def money_step(kind: type[Bet | Win]) -> st.SearchStrategy[Step]:
    """A bet or a win; labels are given when the scenario is put together."""
    return st.builds(
        kind, place=PLACE, label=st.just(""), amount=AMOUNTS, game=GAMES, player=NAMES, fault=FAULTS,
        expect=EITHER, raw=RAW, omit=OMIT,
    )  # fmt: skip


STEPS = st.one_of(
    money_step(Bet),
    money_step(Win),
    st.builds(
        Refund, place=PLACE, label=st.just("r"), of=st.sampled_from(LABELS), amount=st.none() | PLAIN_AMOUNTS,
        player=NAMES, fault=FAULTS, expect=EITHER,
    ),
    st.builds(
        Refund, place=PLACE, label=st.just("r"), transaction_id=st.just("${run}-x"), amount=PLAIN_AMOUNTS,
    ),
    st.builds(
        Resend, place=PLACE, of=st.none() | st.sampled_from(LABELS), amount=st.none() | PLAIN_AMOUNTS,
        player=st.sampled_from([None, None, None, "other"]), fault=FAULTS, expect=EITHER,
    ),
    st.builds(Balance, place=PLACE, player=st.sampled_from([None, "other"])),
    st.builds(Block, place=PLACE, player=st.sampled_from([None, "other"])),
)  # fmt: skip


@st.composite
def step_lists(draw: st.DrawFn) -> tuple[Step, ...]:
    """Up to a dozen steps; bets and wins have the labels that others may refer to."""
    labels = iter((*LABELS, *(f"c{number}" for number in range(20))))
    steps = draw(st.lists(STEPS, min_size=1, max_size=12))
    return tuple(replace(step, label=next(labels)) if isinstance(step, Bet | Win) else step for step in steps)


# --- a right wallet answers ----------------------------------------------------------------------


class Answered:
    """Plays steps against the example wallet and writes its answers into them as claims.

    `last` is what the main player has at the end; `ended` tells whether a step could not be sent.
    """

    def __init__(self, steps: tuple[Step, ...], dialects: frozenset[str], arrives: Random) -> None:
        opening, chosen = format_money(OPENING), tuple(dialects)
        self._operator = Operator(
            OperatorSettings(players=2, player_start=FIRST_PLAYER, opening_balance=opening, dialects=chosen)
        )
        self._arrives = arrives
        self.ended = False
        scenario = Scenario(id="x", name="x", place=Place("x.yaml", 1, 1), steps=steps, players=SPECS)
        self._script = Script(scenario, IDS, BETRONTECH, "0000001", Random(0))
        try:
            self.steps = tuple(self._claimed(steps))
            self.last = self.balance(None)
        finally:
            self._operator.close()

    def _claimed(self, steps: tuple[Step, ...]) -> Iterator[Step]:
        for number, step in enumerate(steps):
            if isinstance(step, Block):
                self._operator.set_status(IDS[step.player or "player"], 0)
                yield step
            elif isinstance(step, Balance):
                yield replace(step, is_=self.balance(step.player))
            else:
                try:
                    yield self._sent(step)
                except CannotSend:
                    # There a run ends.
                    self.ended = True
                    yield from steps[number:]
                    return

    def _sent(self, step: Step) -> Step:
        """Send a money step. Raises CannotSend."""
        ledger = Ledger()
        for name, spec in SPECS.items():
            balance = self.balance(name) if spec.exists else spec.balance
            ledger.open(IDS[name], balance, Terms(exists=spec.exists))
        if isinstance(step, Bet | Win):
            sent = self._script.money_step(step, ledger)
        elif isinstance(step, Refund):
            sent = self._script.refund_step(step, ledger)
        else:
            assert isinstance(step, Resend)
            sent = self._script.resend_step(step, ledger)
        fault = None if step.fault is None else step.fault.kind
        if fault in (FaultKind.RESET, FaultKind.TIMEOUT) and self._arrives.random() < 0.5:
            readings = []
        else:
            copies = 2 if fault is FaultKind.DUPLICATE else 1
            readings = [self._answer(sent) for _ in range(copies)]
        reading = readings[0] if readings else None
        is_read = reading is not None and (fault is None or fault.is_odd_delivery)
        accepted = reading is not None and reading.outcome is Outcome.ACCEPTED
        assert sent.request is not None
        if sent.request.method is Method.BET and (accepted if is_read else step.fault is not None):
            self._script.accepted_bet(sent.request)
        if reading is None or not is_read or step.expect.outcome is Expected.EITHER:
            return step
        return replace(step, expect=Expect(Expected(reading.outcome.value), reading.balance))

    def balance(self, name: str | None) -> Money:
        """What the wallet says a player has."""
        place = Place("x.yaml", 1, 1)
        balance = self._answer(self._script.read(Balance(place=place, player=name))).balance
        assert balance is not None
        return balance

    def _answer(self, call: UnsentCall) -> Reading:
        reply = self._operator.receive(call.wire.body)
        return read_reply(
            call.request,
            Reply(reply.http_status, (("Content-Type", reply.content_type),), reply.body),
            BETRONTECH,
            injected=False,
            well_formed=call.form.kind is not CallForm.MALFORMED,
        )


@settings(max_examples=100, deadline=None)
@given(step_lists(), st.frozensets(st.sampled_from(DIALECTS), max_size=6), st.randoms(use_true_random=False))
def test_what_a_right_wallet_answered_is_never_called_impossible(
    steps: tuple[Step, ...], dialects: frozenset[str], arrives: Random
) -> None:
    """Every answer and every balance of a real wallet as a claim: there is a wallet that meets them all."""
    scenario = _scenario(Answered(steps, dialects, arrives).steps)
    assert [call.problem for call in contradictions(scenario)] == []


@settings(max_examples=100, deadline=None)
@given(step_lists(), st.frozensets(st.sampled_from(DIALECTS), max_size=6), st.randoms(use_true_random=False))
def test_the_balance_of_a_right_wallet_is_among_those_that_are_shown(
    steps: tuple[Step, ...], dialects: frozenset[str], arrives: Random
) -> None:
    """And where the dry run says anything, a balance that is not among them is called impossible."""
    answered = Answered(steps, dialects, arrives)
    assume(not answered.ended)
    last = Balance(place=Place("x.yaml", 2, 1))
    shown = list(DryRun(_scenario((*answered.steps, last)), Random(0)).calls())[-1]
    if not shown.is_unclear:
        assert answered.last in shown.balances
        wrong = replace(last, is_=Money(max(shown.balances) + 1))
        assert [call.place for call in contradictions(_scenario((*answered.steps, wrong)))] == [last.place]


def _scenario(steps: tuple[Step, ...]) -> Scenario:
    return Scenario(id="x", name="x", place=Place("x.yaml", 1, 1), steps=steps, players=SPECS)


# --- the calls of a run --------------------------------------------------------------------------

SENT_ALIKE = ("rounds", "refunds", "idempotency", "money", "ordering", "funds", "unknown")


@pytest.mark.parametrize("folder", SENT_ALIKE)
def test_a_dry_run_shows_what_a_run_with_the_same_seed_sends(folder: str) -> None:
    """Line by line: method, amount, and the balance of a right wallet after it."""
    sent: dict[str | None, list[Call]] = {}

    def note(event: Event) -> None:
        if isinstance(event, Call) and event.why.purpose == "step":
            sent.setdefault(event.why.scenario_id, []).append(event)

    path = f"scenarios/{folder}"
    with serving(SmallWallet()) as endpoint:
        wanted = RunSettings(endpoint=endpoint, paths=(path,), players=PLAYERS, seed=7, timeout_s=30.0)
        run_suite(wanted, note)
    compared = 0
    for scenario in load_scenarios((path,)):
        shown = [call for call in DryRun(scenario, draws(7, scenario.id)).calls() if call.call is not None]
        for call, event in zip(shown, sent.get(scenario.id, ()), strict=scenario.id in sent):
            assert _line(call) == _line_of(event)
            if event.balance is not None and not call.is_unclear:
                assert event.balance in call.balances
            compared += 1
    assert compared > 15


def _line(call: DryCall) -> tuple[object, ...]:
    return (call.place.line, *_asked(call.call.form.request if call.call else None))


def _line_of(call: Call) -> tuple[object, ...]:
    assert call.why.place is not None
    return (call.why.place.line, *_asked(call.exchange.request))


def _asked(request: WebhookRequest | None) -> tuple[object, ...]:
    if request is None:
        return ()
    return request.method, request.amount, _behind_run(request.transaction_id)


def _behind_run(transaction_id: str | None) -> str | None:
    """The id without what is new in every run, and without its number: adjusting calls have some too."""
    return None if transaction_id is None else transaction_id.partition("-")[2].rpartition("-")[0]
