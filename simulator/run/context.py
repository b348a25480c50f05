"""The state that all scenarios of a run share: the sender and its record, the last run, bets, dialect."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import InitVar, dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from simulator.core.calls import Call, Opening, UnsentCall
from simulator.core.findings import Finding, Outcome, Phase, Severity, Verdict
from simulator.core.money import CENT, ZERO, Money, format_money
from simulator.core.profiles import WireProfile
from simulator.core.secrets import Secrets
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, WebhookRequest, answer_line
from simulator.judge.account import Traffic
from simulator.judge.replies import read_call
from simulator.law.roles import KNOBS
from simulator.law.situations import Situation
from simulator.report.causes import Overview
from simulator.report.events import DialectObserved, Event, FindingRaised, RunFinished, ScenarioFinished
from simulator.scenario.limits import Limits
from simulator.scenario.yaml import bytes_of
from simulator.settings import HttpHook, RunSettings
from simulator.settings.load import wire_profile
from simulator.wire.patience import Patience
from simulator.wire.sender import CallInterrupted, RateLimit, Sender
from simulator.wire.target import Target, make_target

SILENT_CALLS_MAX = 5
"""How many calls in a row may get no answer, without an injected fault, before the wallet counts as gone."""


LIMITED_CALLS_MAX = 2
"""How often a call that a rate limit refused is sent again before its answer counts."""

LAGGING_MIN = 3
"""In so many scenarios, and in half of all, reads must have been wrong before only answers are judged."""

PAST_KEPT = 16
"""How many past balances of a player are kept, to recognise a read that lags behind."""

EXCHANGES_KEPT = 500
"""How many of the latest exchanges of a failed scenario are kept; the NDJSON report has all."""

BETS_KEPT = 8
"""How many accepted bets of a player are kept, for adjusting calls to win on or refund."""


class Stopped(Exception):
    """Raised when the run ends before the scenario, or the wallet will not take its calls."""


@dataclass(eq=False, kw_only=True)
class RunContext:
    """One run: its settings, the sender, the stream of events, and what was learnt of the wallet.

    All scenarios share it; one at a time uses a player. `emit` is thread-safe.
    """

    settings: RunSettings
    profile: WireProfile
    run: str
    """The random part of this run's transaction ids."""
    report: Callable[[Event], None]
    accepts: InitVar[bool] = False
    """Whether some causes are known, and do not fail the run."""

    tally: RunTally = field(init=False)
    """What the exit code depends on."""
    only_calls: bool = False
    """Whether events other than calls are neither counted nor reported."""
    kept: dict[str, deque[Call]] = field(default_factory=dict)
    """The latest exchanges of every running scenario."""
    calls: int = 0
    stopping: str = ""
    """Why no scenario may send calls any more."""
    ending: bool = False
    """Whether balances are being restored, which may send calls all the same."""
    found: list[str] = field(default_factory=list)
    """Notes on what the preflight has found out by itself."""
    open_bets: OpenBets = field(init=False)
    dialect: DialectLog = field(init=False)

    shown: dict[str, Money] = field(default_factory=dict)
    """By player, the last balance that the wallet showed and continued from, as far as it is known."""
    past: defaultdict[str, deque[Money]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=PAST_KEPT))
    )
    """By player, the balances before that."""
    contradicted: dict[str, Money] = field(default_factory=dict)
    """By player, what the last answers showed where a read then showed another balance."""
    bets: defaultdict[str, deque[WebhookRequest]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=BETS_KEPT))
    )
    """By player, the latest accepted bets."""
    largest_bet: Money = ZERO
    """The largest bet that was accepted."""
    refused_bet: Money | None = None
    """A bet that was not taken, although the player had the money."""
    destroyed: dict[str, str] = field(default_factory=dict)
    """By player, which scenario left no amount for a balance, or no bet that the wallet takes."""
    closed: Counter[str] = field(default_factory=Counter)
    """By player, the scenarios in a row before which the wallet took no bet."""
    drained: int = 0
    """How often smaller bets were tried in vain to find out whether it takes any."""

    mistakes: Counter[Situation] = field(default_factory=Counter)
    """What calls that were sent one after the other have shown."""
    traffic: Traffic = field(default_factory=lambda: Traffic(of_run=True, guard=threading.Lock()))
    cents_kept: bool = False
    """Whether the preflight has seen a cent move exactly."""
    reads_lag: bool = False
    """Whether most scenarios have met reads that were wrong."""
    patience: Patience = field(default_factory=Patience)

    rate_limit: RateLimit = field(default_factory=RateLimit)
    limited: set[bytes] = field(default_factory=set)
    """The bodies that a rate limit turned away at first."""
    refused_beside: list[str] = field(default_factory=list)
    """The answers of calls that were turned away beside others, and taken alone."""
    slowest_ns: int = 0
    """How long the slowest answer took."""
    cancelled: bool = False
    """Whether calls were ended under way, which the wallet may still apply."""

    def __post_init__(self, accepts: bool) -> None:
        self.tally = RunTally(accepts)
        self.open_bets = OpenBets()
        self.dialect = DialectLog()
        self.limits = Limits.of(self.settings)
        self.secrets = secrets_of(self.settings, self.profile)
        self._sender: Sender | None = None
        self._read_wrongly = self._played = self._silent = 0
        self._ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def sender(self) -> Sender:
        """Return the sender, which exists once the endpoint was reached."""
        assert self._sender is not None
        return self._sender

    @sender.setter
    def sender(self, sender: Sender) -> None:
        self._sender = sender

    def close(self) -> None:
        """Close the connections."""
        if self._sender is not None:
            self._sender.close()

    def emit(self, event: Event) -> None:
        """Pass an event to the reports, one at a time."""
        event = without_secrets(event, self.secrets) if self.secrets.any_known else event
        with self._lock:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if self.only_calls and not isinstance(event, Call | Opening):
            return
        self.tally.on(event)
        self.report(event)

    def found_least_bet(self, least: Money, step: Money = CENT) -> None:
        """Note the wallet's smallest bet, and by how much others may be more, as the preflight has found."""
        self.limits = replace(self.limits, min_bet=least, found=True, bet_step=step)
        if step != CENT:
            self.found.append(
                f"your wallet takes bets of {format_money(least)} and more, in multiples of "
                f"{format_money(step)}, and none of 0.01: this was taken for its limit, and scenarios with "
                "other bets are skipped"
            )
            return
        self.found.append(
            f"your wallet takes bets of {format_money(least)} and more, and none of 0.01: this was taken for "
            f"its limit, as --min-bet {format_money(least)} says it"
        )

    def turned_away(self, call: Call) -> None:
        """Note a call that was turned away beside others of its player, and taken alone."""
        with self._lock:
            self.refused_beside.append(answer_line(call.exchange))

    def of_calls_turned_away(self) -> list[str]:
        """Return the note about such calls, if there were any."""
        times = len(self.refused_beside)
        if not times:
            return []
        return [
            f"your wallet turned away {times:,} of the calls that came together with others of their player, "
            "and took each of them when it was sent again: a provider that does not send them again would "
            f"lose wins and refunds; it answered {self.refused_beside[0]}"
        ]

    def note_reads(self, *, wrong: bool) -> None:
        """Note whether a scenario that ended has met reads that were wrong."""
        with self._lock:
            self._played += 1
            self._read_wrongly += wrong
            lag = self._read_wrongly >= LAGGING_MIN and 2 * self._read_wrongly >= self._played
            self.reads_lag = self.reads_lag or lag

    def stop(self, reason: str) -> None:
        """Let every scenario end at its next call."""
        self.stopping = self.stopping or reason
        self.rate_limit.end()
        self._ended.set()

    def pause(self, seconds: float) -> None:
        """Wait that long. Raises Stopped as soon as the run is ending."""
        if self._ended.wait(seconds):
            raise Stopped(self.stopping)

    def call(self, unsent: UnsentCall) -> Call:
        """Send, record and read one call. Raises Stopped when the run is ending.

        A call that a rate limit turned away is sent again after the wait that the wallet asks for. Where it
        is turned away all the same, nothing can be said of it: Stopped is raised for its scenario, or for all
        once the run has waited long enough.
        """
        call = self._call_once(unsent)
        for _ in range(LIMITED_CALLS_MAX):
            if not call.reading.busy or self.rate_limit.is_spent:
                break
            # The wallet refused the call unread, and asks to send it again.
            self.limited.add(unsent.wire.body)
            call = self._call_once(unsent)
        if call.reading.busy and unsent.why.phase is not Phase.PREFLIGHT and not self.ending:
            raise self._limited()
        return call

    def _limited(self) -> Stopped:
        if not self.rate_limit.is_spent:
            return Stopped("your wallet turned a call away by its rate limit, each time it was sent")
        self.stopping = self.stopping or (
            "your wallet limits the rate of calls, and the run has waited "
            f"{self.rate_limit.held_s:.0f} s for that; lift the limit for this address"
        )
        return Stopped(self.stopping)

    def _call_once(self, unsent: UnsentCall) -> Call:
        self.rate_limit.wait()
        if self.stopping and not self.ending:
            raise Stopped(self.stopping)
        self.traffic.note(unsent.request, time.monotonic_ns())
        try:
            exchange = self.sender.call(unsent.request, unsent.wire)
        except CallInterrupted as interrupt:
            self._record_lost(unsent, interrupt)
            raise
        return self.record(unsent, exchange, alone=True)

    def disturb(self, unsent: UnsentCall) -> tuple[Call, ...]:
        """Send one call with its fault, or two for a duplicate. Raises Stopped when the run is ending."""
        assert unsent.fault is not None
        if self.stopping:
            raise Stopped(self.stopping)
        self.traffic.note(unsent.request, time.monotonic_ns())
        try:
            exchanges = self.sender.disturb(unsent.request, unsent.wire, unsent.fault, self.pause)
        except CallInterrupted as interrupt:
            self._record_lost(unsent, interrupt)
            raise
        return tuple(self.record(unsent, exchange) for exchange in exchanges)

    def _record_lost(self, unsent: UnsentCall, interrupt: CallInterrupted) -> None:
        for lost in interrupt.exchanges:
            self.record(unsent, lost)

    def record(self, unsent: UnsentCall, exchange: Exchange, *, alone: bool = False) -> Call:
        """Read the reply of a call that was made, alone or with others, and put it into the event stream."""
        call = read_call(exchange, unsent.form, unsent.why, self.profile, self.secrets)
        reading = call.reading
        self.traffic.note(unsent.request, exchange.sent_ns, exchange.answered_ns)
        with self._lock:
            self.calls += 1
            self._tell(call)
        if unsent.why.scenario_id in self.kept:
            self.kept[unsent.why.scenario_id].append(call)
        if reading.busy:
            self.rate_limit.note(reading.retry_after_s, alone=alone, said=answer_line(exchange))
        self._keep_bet(call)
        self._watch_silence(exchange)
        return call

    def _keep_bet(self, call: Call) -> None:
        """Keep an accepted bet, since only a win in its round or its refund may raise the balance."""
        bet = call.form.request
        if bet is None or bet.method is not Method.BET or call.outcome is not Outcome.ACCEPTED:
            return
        if bet.amount and bet.transaction_id:
            self.bets[bet.player].append(bet)
            self.largest_bet = max(self.largest_bet, bet.amount)

    @property
    def gone(self) -> bool:
        """Return whether the wallet stopped answering."""
        return self._silent >= SILENT_CALLS_MAX

    def _watch_silence(self, exchange: Exchange) -> None:
        if not isinstance(exchange.reply, NoReply):
            self._silent = 0
            self.slowest_ns = max(self.slowest_ns, exchange.latency_ns or 0)
        elif exchange.reply.kind is NoReplyKind.INJECTED:
            # We ended this call ourselves, so it says nothing about the wallet.
            self.cancelled |= exchange.fault is None
            return
        elif exchange.fault is None and not exchange.reply.answered:
            self._silent += 1
            if self._silent >= SILENT_CALLS_MAX:
                self.stop(f"your wallet stopped answering: {exchange.reply.detail}")


