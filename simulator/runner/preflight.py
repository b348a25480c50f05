"""Before the suite: is the endpoint there, does it speak JSON, does the player exist and may it play?

If not, that is one root cause with what to check, instead of a hundred failures.
"""

from __future__ import annotations

from random import Random

from simulator.core.events import FindingRaised
from simulator.core.findings import Finding, Outcome, Place, Severity
from simulator.core.money import CENT, Money, format_money
from simulator.core.scenario import MAIN_PLAYER, Scenario
from simulator.core.situations import Situation
from simulator.core.status_hints import status_hint
from simulator.core.webhooks import Method, NoReply, WebhookRequest
from simulator.core.wire import write
from simulator.errors import EndpointUnreachable
from simulator.runner.context import Call, RunContext, Why
from simulator.runner.finder import Finder, FormLog, MoneyFacts
from simulator.runner.script import DEFAULT_GAME, Script

PLACE = Place("preflight", 1)
WHOLE_UNIT = Money(100)


class RootCause(Exception):
    """Nothing can be judged; the message says why and what to check."""


class Preflight:
    """The four calls that show whether a player can be used: read, bet 0.01, win 0.01, read.

    Only whether they are answered counts: money that goes wrong already here is found, and told, by the
    scenarios.
    """

    def __init__(self, context: RunContext, forms: FormLog) -> None:
        self._context = context
        self._scenario = Scenario(id="preflight", name="Preflight", place=PLACE, steps=())
        self.errors: list[Finding] = []
        self._checked = 0
        self._finder = Finder(context, self._scenario, forms, self._tell)

    def check(self, player: str) -> Money:
        """Returns the balance that the player had. Raises RootCause, EndpointUnreachable."""
        # Ids are never those of another player: some wallets take an id from one player only.
        prefix = f"{self._context.run}y{self._checked:x}"
        self._checked += 1
        script = Script(
            self._scenario,
            {MAIN_PLAYER: player},
            self._context.profile,
            self._context.games,
            prefix,
            Random(0),
        )
        balance = self._balance(player)
        if balance >= CENT:
            self._bet(player, balance, script)
        won = self._call(script, Method.WIN, player, CENT)
        if won.reading.outcome is Outcome.REFUSED and balance < CENT:
            raise RootCause(
                f"player {player} needs money: it has {format_money(balance)} and the operator refuses "
                "a win; give it some, name another with --player, or configure a seed hook"
            )
        self._usable(won, "a win of 0.01", player)
        self._balance(player)
        return balance

    # --- inside ------------------------------------------------------------------------------------

    def _tell(self, finding: Finding) -> None:
        if finding.severity is Severity.ERROR:
            self.errors.append(finding)
        self._context.emit(FindingRaised(scenario_id=None, finding=finding))

    def _balance(self, player: str) -> Money:
        request = WebhookRequest(Method.BALANCE, player)
        call = self._context.call(request, write(request, self._context.profile), Why(None, "preflight"))
        if isinstance(call.exchange.reply, NoReply):
            raise EndpointUnreachable(self._unreachable(call.exchange.reply))
        if call.reading.balance is None:
            self._unusable(call, "the balance read", player)
        assert call.reading.balance is not None
        return call.reading.balance

    def _bet(self, player: str, balance: Money, script: Script) -> None:
        for amount in (CENT, WHOLE_UNIT):
            if amount > balance:
                break
            call = self._call(script, Method.BET, player, amount)
            # The first bet may meet a connection that was just closed; the second has one of its own.
            if call.reading.outcome is not Outcome.REFUSED and not isinstance(call.exchange.reply, NoReply):
                self._usable(call, f"a bet of {format_money(amount)}", player)
                return
        self._note_charge(call, player, balance)
        self._unusable(
            call, f"a bet of {format_money(amount)} with a balance of {format_money(balance)}", player
        )

    def _note_charge(self, bet: Call, player: str, before: Money) -> None:
        """Bets that are refused must not be charged: no scenario will get far enough to tell."""
        after = self._balance(player)
        if bet.reading.outcome is Outcome.REFUSED and after < before:
            facts = MoneyFacts(player, (before,), after, "")
            self._finder.money(Situation.BET_REFUSED_BUT_TAKEN, bet, PLACE, facts, Method.BET)

    def _call(self, script: Script, method: Method, player: str, amount: Money) -> Call:
        request = WebhookRequest(method, player, amount, script.new_id("preflight"), DEFAULT_GAME)
        sent = script.flow_call(request)
        if method is Method.BET:
            script.accepted_bet(request)
        return self._context.call(sent.request, sent.wire, Why(None, "preflight", "preflight"))

    def _usable(self, call: Call, what: str, player: str) -> None:
        reading = call.reading
        if reading.outcome is Outcome.ACCEPTED or reading.balance is not None:
            return
        self._unusable(call, what, player)

    def _unusable(self, call: Call, what: str, player: str) -> None:
        self._finder.reply_form(call, PLACE)
        reply = call.exchange.reply
        if isinstance(reply, NoReply):
            raise RootCause(f"{what} got no answer: {reply.detail}")
        shown = reply.body[:200].decode("utf-8", "replace").strip()
        hint = status_hint(reply.status) or self._hint(call, player)
        curl = self._finder.curl(call.exchange.wire)
        raise RootCause(
            f"{what} for player {player} was answered HTTP {reply.status}: {shown or '(empty)'}\n"
            f"{hint}\n{curl}"
        )

    def _hint(self, call: Call, player: str) -> str:
        if call.reading.outcome is Outcome.REFUSED:
            return f"does player {player} exist, and may it play? name another with --player"
        return 'expected JSON like {"status":1,"balance":"100.50"}'

    def _unreachable(self, reply: NoReply) -> str:
        return (
            f"nobody answers at {self._context.settings.endpoint}: {reply.detail}\n"
            "check that the operator runs, and the host and port; --wait-for 30s waits for it to come up"
        )
