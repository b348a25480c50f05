"""Findings grouped by what causes them, in the order in which every report shows them.

One defect is one cause, however many scenarios meet it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum

from simulator.core.calls import NO_ANSWER
from simulator.core.findings import Finding, KnownCause, Severity, Verdict
from simulator.core.steps import Scenario, has_burst
from simulator.core.values import Frozen
from simulator.law.mistakes import NOTHING_DONE
from simulator.law.rules import own_rules, rule_of
from simulator.law.situations import Situation, breaks_the_law
from simulator.report.events import ScenarioFinished
from simulator.report.tally import Tally


class Proof(IntEnum):
    """The proof of a cause, the strongest first. A money cause with weaker proof may be a consequence."""

    CALL = 0
    """Calls that were sent one after the other."""
    READ = 1
    """A balance read that does not fit the answers."""
    RACE = 2
    """Calls that were in flight together, where no order of them explains the answers."""
    AFTER_RACE = 3
    """A call that is wrong on its own, seen only where calls are sent together: the race may be why."""
    FORM = 4
    """How an answer is written."""
    CLAIM = 5
    """A claim of a scenario's author, a policy or a time limit."""


_READS = frozenset({Situation.STALE_READ, Situation.READ_CONTRADICTS, Situation.BALANCE_READ_WRONG})

_RACES = frozenset({Situation.LOST_UPDATE, Situation.DOUBLE_EFFECT, Situation.CONCURRENT_WRONG})

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class Sighting(Frozen):
    """A finding in a scenario; `scenario` is None for a finding of the preflight.

    `size` is the number of calls of the scenario: the smallest one explains the cause best. `after` is how
    many errors were found in the scenario before it. `seen_as` is the rule by which the scenario met a cause
    that has another one.
    """

    finding: Finding
    scenario: Scenario | None
    size: int
    after: int = 0
    seen_as: str = ""

    @property
    def scenario_id(self) -> str:
        """Return the scenario's id, empty for the preflight."""
        return self.scenario.id if self.scenario else ""

    @property
    def where(self) -> str:
        """Return ``file:line`` of the step or the scenario; ``preflight`` without a scenario."""
        if self.scenario is None:
            return "preflight"
        return str(self.finding.place or self.scenario.place)

    @property
    def name(self) -> str:
        """Return the scenario's name, empty for the preflight."""
        return self.scenario.name if self.scenario else ""

    @property
    def simplicity(self) -> tuple[int, int, bool, int, int, int, str, int]:
        """Return a sort key: the sighting that explains the cause best comes first, however workers finish.

        A cause has rules of its own, and a scenario that tests one of them shows it best; within their group,
        one in which the casino loses money.
        """
        line = self.finding.place.line if self.finding.place else 0
        severity = _RANK[self.finding.severity]
        gains = (self.finding.difference or 0) > 0
        distance, other = self._strangeness
        return (severity, distance, not gains, other, self.after, self.size, self.scenario_id, line)

    @property
    def _strangeness(self) -> tuple[int, int]:
        """Return how far the rule is from those of the cause: by their group, and within it.

        The group counts only where the scenario is about the rule.
        """
        rule, cause = self.finding.rule, self.finding.cause
        if not breaks_the_law(cause):
            return 0, 0
        own = own_rules(Situation(cause))
        about = self.scenario is not None and self.scenario.covers[:1] == (rule,)
        if about and _group(rule) in map(_group, own):
            return 0, int(rule not in own)
        return (1 if rule in own else 2), 0


def _group(rule: str) -> str:
    return rule.partition("-")[0]


def _canonical(cause: str, rule: str) -> str:
    """Return the rule of a cause, whatever scenario met it: one of its own."""
    if cause.startswith("form:"):
        return cause.split(":")[1]
    if not breaks_the_law(cause) or rule in own_rules(Situation(cause)):
        return rule
    return rule_of(Situation(cause))


