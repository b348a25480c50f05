"""Run one scenario, from its players to its verdict."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from simulator.core.calls import Call, FaultSpec, Form, KnownAs, Opening, UnsentCall, Why
from simulator.core.findings import Finding, Outcome, Phase, Place, Severity, Verdict
from simulator.core.money import Money, format_money
from simulator.core.steps import (
    NO_EXPECT,
    Balance,
    Bet,
    Block,
    Details,
    Expect,
    Parallel,
    Play,
    Refund,
    Repeat,
    Resend,
    Restart,
    Round,
    Scenario,
    Send,
    Step,
    Wait,
    Win,
)
from simulator.core.values import Frozen
from simulator.core.webhooks import Method
from simulator.errors import EndpointUnreachable
from simulator.judge.blame import READS_WRONGLY
from simulator.law.book import Book, Ledger, Terms, TooManyWorlds
from simulator.law.roles import Role
from simulator.law.situations import Situation
from simulator.report.events import (
    FindingRaised,
    ScenarioFinished,
    ScenarioStarted,
    StepFinished,
)
from simulator.run.context import EXCHANGES_KEPT, RunContext, Stopped
from simulator.run.judge import READS_LAG, FormLog, Judge
from simulator.run.players import Cast, HookFailed, Hooks, NoPlayer, PlayersLost
from simulator.run.preflight import GREAT_WIN, CannotReach, TakesNoBets
from simulator.run.preflight import Adjustment as OpeningCalls
from simulator.scenario.expecting import broken_expectations, captured
from simulator.scenario.limits import won_by
from simulator.scenario.script import CannotSend, Script, after, draws
from simulator.settings import Probe
from simulator.wire.sender import wait_for

CLOSED_MAX = 3
"""Before so many scenarios in a row a wallet must have taken no bet of a player to be asked for no more."""


class Ended(Frozen):
    """A verdict with its reason in words."""

    verdict: Verdict
    reason: str = ""


class ScenarioRun:
    """One scenario against the wallet. `number` is its place in the run, from 1."""

    def __init__(
        self, scenario: Scenario, number: int, context: RunContext, cast: Cast, hooks: Hooks, forms: FormLog
    ) -> None:
        self._scenario = scenario
        self._number = number
        self._context = context
        self._cast = cast
        self._hooks = hooks
        self._judge = Judge(context, scenario, forms, self._tell)
        self._ledger = self._judge.ledger

    def run(self, held: str = "") -> Ended:
        """Run it and tell how it ended; `held` is why it must not run."""
        scenario, context = self._scenario, self._context
        started_ns = time.perf_counter_ns()
        context.emit(ScenarioStarted(scenario=scenario))
        kept = context.kept.setdefault(
            scenario.id, deque(maxlen=None if context.settings.full else EXCHANGES_KEPT)
        )
        ended = Ended(Verdict.BLOCKED, held) if held else self._ended()
        del context.kept[scenario.id]
        if not held:
            context.note_reads(wrong=any(each.cause in READS_WRONGLY for each in self._judge.found))
        shown = context.settings.full or ended.verdict not in (Verdict.PASSED, Verdict.SKIPPED)
        context.emit(
            ScenarioFinished(
                scenario=scenario,
                verdict=ended.verdict,
                reason=ended.reason,
                findings=tuple(self._judge.found),
                duration_ns=time.perf_counter_ns() - started_ns,
                exchange_count=len(kept),
                exchanges=tuple(kept) if shown else (),
                lawful=tuple(self._judge.lawful) if shown else (),
            )
        )
        return ended

    def _tell(self, finding: Finding) -> None:
        self._context.emit(FindingRaised(scenario_id=self._scenario.id, finding=finding))

    def _ended(self) -> Ended:
        if self._context.stopping:
            return Ended(Verdict.BLOCKED, self._context.stopping)
        reason = self._scenario.skip or self._missing()
        if reason:
            return Ended(Verdict.SKIPPED, reason)
        try:
            players = self._cast.take(self._scenario.players)
        except (PlayersLost, Stopped) as error:
            return Ended(Verdict.BLOCKED, str(error))
        except NoPlayer as error:
            return Ended(Verdict.SKIPPED, str(error))
        try:
            return self._verdict(self._played(players))
        except TakesNoBets as error:
            found = self._verdict("")
            return found if found.verdict is Verdict.FAILED else self._closed(error)
        except (CannotReach, NoPlayer) as error:
            # Findings count even if the wallet then stops giving usable answers.
            found = self._verdict("")
            return found if found.verdict is Verdict.FAILED else Ended(Verdict.SKIPPED, str(error))
        finally:
            self._cast.give_back(players.values(), self._context.destroyed)

    def _closed(self, error: TakesNoBets) -> Ended:
        """Skip the scenario; after some in a row no other one gets that player."""
        context, player = self._context, error.player
        context.closed[player] += 1
        if context.closed[player] >= CLOSED_MAX:
            context.destroyed[player] = f"blocked by {self._scenario.id}: {error.reason}"
        return Ended(Verdict.SKIPPED, str(error))

    def _drained(self, script: Script, player: str, amount: Money) -> str:
        """Take an amount from a player with bets; return why the wallet takes none any more, or nothing.

        Nothing that happens meanwhile is a finding of the scenario.
        """
        scenario, context = self._scenario, self._context
        why = Why(scenario.id, "adjust", "opening", scenario.place, phase=Phase.PREPARATION)
        judge = Judge(context, scenario, FormLog(), lambda _finding: None, Phase.PREPARATION)
        bets = OpeningCalls(context, judge, script, why, scenario.place)
        try:
            balance = bets.read(player)
            bets.reach(player, balance, Money(balance - amount))
        except TakesNoBets as error:
            return error.reason
        except CannotReach:
            return ""
        return ""

    def _missing(self) -> str | None:
        """Return the needs of this scenario that the wallet does not meet."""
        settings, needs = self._context.settings, self._scenario.needs
        if "restart" in needs and settings.restart_hook is None:
            return "needs a restart hook: none is configured"
        if "seeding" in needs and settings.seed_hook is None:
            return "needs a seed hook: none is configured"
        if "limits" in needs and settings.max_bet is None:
            return "needs your wallet's limit: --max-bet is not given"
        return self._context.limits.prevents(self._scenario) or self._cast.missing(self._scenario)

    def _played(self, players: dict[str, str]) -> str:
        """Play it through; returns what could not be proven, or nothing."""
        script = Script(
            self._scenario,
            players,
            self._context.profile,
            f"{self._context.run}{self._number:x}",
            draws(self._context.settings.seed, self._scenario.id),
            self._context.limits,
        )
        self._judge.drain = partial(self._drained, script)
        try:
            self._judge.phase = script.phase = Phase.PREPARATION
            if not self._opened(players, script):
                return ""
            self._judge.phase = script.phase = Phase.STEP
            steps = Steps(
                self._scenario, self._context, script, self._judge, self._ledger, self._hooks, self._cast
            )
            try:
                steps.run(self._scenario.steps)
            finally:
                if not self._context.stopping:
                    self._judge.phase = script.phase = Phase.END
                    steps.run(self._scenario.finally_, always=True)
            self._last_reads()
            context = self._context
            open_bets = sum(book.open_bets() for book in self._ledger.books.values())
            context.open_bets.note(self._scenario.id, open_bets)
        except (CannotSend, TooManyWorlds, HookFailed, Stopped) as error:
            return str(error)
        return "; ".join(self._judge.unproven)

    def _opened(self, players: dict[str, str], script: Script) -> bool:
        """Bring the players to their balances and open their books."""
        scenario, context = self._scenario, self._context
        why = Why(scenario.id, "adjust", "opening", scenario.place, phase=Phase.PREPARATION)
        won = won_by(scenario)
        opening = OpeningCalls(context, self._judge, script, why, scenario.place)
        for name, spec in scenario.players.items():
            player = players[name]
            if not spec.exists:
                terms = Terms(exists=False, max_bet=context.settings.max_bet)
                self._judge.open(player, spec.balance, terms)
                continue
            balance = opening.read(player)
            great = won > GREAT_WIN and context.settings.seed_hook is None
            if great or balance != spec.balance:
                context.emit(Opening(scenario_id=scenario.id, player=player, balance=balance))
            if great:
                balance = opening.sees_bets_for(player, balance, won)
            if player in self._judge.blocked:
                return False
            if balance != spec.balance and not opening.reach(player, balance, spec.balance):
                return False
            context.closed.pop(player, None)
            if spec.blocked:
                self._cast.block(player)
            settings = context.settings
            terms = Terms(blocked=spec.blocked, min_bet=context.limits.min_bet, max_bet=settings.max_bet)
            self._judge.open(player, spec.balance, terms)
            context.emit(Opening(scenario_id=scenario.id, player=player, balance=spec.balance))
        return True

    def _last_reads(self) -> None:
        """Check at the end that the wallet has the sum of the answers."""
        if self._context.settings.probe is Probe.NEVER or self._judge.answers_only:
            return
        last = (self._scenario.finally_ or self._scenario.steps)[-1].place
        for player, book in self._ledger.books.items():
            if book.terms.exists and player not in self._judge.blocked:
                self._judge.read(player, last)

    def _verdict(self, unproven: str) -> Ended:
        failed = any(finding.severity is Severity.ERROR for finding in self._judge.found)
        if self._scenario.xfail:
            return Ended(Verdict.XFAILED if failed else Verdict.XPASSED, self._scenario.xfail)
        if failed:
            return Ended(Verdict.FAILED)
        if self._judge.answers_only and not unproven:
            unproven = READS_LAG
        return Ended(Verdict.INCONCLUSIVE, unproven) if unproven else Ended(Verdict.PASSED)


# --- steps ----------------------------------------------------------------------------------------

RESTART_S = 60.0
"""How long a wallet may take to answer again after its restart hook has ended."""

_SETTLING = (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN)


class Steps:
    """Runs the steps of one scenario, one after the other."""

    def __init__(
        self,
        scenario: Scenario,
        context: RunContext,
        script: Script,
        judge: Judge,
        ledger: Ledger,
        hooks: Hooks,
        cast: Cast,
    ) -> None:
        self._scenario = scenario
        self._context = context
        self._script = script
        self._judge = judge
        self._ledger = ledger
        self._hooks = hooks
        self._cast = cast
        self._started_ns = time.perf_counter_ns()
        self._out_of_time = False

    def run(self, steps: Iterable[Step], *, always: bool = False) -> None:
        """Run steps; those of a player with too much wrong money are blocked, unless `always`.

        Raises CannotSend, TooManyWorlds, Stopped.
        """
        for step in steps:
            if isinstance(step, Repeat):
                for _ in range(step.times):
                    self.run(step.steps, always=always)
                continue
            blocked = self._judge.blocked
            if not always and (self._out_of_time or (blocked and self._players_of(step) & blocked)):
                self._finished(step.place, "blocked")
                continue
            before = len(self._judge.found)
            self._do(step)
            self._check_time()
            self._finished(step.place, "passed" if len(self._judge.found) == before else "failed")

    def _check_time(self) -> None:
        """Tell once that the scenario has taken longer than it may; its other steps are blocked."""
        limit_ns, calls = self._scenario.timeout_ns, self._context.kept[self._scenario.id]
        took_ns = time.perf_counter_ns() - self._started_ns
        if limit_ns is not None and took_ns > limit_ns and not self._out_of_time and calls:
            self._out_of_time = True
            words = f"the scenario has taken {took_ns / 1e9:.1f} s, its timeout is {limit_ns / 1e9:g} s"
            self._judge.expectation(words, calls[-1])

    def _finished(self, place: Place, status: str) -> None:
        self._context.emit(StepFinished(scenario_id=self._scenario.id, place=place, status=status))

    def _players_of(self, step: Step) -> set[str]:
        if isinstance(step, Wait | Restart):
            return set()
        if isinstance(step, Parallel):
            return set().union(*(self._players_of(inner) for inner in step.steps))
        return {self._script.player(getattr(step, "player", None))}

    def _do(self, step: Step) -> None:
        match step:
            case Bet() | Win():
                self._settle_before(step)
                self._money(self._script.money_step(step, self._ledger), step.expect)
            case Refund():
                self._money(self._script.refund_step(step, self._ledger), step.expect)
            case Resend():
                for _ in range(step.times):
                    self._money(self._script.resend_step(step, self._ledger), step.expect)
            case Balance():
                self._balance(step)
            case Details():
                self._details(step)
            case Send():
                self._send(step)
            case Round() | Play():
                self._rounds(step)
            case Wait():
                self._context.pause(step.duration_ns / 1e9 * self._context.settings.time_scale)
            case Restart():
                self._restart()
            case Block():
                self._block(step)
            case Parallel():
                self._parallel(step)
            case _:
                raise CannotSend(f"a {type(step).__name__.lower()} step cannot stand here")

    def _parallel(self, step: Parallel) -> None:
        # The checker of concurrent histories is large, and most scenarios do not need it.
        from simulator.run.burst import Bursts

        Bursts(self._context, self._script, self._judge, self._ledger).run(step)

    def _restart(self) -> None:
        hook = self._context.settings.restart_hook
        if hook is None:
            raise CannotSend("no restart hook is configured")
        self._hooks.call(hook, {})
        self._judge.restarted()
        target = self._context.sender.target
        try:
            wait_for(lambda: target, RESTART_S, pause=self._context.pause)
        except EndpointUnreachable as error:
            raise CannotSend(f"your wallet did not come back after its restart: {error}") from None

    def _block(self, step: Block) -> None:
        book = self._book(step.player)
        try:
            self._cast.block(book.player)
        except NoPlayer as error:
            raise CannotSend(str(error)) from None
        book.terms = replace(book.terms, blocked=True)

    def _rounds(self, step: Round | Play) -> None:
        """Make the calls of whole rounds, until they end or the player is blocked."""
        player = self._script.player(step.player)
        calls = self._script.rounds(step, self._ledger)
        unsent = next(calls, None)
        while unsent is not None and player not in self._judge.blocked:
            if not self._read_before(unsent):
                return
            unsent = after(calls, self._judge_call(self._context.call(unsent)))

    # --- money -------------------------------------------------------------------------------------

    def _money(self, unsent: UnsentCall, expect: Expect) -> Outcome:
        if not self._read_before(unsent):
            return Outcome.UNKNOWN
        if unsent.fault is not None:
            return self._disturbed(unsent, unsent.fault, expect)
        call = self._context.call(self._known(unsent))
        outcome = self._judge_call(call)
        self._claims(expect, call, outcome)
        return outcome

    def _read_before(self, unsent: UnsentCall) -> bool:
        """Read the balance if this call needs it; return False if it shows that an earlier call was wrong."""
        request, place = unsent.form.request, unsent.why.place or self._scenario.place
        return request is None or self._judge.read_before(request.player, place, unsent.form)

    def _known(self, unsent: UnsentCall) -> UnsentCall:
        """Return the call with what the scenario says of its player, for who reads the record."""
        if unsent.form.request is None:
            return unsent
        book = self._ledger.books.get(unsent.form.request.player)
        if book is None or not book.terms.exists:
            return replace(unsent, why=replace(unsent.why, account=KnownAs.UNKNOWN))
        if book.terms.blocked:
            return replace(unsent, why=replace(unsent.why, account=KnownAs.BLOCKED))
        if unsent.form.request.method is Method.BET and book.worlds[0].bars(unsent.form.request):
            return replace(unsent, why=replace(unsent.why, account=KnownAs.LIMITED))
        return unsent

    def _disturbed(self, unsent: UnsentCall, fault: FaultSpec, expect: Expect) -> Outcome:
        """Send a call with a fault; an unknown outcome stays open until an answer or a read settles it."""
        calls = self._context.disturb(self._known(unsent))
        outcome = Outcome.UNKNOWN
        for call in self._as_they_came(unsent.form, calls):
            outcome = self._judge_call(call)
        if fault.kind.is_odd_delivery:
            self._claims(expect, calls[0], outcome)
        if unsent.request is not None and unsent.request.method is Method.BET:
            self._script.accepted_bet(unsent.request)
        return outcome

    def _as_they_came(self, form: Form, calls: Iterable[Call]) -> list[Call]:
        """Return the copies of a call: the one that took effect came first, whichever answer did.

        Of a bet over the balance none may take effect, and a refusal came first.
        """
        request = form.request
        book = None if request is None else self._ledger.books.get(request.player)
        beyond = (
            book is not None
            and request is not None
            and request.method.moves_money
            and book.role(request, form.kind) is Role.UNAFFORDABLE_BET
        )
        first = Outcome.REFUSED if beyond else Outcome.ACCEPTED
        return sorted(calls, key=lambda each: (each.outcome is not first, _SETTLING.index(each.outcome)))

    def _judge_call(self, call: Call) -> Outcome:
        request = call.form.request
        if request is None:
            self._judge.hostile_call(call)
            return call.outcome
        outcome = self._judge.money_call(call)
        if request.method is Method.BET and outcome is Outcome.ACCEPTED:
            self._script.accepted_bet(request)
        return outcome

    def _settle_before(self, step: Bet | Win) -> None:
        """Read the balance before a step that depends on it, if several are possible."""
        book = self._ledger.books.get(self._script.player(step.player))
        if book is not None and book.ambiguous:
            self._judge.read(book.player, step.place)

    def _claims(self, expect: Expect, call: Call, outcome: Outcome) -> None:
        latency_ms_max = self._context.settings.latency_ms_max
        if latency_ms_max is not None and (call.exchange.latency_ns or 0) > latency_ms_max * 1_000_000:
            took_ms = (call.exchange.latency_ns or 0) // 1_000_000
            words = f"answered after {took_ms} ms, the limit is {latency_ms_max} ms"
            self._judge.mild(Situation.SLOW, call, detail=words)
        if expect is NO_EXPECT:
            return
        for message in broken_expectations(expect, call, outcome, self._script.filled):
            self._judge.broken_claim(message, call)
        for name, text in captured(expect.capture or {}, call):
            if text is None:
                field = (expect.capture or {})[name]
                self._judge.broken_claim(f'expected the field "{field}" to capture, the reply has none', call)
            else:
                self._script.captured[name] = text

    # --- reads -------------------------------------------------------------------------------------

    def _balance(self, step: Balance) -> None:
        book = self._book(step.player)
        if not book.terms.exists:
            self._stranger_read(step)
            return
        found = self._judge.read(book.player, step.place, purpose="step")
        if found is not None and step.is_ is not None and found != step.is_:
            call = self._judge.ask_balance(book.player, step.place)
            words = f"balance: the scenario says {format_money(step.is_)}, found {format_money(found)}"
            self._judge.broken_claim(words, call)
        elif step.expect != Expect():
            call = self._judge.ask_balance(book.player, step.place, "step")
            self._claims(step.expect, call, call.outcome)

    def _details(self, step: Details) -> None:
        if not self._book(step.player).terms.exists:
            self._stranger_read(step)
            return
        call = self._context.call(self._script.read(step))
        self._judge.note_form(call)
        if call.outcome is Outcome.REFUSED:
            self._judge.mild(Situation.DETAILS_WRONG, call, Method.DETAILS)
        self._claims(step.expect, call, call.outcome)

    def _stranger_read(self, step: Balance | Details) -> None:
        call = self._context.call(self._known(self._script.read(step))).for_unknown_player
        if call.outcome is Outcome.ACCEPTED:
            method = None if call.form.request is None else call.form.request.method
            self._judge.mild(Situation.UNKNOWN_PLAYER_ACCEPTED, call, method)
        elif call.outcome is Outcome.UNKNOWN:
            self._judge.note_form(call)
        self._claims(step.expect, call, call.outcome)

    def _book(self, name: str | None) -> Book:
        return self._ledger.books[self._script.player(name)]

    # --- any bytes ---------------------------------------------------------------------------------

    def _send(self, step: Send) -> None:
        call = self._context.call(self._known(self._script.send_step(step, self._ledger)))
        request = call.form.request
        book = None if request is None else self._ledger.books.get(request.player)
        if book is None or not book.terms.exists:
            call = call.for_unknown_player
        outcome = call.outcome
        if request is None:
            self._judge.hostile_call(call)
        elif request.method.moves_money:
            outcome = self._judge.money_call(call)
        else:
            self._judge.sent_read(call)
        self._claims(step.expect, call, outcome)
