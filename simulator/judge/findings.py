"""Make findings: choose the rule and write the message. Drivers report and count them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field, replace

from simulator.core.calls import NOT_KEPT, Call, CallForm, Deviation, FaultKind
from simulator.core.findings import Alternative, Finding, Level, Phase, Severity
from simulator.core.money import Money, format_change, format_money
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, WireRequest, answer_line
from simulator.law.mistakes import TAKEN_AGAIN
from simulator.law.rules import rule_of, words_of
from simulator.law.situations import Situation


class MoneyFacts(Frozen):
    """The facts of a money finding: the balances that a right wallet could have, and the actual one.

    `lanes` draw the calls of a burst over time, one line each.
    """

    player: str
    expected: tuple[Money, ...] = ()
    found: Money | None = None
    trail: str = ""
    label: str = ""
    lanes: tuple[str, ...] = ()


class MayBe(Frozen):
    """The situations that explain a finding as well.

    `elsewhere` are those that do so only if calls of other players were booked on this one.
    """

    own: frozenset[Situation] = frozenset()
    elsewhere: frozenset[Situation] = frozenset()

    def also(self, *situations: Situation) -> MayBe:
        """Return these, and others."""
        return replace(self, own=self.own.union(situations))

    def without(self, situation: Situation) -> MayBe:
        """Return these but one."""
        return MayBe(self.own - {situation}, self.elsewhere - {situation})


NO_OTHER = MayBe()


def _no_curl(_wire: WireRequest) -> str:
    return ""


class Findings(Frozen, kw_only=True):
    """Makes the findings of one check, by its rules, its strictness, the pinned policy and the masking.

    `curl` and `answer` return a call and its answer as a line each, with secrets masked.
    """

    covers: tuple[str, ...] = ()
    level: Level = Level.DOCUMENTED
    strict: bool = False
    pinned: Mapping[str, str] = field(default_factory=dict)
    curl: Callable[[WireRequest], str] = _no_curl
    answer: Callable[[Exchange], str] = answer_line

    def money(
        self,
        situation: Situation,
        call: Call,
        facts: MoneyFacts,
        method: Method | None,
        about: str = "",
        may_be: MayBe = NO_OTHER,
    ) -> Finding:
        """Make a money finding, always an error; `about` names the wrong call if it is not `call`."""
        finding = self._make(situation, Severity.ERROR, call, facts, method, about=about)
        if call.exchange.fault == FaultKind.DUPLICATE.value:
            # Its two copies overlap.
            may_be = may_be.also(Situation.LOST_UPDATE)
            if situation is Situation.DOUBLE_EFFECT and method in TAKEN_AGAIN:
                may_be = may_be.also(TAKEN_AGAIN[method])
        others = tuple(
            self._alternative(each, call, method, elsewhere=each not in may_be.own)
            for each in sorted(may_be.own | may_be.elsewhere)
            if each is not situation
        )
        return replace(finding, may_be=others) if others else finding

    def mild(
        self, situation: Situation, call: Call, method: Method | None = None, detail: str = ""
    ) -> Finding:
        """Make a finding that costs no money by itself: a warning, or an error if the reference is broken."""
        documented = situation in (Situation.READ_REFUSED, Situation.DETAILS_WRONG)
        severity = Severity.ERROR if documented else Severity.WARNING
        facts = MoneyFacts(call.request.player, label=detail or call.answer)
        return self._make(situation, severity, call, facts, method)

    def form(self, deviation: Deviation, call: Call) -> Finding:
        """Make the finding for one deviation in a reply's form."""
        return Finding(
            rule=self.rule_of_form(deviation, call),
            severity=self._strictly(deviation.severity),
            cause=deviation.cause,
            message=deviation.message,
            place=call.why.place,
            label=call.answer,
            curl=self._curl(call),
            answer=self._answer(call),
            phase=call.why.phase,
        )

    def rule_of_form(self, deviation: Deviation, call: Call) -> str:
        """Return the rule of a form; for a missing answer, the rule of the check that made the call."""
        if not deviation.is_missing_answer:
            return deviation.rule
        covers = self._covers(call)
        rule = rule_of(Situation.NO_ANSWER, covers)
        return rule if rule in covers else deviation.rule

    def is_pinned_otherwise(self, knob: str, value: str) -> bool:
        """Return whether the policy pins that knob to another value."""
        return self.pinned.get(knob, "any") not in ("any", value)

    def policy(self, knob: str, value: str, call: Call) -> Finding:
        """Make the finding that a wallet shows another value than the policy pins."""
        facts = MoneyFacts("", label=f"{knob}: pinned to {self.pinned[knob]}, your wallet shows {value}")
        return self._make(Situation.POLICY_BROKEN, Severity.ERROR, call, facts, None, detail=f":{knob}")

    def expectation(self, message: str, call: Call) -> Finding:
        """Make the finding for a claim of the scenario's author that does not hold."""
        severity = Severity.WARNING if self.level is Level.ADVICE else Severity.ERROR
        rule = f":{self.covers[0]}" if self.covers else ""
        facts = MoneyFacts("", label=message)
        return self._make(
            Situation.EXPECTATION_FAILED, severity, call, facts, None, detail=rule, message=message
        )

    def destroyed(self, call: Call, player: str, before: Money | None, read: Call, trail: str) -> Finding:
        """Make the finding that the player has no balance any more after a call; `read` is what shows it."""
        now = self._answer(read) or read.answer
        label = f"now user_balance is answered {now}"
        if before is not None:
            label = f"the balance was {format_money(before)}; {label}"
        facts = MoneyFacts(player, (), None, trail, label)
        method = call.request.method if call.form.kind is CallForm.CANONICAL else None
        return self._make(Situation.BALANCE_DESTROYED, Severity.ERROR, call, facts, method)

    def someone_else(self, call: Call, facts: MoneyFacts) -> Finding:
        """Make the note that the balance changed between calls, which is not a mistake by itself."""
        assert facts.found is not None
        by = format_change(Money(facts.found - facts.expected[0]))
        return self._make(
            Situation.MONEY_FROM_NOWHERE,
            Severity.NOTE,
            call,
            facts,
            None,
            message=(
                f"someone else uses this player: the balance changed by {by} while no call was in flight"
            ),
            why="the ledger continues from the new balance; if no one else uses it, money was lost or made",
            cause="someone-else",
        )

    def not_active(self, call: Call, status: str, balance: Money) -> Finding:
        """Make the note on a refused bet of an account whose status is not active."""
        facts = MoneyFacts(call.request.player, (balance,), balance)
        return self._make(
            Situation.BLOCKED_PLAYER_WRONG,
            Severity.NOTE,
            call,
            facts,
            Method.BET,
            message=f"the account is not active (status {status}), so its bets may be refused",
            why=" ",
            cause="account-not-active",
        )

    # --- inside ------------------------------------------------------------------------------------

    def _covers(self, call: Call) -> tuple[str, ...]:
        """Return the rules that a call is to test: one that only prepares a scenario tests none."""
        return () if call.why.phase is Phase.PREPARATION else self.covers

    def _alternative(
        self, situation: Situation, call: Call, method: Method | None, *, elsewhere: bool
    ) -> Alternative:
        words, rule = words_of(situation), rule_of(situation, self._covers(call), method)
        return Alternative(situation.value, rule, words.title, words.why, elsewhere)

    def _make(
        self,
        situation: Situation,
        severity: Severity,
        call: Call,
        facts: MoneyFacts,
        method: Method | None,
        *,
        detail: str = "",
        message: str = "",
        about: str = "",
        why: str = "",
        cause: str = "",
    ) -> Finding:
        words = words_of(situation)
        return Finding(
            rule=rule_of(situation, self._covers(call), method),
            severity=self._strictly(severity),
            cause=cause or situation.value + detail,
            message=(message or words.title) + (f" ({about})" if about else ""),
            place=call.why.place,
            label=_balances_in_words(facts) or facts.label,
            trail=facts.trail,
            lanes=facts.lanes,
            why=(why or words.why).strip(),
            curl=self._curl(call),
            answer=self._answer(call),
            player=facts.player or None,
            expected=facts.expected,
            found=facts.found,
            phase=call.why.phase,
        )

    def _curl(self, call: Call) -> str:
        wire = call.exchange.wire
        return "" if wire is NOT_KEPT else self.curl(wire)

    def _answer(self, call: Call) -> str:
        return "" if call.exchange.wire is NOT_KEPT else self.answer(call.exchange)

    def _strictly(self, severity: Severity) -> Severity:
        return Severity.ERROR if self.strict and severity is Severity.WARNING else severity


