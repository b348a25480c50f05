"""Check before the suite that the endpoint answers in JSON and that the player exists and may play.

A failure is one root cause with what to check, instead of a hundred failed scenarios. Below: bring players to
a balance before a scenario.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import NoReturn

from simulator.core.calls import NO_ANSWER, Call, CallForm, Form, Opening, UnsentCall, Why
from simulator.core.findings import Finding, Outcome, Phase, Place
from simulator.core.money import CENT, ZERO, Money, format_change, format_money
from simulator.core.secrets import mask_url
from simulator.core.steps import MAIN_PLAYER, Scenario
from simulator.core.webhooks import (
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
    answer_line,
)
from simulator.core.words import status_hint
from simulator.errors import EndpointUnreachable
from simulator.judge.replies import every_call, read_call
from simulator.law.book import Book
from simulator.law.situations import Situation
from simulator.report.events import FindingRaised
from simulator.run.context import RunContext
from simulator.run.judge import FormLog, Judge
from simulator.run.profile_fit import WHOLE_UNIT, fitting_profiles
from simulator.scenario.script import Script
from simulator.wire.sender import wants_tls
from simulator.wire.writing import OpenRound, write

PLACE = Place("preflight", 1)

LEAST_BETS = tuple(map(Money, (5, 10, 20, 25, 50)))
"""The usual smallest bets under 1.00, and the usual steps of bets."""

LEAST_BETS_COST = Money(3 * WHOLE_UNIT)

TRIES = 3
"""How often an endpoint is called before it counts as unreachable."""

NO_WALLET = frozenset(
    {301, 302, 303, 307, 308, 401, 403, 404, 405, 407, 410, 411, 413, 414, 415, 419, 421, 426}
)
"""The statuses with which a web server or a gateway refuses calls; wallets may use some of them, too."""


class RootCause(Exception):
    """Raised if nothing can be judged; the message says why and what to check."""


class Preflight:
    """Sends the four calls that show whether a player can be used: read, bet 0.01, win 0.01, read.

    Only the fact that they are answered counts: the scenarios find and report wrong money. `number` is how
    many players were checked before.
    """

    def __init__(self, context: RunContext, forms: FormLog, number: int = 0) -> None:
        self._context = context
        self._scenario = Scenario(id="preflight", name="Preflight", place=PLACE, steps=())
        self._number = number
        self._answered = number > 0
        self._judge = Judge(context, self._scenario, forms, self._tell, Phase.PREFLIGHT)

    def balance(self, player: str) -> Money:
        """Return the player's balance. Raises RootCause, EndpointUnreachable."""
        call = self._read_answered(player).for_unknown_player
        if not _is_answered(call):
            call = self._or_wants_tls(call)
        if not _is_answered(call):
            raise EndpointUnreachable(self._unreachable(call))
        self._answered = True
        if call.reading.balance is None:
            self._check_endpoint(call, player)
            self._unusable(call, "the balance read", player)
        return call.reading.balance

    def check(self, player: str, balance: Money) -> None:
        """Check that a player with that balance may play. Raises RootCause, EndpointUnreachable."""
        # The record of a run that ends here can then be judged as well.
        self._context.emit(Opening(scenario_id=None, player=player, balance=balance))
        # Each player has ids of its own, since some wallets accept an id from one player only.
        prefix = f"{self._context.run}y{self._number:x}"
        script = Script(
            self._scenario,
            {MAIN_PLAYER: player},
            self._context.profile,
            prefix,
            Random(0),
            self._context.limits,
        )
        least = self._context.limits.min_bet or CENT
        self._exact = False
        left = self._bet(player, balance, least, script) if balance >= least else balance
        self._win(player, left, script)
        # A column of whole units may stand behind answers with cents.
        stored = self.balance(player) == self._context.shown.get(player)
        if self._exact and stored:
            self._context.cents_kept = True

    # --- inside ------------------------------------------------------------------------------------

    def _tell(self, finding: Finding) -> None:
        self._context.emit(FindingRaised(scenario_id=None, finding=finding))

    def _read(self, player: str, method: Method = Method.BALANCE) -> Call:
        request, why = WebhookRequest(method, player), Why(None, "preflight", phase=Phase.PREFLIGHT)
        form = Form(CallForm.CANONICAL, request)
        return self._context.call(UnsentCall(request, write(request, self._context.profile), form, why))

    def _read_answered(self, player: str) -> Call:
        """Read the balance, up to three times: a connection may be closed, or a gateway busy, just then."""
        calls: list[Call] = []
        for _ in range(TRIES):
            calls.append(self._read(player))
            if not _is_missing(calls[-1]):
                break
        answered = [call for call in calls if _is_answered(call)]
        for call in calls[:-1] if answered else ():
            self._judge.note_form(call)
        return answered[-1] if answered else calls[-1]

    def _or_wants_tls(self, call: Call) -> Call:
        """Return the call, with that as its answer where a server closes plain HTTP and speaks TLS.

        Some servers close such a connection without a word.
        """
        reply, context = call.exchange.reply, self._context
        closed = isinstance(reply, NoReply) and reply.kind in (NoReplyKind.CLOSED, NoReplyKind.RESET)
        why = wants_tls(context.sender.target) if closed else None
        if why is None:
            return call
        exchange = replace(call.exchange, reply=why)
        return read_call(exchange, call.form, call.why, context.profile, context.secrets)

    def _check_endpoint(self, call: Call, player: str) -> None:
        """Raise RootCause where other calls get the same answer: then it says nothing of the player."""
        reply = call.exchange.reply
        if not isinstance(reply, Reply) or reply.status not in NO_WALLET:
            return
        form, why = Form(CallForm.MALFORMED, None), Why(None, "preflight", phase=Phase.PREFLIGHT)
        others = (
            self._read(player, Method.DETAILS),
            self._context.call(UnsentCall(None, WireRequest(b"{}"), form, why)),
        )
        said = (reply.status, call.reading.error_code)
        if all((each.reading.http_status, each.reading.error_code) == said for each in others):
            deviation = every_call(reply)
            self._judge.note_form(replace(call, reading=replace(call.reading, deviations=(deviation,))))
            raise RootCause(f"{deviation.message}\n{self._judge.curl(call.exchange.wire)}")

    def _bet(self, player: str, balance: Money, amount: Money, script: Script) -> Money:
        """Return the balance after a bet."""
        call = self._call(script, Method.BET, player, amount)
        if _is_missing(call):
            # The connection may have been closed just then; another bet gets a new one.
            self._judge.note_form(call)
            call = self._call(script, Method.BET, player, amount)
        refused = call.reading.outcome is Outcome.REFUSED
        if refused and balance >= WHOLE_UNIT > amount:
            # It may have been charged all the same, which then shows in what follows.
            balance = self.balance(player)
            amount = WHOLE_UNIT
            call = self._call(script, Method.BET, player, amount)
            if call.reading.outcome is Outcome.ACCEPTED and balance >= WHOLE_UNIT + LEAST_BETS_COST:
                left = Money(balance - amount)
                return self._least_bet(player, left if call.balance is None else call.balance, script)
        if not _is_usable(call):
            what = f"a bet of {format_money(amount)} with a balance of {format_money(balance)}"
            self._unusable(call, what, player, before=balance)
        left = Money(balance - amount)
        return left if call.reading.balance is None else self._moved(call.reading.balance, left, amount)

    def _least_bet(self, player: str, balance: Money, script: Script) -> Money:
        """Find your wallet's smallest bet, which is over 0.01 and not over 1.00; return the balance after it.

        It is a limit only if a bet of a cent, or of a usual step, more is taken; otherwise the wallet refuses
        fractions.
        """

        def takes(amount: Money) -> bool:
            nonlocal balance
            call = self._call(script, Method.BET, player, amount)
            if taken := call.reading.outcome is Outcome.ACCEPTED:
                left = Money(balance - amount)
                balance = left if call.balance is None else self._moved(call.balance, left, amount)
            return taken

        least = next(filter(takes, LEAST_BETS), WHOLE_UNIT)
        step = next(
            (step for step in (CENT, *LEAST_BETS) if step <= least and takes(Money(least + step))), None
        )
        if step is not None:
            self._context.found_least_bet(least, step)
        return balance

    def _win(self, player: str, balance: Money, script: Script) -> None:
        win = self._unsent(script, Method.WIN, player, CENT)
        call = self._context.call(win)
        if _is_missing(call):
            # As with the bets; a win is sent again until it is answered.
            self._judge.note_form(call)
            call = self._context.call(win)
        if _is_usable(call):
            if call.reading.balance is not None:
                due = Money(balance + CENT)
                self._context.shown[player] = self._moved(call.reading.balance, due, CENT)
            return
        if call.reading.outcome is Outcome.REFUSED and balance < CENT:
            raise RootCause(
                f"player {player} needs money: it has {format_money(balance)} and your wallet refuses "
                "a win; give it some, name another with --player, or configure a seed hook"
            )
        self._unusable(call, "a win of 0.01", player, before=balance)

    def _moved(self, shown: Money, due: Money, amount: Money) -> Money:
        """Return the balance in an answer; note where a fraction has moved exactly."""
        self._exact = shown == due and amount % WHOLE_UNIT != 0
        return shown

    def _call(self, script: Script, method: Method, player: str, amount: Money) -> Call:
        return self._context.call(self._unsent(script, method, player, amount))

    def _unsent(self, script: Script, method: Method, player: str, amount: Money) -> UnsentCall:
        request = WebhookRequest(method, player, amount, script.new_id("preflight"), script.game())
        self._context.traffic.note_sent(request)
        why = Why(None, "preflight", "preflight", phase=Phase.PREFLIGHT)
        # A wallet may refuse a bet or a win of a cent.
        unsent = replace(script.flow_call(request, why), form=Form(CallForm.OPTIONAL, request))
        if method is Method.BET:
            script.accepted_bet(request)
        return unsent

    def _unusable(self, call: Call, what: str, player: str, before: Money | None = None) -> NoReturn:
        """Return the root cause; `before` is the balance that a call without effect leaves."""
        self._judge.note_form(call)
        effect = "" if before is None else self._effect(call, player, before)
        reply = call.exchange.reply
        if isinstance(reply, NoReply):
            raise RootCause("\n".join(filter(None, (f"{what} got no usable answer: {reply.detail}", effect))))
        # A wallet that has shown the balance, and names an error, has let the call in.
        hint = "" if before is not None and call.reading.error_code else status_hint(reply.status)
        hint = hint or ("" if effect else self._hint(call, player, before))
        answer = answer_line(call.exchange)
        answered = f"{what} for player {player} was answered {answer}"
        lines = (answered, effect, hint, self._judge.curl(call.exchange.wire))
        raise RootCause("\n".join(filter(None, lines)))

    def _effect(self, call: Call, player: str, before: Money) -> str:
        """Return what a call without a success did, since no scenario will get far enough to find out."""
        after = self._read(player).reading.balance
        request = call.exchange.request
        assert request is not None
        bet = request.method is Method.BET
        if after is None or after == before or (after < before) != bet:
            return ""
        if call.reading.outcome is Outcome.REFUSED:
            situation = Situation.BET_REFUSED_BUT_TAKEN if bet else Situation.WIN_REFUSED_BUT_CREDITED
            self._judge.accuse(situation, call, before, after)
        moved = format_change(Money(after - before))
        return f"and yet the balance went from {format_money(before)} to {format_money(after)} ({moved})"

    def _hint(self, call: Call, player: str, before: Money | None) -> str:
        if before is not None and self._number:
            return (
                f"your wallet has taken such a call of another player: is player {player} blocked, excluded "
                "or limited? name another with --player"
            )
        if before is not None:
            return self._wire_hint(player, before)
        if call.reading.outcome is Outcome.REFUSED:
            return f"does player {player} exist, and may it play? name another with --player"
        return 'expected JSON like {"status":1,"balance":"100.50"}'

    def _wire_hint(self, player: str, balance: Money) -> str:
        """Return a hint for a money call that fails although the player is known: is the profile wrong?"""
        context = self._context
        names = (
            fitting_profiles(context.sender, context.settings.wire, player, context.limits)
            if balance >= CENT
            else ()
        )
        if names:
            return f"your wallet reads the fields of another profile: {' or '.join(names)}"
        return (
            f"your wallet knows player {player}, who has {format_money(balance)}, and turns the call itself "
            "away: its answer should say which field it expects otherwise (--wire takes a profile of yours, "
            "--transaction-id-format digits or uuid sends other ids, --game names a game that it knows)"
        )

    def _unreachable(self, call: Call) -> str:
        detail = getattr(call.exchange.reply, "detail", "")
        endpoint = mask_url(self._context.settings.endpoint)
        if self._answered:
            return f"your wallet at {endpoint} stopped answering: {detail}"
        return (
            f"no answer from {endpoint}: {detail}\n"
            "check that your wallet runs, and the host and port; --wait-for 30s waits for it to start"
        )


