"""Play a scenario without sending anything, against a wallet that does what the law allows.

The calls are those of a run: `Script` writes them. The wallet is one `Book` for each player: where the law
allows several answers, all the worlds that they lead to are followed. A claim that holds in none of them
holds for no right wallet. Races, draws without a seed, and too many worlds make a player unclear: everything
later depends on the wallet, so nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Never

from simulator.core.calls import CallForm, FaultKind, Form, UnsentCall
from simulator.core.findings import Outcome, Place
from simulator.core.money import ZERO, AllOf, Amount, Money, OfLimit, TimesBet, format_money
from simulator.core.profiles import WireProfile
from simulator.core.steps import (
    NO_EXPECT,
    Balance,
    Bet,
    Block,
    Details,
    Expect,
    Expected,
    Parallel,
    Play,
    PlayerSpec,
    Refund,
    Repeat,
    Resend,
    Round,
    Scenario,
    Send,
    Step,
    Win,
    all_steps,
)
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.book import Book, Ledger, Possibility, Terms, TooManyWorlds
from simulator.law.roles import Branch, knob_shown
from simulator.scenario.script import CannotSend, Script, after
from simulator.wire.profiles import BETRONTECH

CALLS_MAX = 300
"""How far a scenario is followed when it is read: a slip shows early, and a long file must load fast."""

WORLDS_MAX = 16
"""So many possible states of one wallet are followed; with more, its player becomes unclear."""

RUN = "dryrun1"
"""What ids begin with, as long as in a run, where it is new each time."""

FIRST_PLAYER = 1_000_000_001
"""User ids are numbers: a `send` without quotes around one is valid JSON then, as with many wallets' ids.

They are large, so that an id which an author writes is none of them.
"""

TRAIL_MAX = 6

LAST = ""
"""Stands for the call that `resend: last` names; no label is empty."""

TOO_MANY = "your wallet may have answered in too many ways until here"

EITHER = (Outcome.ACCEPTED, Outcome.REFUSED)

_COPIES = {FaultKind.LOST_REPLY: 1, FaultKind.DUPLICATE: 2}
"""Faults under which the wallet gets the whole call and answers it; after the others it may come later."""


class DryCall(Frozen, kw_only=True):
    """One call that a run would make, with what a right wallet may do; or a step that sends nothing.

    `player` is the name that the scenario gives. A right wallet may answer with the outcomes in `answers`
    (empty where the call may not arrive), and the player may have `balances` afterwards. Neither is known
    where the call `is_unclear`. `note` says why, where that begins; `problem` is a claim that no right wallet
    meets.
    """

    place: Place
    step: Step
    player: str
    call: UnsentCall | None = None
    answers: tuple[Outcome, ...] = ()
    balances: tuple[Money, ...] = ()
    is_unclear: bool = False
    note: str = ""
    problem: str = ""


def contradictions(scenario: Scenario) -> Iterator[DryCall]:
    """Yield each player's first call with a claim that no right wallet meets.

    Amounts that a run draws are unknown here; what follows from them is not judged.
    """
    if any(_claims(step) for step in (*scenario.steps, *scenario.finally_)):
        if len(scenario.steps) > CALLS_MAX:
            scenario = replace(scenario, steps=scenario.steps[:CALLS_MAX], finally_=())
        dry_run = DryRun(scenario, _Undrawn(0))
        for call in islice(dry_run.calls(), CALLS_MAX):
            if call.problem:
                yield call
            if dry_run.is_unclear:
                return


def _claims(step: Step) -> bool:
    """Return whether the author claims a balance or an outcome."""
    if isinstance(step, Repeat):
        return any(map(_claims, step.steps))
    if isinstance(step, Balance) and step.is_ is not None:
        return True
    expect = getattr(step, "expect", NO_EXPECT)
    return expect.outcome is not None or expect.balance is not None


class _Unclear(Exception):
    """It depends on the wallet; the message says why."""


class _Undrawn(Random):
    """Stands in for a seed that is not known: nothing is drawn from it."""

    def random(self) -> Never:
        raise _Unclear("the amount is drawn by the run")

    def getrandbits(self, _bits: int, /) -> Never:
        raise _Unclear("the amount is drawn by the run")


class _Script(Script):
    """A script that raises _Unclear for amounts which depend on what the wallet did.

    `unclear` maps players whose balance is unclear to the reason; `unclear_bets` are the players whose last
    bet may have been refused.
    """

    def __init__(
        self, scenario: Scenario, players: dict[str, str], profile: WireProfile, rng: Random
    ) -> None:
        super().__init__(scenario, players, profile, RUN, rng)
        self.unclear: dict[str, str] = {}
        self.unclear_bets: set[str] = set()

    def amount(self, amount: Amount, player: str, ledger: Ledger) -> Money:
        """Return the money that an amount means now. Raises CannotSend, _Unclear."""
        match amount:
            case AllOf():
                self.balance(player, ledger)
            case TimesBet() if player in self.unclear or player in self.unclear_bets:
                raise _Unclear("whether the last bet was accepted depends on your wallet")
            case OfLimit():
                raise _Unclear("your wallet's limit on a bet is not known here")
        return super().amount(amount, player, ledger)

    def captured_value(self, name: str) -> Never:
        """Raise _Unclear: only a run has replies."""
        raise _Unclear(f"${{{name}}} is what your wallet replies")

    def balance(self, player: str, ledger: Ledger) -> Money:
        """Return what the player has. Raises _Unclear where that is not one amount."""
        balances = _balances(ledger.books[player])
        if player in self.unclear or len(balances) > 1:
            raise _Unclear("how much the player has depends on your wallet")
        return balances[0]

    def accepted_bet(self, request: WebhookRequest) -> None:
        """Remember the bet that a later win belongs to."""
        super().accepted_bet(request)
        self.unclear_bets.discard(request.player)

    def perhaps_accepted_bet(self, request: WebhookRequest) -> None:
        """Remember that the bet may or may not have become the player's last one."""
        if self._last_bet.get(request.player) != request.amount:
            self.unclear_bets.add(request.player)