class Cause:
    """All sightings of one cause; `times` counts every occurrence. `key` is the findings' `cause`.

    `may_follow_from` is the key of the cause that may have made this one, set once all causes are known.
    `accepted` is why it does not fail the run, where it is known.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.sightings: list[Sighting] = []
        self.times = 0
        self.may_follow_from: str | None = None
        self.accepted: KnownCause | None = None

    @property
    def shown(self) -> Sighting:
        """Return the sighting to print in full, under the rule of the cause."""
        best = min(self.sightings, key=lambda sighting: sighting.simplicity)
        rule = _canonical(self.key, best.finding.rule)
        if rule == best.finding.rule:
            return best
        return replace(best, finding=replace(best.finding, rule=rule), seen_as=best.finding.rule)

    @property
    def others(self) -> list[Sighting]:
        """Return one sighting for each further scenario."""
        shown = self.shown
        seen = {shown.scenario_id}
        others = []
        for sighting in sorted(self.sightings, key=lambda sighting: sighting.where):
            if sighting.scenario_id not in seen:
                seen.add(sighting.scenario_id)
                others.append(sighting)
        return others

    @property
    def breaks_the_law(self) -> bool:
        """Return whether the cause is about money or balances, so that it may have or be a consequence."""
        return breaks_the_law(self.key)

    @property
    def fails_together(self) -> bool:
        """Return whether it is an error of the server that only calls which overlap were seen to meet."""
        if not self.key.startswith("form:") or not self.key.rpartition(":")[2].startswith("http-5"):
            return False
        return all(each.scenario is not None and has_burst(each.scenario.steps) for each in self.sightings)

    @property
    def proof(self) -> Proof:
        """Return the strongest proof among the sightings."""
        if not self.breaks_the_law:
            return Proof.FORM if self.key.startswith(("form:", NO_ANSWER)) else Proof.CLAIM
        if self.key in _RACES:
            return Proof.RACE
        if all(each.scenario is not None and has_burst(each.scenario.steps) for each in self.sightings):
            return Proof.AFTER_RACE
        return Proof.READ if self.key in _READS else Proof.CALL

    @property
    def severity(self) -> Severity:
        """Return the worst severity among the sightings."""
        return self.shown.finding.severity

    @property
    def scenario_count(self) -> int:
        """Return the number of scenarios with a sighting."""
        return len({sighting.scenario.id for sighting in self.sightings if sighting.scenario})


class Causes:
    """Groups the findings of finished scenarios by cause."""

    def __init__(self) -> None:
        self._by_key: dict[str, Cause] = {}

    def add_scenario(self, event: ScenarioFinished, *, expected: bool = False) -> None:
        """Take the findings of a scenario that has ended; `expected` (xfail) leaves its errors out."""
        errors = 0
        for finding in event.findings:
            if not (expected and finding.severity is Severity.ERROR):
                self._add(Sighting(finding, event.scenario, event.exchange_count, errors))
            errors += finding.severity is Severity.ERROR

    def add_run_findings(self, findings: Iterable[Finding]) -> None:
        """Take findings that belong to no scenario."""
        for finding in findings:
            self._add(Sighting(finding, None, 0))

    def met(self, times: Mapping[str, int]) -> None:
        """Correct the number of occurrences of each cause; the keys are `Finding.cause`."""
        for name, count in times.items():
            if name in self._by_key:
                self._by_key[name].times = count

    def ranked(self) -> list[Cause]:
        """Return errors, then warnings, then notes, each in the order of `_rank`.

        Among the errors, those that may follow from others stand last.
        """
        self._attribute()
        self._gather_failures()
        causes = sorted(self._by_key.values(), key=_rank)
        errors = [cause for cause in causes if cause.severity is Severity.ERROR]
        return _roots_first(errors) + causes[len(errors) :]

    def _attribute(self) -> None:
        """Give each finding that several causes explain to one of them, so that few causes explain all."""
        chosen = _chosen([each.finding for cause in self._by_key.values() for each in cause.sightings])
        for cause in tuple(self._by_key.values()):
            for sighting in tuple(cause.sightings):
                finding = sighting.finding
                key = _read_as(finding, chosen)
                if key != finding.cause:
                    cause.sightings.remove(sighting)
                    cause.times -= finding.count
                    self._add(replace(sighting, finding=finding.read_as(key)))
            if not cause.sightings:
                del self._by_key[cause.key]

    def _gather_failures(self) -> None:
        """Make one cause of an error of the server that calls of several methods meet, only beside others.

        A deadlock, or a lock that is held too long, fails bets, wins and refunds alike.
        """
        failures: dict[str, Cause] = {}
        for key in sorted(key for key, cause in self._by_key.items() if cause.fails_together):
            cause = self._by_key[key]
            first = failures.setdefault(key.rpartition(":")[2], cause)
            if first is not cause:
                first.sightings += [
                    replace(each, finding=replace(each.finding, cause=first.key)) for each in cause.sightings
                ]
                first.times += cause.times
                del self._by_key[key]

    def _add(self, sighting: Sighting) -> None:
        finding = sighting.finding
        key = finding.cause or f"{finding.rule} {finding.message}"
        cause = self._by_key.setdefault(key, Cause(key))
        cause.sightings.append(sighting)
        cause.times += finding.count


def _chosen(findings: Iterable[Finding]) -> dict[str, int]:
    """Return the causes that explain all findings, with the number that each explains (decision 016).

    A cause is proven by a finding that no other one explains. Of the rest, the one comes next that explains
    most of what is left; among these, the one that fewest amounts would show by chance, and then the one by
    whose name most were found.
    """
    left = [finding for finding in findings if finding.cause]
    named = Counter(finding.cause for finding in left)
    options = _options(left, named)
    proven = {key for each in options if len(each) == 1 for key in each}
    chosen: dict[str, int] = {}
    while options:
        explained = Counter(key for each in options for key in each)
        candidates = [key for key in explained if key in proven] or explained
        best = max(
            candidates, key=lambda key: (explained[key], _telling(key, explained[key]), named[key], key)
        )
        chosen[best] = explained[best]
        options = [each for each in options if best not in each]
    return chosen


def _telling(cause: str, explained: int) -> int:
    """Return how little a cause explains by chance: calls without effect have alike ids now and then."""
    often = cause == Situation.SHARED_ID_SWALLOWED and explained >= _HARDLY_CHANCE
    return 1 if often else _EXACT.get(cause, 0)


_HARDLY_CHANCE = 10


def _options(findings: Sequence[Finding], named: Mapping[str, int]) -> list[set[str]]:
    """Return for each finding the causes that it may be read as.

    What calls together did is a mistake of one call only if calls on their own have shown that mistake: some
    amounts of many calls always add up to what is missing. A race explains only what calls together did.
    """
    raced = {key for key in _TWO_CALLS if named[key]}
    missing = {(finding.cause, off) for finding in findings for off in _off(finding)}
    all_of = [
        {finding.cause}.union(
            other.cause
            for other in finding.may_be
            if not other.elsewhere
            or named[other.cause] >= _SEEN_ELSEWHERE
            or any((other.cause, -off) in missing for off in _off(finding))
        )
        for finding in findings
    ]
    shown = {key for each in all_of if not each & _RACES for key in each}
    never = {key for key in _NEVER_GUESSED if not named[key]} | (_TWO_CALLS - raced)
    unproven = {key for each in all_of for key in each - shown - _RACES}
    options = []
    for finding, each in zip(findings, all_of, strict=True):
        doubtful = unproven if raced and each & _RACES else set()
        options.append((each - never - doubtful) | {finding.cause})
    return options


_SEEN_ELSEWHERE = 3
"""How often a mistake must have been found for what is missing there to explain what is too much here.