def _is_missing(call: Call) -> bool:
    """Return whether no answer of the wallet came, or one that asks to come back later."""
    missing = any(each.cause.startswith(NO_ANSWER) for each in call.reading.deviations)
    return missing or call.reading.busy or isinstance(call.exchange.reply, NoReply)


def _is_answered(call: Call) -> bool:
    """Return whether anything came back, be it of use or not."""
    reply = call.exchange.reply
    return isinstance(reply, Reply) or reply.answered


def _is_usable(call: Call) -> bool:
    return call.reading.outcome is Outcome.ACCEPTED or (
        call.reading.outcome is Outcome.UNKNOWN and call.reading.balance is not None
    )


# --- bring players to a balance -------------------------------------------------------------------

ADJUSTING_CALLS_MAX = 2_500
"""Enough to lower a jackpot of 99,999,999.99 with bets of 50,000.00."""

GREAT_WIN = Money(1_000_000)
"""A scenario that wins more than this is played only if bets can take the money back."""

BETS_BACK_MAX = 50
"""So many bets may take back what a scenario wins."""

UNANSWERED_MAX = 5
"""How many adjusting calls of a scenario may get no answer: others make up for them."""


class CannotReach(Exception):
    """Raised if the balance cannot be reached; the message is why the scenario is skipped."""