class DryRun:
    """One scenario, followed step by step. Amounts are drawn from `rng`, as a run with that seed does."""

    def __init__(self, scenario: Scenario, rng: Random, profile: WireProfile = BETRONTECH) -> None:
        self._scenario = scenario
        self._profile = profile
        self._limited = "limits" in scenario.needs
        ids = {name: str(FIRST_PLAYER + number) for number, name in enumerate(scenario.players)}
        self._names = {user_id: name for name, user_id in ids.items()}
        self._script = _Script(scenario, ids, profile, rng)
        self._ledger = Ledger()
        self._named = _named_labels(scenario)
        self._trail: dict[str, list[str]] = {}
        for name, spec in scenario.players.items():
            terms = Terms(exists=spec.exists, blocked=spec.blocked)
            self._ledger.open(ids[name], spec.balance, terms)
            self._trail[ids[name]] = [_beginning(spec)]
        self._unsent: dict[str, str] = {}
        self._unclear_ids: set[str] = set()
        self._told: set[str] = set()
        self._stopped = False

    @property
    def is_unclear(self) -> bool:
        """Return whether every player is unclear."""
        return self._names.keys() <= self._script.unclear.keys()

    def calls(self) -> Iterator[DryCall]:
        """Yield the calls of the steps and then of `finally`, in the order in which a run makes them."""
        for steps in (self._scenario.steps, self._scenario.finally_):
            self._stopped = False
            yield from self._steps(steps)

    # --- steps -------------------------------------------------------------------------------------

    def _steps(self, steps: Sequence[Step]) -> Iterator[DryCall]:
        for step in steps:
            if self._stopped:
                return
            if isinstance(step, Repeat):
                for _ in range(step.times):
                    yield from self._steps(step.steps)
                continue
            try:
                yield from self._step(step)
            except CannotSend as error:
                self._stopped = True
                yield self._line(step, self._player_of(step), note=f"the run ends here: {error}")
            except TooManyWorlds:
                yield self._unclear_line(step, TOO_MANY)
            except _Unclear as error:
                yield self._unclear_line(step, str(error))

    def _step(self, step: Step) -> Iterator[DryCall]:
        match step:
            case Bet() | Win():
                yield self._sent(step, self._script.money_step(step, self._ledger))
            case Refund():
                self._check_sent(step.of)
                yield self._sent(step, self._script.refund_step(step, self._ledger))
            case Resend():
                self._check_sent(step.of or LAST)
                for _ in range(step.times):
                    yield self._sent(step, self._script.resend_step(step, self._ledger))
            case Balance() | Details():
                yield self._read(step, self._script.read(step))
            case Send():
                if b"${balance}" in step.body:
                    self._script.balance(self._script.player(step.player), self._ledger)
                yield self._judged(step, self._script.send_step(step, self._ledger))
            case Round() | Play():
                yield from self._rounds(step)
            case Parallel():
                yield from self._parallel(step)
            case Block():
                book = self._ledger.books[self._script.player(step.player)]
                book.terms = replace(book.terms, blocked=True)
                self._trail[book.player] += ["blocked", _or(book.balances)]
                yield self._line(step, book.player)
            case _:
                yield self._line(step)

    def _check_sent(self, label: str | None) -> None:
        """Raise _Unclear where the call of that label could not be followed."""
        if label in self._unsent:
            raise _Unclear("the call that it names depends on your wallet")

    def _sent(self, step: Step, call: UnsentCall) -> DryCall:
        self._unsent.pop(LAST, None)
        return self._judged(step, call)

    def _parallel(self, step: Parallel) -> Iterator[DryCall]:
        reason = "your wallet decides the order"
        steps = {inner.place: inner for inner in step.steps}
        calls = [planned.call for planned in self._script.together(step, self._ledger)]
        for call in calls:
            request = call.form.request
            if request is not None and request.method.moves_money:
                self._make_unclear(request.player, reason, request)
        for call in calls:
            assert call.why.place is not None
            yield self._line(steps[call.why.place], call=call, note="sent together")

    def _rounds(self, step: Round | Play) -> Iterator[DryCall]:
        player = self._script.player(step.player)
        if player in self._script.unclear:
            raise _Unclear(self._script.unclear[player])
        calls = self._script.rounds(step, self._ledger)
        unsent = next(calls, None)
        while unsent is not None:
            shown = self._judged(step, unsent)
            yield shown
            # Whether a win is accepted or refused, it is answered, and the round is over.
            request = unsent.request
            is_bet = request is not None and request.method is Method.BET
            if shown.is_unclear or (is_bet and len(shown.answers) > 1):
                raise _Unclear("how the round goes on depends on your wallet")
            unsent = after(calls, shown.answers[0])

    # --- one call ----------------------------------------------------------------------------------

    def _read(self, step: Balance | Details, call: UnsentCall) -> DryCall:
        player = self._script.player(step.player)
        book = self._ledger.books[player]
        answers = (Outcome.ACCEPTED,) if book.terms.exists else (Outcome.REFUSED,)
        problem = ""
        if book.terms.exists and player not in self._script.unclear:
            if step.expect.outcome is Expected.REFUSED:
                noun = "balance read" if isinstance(step, Balance) else "read of the details"
                problem = self._wrong_outcome(player, Expected.REFUSED, noun, answers)
            for claimed in (step.is_, step.expect.balance) if isinstance(step, Balance) else ():
                if claimed is not None and not problem and not book.read(claimed):
                    problem = self._wrong_balance(player, claimed, _balances(book))
        return self._line(step, player, call, answers, problem=problem)

    def _judged(self, step: Step, call: UnsentCall) -> DryCall:
        """Follow one call that may move money. Raises _Unclear, TooManyWorlds."""
        request = call.form.request
        book = None if request is None else self._ledger.books.get(request.player)
        if request is None or not request.method.moves_money:
            # No webhook, or a read that an author wrote by hand: no money moves.
            exists = request is None or (book is not None and book.terms.exists)
            claimed = getattr(step, "expect", NO_EXPECT).outcome or Expected.EITHER
            answers = tuple(filter(claimed.admits, EITHER)) if exists else (Outcome.REFUSED,)
            return self._line(step, call=call, answers=answers)
        if book is None:
            return self._line(step, call=call, answers=(Outcome.REFUSED,))
        if self._is_unclear(book, request):
            return self._line(step, call=call)
        if call.fault is not None and not call.fault.kind.is_odd_delivery:
            answers = self._disturbed(step, call.form, book, call.fault.kind)
            return self._line(step, call=call, answers=answers)
        expect: Expect = getattr(step, "expect", NO_EXPECT)
        possible = self._possible(book, call.form, self._scenario.policy)
        allowed = [each for each in possible if _admits(expect, each.branch)]
        if not allowed:
            problem = self._wrong_claim(book, call.form, expect, possible)
            return self._line(step, call=call, answers=_outcomes(possible), problem=problem)
        self._follow(step, book, call.form, allowed)
        return self._line(step, call=call, answers=_outcomes(allowed))

    def _disturbed(self, step: Step, form: Form, book: Book, fault: FaultKind) -> tuple[Outcome, ...]:
        """Follow a call whose answer is not read, or that is sent twice: nothing is claimed of it.

        A reply is lost only when it has begun: a right wallet has done then what it answers.
        """
        request = form.request
        assert request is not None
        answers: tuple[Outcome, ...] = ()
        if fault in _COPIES:
            for _ in range(_COPIES[fault]):
                possible = self._possible(book, form, self._scenario.policy)
                answers = answers or _outcomes(possible)
                self._follow(step, book, form, possible)
        elif form.alternatives:
            raise _Unclear("which amount your wallet reads is its own choice")
        else:
            book.observe(request, form.kind, Outcome.UNKNOWN, None)
            self._note(book, f"lost {request.method.noun}", request)
        if request.method is Method.BET:
            self._script.accepted_bet(request)
        return answers

    def _possible(self, book: Book, form: Form, policy: Mapping[str, str]) -> list[Possibility]:
        """Return what a right wallet with that policy may do with the call."""
        assert form.request is not None
        written = form.kind
        if self._limited and form.request.method is Method.BET and written is CallForm.CANONICAL:
            # It may be over the limit.
            written = CallForm.OPTIONAL
        return [
            each
            for request in (form.request, *form.alternatives)
            for each in book.may_do(request, written)
            if not policy or _keeps(policy, each)
        ]

    def _follow(self, step: Step, book: Book, form: Form, possible: list[Possibility]) -> None:
        """Let the book become what the call makes of it."""
        if isinstance(step, Round | Play | Bet | Win) and not self._is_named(step):
            # No later call has this id: that a wallet remembers it makes no difference.
            unnamed = [each._replace(branch=each.branch._replace(entry=None)) for each in possible]
            book.follow(form.kind, unnamed)
        else:
            book.follow(form.kind, possible)
        outcomes = {each.branch.outcome for each in possible}
        request = possible[0].request
        if request.method is Method.BET and not isinstance(step, Send):
            if outcomes == {Outcome.ACCEPTED}:
                self._script.accepted_bet(request)
            elif Outcome.ACCEPTED in outcomes:
                self._script.perhaps_accepted_bet(request)
        if any(each.branch.moves or each.branch.entry is not None for each in possible):
            refused = outcomes == {Outcome.REFUSED}
            self._note(book, f"refused {request.method.noun}" if refused else request.method.noun, request)

    def _is_named(self, step: Round | Play | Bet | Win) -> bool:
        """Return whether a later step may use the id of this one."""
        if isinstance(step, Round | Play):
            return False
        twice = step.fault is not None and step.fault.kind is FaultKind.DUPLICATE
        return twice or self._named is None or step.label in self._named or bool(step.raw)

    # --- what depends on the wallet ----------------------------------------------------------------

    def _is_unclear(self, book: Book, request: WebhookRequest) -> bool:
        """Return whether the result of this call depends on the wallet, because of its player or its id."""
        if book.player not in self._script.unclear:
            if len(book.worlds) > WORLDS_MAX:
                self._make_unclear(book.player, TOO_MANY)
            elif request.transaction_id in self._unclear_ids or self._is_in_doubt(book, request):
                self._make_unclear(book.player, "whether the id was used before depends on your wallet")
        if book.player in self._script.unclear:
            self._make_unclear(book.player, "", request)
            return True
        return False

    def _is_in_doubt(self, book: Book, request: WebhookRequest) -> bool:
        """Return whether another call, of this player or another one, has that id in some worlds only."""
        return any(
            transaction_id == request.transaction_id
            and (other is not book or {method, request.method} == {Method.BET, Method.WIN})
            for other in self._ledger.books.values()
            if len(other.worlds) > 1
            for world in other.worlds
            for method, transaction_id in world.delta
        )

    def _make_unclear(self, player: str, reason: str, request: WebhookRequest | None = None) -> None:
        """Note that what the player has, and whether the request's id was used, depends on the wallet."""
        self._script.unclear.setdefault(player, reason)
        if request is not None and request.transaction_id is not None:
            self._unclear_ids.add(request.transaction_id)

    def _unclear_line(self, step: Step, reason: str) -> DryCall:
        """Return the line of a step that cannot be followed; its player and its id become unclear."""
        for each in step.steps if isinstance(step, Parallel) else (step,):
            player = self._player_of(each)
            self._make_unclear(player, reason)
            if isinstance(each, Bet | Win | Refund | Resend):
                self._unsent[LAST] = player
            if isinstance(each, Bet | Win | Refund):
                self._unsent[each.label] = player
        return self._line(step, self._player_of(step), note=reason)

    def _player_of(self, step: Step) -> str:
        named: str | None = getattr(step, "player", None)
        if not isinstance(step, Resend) or named is not None:
            return self._script.player(named)
        return self._unsent.get(step.of or LAST) or self._script.player_of(step)

    # --- in words ----------------------------------------------------------------------------------

    def _line(
        self,
        step: Step,
        player: str = "",
        call: UnsentCall | None = None,
        answers: tuple[Outcome, ...] = (),
        *,
        note: str = "",
        problem: str = "",
    ) -> DryCall:
        """Return the step with what is known of its player now; a problem makes the player unclear.

        Without `player` it is the one that the bytes name, or that of the step.
        """
        request = None if call is None else call.form.request
        if not player:
            player = self._player_of(step) if request is None else request.player
        book = self._ledger.books.get(player)
        reason = "" if player in self._told else self._script.unclear.get(player, "")
        is_unclear = player in self._script.unclear
        if is_unclear:
            self._told.add(player)
        known = book is not None and book.terms.exists and not is_unclear
        balances = _balances(book) if book is not None and known else ()
        if problem:
            self._make_unclear(player, "the claim before it cannot be met", request)
        return DryCall(
            place=step.place,
            step=step,
            player=self._names.get(player, player),
            call=call,
            answers=answers,
            balances=balances,
            is_unclear=is_unclear,
            note="; ".join(dict.fromkeys(filter(None, (note, reason)))),
            problem=problem,
        )

    def _note(self, book: Book, words: str, request: WebhookRequest) -> None:
        amount = "" if request.amount is None else f" {format_money(request.amount)}"
        self._trail[book.player] += [words + amount, _or(_balances(book))]

    def _wrong_balance(self, player: str, claimed: Money, possible: Iterable[int], by: str = "ledger") -> str:
        held = _or(tuple(sorted(map(Money, possible))))
        claim = f"balance {format_money(claimed)} contradicts the {by}"
        return f"{claim}: it holds {held} here ({self._story(player)})"

    def _wrong_outcome(
        self, player: str, claimed: Expected, call: str, possible: tuple[Outcome, ...], by: str = "ledger"
    ) -> str:
        only = " or ".join(possible)
        claim = f"expect {claimed.value} contradicts the {by}"
        return f"{claim}: a {call} can only be {only} here ({self._story(player)})"

    def _wrong_claim(self, book: Book, form: Form, expect: Expect, possible: list[Possibility]) -> str:
        without = self._possible(book, form, {})
        by = "policy" if any(_admits(expect, each.branch) for each in without) else "ledger"
        outcomes, request = _outcomes(possible), possible[0].request
        if expect.outcome is not None and not any(map(expect.outcome.admits, outcomes)):
            amount = "" if request.amount is None else f" of {format_money(request.amount)}"
            call = request.method.noun + amount
            return self._wrong_outcome(book.player, expect.outcome, call, outcomes, by)
        answers = {answer for each in possible for answer in each.branch.answers or ()}
        return self._wrong_balance(book.player, expect.balance or ZERO, answers, by)

    def _story(self, player: str) -> str:
        trail = self._trail[player]
        shown = trail if len(trail) <= TRAIL_MAX else ["…", *trail[-TRAIL_MAX + 1 :]]
        return " → ".join(shown)


