"""Turn the steps of one scenario into calls: amounts, transaction ids, bytes.

A run sends these calls, a dry run only follows them.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import field, replace
from functools import cached_property, lru_cache
from random import Random

from simulator.core.calls import CallForm, Form, UnsentCall, Why
from simulator.core.findings import Outcome, Phase, Place
from simulator.core.json import JsonValue
from simulator.core.json import write as write_json
from simulator.core.money import ZERO, AllOf, Amount, Drawn, Money, OfLimit, TimesBet, Written, format_money
from simulator.core.profiles import WireProfile
from simulator.core.rounds import VOLATILITIES, RoundPlan, draw_spin, play_round
from simulator.core.steps import (
    MAIN_PLAYER,
    Balance,
    Bet,
    Details,
    Expect,
    Expected,
    Parallel,
    Play,
    Refund,
    Resend,
    Round,
    Scenario,
    Send,
    Step,
    Win,
    all_steps,
)
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest, WireRequest, merged_headers
from simulator.law.book import Ledger
from simulator.law.likeness import widened
from simulator.scenario.expecting import captures_of
from simulator.scenario.limits import OWN_GAME, OWN_ID, Limits, is_plain_id
from simulator.wire.forms import form_of
from simulator.wire.writing import OpenRound, spoken, write

DRAWS_MAX = 20

FLOW_ATTEMPTS = 5
"""How often a round's win or refund is sent before the round counts as undelivered."""

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9]+")

_LABEL_LENGTH_MAX = 12


class CannotSend(Exception):
    """Raised for a step that refers to something that has not happened. The message says why."""


class _Written(Frozen):
    """A money call and its source, for later steps that refer to it."""

    call: UnsentCall
    raw: Mapping[str, JsonValue] = field(default_factory=dict)
    omit: frozenset[str] = frozenset()
    open_round: OpenRound | None = None

    @property
    def request(self) -> WebhookRequest:
        """Return the request in the bytes."""
        request = self.call.request
        assert request is not None
        return request


class Planned(Frozen):
    """One call of a burst, and what its author expects of it."""

    call: UnsentCall
    expect: Expect


Calls = Generator[UnsentCall, Outcome, None]
"""Yields the calls of whole rounds, and is sent how each was answered."""


def after(calls: Calls, outcome: Outcome) -> UnsentCall | None:
    """Return the call that follows on that outcome, None after the last one."""
    try:
        return calls.send(outcome)
    except StopIteration:
        return None


def draws(seed: int | None, scenario_id: str) -> Random:
    """Return what a scenario's amounts are drawn from: the same seed draws the same ones."""
    # A file's name may hold bytes that are no UTF-8.
    return Random(f"{seed}\x1f{scenario_id}".encode("utf-8", "surrogateescape"))


