"""Makes findings: chooses the rule, words what happened, and remembers whose money is no longer known."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

from simulator.core import json as exact_json
from simulator.core.calls import Call, Deviation
from simulator.core.findings import Finding, Level, Outcome, Place, Severity
from simulator.core.json import JsonValue
from simulator.core.money import Money, format_change, format_money
from simulator.core.steps import Expect, Expected, Scenario
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, Reply, WireRequest, curl_line
from simulator.law.rules import rule_of, words_of
from simulator.law.situations import Situation, breaks_the_law
from simulator.run.context import RunContext


class MoneyFacts(Frozen):
    """What a money finding shows: the balances that a right wallet could have, and the one it has.

    `lanes` draw the calls of a burst over time, a line each.
    """

    player: str
    expected: tuple[Money, ...]
    found: Money | None
    trail: str
    label: str = ""
    lanes: tuple[str, ...] = ()


class FormLog:
    """Form findings of the whole run: each rule and form is told once, then counted."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def first(self, deviation: Deviation, rule: str) -> bool:
        """Count a deviation; True when the run has not told its form under that rule before."""
        with self._lock:
            self._counts[deviation.rule, deviation.form] += 1
            new = (rule, deviation.form) not in self._told
            self._told.add((rule, deviation.form))
            return new

    def times(self) -> dict[str, int]:
        """How often each form was seen, by the cause of its finding."""
        return {_form_cause(rule, form): count for (rule, form), count in self._counts.items()}


class Finder:
    """The findings of one scenario, told as they are made."""

    def __init__(
        self, context: RunContext, scenario: Scenario, forms: FormLog, tell: Callable[[Finding], None]
    ) -> None:
        self._context = context
        self._scenario = scenario
        self._forms = forms
        self._tell = tell
        self._policy = {**context.settings.policy, **scenario.policy}
        self.found: list[Finding] = []
        self.blocked: set[str] = set()

    def money(
        self,
        situation: Situation,
        call: Call,
        place: Place,
        facts: MoneyFacts,
        method: Method | None,
    ) -> None:
        """A money finding: an error whatever the rule's level; nothing more is sent for that player."""
        self.blocked.add(facts.player)
        self._context.shown.pop(facts.player, None)
        self._make(situation, Severity.ERROR, call.exchange.wire, place, facts, method)

    def mild(
        self, situation: Situation, call: Call, place: Place, method: Method | None = None, detail: str = ""
    ) -> None:
        """A finding that costs no money by itself: a warning, save where the reference is broken."""
        documented = situation in (Situation.READ_REFUSED, Situation.DETAILS_WRONG)
        severity = Severity.ERROR if documented else Severity.WARNING
        player = call.exchange.request.player if call.exchange.request is not None else ""
        facts = MoneyFacts(player, (), None, "", detail or _answer_in_words(call))
        self._make(situation, severity, call.exchange.wire, place, facts, method)

    def reply_form(self, call: Call, place: Place) -> None:
        """What the reply's form deviates in; each form is told once in a run."""
        for deviation in call.reading.deviations:
            rule = self._rule_of_form(deviation)
            if self._forms.first(deviation, rule):
                self._add(
                    Finding(
                        rule=rule,
                        severity=self._strictly(deviation.severity),
                        cause=_form_cause(deviation.rule, deviation.form),
                        message=deviation.message,
                        place=place,
                        label=_answer_in_words(call),
                        curl=self.curl(call.exchange.wire),
                    )
                )

    def policy(self, knob: str, value: str, call: Call, place: Place) -> None:
        """A finding when the policy pins that knob to another value."""
        pinned = self._policy.get(knob, "any")
        if pinned in ("any", value):
            return
        cause = f"{Situation.POLICY_BROKEN.value}:{knob}"
        if all(finding.cause != cause for finding in self.found):
            words = MoneyFacts("", (), None, "", f"{knob}: pinned to {pinned}, the operator shows {value}")
            self._make(
                Situation.POLICY_BROKEN, Severity.ERROR, call.exchange.wire, place, words, None, f":{knob}"
            )

    def expectation(self, message: str, call: Call, place: Place) -> None:
        """What the author of the scenario claimed does not hold, unless the ledger has said worse of it."""
        for told in self.found:
            if told.place == place and told.severity is Severity.ERROR and breaks_the_law(told.cause):
                return
        severity = Severity.WARNING if self._scenario.level is Level.ADVICE else Severity.ERROR
        words = MoneyFacts("", (), None, "", message)
        rule = f":{self._scenario.covers[0]}" if self._scenario.covers else ""
        self._make(
            Situation.EXPECTATION_FAILED, severity, call.exchange.wire, place, words, None, rule, message
        )

    # --- inside ------------------------------------------------------------------------------------

    def _rule_of_form(self, deviation: Deviation) -> str:
        """A form has its own rule; an answer that is missing, that of the check which asked for it."""
        if not deviation.is_missing_answer:
            return deviation.rule
        # As below: only runs with a finding read the rules.

        rule = rule_of(Situation.NO_ANSWER, self._scenario.covers)
        return rule if rule in self._scenario.covers else deviation.rule

    def _make(
        self,
        situation: Situation,
        severity: Severity,
        wire: WireRequest,
        place: Place,
        facts: MoneyFacts,
        method: Method | None,
        cause_detail: str = "",
        message: str = "",
    ) -> None:
        # The texts of rules and situations are read only by runs that have a finding.

        words = words_of(situation)
        self._add(
            Finding(
                rule=rule_of(situation, self._scenario.covers, method),
                severity=self._strictly(severity),
                cause=situation.value + cause_detail,
                message=message or words.title,
                place=place,
                label=_balances_in_words(facts) or facts.label,
                trail=facts.trail,
                lanes=facts.lanes,
                why=words.why,
                curl=self.curl(wire),
                player=facts.player or None,
            )
        )

    def _add(self, finding: Finding) -> None:
        self.found.append(finding)
        self._tell(finding)

    def _strictly(self, severity: Severity) -> Severity:
        strict = self._context.settings.strict and severity is Severity.WARNING
        return Severity.ERROR if strict else severity

    def curl(self, wire: WireRequest) -> str:
        """The call as a command line, secrets masked."""
        settings = self._context.settings
        return curl_line(settings.endpoint, wire, settings.headers)