def form_findings(deviations: Iterable[Deviation]) -> tuple[Finding, ...]:
    """Make the findings of a reply's form where there is no check, no place and no call to show."""
    return tuple(Finding(each.rule, each.severity, each.cause, each.message) for each in deviations)


def kept_finding(
    rule: str,
    severity: str,
    cause: str,
    message: str,
    why: str,
    expected: Iterable[int],
    found: int | None,
) -> Finding:
    """Make a finding again of what was kept of it."""
    return Finding(
        rule,
        Severity(severity),
        cause,
        message,
        why=why,
        expected=tuple(Money(amount) for amount in expected),
        found=None if found is None else Money(found),
    )


def _balances_in_words(facts: MoneyFacts) -> str:
    if facts.found is None:
        return ""
    if not facts.expected:
        return f"balance: your wallet answered {format_money(facts.found)}"
    expected = " or ".join(format_money(balance) for balance in facts.expected[:4])
    text = f"balance: expected {expected}, found {format_money(facts.found)}"
    if len(facts.expected) == 1:
        text += f" ({format_change(Money(facts.found - facts.expected[0]))})"
    return text


def has_cause(findings: Collection[Finding], cause: str) -> bool:
    """Return whether that cause is among findings already."""
    return any(finding.cause == cause for finding in findings)