class Script:
    """Turns steps into calls. `players` maps the names of a scenario to user ids.

    `prefix` is unique to this scenario in all runs: every transaction id begins with it. `phase` is the part
    of the run in which its calls are sent.
    """

    def __init__(
        self,
        scenario: Scenario,
        players: Mapping[str, str],
        profile: WireProfile,
        prefix: str,
        rng: Random,
        limits: Limits | None = None,
    ) -> None:
        self.prefix = prefix
        self.phase = Phase.STEP
        self._limits = limits or Limits()
        self.game = lru_cache(self._limits.game)
        self._scenario_id = scenario.id
        self._players = players
        self._profile = profile
        self._games = self._limits.known_games
        self._rng = rng
        self._count = 0
        self._drawn: set[Money] = set()
        self._sent: dict[str, _Written] = {}
        self._last: _Written | None = None
        self._last_label = "call"
        self._reserved: dict[str, tuple[str, Money]] = {}
        self._written_ids: dict[str, str] = {}
        self._last_bet: dict[str, Money] = {}
        self._open_rounds: dict[tuple[str, str | None], OpenRound] = {}
        self._scenario = scenario
        self.captured: dict[str, str] = {}

    def player(self, name: str | None) -> str:
        """Return the user id of the player that a step names, or of the main player."""
        return self._players[name or MAIN_PLAYER]

    @cached_property
    def _bets(self) -> dict[str, Bet | Win]:
        """Return the bets and wins of the steps by label, for refunds that overtake their bets."""
        return {step.label: step for step in all_steps(self._scenario.steps) if isinstance(step, Bet | Win)}

    # --- steps -------------------------------------------------------------------------------------

    def money_step(self, step: Bet | Win, ledger: Ledger) -> UnsentCall:
        """Return the call of a bet or win step. Raises CannotSend."""
        player = self.player(step.player)
        method = Method.BET if isinstance(step, Bet) else Method.WIN
        reserved = self._reserved.pop(step.label, None)
        if reserved is not None:
            transaction_id, amount = reserved
        else:
            transaction_id, amount = self.new_id(step.label), self.amount(step.amount, player, ledger)
        game = self.game(step.game)
        request = WebhookRequest(method, player, amount, transaction_id, game)
        open_round = self._open_rounds.get((player, game)) if method is Method.WIN else None
        return self._keep(step, self._write(request, step, step.raw, step.omit, open_round), ledger)

    def refund_step(self, step: Refund, ledger: Ledger) -> UnsentCall:
        """Return the call of a refund step. Raises CannotSend."""
        player = self.player(step.player)
        if step.of is not None:
            transaction_id, stake = self._bet_of(step.of, player, ledger)
        else:
            transaction_id, stake = self.written_id(step.transaction_id or ""), None
        amount = stake if step.amount is None else self.amount(step.amount, player, ledger)
        if amount is None:
            raise CannotSend("a refund by transaction_id needs an amount")
        request = WebhookRequest(Method.REFUND, player, amount, transaction_id)
        of_bet = OpenRound(transaction_id, stake or ZERO, self._game_of(step.of))
        return self._keep(step, self._write(request, step, step.raw, step.omit, of_bet), ledger)

    def _game_of(self, label: str | None) -> str | None:
        """Return the game of the bet with that label, sent or not, which refunds of some profiles name."""
        sent = self._sent.get(label) if label is not None else None
        if sent is not None:
            return sent.request.game_id
        bet = self._bets.get(label) if label is not None else None
        return bet.game if bet is not None else None

    def resend_step(self, step: Resend, ledger: Ledger) -> UnsentCall:
        """Return the call of a resend step: the same bytes, or with one field changed. Raises CannotSend."""
        sent = self._sent_before(step)
        if sent is None:
            raise CannotSend("there is nothing to send again: that step was not sent")
        changes: dict[str, Money | str] = {}
        if step.amount is not None:
            changes["amount"] = self.amount(step.amount, sent.request.player, ledger)
        if step.player is not None:
            changes["player"] = self.player(step.player)
        if changes:
            request = replace(sent.request, **changes)  # type: ignore[arg-type]  # the two names are fields
            sent = self._write(request, step, sent.raw, sent.omit, sent.open_round)
        else:
            call = sent.call
            form = _either(call.form, step)
            again = UnsentCall(call.request, call.wire, form, self._why(step), step.fault)
            sent = replace(sent, call=again)
        self._last = sent
        return _under_fault(sent.call)

    def player_of(self, step: Resend) -> str:
        """Return the user id of the player of a resend; that of the main player if nothing was sent."""
        sent = self._sent_before(step)
        return sent.request.player if sent is not None and step.player is None else self.player(step.player)

    def _sent_before(self, step: Resend) -> _Written | None:
        return self._last if step.of is None else self._sent.get(step.of)

    def send_step(self, step: Send, ledger: Ledger) -> UnsentCall:
        """Return the call of a `send` step: its bytes with placeholders filled in, and their form."""
        player = self.player(step.player)
        body = step.body.decode("utf-8", "surrogateescape")
        book = ledger.books.get(player)
        balance = format_money(book.balances[0]) if book is not None else "0.00"
        body = body.replace("${player}", player).replace("${wide_player}", widened(player))
        body = body.replace("${balance}", balance)
        body = re.sub(OWN_ID, lambda found: f"{found[1]}{self._own_id(found[2])}{found[3]}", body)
        body = re.sub(OWN_GAME, lambda found: f"{found[1]}{self.game(found[2])}{found[3]}", body)
        if "${id}" in body:
            body = body.replace("${id}", self.new_id(step.label))
        body = self.filled(body, in_json=body.lstrip()[:1] in ("{", "["))
        raw = spoken(body.encode("utf-8", "surrogateescape"), self._profile)
        own = tuple((name, self.filled(value)) for name, value in step.headers)
        headers = merged_headers(self._profile.headers, own)
        wire = WireRequest(raw, step.content_type, step.http_method, headers)
        form = form_of(wire, self._profile, self._games)
        if form.request is not None and form.request.transaction_id is not None:
            ledger.watch_exact_id(form.request.transaction_id)
        return UnsentCall(form.request, wire, _optional(form), self._why(step))

    def together(self, step: Parallel, ledger: Ledger) -> list[Planned]:
        """Return the calls of a `parallel` step in the order of the file, all written before any is sent.

        Raises CannotSend.
        """
        return [
            planned
            for _ in range(step.times)
            for inner in step.steps
            for planned in self._planned(inner, ledger)
        ]

    def _planned(self, step: Step, ledger: Ledger) -> Iterable[Planned]:
        match step:
            case Bet() | Win():
                yield Planned(self.money_step(step, ledger), step.expect)
            case Refund():
                yield Planned(self.refund_step(step, ledger), step.expect)
            case Resend():
                for _ in range(step.times):
                    yield Planned(self.resend_step(step, ledger), step.expect)
            case Send():
                yield Planned(self.send_step(step, ledger), step.expect)
            case Balance():
                yield Planned(self.read(step, Method.BALANCE.noun), step.expect)
            case Details():
                yield Planned(self.read(step, Method.DETAILS.noun), step.expect)
            case _:
                raise CannotSend(f"{type(step).__name__.lower()} cannot be used inside parallel")

    # --- rounds ------------------------------------------------------------------------------------

    def rounds(self, step: Round | Play, ledger: Ledger) -> Calls:
        """Yield the calls of a `round` or `play` step by the provider's own rules. Raises CannotSend."""
        return self._round(step, ledger) if isinstance(step, Round) else self._play(step, ledger)

    def _round(self, step: Round, ledger: Ledger) -> Calls:
        """Play rounds with the win that the author wrote, or one from the outcome model."""
        player = self.player(step.player)
        for _ in range(step.spins):
            stake = self.amount(step.bet, player, ledger)
            if step.win is None:
                win = draw_spin(VOLATILITIES["medium"], self._rng).payout(stake)
            else:
                self.accepted_bet(WebhookRequest(Method.BET, player, stake))
                win = self.amount(step.win, player, ledger)
            yield from self._flow(step, player, stake, win)

    def _play(self, step: Play, ledger: Ledger) -> Calls:
        """Play a session by the outcome model, until the player cannot pay the stake."""
        player = self.player(step.player)
        rng = self._rng if step.seed is None else Random(step.seed)
        for _ in range(step.rounds):
            stake = self.amount(step.stake, player, ledger)
            if stake > ledger.books[player].balances[0]:
                return
            win = draw_spin(VOLATILITIES[step.volatility], rng).payout(stake)
            yield from self._flow(step, player, stake, win)

    def _flow(self, step: Round | Play, player: str, stake: Money, win: Money) -> Calls:
        bet_id, win_id = self.new_id("bet"), self.new_id("win")
        plan = RoundPlan(player, self.game(step.game), bet_id, stake, win_id, win)
        flow = play_round(plan, attempts=FLOW_ATTEMPTS)
        ask = next(flow)
        while True:
            why = self._why_at(step.place, ask.request.method.noun)
            outcome = yield self.flow_call(ask.request, why)
            try:
                ask = flow.send(outcome)
            except StopIteration:
                return

    # --- parts -------------------------------------------------------------------------------------

    def new_id(self, label: str) -> str:
        """Return a transaction id that no wallet has seen: RUN-label-n."""
        self._count += 1
        return self._limits.ids.written(f"{self.prefix}-{_in_ids(label)}-{self._count}")

    def written_id(self, text: str) -> str:
        """Return an id for a text of the author: the same for the same text, but different in every run."""
        if "${" in text:
            return self._own_id(text)
        return self._written_ids.setdefault(text, self._own_id(f"${{run}}-{text}"))

    def _own_id(self, text: str) -> str:
        """Return an id of the author's: in the wallet's form, or as it is if its own form is the point."""
        filled = self.filled(text)
        return self._limits.ids.written(filled) if is_plain_id(text) else filled

    def amount(self, amount: Amount, player: str, ledger: Ledger) -> Money:
        """Return the money that an amount means now. Raises CannotSend."""
        match amount:
            case Written(money=money):
                return money
            case AllOf(plus=plus):
                return Money(ledger.books[player].balances[0] + plus)
            case OfLimit(plus=plus):
                limit = ledger.books[player].terms.max_bet
                if limit is None:
                    raise CannotSend("your wallet's limit on a bet is not configured: --max-bet")
                return Money(limit + plus)
            case TimesBet(factor=factor):
                if player not in self._last_bet:
                    raise CannotSend("an amount like x2.40 needs an accepted bet before it")
                return Money(int(self._last_bet[player] * factor))
            case Drawn(low=low, high=high):
                return self._draw(low, high)

    def _draw(self, low: int, high: int) -> Money:
        """Draw an amount that was not drawn before, if possible: equal ones hide which call a race lost."""
        low, high = self._limits.within(low, high)
        for _ in range(DRAWS_MAX):
            drawn = Money(self._rng.randrange(low, high + 1, self._limits.bet_step))
            if drawn not in self._drawn:
                break
        self._drawn.add(drawn)
        return drawn

    def accepted_bet(self, request: WebhookRequest) -> None:
        """Remember the bet that a later win belongs to."""
        if request.amount is None:
            return
        self._last_bet[request.player] = request.amount
        if request.transaction_id is not None:
            self._open_rounds[request.player, request.game_id] = OpenRound(
                request.transaction_id, request.amount, request.game_id
            )

    def flow_call(self, request: WebhookRequest, why: Why) -> UnsentCall:
        """Return the call that a flow yields, written as documented."""
        open_round = self._open_rounds.get((request.player, request.game_id))
        wire = write(request, self._profile, open_round=open_round)
        return UnsentCall(request, wire, Form(self._form(request), request), why)

    def read(self, step: Balance | Details, label: str = "") -> UnsentCall:
        """Return the call that reads a player's balance or account details."""
        method = Method.BALANCE if isinstance(step, Balance) else Method.DETAILS
        request = WebhookRequest(method, self.player(step.player))
        why = self._why_at(step.place, label)
        return UnsentCall(request, write(request, self._profile), Form(CallForm.CANONICAL, request), why)

    def _form(self, request: WebhookRequest) -> CallForm:
        return CallForm.OPTIONAL if self._limits.lets_refuse(request) else CallForm.CANONICAL

    def _write(
        self,
        request: WebhookRequest,
        step: Bet | Win | Refund | Resend,
        raw: Mapping[str, JsonValue],
        omit: frozenset[str],
        open_round: OpenRound | None,
    ) -> _Written:
        if not raw and not omit:
            wire = write(request, self._profile, open_round=open_round)
            form = Form(self._form(request), request)
        else:
            raw = {key: self._fill(key, value) for key, value in raw.items()}
            wire = write(request, self._profile, raw, omit, open_round)
            form = form_of(wire, self._profile, self._games)
            request = form.request or request
        call = UnsentCall(request, wire, _either(form, step), self._why(step), step.fault)
        return _Written(call, raw, omit, open_round)

    def _why_at(self, place: Place, label: str) -> Why:
        """Return why a call is sent; `label` is its name in reports."""
        return Why(self._scenario_id, "step", label, place, phase=self.phase)

    def _why(self, step: Bet | Win | Refund | Resend | Send) -> Why:
        """Return why the call of a step is sent; a repeat is named ``b1 again``."""
        again = f"{step.of or self._last_label} again" if isinstance(step, Resend) else step.label
        return self._why_at(step.place, again)

    def _fill(self, key: str, value: JsonValue) -> JsonValue:
        if not isinstance(value, str):
            return value
        if key == "game_id":
            return self.game(self.filled(value)) if value else value
        return self._own_id(value) if key == "transaction_id" else self.filled(value)

    def filled(self, text: str, *, in_json: bool = False) -> str:
        """Return a text of the author with what this run fills in. Raises CannotSend.

        `in_json`: what was captured stands within the quotes of a JSON text.
        """
        text = text.replace("${run}", self.prefix).replace("${number}", str(int(self.prefix, 36)))
        for name in self._to_capture if "${" in text else ():
            if f"${{{name}}}" in text:
                value = self.captured_value(name)
                text = text.replace(f"${{{name}}}", write_json(value)[1:-1] if in_json else value)
        return text

    @cached_property
    def _to_capture(self) -> frozenset[str]:
        steps = all_steps((*self._scenario.steps, *self._scenario.finally_))
        return frozenset(name for step in steps for name in captures_of(step))

    def captured_value(self, name: str) -> str:
        """Return what an earlier step has taken from its reply. Raises CannotSend."""
        if name not in self.captured:
            raise CannotSend(f"no reply had what is to be captured as ${{{name}}}")
        return self.captured[name]

    def _keep(self, step: Bet | Win | Refund, sent: _Written, ledger: Ledger) -> UnsentCall:
        self._sent[step.label] = self._last = sent
        self._last_label = step.label
        if "transaction_id" in sent.raw and sent.request.transaction_id is not None:
            ledger.watch_exact_id(sent.request.transaction_id)
        return _under_fault(sent.call)

    def _bet_of(self, label: str, player: str, ledger: Ledger) -> tuple[str, Money | None]:
        sent = self._sent.get(label)
        if sent is not None:
            return sent.request.transaction_id or self.new_id(label), sent.request.amount
        bet = self._bets.get(label)
        if bet is None:
            raise CannotSend(f'the step "{label}" was not sent')
        amount = self.amount(bet.amount, self.player(bet.player) if bet.player else player, ledger)
        return self._reserved.setdefault(label, (self.new_id(label), amount))


def _either(form: Form, step: Bet | Win | Refund | Resend) -> Form:
    """Return the form for `expect: either`, which also allows a refusal."""
    return _optional(form) if step.expect.outcome is Expected.EITHER else form


def _under_fault(call: UnsentCall) -> UnsentCall:
    """Return the form of a call with a fault: a wallet may refuse an unusual delivery."""
    if call.fault is None or not call.fault.kind.is_odd_delivery:
        return call
    return replace(call, form=_optional(call.form))


def _optional(form: Form) -> Form:
    return replace(form, kind=CallForm.OPTIONAL) if form.kind is CallForm.CANONICAL else form


@lru_cache(maxsize=1024)
def _in_ids(label: str) -> str:
    """Return a step's label for use in ids."""
    return _NOT_IN_IDS.sub("", label)[:_LABEL_LENGTH_MAX]