def _form_cause(rule: str, form: str) -> str:
    return f"form:{rule}:{form}"


def _balances_in_words(facts: MoneyFacts) -> str:
    if facts.found is None:
        return ""
    if not facts.expected:
        return f"balance: the operator answered {format_money(facts.found)}"
    expected = " or ".join(format_money(balance) for balance in facts.expected[:4])
    text = f"balance: expected {expected}, found {format_money(facts.found)}"
    if len(facts.expected) == 1:
        text += f" ({format_change(Money(facts.found - facts.expected[0]))})"
    return text


def _answer_in_words(call: Call) -> str:
    reply = call.exchange.reply
    status = getattr(reply, "status", None)
    return f"answered HTTP {status}, {call.reading.outcome.value}" if status else getattr(reply, "detail", "")


# --- claims ---------------------------------------------------------------------------------------
# What an author claims of one reply (`expect:`), held against it. Pure.


def check_claims(expect: Expect, call: Call, outcome: Outcome) -> Iterator[str]:
    """One sentence for each claim that does not hold."""
    if expect.outcome not in (None, Expected.EITHER) and not expect.outcome.admits(outcome):
        yield f"expected {expect.outcome.value}, the operator's answer was {outcome.value}"
    if expect.balance is not None and call.reading.stated_balance != expect.balance:
        shown = call.reading.stated_balance
        found = "no readable balance" if shown is None else format_money(shown)
        yield f"expected the answer to show {format_money(expect.balance)}, found {found}"
    reply = call.exchange.reply
    if expect.http is not None:
        status = str(reply.status) if isinstance(reply, Reply) else "none"
        if not _status_matches(expect.http, status):
            yield f"expected HTTP {expect.http}, found {status}"
    latency_ns = call.exchange.latency_ns
    if expect.within_ns is not None and (latency_ns is None or latency_ns > expect.within_ns):
        took = "never" if latency_ns is None else f"after {latency_ns // 1_000_000} ms"
        yield f"expected an answer within {expect.within_ns // 1_000_000} ms, it came {took}"
    if expect.body is not None:
        yield from _body(expect.body, reply.body if isinstance(reply, Reply) else b"")


def _status_matches(pattern: str, status: str) -> bool:
    if pattern.lower().endswith("xx"):
        return status[:1] == pattern[:1] and len(status) == 3
    return pattern == status


def _body(wanted: object, body: bytes) -> Iterator[str]:
    try:
        found: JsonValue = exact_json.parse(body.decode()).value
    except ValueError:
        yield "expected a JSON object, the body is not JSON"
        return
    if not _contains(found, wanted):
        text = exact_json.write(wanted)  # type: ignore[arg-type]  # a mapping of JSON values
        yield f"expected the body to contain {text}"


def _contains(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _contains(found[key], value) for key, value in wanted.items()
        )
    return type(found) is type(wanted) and found == wanted