def _beginning(spec: PlayerSpec) -> str:
    if not spec.exists:
        return "no such player"
    return f"blocked, {format_money(spec.balance)}" if spec.blocked else format_money(spec.balance)


def _named_labels(scenario: Scenario) -> set[str] | None:
    """Return the labels that steps refer to, None where that may be any."""
    named = [
        step.of
        for step in all_steps((*scenario.steps, *scenario.finally_))
        if isinstance(step, Resend) or (isinstance(step, Refund) and step.of is not None)
    ]
    labels = set(filter(None, named))
    return labels if len(labels) == len(set(named)) else None


def _admits(expect: Expect, branch: Branch) -> bool:
    """Return whether the branch is what the author claims. The balance of a refusal is not compared."""
    if expect.outcome is not None and not expect.outcome.admits(branch.outcome):
        return False
    if expect.balance is None or branch.outcome is Outcome.REFUSED or branch.answers is None:
        return True
    return expect.balance in branch.answers


def _keeps(policy: Mapping[str, str], each: Possibility) -> bool:
    """Return whether the wallet keeps to the policy that the scenario pins."""
    shown = knob_shown(each.role, each.request.method, each.branch.outcome, each.branch.moves)
    return shown is None or policy.get(shown[0], "any") in ("any", shown[1])


def _outcomes(possible: list[Possibility]) -> tuple[Outcome, ...]:
    found = {each.branch.outcome for each in possible}
    return tuple(outcome for outcome in EITHER if outcome in found)


def _balances(book: Book) -> tuple[Money, ...]:
    """Return the balances that the player may have now, with the late effects of unanswered calls."""
    return tuple(sorted({Money(world.balance) for world in book.with_late_arrivals()}))


def _or(balances: tuple[Money, ...]) -> str:
    return " or ".join(map(format_money, balances))
