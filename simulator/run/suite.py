"""Run the suite: select scenarios, do the preflight, run them in parallel, and decide the exit code."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import simulator
from simulator.core.findings import KnownCause, Verdict
from simulator.core.secrets import mask_url
from simulator.core.steps import PlayerSpec, Scenario, has_burst
from simulator.core.words import did_you_mean
from simulator.errors import EndpointUnreachable, ExitCode, NothingSelected, SimulatorError, UsageError
from simulator.law.roles import KNOBS
from simulator.report.events import Event, RunFinished, RunStarted, ScenarioFinished
from simulator.run.context import ENOUGH, Stopped, context_of, read_last_failed, target_of
from simulator.run.judge import FormLog
from simulator.run.players import Cast, Hooks, NoPlayer, PlayerLocks
from simulator.run.preflight import Preflight, RootCause
from simulator.run.restore import Restore, files_left
from simulator.run.turns import Stage, Turns
from simulator.scenario.files import load_scenarios, quick_ids, select, shadowed
from simulator.settings import RunSettings, Shard
from simulator.settings.load import selection_options, target_options
from simulator.wire.patience import Patience
from simulator.wire.sender import Sender
from simulator.wire.target import Target

INTERRUPTED = "interrupted"

TRIED_ALONE_MAX = 3
"""So many scenarios that failed beside others run once more, alone."""

CANCEL_AGAIN_S = 0.1
"""How often calls under way are ended after an interrupt, until no scenario runs."""


def run_suite(settings: RunSettings, report: Callable[[Event], None], folder: Path | None = None) -> ExitCode:
    """Run what the settings select, tell every event, and return the exit code.

    With a `folder`, the balances to restore are kept there, and those that a killed run left are restored.
    The run locks its players then, and warns if another has them.
    Raises SimulatorError before the first event when nothing can start.
    """
    scenarios = selected(settings)
    if folder is None:
        return run_scenarios(settings, scenarios, report)
    with PlayerLocks(settings.endpoint) as locks:
        shared = locks.take(settings.players)
        return run_scenarios(settings, scenarios, report, folder, (shared,) if shared else ())


def run_scenarios(
    settings: RunSettings,
    scenarios: Sequence[Scenario],
    report: Callable[[Event], None],
    folder: Path | None = None,
    warnings: tuple[str, ...] = (),
    *,
    patience: Patience | None = None,
) -> ExitCode:
    """Run loaded scenarios in this order, as `run_suite` does; the caller has locked the players.

    `patience` is what earlier runs against this wallet have left: they may have waited in vain.
    """
    _check_policy(settings)
    if not settings.players and settings.seed_hook is None:
        raise UsageError(
            "no player: name a user id that your wallet knows with --player, or make players with --seed-hook"
        )
    # With --wait-for the name may not resolve yet, and waiting is a part of the run.
    sender = None if settings.wait_for_s else Sender(target_of(settings))
    return _Run(settings, scenarios, sender, report, folder, warnings, patience or Patience()).run()


def selected(settings: RunSettings) -> tuple[Scenario, ...]:
    """Return the selected scenarios, in order. Raises ScenarioError, NothingSelected, UsageError."""
    others = filter(None, (settings.accept, settings.write_accept))
    scenarios = load_scenarios(settings.paths, others)
    failed = read_last_failed(Path()) if settings.last_failed else None
    quick = quick_ids(settings.paths) if settings.quick else None
    if not settings.faults:
        chosen = select(scenarios, settings.keyword, settings.tags, settings.level, failed, quick)
        return _in_shard(chosen, settings.shard)
    from simulator.scenario.fault_matrix import fault_matrix  # only --faults needs it

    chosen = select(scenarios, settings.keyword, settings.tags, settings.level, quick_ids=quick)
    # Both cells and scenarios as they are may have failed.
    return _in_shard(select(fault_matrix(chosen, settings.faults), last_failed_ids=failed), settings.shard)


def _in_shard(scenarios: tuple[Scenario, ...], shard: Shard | None) -> tuple[Scenario, ...]:
    """Return the scenarios of one shard. Raises NothingSelected."""
    if shard is None:
        return scenarios
    part = tuple(scenario for scenario in scenarios if shard.holds(scenario.id))
    if not part:
        raise NothingSelected(
            f"no scenario selected: shard {shard} holds none of the {len(scenarios)}; use fewer shards"
        )
    return part


def put_back_what_was_left(settings: RunSettings, folder: Path, say: Callable[[str], None]) -> ExitCode:
    """Restore the players that runs against the endpoint have left, and say what was done.

    Raises EndpointUnreachable; what is left stays on disk then.
    """
    files, others = files_left(folder, settings.endpoint)
    players = {left.player for file in files for left in file.lefts}
    for file in files:
        file.drop(())
    endpoint = mask_url(settings.endpoint)
    if not players:
        say(f"No run against {endpoint} has left a balance to put back.")
        if others:
            say(f"Runs against others have: {', '.join(others)}")
        return ExitCode.PASSED
    context = context_of(settings, lambda _event: None)
    try:
        context.sender = Sender(target_of(settings))
        if (failure := context.sender.reach()) is not None:
            raise EndpointUnreachable(f"no answer from {endpoint}: {failure.detail}; nothing was put back")
        notes = Restore(context, folder).put_back_what_was_left(asked=True)
    finally:
        context.close()
    for note in notes or ["Each player has its balance already."]:
        say(context.secrets.text(note))
    still, _ = files_left(folder, settings.endpoint)
    for file in still:
        file.drop(())
    return ExitCode.INCONCLUSIVE if still else ExitCode.PASSED


class _Run:
    def __init__(
        self,
        settings: RunSettings,
        scenarios: Sequence[Scenario],
        sender: Sender | None,
        report: Callable[[Event], None],
        folder: Path | None,
        warnings: tuple[str, ...],
        patience: Patience,
    ) -> None:
        self._settings = settings
        self._scenarios = scenarios
        self._sender = sender
        self._accepted, expired = _known(settings)
        self._forms = FormLog()
        self._hooks = Hooks(settings)
        self._turns = Turns(scenarios, settings.jobs)
        self._stage = Stage()
        self._notes = [*shadowed(settings.paths), *expired]
        if settings.shard is not None:
            self._notes.append(f"this is shard {settings.shard}: the other shards run the other scenarios")
        self._context = context_of(settings, report, accepts=bool(self._accepted))
        self._tally = self._context.tally
        self._context.patience = patience
        self._cast = Cast(settings, self._hooks, self._context.run)
        self._restore = Restore(self._context, folder)
        self._warnings = warnings
        self._notes.extend(warnings)

    def run(self) -> ExitCode:
        started_ns = time.perf_counter_ns()
        context = self._context
        context.emit(self._started())
        unreachable = False
        try:
            root_cause, unreachable = self._preflight()
            if root_cause:
                context.stop(root_cause)
            self._work(self._worker, min(self._settings.jobs, len(self._scenarios)))
            if self._settings.jobs > 1 and not context.stopping:
                self._work(self._alone_again, 1)
            in_hurry = context.stopping == INTERRUPTED
            hopeless = bool(root_cause) and not in_hurry
            # A wallet with an error may confuse players that play at once.
            at_once = 1 if self._tally.found() else self._settings.jobs
            self._notes.extend(
                self._restore.at_the_end(hopeless=hopeless, in_hurry=in_hurry, at_once=at_once)
            )
        except KeyboardInterrupt:
            context.stop(INTERRUPTED)
            self._notes.extend(self._restore.left_as_it_is())
        except Exception as error:
            self._fail(error, started_ns)
            raise
        finally:
            self._hooks.close()
            context.close()
        # Not for the bundled suite, in which many scenarios have a single call on purpose.
        if self._settings.paths:
            self._notes.extend(context.open_bets.in_words())
        self._notes.extend((*context.found, *context.of_calls_turned_away(), *context.rate_limit.in_words()))
        if self._tally.overview is not None:
            self._tally.overview.finish()
            self._notes.extend(_not_met(self._tally.overview.not_met()))
        code = self._exit_code(unreachable)
        context.emit(self._finished(code, started_ns))
        return code

    # --- inside ------------------------------------------------------------------------------------

    def _fail(self, error: Exception, started_ns: int) -> None:
        """Put the balances back, and let no report call it an interrupt that an error ended the run."""
        code = error.exit_code if isinstance(error, SimulatorError) else ExitCode.INTERNAL
        self._context.stop("an error ended the run" if code is ExitCode.INTERNAL else str(error))
        try:
            self._notes.extend(self._restore.at_the_end(hopeless=False, in_hurry=False))
        except Exception:
            # The error that ended the run is the one to tell.
            self._notes.extend(self._restore.left_as_it_is())
        self._context.emit(self._finished(code, started_ns))

    def _finished(self, code: ExitCode, started_ns: int) -> RunFinished:
        context = self._context
        return RunFinished(
            exit_code=code,
            duration_ns=time.perf_counter_ns() - started_ns,
            counts=dict(self._tally.verdicts),
            calls=context.calls,
            dialect=context.dialect.observed(),
            root_cause="" if context.stopping == INTERRUPTED else context.stopping,
            gone=context.gone,
            notes=tuple(filter(None, (self._unjudged(), *self._notes))),
            times=self._forms.times(),
        )

    def _started(self) -> RunStarted:
        settings = self._settings
        return RunStarted(
            run=self._context.run,
            seed=settings.seed,
            endpoint=settings.endpoint,
            wire=settings.wire,
            version=simulator.__version__,
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            selected=len(self._scenarios),
            order=tuple(scenario.id for scenario in self._scenarios),
            players=settings.players,
            paths=settings.paths,
            options=target_options(settings),
            selection=selection_options(settings),
            accepted=self._accepted,
            warnings=self._warnings,
        )

    def _preflight(self) -> tuple[str, bool]:
        """Return the root cause for which nothing can run, or an empty text; and whether no answer came."""
        settings = self._settings
        try:
            self._context.sender = self._sender or Sender(_waited_for(settings))
            first, *others = settings.players or self._cast.take({"player": PlayerSpec()}).values()
            self._check(0, first)
            left = deque(enumerate(others, start=1))
            if left:
                self._work(partial(self._check_all, left), min(settings.jobs, len(left)))
        except EndpointUnreachable as error:
            return str(error), True
        except (RootCause, NoPlayer, Stopped) as error:
            return str(error), False
        except KeyboardInterrupt:
            return INTERRUPTED, False
        return self._context.stopping, False

    def _check_all(self, left: deque[tuple[int, str]]) -> None:
        """Check players until none is left, or one cannot be used."""
        while not self._context.stopping:
            try:
                number, player = left.popleft()
            except IndexError:
                return
            try:
                self._check(number, player)
            except Exception:
                left.clear()
                raise

    def _check(self, number: int, player: str) -> None:
        """Remember the balance of a player, and check that it may play."""
        preflight = Preflight(self._context, self._forms, number)
        balance = preflight.balance(player)
        if not number:
            # Not sooner: only now it is known that the wallet answers.
            self._notes.extend(self._restore.put_back_what_was_left())
            balance = preflight.balance(player) if self._notes else balance
        if not self._cast.seeded:
            self._restore.remember(player, balance)
        preflight.check(player, balance)

    def _work(self, worker: Callable[[], None], jobs: int) -> None:
        """Let so many workers work until nothing is left; Ctrl-C ends the calls under way."""
        # Imported here, since the preflight, which should come soon, needs no pool.
        from concurrent.futures import Future, ThreadPoolExecutor, wait

        with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="scenario") as pool:
            workers: list[Future[None]] = []
            try:
                # An interrupt may come before all of them are there: leaving the pool waits for their end.
                workers += (pool.submit(worker) for _ in range(jobs))
                wait(workers)
            except KeyboardInterrupt:
                self._context.stop(INTERRUPTED)
                self._cancel()
                # A call may have begun just as the others were ended.
                while wait(workers, timeout=CANCEL_AGAIN_S).not_done:
                    self._cancel()
        for each in workers:
            each.result()

    def _cancel(self) -> None:
        self._context.sender.cancel()
        self._hooks.cancel(INTERRUPTED)

    def _worker(self) -> None:
        from simulator.run.session import ScenarioRun  # not for the preflight, as above

        failures_max = self._settings.maxfail
        enough = f"{ENOUGH} {failures_max} failed"
        while (turn := self._turns.take()) is not None:
            number, scenario = turn
            run = ScenarioRun(scenario, number, self._context, self._cast, self._hooks, self._forms)
            # Others would meet an operator that is not there, and be right to complain.
            restarts = "restart" in scenario.needs and self._settings.restart_hook is not None
            failed = False
            try:
                with self._stage.hold(alone=restarts):
                    run.run(held=enough if self._turns.is_held(number) else "")
                failed = scenario.id in self._tally.new_failures
            finally:
                over = self._turns.done(number, failed=failed, failures_max=failures_max)
            if over:
                self._context.stop(enough)

    def _alone_again(self) -> None:
        """Run some scenarios that failed beside others once more, alone, and note those that pass now.

        One is enough for each cause, that with the fewest calls. Their calls are reported, and nothing else.
        """
        from simulator.run.session import ScenarioRun  # not for the preflight, as above

        least: dict[str, ScenarioFinished] = {}
        for event in sorted(self._tally.new_failures.values(), key=lambda each: each.exchange_count):
            if event.findings and not has_burst(event.scenario.steps):
                least.setdefault(event.findings[0].cause, event)
        self._context.only_calls = True
        passed = []
        for number, (cause, event) in enumerate(
            list(least.items())[:TRIED_ALONE_MAX], len(self._scenarios) + 1
        ):
            run = ScenarioRun(event.scenario, number, self._context, self._cast, self._hooks, self._forms)
            # What is reported once fails no second scenario, but is counted.
            times = self._forms.times().get(cause)
            if run.run().verdict is Verdict.PASSED and self._forms.times().get(cause) == times:
                passed.append(event.scenario.id)
        self._context.only_calls = False
        if passed:
            failed = f"{', '.join(passed)} failed while {self._settings.jobs} scenarios ran at once"
            self._notes.append(
                f"{failed}, and passed alone afterwards: your wallet may confuse players that play at the "
                "same time (--jobs 1 runs one at a time)"
            )

    def _exit_code(self, unreachable: bool) -> ExitCode:
        """Return the exit code; if several apply: interrupted, found, unreachable, inconclusive, passed."""
        verdicts = self._tally.verdicts
        if self._context.stopping == INTERRUPTED:
            return ExitCode.INTERRUPTED
        if self._tally.found():
            return ExitCode.FOUND
        if unreachable:
            return ExitCode.UNREACHABLE
        if (
            verdicts[Verdict.INCONCLUSIVE]
            or verdicts[Verdict.BLOCKED]
            or not self._tally.proven()
            or self._context.stopping
            or self._unjudged()
        ):
            return ExitCode.INCONCLUSIVE
        return ExitCode.PASSED

    def _unjudged(self) -> str:
        """Return why the run proves too little to pass (less than half was judged), or an empty text."""
        skipped = self._tally.verdicts[Verdict.SKIPPED]
        if self._context.stopping or 2 * skipped <= len(self._scenarios):
            return ""
        reason, count = self._tally.skipped.most_common(1)[0]
        judged = len(self._scenarios) - skipped - self._tally.verdicts[Verdict.BLOCKED]
        return (
            f"only {judged} of {len(self._scenarios)} scenarios could be judged; "
            f"{count} {'was' if count == 1 else 'were'} skipped: {reason}"
        )


def _known(settings: RunSettings) -> tuple[tuple[KnownCause, ...], list[str]]:
    """Return the causes that the run accepts, and a note for each whose time is over.

    Raises ConfigurationError.
    """
    if settings.accept is None:
        return (), []
    from simulator.scenario.known_file import read_known  # only --accept needs it

    today = datetime.now().astimezone().date().isoformat()
    known = read_known(settings.accept)
    # Dates of ISO 8601 compare as texts.
    over = [each for each in known if each.expires and each.expires < today]
    notes = [f"known cause {each.cause} is accepted no more: it expired on {each.expires}" for each in over]
    return tuple(each for each in known if each not in over), notes


def _not_met(not_met: Mapping[KnownCause, bool]) -> Iterator[str]:
    """Return a note for each accepted cause that the run did not meet."""
    for each, passed in not_met.items():
        told = f"known cause {each.cause} was not met"
        yield (
            f"{told}, and {each.scenario} passed: remove it from the file of --accept if your wallet is fixed"
            if passed
            else f"{told}: this run does not show whether your wallet is fixed"
        )


def _waited_for(settings: RunSettings) -> Target:
    from simulator.wire.sender import wait_for  # only --wait-for needs it

    return wait_for(lambda: target_of(settings), settings.wait_for_s)


def _check_policy(settings: RunSettings) -> None:
    for knob, value in settings.policy.items():
        if knob not in KNOBS:
            raise UsageError(f"--policy {knob}: no such knob{did_you_mean(knob, KNOBS)}")
        if value not in (*KNOBS[knob], "any"):
            allowed = ", ".join((*KNOBS[knob], "any"))
            raise UsageError(f'--policy {knob}: expected one of {allowed}, found "{value}"')