Once is enough where just as much is missing.
"""


def _off(finding: Finding) -> tuple[int, ...]:
    """Return by how much the balance is off, where one balance was expected and another one found."""
    if finding.found is None or len(finding.expected) != 1:
        return ()
    return (finding.found - finding.expected[0],)


_TWO_CALLS = frozenset({Situation.LOST_UPDATE.value, Situation.DOUBLE_EFFECT.value})
"""Races of which the calls are known."""

_NEVER_GUESSED = frozenset(
    {
        Situation.MONEY_KEPT_AS_FLOAT.value,
        Situation.STALE_READ.value,
        Situation.READ_CONTRADICTS.value,
        Situation.BALANCE_READ_WRONG.value,
        Situation.HUNDREDFOLD.value,
    }
)
"""Causes that need a finding of their own: digits beyond the cent, a read that no call explains, or one call
that moves a hundred times its amount.
"""

_EXACT = {
    Situation.MONEY_KEPT_AS_FLOAT.value: 4,
    Situation.CENTS_CUT.value: 3,
    Situation.FRACTION_DROPPED.value: 2,
    Situation.HUNDREDFOLD.value: 1,
}
"""Causes that explain few amounts, the fewest highest: where they explain all, that is hardly chance."""


def _read_as(finding: Finding, chosen: Mapping[str, int]) -> str:
    """Return the cause of a finding: its own if that is chosen, else the one that explains most."""
    if not finding.may_be or finding.cause in chosen:
        return finding.cause
    options = {other.cause for other in finding.may_be} & chosen.keys()
    return max(options, key=lambda key: (chosen[key], key), default=finding.cause)


_PLAIN = tuple(map(str, NOTHING_DONE.values()))
"""What a bet, a win and a refund do wrong in the simplest case, before what odd calls do wrong."""


def _rank(
    cause: Cause,
) -> tuple[int, bool, Proof, int, int, int, tuple[int, int, bool, int, int, int, str, int]]:
    """Sort the worst severity first, then the preflight's, then strong proof, then what touches most.

    What touches most is counted where nothing else was found before it.
    """
    shown = cause.shown
    return (
        _RANK[shown.finding.severity],
        shown.scenario is not None,
        cause.proof if cause.severity is Severity.ERROR else Proof.CALL,
        -len({each.scenario_id for each in cause.sightings if not each.after}),
        -cause.scenario_count,
        _PLAIN.index(cause.key) if cause.key in _PLAIN else len(_PLAIN),
        shown.simplicity,
    )


def _roots_first(errors: list[Cause]) -> list[Cause]:
    """Return the causes with those last that may follow from another one, and name it in them.

    What calls do wrong one after the other they do wrong together, too. What a race has upset is upset in the
    calls after it. Balances that are read wrongly make money look wrong, and then more scenarios meet the
    reads than meet any of the calls.
    """
    money = [cause for cause in errors if cause.breaks_the_law]
    if not money:
        return errors
    root = money[0]
    widest = max(money, key=lambda cause: cause.scenario_count)
    if widest.proof is Proof.READ:
        root = widest
        following = [cause for cause in money if cause.proof is not Proof.READ]
    else:
        following = [cause for cause in money if cause.proof > root.proof]
    for cause in following:
        cause.may_follow_from = root.key
    return [cause for cause in errors if cause not in following] + following


def folder_of(file: str) -> str:
    """Return ``scenarios/refunds`` for ``scenarios/refunds/refund-repeated.yaml``, empty without a folder."""
    return file.replace("\\", "/").rpartition("/")[0]


EXPLAINED = (Verdict.INCONCLUSIVE, Verdict.BLOCKED, Verdict.SKIPPED, Verdict.XPASSED, Verdict.XFAILED)
"""Verdicts whose reason a report gives; a failure is explained by its findings."""


class Overview(Tally):
    """A fold over a run that keeps its findings; `causes` is complete, and in order, after `finish`.

    Causes that the run accepts stand last in it, and alone in `known`. `known_failures` are the ids of the
    failed scenarios that met no other error. `folders` counts verdicts by folder, in the order of the run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[Verdict, dict[str, list[Scenario]]] = {}
        self.causes: list[Cause] = []
        self.known: list[Cause] = []
        self.known_failures: frozenset[str] = frozenset()
        self.folders: dict[str, Counter[Verdict]] = {}
        self._causes = Causes()
        self._verdicts: dict[str, Verdict] = {}

    def finish(self) -> list[ScenarioFinished]:
        cut = super().finish()
        self._causes.add_run_findings(self.run_findings)
        self._causes.met(self.ended.times if self.ended else {})
        ranked = self._causes.ranked()
        for cause in ranked:
            cause.accepted = self._accepted.get(cause.key)
        self.known = [cause for cause in ranked if cause.accepted]
        self.causes = [cause for cause in ranked if not cause.accepted] + self.known
        met = {each.scenario_id for cause in self.known for each in cause.sightings}
        new = {each.scenario_id for cause in self.of_severity(Severity.ERROR) for each in cause.sightings}
        failed = {name for name, verdict in self._verdicts.items() if verdict is Verdict.FAILED}
        self.known_failures = frozenset((failed & met) - new)
        return cut

    def count(self, event: ScenarioFinished) -> None:
        super().count(event)
        self._verdicts[event.scenario.id] = event.verdict
        self.folders.setdefault(folder_of(event.scenario.place.file), Counter())[event.verdict] += 1
        self._causes.add_scenario(event, expected=event.verdict is Verdict.XFAILED)
        if event.verdict in EXPLAINED:
            by_reason = self.reasons.setdefault(event.verdict, {})
            by_reason.setdefault(event.reason or "no reason was given", []).append(event.scenario)

    def of_severity(self, severity: Severity) -> list[Cause]:
        """Return the causes of that severity that the run does not accept, in order."""
        return [cause for cause in self.causes if cause.severity is severity and not cause.accepted]

    def not_met(self) -> dict[KnownCause, bool]:
        """Return the accepted causes that the run did not meet, and whether their scenario passed."""
        met = {cause.key for cause in self.known}
        return {
            each: self.has_passed(each.scenario) for each in self._accepted.values() if each.cause not in met
        }

    def has_passed(self, scenario_id: str) -> bool:
        """Return whether that scenario ran and passed."""
        return self._verdicts.get(scenario_id) is Verdict.PASSED

    def only_known(self, event: ScenarioFinished) -> bool:
        """Return whether all errors of a scenario are accepted, as far as it shows by itself."""
        errors = [each for each in event.findings if each.severity is Severity.ERROR]
        return bool(errors) and all(
            any(key in self._accepted for key in (each.cause, *(other.cause for other in each.may_be)))
            for each in errors
        )

    @property
    def _accepted(self) -> dict[str, KnownCause]:
        return {each.cause: each for each in self.started.accepted} if self.started else {}