def context_of(
    settings: RunSettings, report: Callable[[Event], None], *, accepts: bool = False
) -> RunContext:
    """Return the state of a new run; `accepts`: some causes are known, and do not fail it."""
    return RunContext(
        settings=settings,
        profile=wire_profile(settings.wire),
        run=token_hex(3),
        report=report,
        accepts=accepts,
    )


def target_of(settings: RunSettings) -> Target:
    """Return the wallet that the settings name. Raises UsageError, EndpointUnreachable."""
    return make_target(
        settings.endpoint,
        allow_hosts=settings.allow_hosts,
        headers=settings.headers,
        timeout_s=settings.timeout_s,
        connect_timeout_s=settings.timeout_s,
        cacert=None if settings.cacert is None else str(settings.cacert),
        insecure=settings.insecure,
        proxy=settings.proxy,
    )


# --- verdicts ------------------------------------------------------------------------------------


class RunTally:
    """Collects from the events what the exit code depends on.

    Only a run that accepts causes keeps its findings, since the findings of all decide which causes they are.
    """

    def __init__(self, accepts: bool) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.skipped: Counter[str] = Counter()
        self.new_failures: dict[str, ScenarioFinished] = {}
        self.error_found = False
        self.overview = Overview() if accepts else None

    def on(self, event: Event) -> None:
        """Take in one event."""
        if self.overview is not None:
            self.overview.on(event)
        if isinstance(event, ScenarioFinished):
            self.verdicts[event.verdict] += 1
            known = self.overview is not None and self.overview.only_known(event)
            if event.verdict is Verdict.FAILED and not known:
                self.new_failures[event.scenario.id] = event
            if event.verdict is Verdict.SKIPPED:
                self.skipped[event.reason] += 1
        elif isinstance(event, FindingRaised) and event.scenario_id is None:
            self.error_found |= event.finding.severity is Severity.ERROR

    def found(self) -> bool:
        """Return whether anything is wrong with the wallet that the run does not accept."""
        if self.verdicts[Verdict.XPASSED]:
            return True
        if self.overview is None:
            return bool(self.verdicts[Verdict.FAILED]) or self.error_found
        return bool(self.overview.of_severity(Severity.ERROR)) or (
            self.verdicts[Verdict.FAILED] > len(self.overview.known_failures)
        )

    def proven(self) -> bool:
        """Return whether any scenario has shown what it was expected to show."""
        known = bool(self.overview and self.overview.known_failures)
        return known or bool(self.verdicts[Verdict.PASSED] or self.verdicts[Verdict.XFAILED])


