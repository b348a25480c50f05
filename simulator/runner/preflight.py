"""Before the suite: is the endpoint there, does it speak JSON, does the player exist and may it play?

If not, that is one root cause with what to check, instead of a hundred failures.
"""

from __future__ import annotations

from random import Random
from typing import NoReturn

from simulator.core.events import FindingRaised
from simulator.core.findings import Finding, Outcome, Place, Severity
from simulator.core.money import CENT, Money, format_change, format_money
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

    def balance(self, player: str) -> Money:
        """The balance that the player has. Raises RootCause, EndpointUnreachable."""
        call = self._read(player)
        if isinstance(call.exchange.reply, NoReply):
            raise EndpointUnreachable(self._unreachable(call.exchange.reply))
        if call.reading.balance is None:
            self._unusable(call, "the balance read", player)
        return call.reading.balance

    def check(self, player: str, balance: Money) -> None:
        """See that a player with that balance may play. Raises RootCause, EndpointUnreachable."""
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
        left = self._bet(player, balance, script) if balance >= CENT else balance
        self._win(player, left, script)
        self.balance(player)

    # --- inside ------------------------------------------------------------------------------------

    def _tell(self, finding: Finding) -> None:
        if finding.severity is Severity.ERROR:
            self.errors.append(finding)
        self._context.emit(FindingRaised(scenario_id=None, finding=finding))

    def _read(self, player: str) -> Call:
        request = WebhookRequest(Method.BALANCE, player)
        return self._context.call(request, write(request, self._context.profile), Why(None, "preflight"))

    def _bet(self, player: str, balance: Money, script: Script) -> Money:
        """Returns the balance that a bet left."""
        amount = CENT
        call = self._call(script, Method.BET, player, amount)
        lost = isinstance(call.exchange.reply, NoReply)
        if (lost or call.reading.outcome is Outcome.REFUSED) and balance >= WHOLE_UNIT:
            # The first bet may meet a connection that was just closed; the second has one of its own.
            amount = WHOLE_UNIT
            call = self._call(script, Method.BET, player, amount)
        if not _is_usable(call):
            what = f"a bet of {format_money(amount)} with a balance of {format_money(balance)}"
            self._unusable(call, what, player, before=balance)
        return Money(balance - amount) if call.reading.balance is None else call.reading.balance

    def _win(self, player: str, balance: Money, script: Script) -> None:
        call = self._call(script, Method.WIN, player, CENT)
        if isinstance(call.exchange.reply, NoReply):
            # As with the bets; a win is sent again until it is answered.
            call = self._again(call)
        if _is_usable(call):
            if call.reading.balance is not None:
                self._context.shown[player] = call.reading.balance
            return
        if call.reading.outcome is Outcome.REFUSED and balance < CENT:
            raise RootCause(
                f"player {player} needs money: it has {format_money(balance)} and the operator refuses "
                "a win; give it some, name another with --player, or configure a seed hook"
            )
        self._unusable(call, "a win of 0.01", player, before=balance)

    def _call(self, script: Script, method: Method, player: str, amount: Money) -> Call:
        request = WebhookRequest(method, player, amount, script.new_id("preflight"), DEFAULT_GAME)
        sent = script.flow_call(request)
        if method is Method.BET:
            script.accepted_bet(request)
        return self._context.call(sent.request, sent.wire, Why(None, "preflight", "preflight"))

    def _again(self, call: Call) -> Call:
        exchange = call.exchange
        return self._context.call(exchange.request, exchange.wire, Why(None, "preflight", "preflight"))

    def _unusable(self, call: Call, what: str, player: str, before: Money | None = None) -> NoReturn:
        """Nothing can be judged; `before` is the balance that a call without effect leaves."""
        self._finder.reply_form(call, PLACE)
        effect = "" if before is None else self._effect(call, player, before)
        reply = call.exchange.reply
        if isinstance(reply, NoReply):
            raise RootCause("\n".join(filter(None, (f"{what} got no answer: {reply.detail}", effect))))
        shown = reply.body[:200].decode("utf-8", "replace").strip()
        hint = status_hint(reply.status) or ("" if effect else self._hint(call, player))
        answered = f"{what} for player {player} was answered HTTP {reply.status}: {shown or '(empty)'}"
        lines = (answered, effect, hint, self._finder.curl(call.exchange.wire))
        raise RootCause("\n".join(filter(None, lines)))

    def _effect(self, call: Call, player: str, before: Money) -> str:
        """What a call did that was not answered with success: no scenario will get far enough to tell."""
        after = self._read(player).reading.balance
        request = call.exchange.request
        assert request is not None
        bet = request.method is Method.BET
        if after is None or after == before or (after < before) != bet:
            return ""
        if call.reading.outcome is Outcome.REFUSED:
            situation = Situation.BET_REFUSED_BUT_TAKEN if bet else Situation.WIN_REFUSED_BUT_CREDITED
            self._finder.money(
                situation, call, PLACE, MoneyFacts(player, (before,), after, ""), request.method
            )
        moved = format_change(Money(after - before))
        return f"and yet the balance went from {format_money(before)} to {format_money(after)} ({moved})"

    def _hint(self, call: Call, player: str) -> str:
        if call.reading.outcome is Outcome.REFUSED:
            return f"does player {player} exist, and may it play? name another with --player"
        return 'expected JSON like {"status":1,"balance":"100.50"}'

    def _unreachable(self, reply: NoReply) -> str:
        return (
            f"nobody answers at {self._context.settings.endpoint}: {reply.detail}\n"
            "check that the operator runs, and the host and port; --wait-for 30s waits for it to come up"
        )


def _is_usable(call: Call) -> bool:
    return call.reading.outcome is Outcome.ACCEPTED or (
        call.reading.outcome is Outcome.UNKNOWN and call.reading.balance is not None
    )