class TakesNoBets(CannotReach):
    """Raised if a player has money, and not even the smallest bet is taken; `reason` says so."""

    def __init__(self, player: str, answer: str, message: str) -> None:
        super().__init__(message)
        self.player = player
        self.reason = (
            f"your wallet refuses each bet of player {player} from here on, the smallest, too, and answers "
            f"{answer}: does it limit what a player may lose, stake or play? Lift that limit, or name "
            "another player with --player"
        )


class Adjustment:
    """Adjusts balances for a scenario with ordinary calls, judged like all others; refusals are allowed."""

    def __init__(self, context: RunContext, judge: Judge, script: Script, why: Why, place: Place) -> None:
        self._context = context
        self._judge = judge
        self._script = script
        self._why = why
        self._place = place
        self._unanswered = 0
        self._answer = ""

    def read(self, player: str) -> Money:
        """Return the player's balance before any change. Raises CannotReach."""
        answered = self._judge.answered_balance(player)
        if answered is not None:
            return answered
        for _ in range(2):
            call = self._judge.settled_read(player, self._place, self._why.purpose)
            call = call or self._judge.ask_balance(player, self._place, self._why.purpose)
            balance = self._judge.opening_balance(player, call)
            if balance is not None:
                return balance
        raise CannotReach(f"the balance of player {player} cannot be read")

    def reach(self, player: str, balance: Money, target: Money) -> bool:
        """Adjust until the player has `target`; return False if the wallet got the money wrong on the way.

        Raises CannotReach as soon as it would take too many calls.
        """
        book = self._judge.open(player, balance)
        chunk = self._context.settings.max_bet
        limits = self._context.limits
        least = limits.min_bet or CENT
        for _ in range(ADJUSTING_CALLS_MAX):
            start = book.balances[0]
            missing = target - start
            unanswered = self._unanswered
            if missing == 0:
                return True
            # What is no bet, or less than one, is taken back by the next larger one, after a win of the rest.
            gap = missing if missing > 0 else limits.next_bet(max(-missing, least)) + missing
            if gap:
                accepted = self._win(player, Money(gap), start)
                if self._why.phase in (Phase.END, Phase.PREFLIGHT) and book.balances[0] <= start:
                    # To restore it, a win that is not credited is of no more use than one that is refused.
                    accepted = False
            else:
                chunk = Money(min(-missing, chunk or -missing))
                accepted = self._call(Method.BET, player, chunk)
            if player in self._judge.blocked:
                return False
            if accepted and chunk is not None and -missing > chunk * ADJUSTING_CALLS_MAX:
                raise CannotReach(_too_far(player, book.balances[0], target, chunk))
            if unanswered < self._unanswered <= UNANSWERED_MAX:
                # No call was refused: continue from the balance that the wallet shows.
                continue
            if accepted:
                continue
            if missing > 0:
                # The stake of the win that was refused takes nobody further.
                book = self._refunded(player, start, target)
                chunk = self._context.settings.max_bet
            elif chunk is None or chunk <= least:
                if book.balances[0] <= WHOLE_UNIT or self._takes_units(player):
                    # It may be the bet of a whole balance that is refused, or of less than a unit.
                    raise CannotReach(_refusal(player, book.balances[0], target))
                raise TakesNoBets(player, self._answer, _refusal(player, book.balances[0], target))
            else:
                chunk = max(limits.next_bet(chunk // 2), least)
        raise CannotReach(_refusal(player, book.balances[0], target))

    def _takes_units(self, player: str) -> bool:
        return self._call(Method.BET, player, WHOLE_UNIT)

    def sees_bets_for(self, player: str, balance: Money, won: Money) -> Money:
        """Return the balance after bets have shown that they can take back what a scenario wins.

        A wallet with a limit on bets would keep a jackpot, and no later scenario could go on with the player.
        Where the limit is not known, each bet is ten times the largest that was taken, with money won for it,
        so that few bets take that back if it is refused.
        Raises CannotReach.
        """
        context, limit = self._context, self._context.settings.max_bet
        book = self._judge.open(player, balance)
        if limit is not None and won > limit * BETS_BACK_MAX:
            raise CannotReach(_not_taken_back(won, f"takes bets up to {format_money(limit)} (--max-bet)"))
        enough = -(-won // BETS_BACK_MAX)
        while limit is None and context.largest_bet < enough:
            if context.refused_bet is not None:
                raise CannotReach(
                    _not_taken_back(won, f"did not take a bet of {format_money(context.refused_bet)}")
                )
            stake = min(max(context.largest_bet * 10, GREAT_WIN // BETS_BACK_MAX), enough)
            stake = context.limits.next_bet(stake)
            if not self._win(player, stake, book.balances[0]) or player in self._judge.blocked:
                break
            if self._call(Method.BET, player, stake):
                # The answer itself may not have said so, but only a read after it.
                context.largest_bet = max(context.largest_bet, stake)
            else:
                context.refused_bet = stake
        return book.balances[0]

    def _win(self, player: str, missing: Money, balance: Money) -> bool:
        """Send a win, after a bet of a cent in the same game if possible, which some wallets require.

        A player without a cent wins in the round of the latest bet, whichever scenario made it.
        """
        settings = self._context.settings
        stake = self._context.limits.min_bet or CENT
        staked = balance >= stake and self._call(Method.BET, player, stake)
        if player in self._judge.blocked:
            return False
        if staked:
            missing = Money(missing + stake)
        if settings.max_win is not None:
            missing = min(missing, settings.max_win)
        if staked:
            return self._call(Method.WIN, player, missing)
        bets = self._context.bets[player]
        if not bets:
            return self._call(Method.WIN, player, missing)
        self._script.accepted_bet(bets[-1])
        return self._call(Method.WIN, player, missing, bets[-1].game_id)

    def _refunded(self, player: str, balance: Money, target: Money) -> Book:
        """Refund the latest bets until one pays, if wins are refused; return the book from there on.

        The bet may be one of another scenario, of which this ledger knows nothing: the balance is read
        afterwards, and the refund not judged. Raises CannotReach.
        """
        bets = self._context.bets[player]
        while bets:
            bet = bets.pop()
            refund = WebhookRequest(Method.REFUND, player, bet.amount, bet.transaction_id)
            of_bet = OpenRound(bet.transaction_id or "", bet.amount or ZERO, bet.game_id)
            wire = write(refund, self._context.profile, open_round=of_bet)
            self._context.call(UnsentCall(refund, wire, Form(CallForm.OPTIONAL, refund), self._why))
            # Whatever the refund did is this player's opening balance, and no older one.
            self._context.shown.pop(player, None)
            now = self.read(player)
            if now > balance:
                return self._judge.open(player, now)
        raise CannotReach(_without_wins(player, balance, target))

    def _call(self, method: Method, player: str, amount: Money, game: str | None = None) -> bool:
        game = game or self._script.game()
        request = WebhookRequest(method, player, amount, self._script.new_id("adjust"), game)
        unsent = replace(self._script.flow_call(request, self._why), form=Form(CallForm.OPTIONAL, request))
        call = self._context.call(unsent)
        outcome = self._judge.money_call(call)
        self._answer = answer_line(call.exchange)
        self._unanswered += call.reading.outcome is Outcome.UNKNOWN and call.reading.balance is None
        if method is Method.BET and outcome is Outcome.ACCEPTED:
            self._script.accepted_bet(request)
        return outcome is Outcome.ACCEPTED


def _refusal(player: str, balance: Money, target: Money) -> str:
    return f"{_cannot(player, balance, target)}: your wallet did not accept the adjusting calls"


def _without_wins(player: str, balance: Money, target: Money) -> str:
    return (
        f"{_cannot(player, balance, target)}: your wallet refuses the wins and refunds that would give it "
        "money; --seed-hook makes players with the balance that each scenario asks for"
    )


def _not_taken_back(won: Money, limit: str) -> str:
    return (
        f"its wins of {format_money(won)} cannot be taken back: your wallet {limit}; "
        "--seed-hook makes a fresh player for each scenario"
    )


def _too_far(player: str, balance: Money, target: Money, bet: Money) -> str:
    return (
        f"{_cannot(player, balance, target)}: with bets of {format_money(bet)} that takes more than "
        f"{ADJUSTING_CALLS_MAX:,} calls"
    )


def _cannot(player: str, balance: Money, target: Money) -> str:
    return f"player {player} has {format_money(balance)} and cannot be brought to {format_money(target)}"