# --- secrets --------------------------------------------------------------------------------------


def secrets_of(settings: RunSettings, profile: WireProfile) -> Secrets:
    """Return what no report of the run may show."""
    hooks = (settings.seed_hook, settings.restart_hook, settings.block_hook)
    urls = [
        settings.endpoint,
        settings.proxy or "",
        *(hook.url for hook in hooks if isinstance(hook, HttpHook)),
    ]
    return Secrets(headers=(*settings.headers, *profile.headers), urls=urls)


def without_secrets(event: Event, secrets: Secrets) -> Event:
    """Return an event whose sentences repeat no secret; calls were masked when they were read."""
    match event:
        case FindingRaised():
            return replace(event, finding=_masked(event.finding, secrets))
        case ScenarioFinished():
            findings = tuple(_masked(finding, secrets) for finding in event.findings)
            return replace(event, reason=secrets.text(event.reason), findings=findings)
        case RunFinished():
            notes = tuple(map(secrets.text, event.notes))
            return replace(event, root_cause=secrets.text(event.root_cause), notes=notes)
        case _:
            return event


def _masked(finding: Finding, secrets: Secrets) -> Finding:
    return replace(
        finding,
        message=secrets.text(finding.message),
        label=secrets.text(finding.label),
        trail=secrets.text(finding.trail),
        lanes=tuple(map(secrets.text, finding.lanes)),
        curl=secrets.text(finding.curl),
        answer=secrets.text(finding.answer),
    )


# --- the last run, for `--last-failed` ------------------------------------------------------------

STATE_FILE = Path(".betrontech-sim", "last-run.json")
"""In the current folder, since scenario ids are paths relative to it."""

ENOUGH = "stopped after"
"""How the reason begins for which `-x` and `--maxfail` keep scenarios from running, or end them."""

_GOOD = frozenset({Verdict.PASSED, Verdict.XFAILED, Verdict.SKIPPED})


def read_last_failed(folder: Path) -> frozenset[str] | None:
    """Return the ids of the scenarios that did not pass in their last run, or None without a record."""
    try:
        state = json.loads(bytes_of(Path(folder, STATE_FILE)))
        failed = state["failed"]
        valid = isinstance(failed, list) and all(isinstance(name, str) for name in failed)
        return frozenset(failed) if valid else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # A damaged or foreign file counts as none: everything runs.
        return None


class LastRun:
    """Updates the file from the events; scenarios that did not run keep their old verdict."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ran: set[str] = set()
        self._failed: set[str] = set()

    def on(self, event: Event) -> None:
        """Take note of a scenario that finished."""
        if type(event) is ScenarioFinished and not event.reason.startswith(ENOUGH):
            self._ran.add(event.scenario.id)
            if event.verdict not in _GOOD:
                self._failed.add(event.scenario.id)

    def close(self) -> None:
        """Write the file; a folder that cannot be written (a container) loses only --last-failed."""
        if not self._ran:
            return
        before = read_last_failed(self._folder) or frozenset()
        failed = sorted((before - self._ran) | self._failed)
        file = Path(self._folder, STATE_FILE)
        with suppress(OSError):
            file.parent.mkdir(exist_ok=True)
            text = json.dumps({"failed": failed}, indent=1)
            file.with_suffix(".new").write_text(text + "\n", "ascii")
            file.with_suffix(".new").replace(file)


# --- open bets ------------------------------------------------------------------------------------

NAMED_MAX = 3


class OpenBets:
    """Counts the bets that scenarios leave without a win or a refund, which is worth a note."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def note(self, scenario_id: str, count: int) -> None:
        """Take in a scenario that has ended."""
        if count:
            self._counts[scenario_id] = count

    def in_words(self) -> list[str]:
        """Return the note with their number and the scenarios with most of them, or nothing."""
        if not self._counts:
            return []
        total = sum(self._counts.values())
        bets = "1 bet has" if total == 1 else f"{total:,} bets have"
        most = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        where = ", ".join(f"{scenario_id} ({count:,})" for scenario_id, count in most[:NAMED_MAX])
        more = f" and {len(most) - NAMED_MAX:,} more" if len(most) > NAMED_MAX else ""
        return [f"SES-06: {bets} neither a win nor a refund afterwards: {where}{more}"]


# --- dialect --------------------------------------------------------------------------------------


class DialectLog:
    """Records how the wallet behaves where guides differ. Thread-safe."""

    def __init__(self) -> None:
        self._seen: dict[str, Counter[str]] = defaultdict(Counter)
        self._evidence: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def note(self, knob: str, value: str, evidence: str) -> None:
        """Count one observation; the first of each value is kept as its evidence."""
        with self._lock:
            self._seen[knob][value] += 1
            self._evidence.setdefault((knob, value), evidence)

    def observed(self) -> tuple[DialectObserved, ...]:
        """Return one line for each knob; if a wallet shows both values, the more frequent comes first."""
        lines = []
        for knob in KNOBS:
            seen = self._seen.get(knob)
            if seen:
                values = [value for value, _ in seen.most_common()]
                evidence = self._evidence[knob, values[0]]
                lines.append(DialectObserved(knob=knob, value=", ".join(values), evidence=evidence))
        return tuple(lines)
