"""One load from the command line: preflight, engine, gathered records, verdict, balances put back.

This process never imports gevent: it starts the engine's processes and reads what they tell.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from simulator import __version__
from simulator.archive.following import Verdicts
from simulator.archive.judging import judge_files
from simulator.archive.sources import LineSource
from simulator.core.call_lines import call_object, line_text, opening_object
from simulator.core.calls import Call, Opening
from simulator.core.money import Money, format_money
from simulator.core.secrets import mask_url
from simulator.core.steps import MAIN_PLAYER, PlayerSpec
from simulator.core.values import Frozen
from simulator.errors import EndpointUnreachable, SimulatorError, UsageError
from simulator.load.figures import Figures, figures_of
from simulator.load.plan import FIRST_WORKER, Job, LoadPlan, MixedSession, players_needed, shipped_as
from simulator.load.record import LINES, mend, players_in
from simulator.run.context import RunContext, Stopped, context_of, target_of
from simulator.run.judge import FormLog
from simulator.run.players import Cast, Hooks, NoPlayer, PlayerLocks
from simulator.run.preflight import Preflight, RootCause
from simulator.run.restore import Restore
from simulator.settings import RunSettings
from simulator.settings.load import variables
from simulator.wire.sender import Sender, wait_for

READS_AT_ONCE = 16
"""How many balances are read at once before a load, and put back after it."""

START_S = 60.0
"""How long the processes of the engine may take to start."""

STOP_S = 120.0
"""How long they may take to end, and to hand over their records, after the load."""

OPENINGS, CLOSING = "openings", "closing"


class LoadOptions(Frozen, kw_only=True):
    """What a load is asked for, besides the settings of the wallet.

    `workers` is how many processes send calls. With `master` (an address and a port to listen at) they are
    started elsewhere, and are waited for. `web` is where Locust's own page is served. The records stay in
    `folder`; so many processes as `judges` judge them.
    """

    users: int
    seconds: float
    mix: tuple[MixedSession, ...]
    folder: Path
    ramp_s: float = 0.0
    rate: float | None = None
    think_s: tuple[float, float] = (0.0, 0.0)
    disturbances: tuple[tuple[str, float], ...] = ()
    share: bool = False
    workers: int = 1
    master: tuple[str, int] | None = None
    web: tuple[str, int] | None = None
    judges: int = 1


class WorkerRecord(Frozen, kw_only=True):
    """What one worker did, as far as it is known.

    `sent` counts exchanges at the wire, and is None for a worker that was `killed`; `recorded` counts the
    lines of its `file`, which is None if it did not come here. `unanswered` are those of a killed worker's
    calls that were on their way.
    """

    name: str
    host: str = ""
    file: Path | None = None
    sent: int | None = None
    recorded: int = 0
    unanswered: int = 0
    killed: bool = False
    late: int = 0
    late_ms_max: int = 0
    without_players: int = 0


class LoadResult(Frozen, kw_only=True):
    """What came of a load. `found` is None if nothing was judged; `why` then says what kept it.

    `closing_reads` are the balance reads that were made here, for players of killed workers.
    """

    plan: LoadPlan | None = None
    workers: tuple[WorkerRecord, ...] = ()
    found: Verdicts | None = None
    figures: Figures | None = None
    closing_reads: int = 0
    interrupted: bool = False
    unreachable: bool = False
    why: str = ""
    notes: tuple[str, ...] = ()


Say = Callable[[str, Mapping[str, Any]], None]
"""Is told how it goes: a kind such as started, tick or killed, with its facts."""


def check_installed() -> None:
    """Raise UsageError where Locust is not installed."""
    if find_spec("locust") is None or find_spec("gevent") is None:
        raise UsageError(
            "load needs Locust, which is not installed; install it with: "
            'pip install "betrontech-simulator[load]"'
        )


def run_load(settings: RunSettings, options: LoadOptions, say: Say, folder: Path | None) -> LoadResult:
    """Load the wallet, judge what was recorded, and put the balances back; `folder` keeps them until then."""
    check_installed()
    _check_players(settings, options)
    for flag, address in (("--master", options.master), ("--web", options.web)):
        if address is not None:
            _check_address(flag, *address)
    calls: list[Call] = []
    context = context_of(settings, lambda event: calls.append(event) if isinstance(event, Call) else None)
    load = _Load(settings, options, context, Restore(context, folder), say, calls)
    try:
        with PlayerLocks(settings.endpoint) as locks:
            if used := locks.take(settings.players):
                raise UsageError(used)
            return load.run()
    finally:
        context.close()


def _check_players(settings: RunSettings, options: LoadOptions) -> None:
    needed = players_needed(options.mix)
    players = len(settings.players)
    if not players and settings.seed_hook is not None:
        # It makes as many as are needed.
        return
    if players < needed * (1 if options.share else options.users):
        each = "" if needed == 1 else f" with {needed} players each"
        hint = (
            "name more with --player, such as --player 1000..1199, or let users share them (--share-players)"
        )
        if options.share:
            hint = "name more with --player"
        raise UsageError(f"{options.users} users{each} need more players than the {players} named: {hint}")
    if options.share and players < needed * options.workers:
        raise UsageError(
            f"a player stays on one worker, so {options.workers} workers need {needed * options.workers} "
            f"players; {players} are named"
        )


def _check_address(flag: str, host: str, port: int) -> None:
    """Raise UsageError where the engine could not listen at that address."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        # Those of names are no errors of the system, and others say the address once more.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise UsageError(f"{flag}: nothing can listen at {host}:{port}: {reason}") from None


class _Load:
    def __init__(
        self,
        settings: RunSettings,
        options: LoadOptions,
        context: RunContext,
        restore: Restore,
        say: Say,
        calls: list[Call],
    ) -> None:
        """Take the `calls` of this process, too: a load is judged by its record, and by few of them."""
        self._settings = settings
        self._options = options
        self._context = context
        self._restore = restore
        self._say = say
        self._calls = calls
        self._notes: list[str] = []

    def run(self) -> LoadResult:
        """Do all of it."""
        try:
            balances = self._preflight()
        except EndpointUnreachable as error:
            return LoadResult(why=str(error), unreachable=True)
        except (RootCause, Stopped, NoPlayer) as error:
            notes = self._restore.at_the_end(hopeless=True, in_hurry=False)
            return LoadResult(why=str(error), unreachable=False, notes=tuple(notes))
        except KeyboardInterrupt:
            return LoadResult(interrupted=True, notes=tuple(self._restore.left_as_it_is()))
        try:
            return self._loaded(balances)
        except BaseException:
            self._notes += self._restore.at_the_end(hopeless=False, in_hurry=True)
            raise

    def _preflight(self) -> dict[str, Money]:
        """Return the balance of each player, after one of them was tried with a bet and a win."""
        preflight = Preflight(self._context, FormLog())
        self._context.sender = Sender(wait_for(lambda: target_of(self._settings), self._settings.wait_for_s))
        if not self._settings.players:
            self._settings = replace(self._settings, players=self._made_players())
        players = self._settings.players
        self._say("preflight", {"players": len(players)})
        first = players[0]
        preflight.balance(first)
        self._notes += self._restore.put_back_what_was_left()
        balance = preflight.balance(first)
        self._remember(first, balance)
        preflight.check(first, balance)
        balances = {first: preflight.balance(first)}
        with ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="preflight") as pool:
            for player, read in zip(players[1:], pool.map(preflight.balance, players[1:]), strict=True):
                balances[player] = read
                self._remember(player, read)
        return balances

    def _remember(self, player: str, balance: Money) -> None:
        """Remember what to put back; nobody needs the balance of a player that was made for the load."""
        if self._settings.seed_hook is None:
            self._restore.remember(player, balance)

    def _made_players(self) -> tuple[str, ...]:
        """Let the seed hook make as many players as the users need. Raises NoPlayer."""
        users = players_needed(self._options.mix) * (1 if self._options.share else self._options.users)
        self._say("making", {"players": users})
        hooks = Hooks(self._settings)
        cast = Cast(self._settings, hooks, self._context.run)
        try:
            return tuple(cast.take({MAIN_PLAYER: PlayerSpec()})[MAIN_PLAYER] for _ in range(users))
        finally:
            hooks.close()

    def _loaded(self, balances: Mapping[str, Money]) -> LoadResult:
        options = self._options
        plan = _plan(self._settings, options, self._context.run, balances)
        openings = options.folder / f"{OPENINGS}{LINES}"
        with openings.open("w", encoding="utf-8") as file:
            for player, balance in balances.items():
                file.write(line_text("opening", opening_object(Opening(player=player, balance=balance))))
        workers, interrupted = _Engine(self._settings, options, plan, self._say).run()
        files = [openings, *(each.file for each in workers if each.file is not None)]
        closing = self._closing(workers)
        files += [closing] if closing is not None else []
        self._say("judging", {})
        figures = figures_of([each.file for each in workers if each.file is not None])
        sources = [LineSource(str(file)) for file in files]
        found, _ = judge_files(
            sources,
            lambda _what, share, _count: self._say("judged", {"share": share}),
            processes=options.judges,
            keep=False,
        )
        closing_reads = len(self._calls) if closing is not None else 0
        self._say("restoring", {"players": len(balances)})
        self._notes += self._restore.at_the_end(hopeless=False, in_hurry=interrupted, at_once=READS_AT_ONCE)
        return LoadResult(
            plan=plan,
            workers=tuple(workers),
            found=found,
            figures=figures,
            closing_reads=closing_reads,
            interrupted=interrupted,
            notes=tuple(self._notes),
        )

    def _closing(self, workers: Sequence[WorkerRecord]) -> Path | None:
        """Read the balances of the players of killed workers, which read them no more, and record that.

        A killed worker whose record is here ran on this machine, so the times are of the same clock.
        """
        killed = [each.file for each in workers if each.killed and each.file is not None]
        if not killed:
            return None
        self._calls.clear()
        preflight = Preflight(self._context, FormLog())
        for player in sorted({player for file in killed for player in players_in(file)}):
            try:
                preflight.balance(player)
            except (EndpointUnreachable, RootCause, Stopped) as error:
                self._notes.append(f"the balance of player {player} could not be read at the end: {error}")
        file = self._options.folder / f"{CLOSING}{LINES}"
        with file.open("w", encoding="utf-8", errors="surrogatepass") as lines:
            lines.writelines(line_text("exchange", call_object(call)) for call in self._calls)
        return file


def _plan(settings: RunSettings, options: LoadOptions, run: str, balances: Mapping[str, Money]) -> LoadPlan:
    mix, files = shipped_as(options.mix)
    return LoadPlan(
        run=run,
        version=__version__,
        endpoint=mask_url(settings.endpoint),
        users=options.users,
        seconds=options.seconds,
        ramp_s=options.ramp_s,
        rate=options.rate,
        think_s=options.think_s,
        mix=mix,
        files=files,
        disturbances=options.disturbances,
        players=settings.players,
        balances={player: format_money(balance) for player, balance in balances.items()},
        players_of_user=players_needed(options.mix),
        share=options.share,
        seed=settings.seed,
    )


# --- the processes of the engine ------------------------------------------------------------------


class _Process:
    """One process of the engine. What it tells goes to a queue, with None at its end."""

    def __init__(self, job: Job, told: queue.Queue[tuple[_Process, dict[str, Any] | None]]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "simulator.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Locust would patch once more, and more than the engine wants.
            env={**variables(), "LOCUST_SKIP_MONKEY_PATCH": "1"},
            # Ctrl-C is for this process: it stops the others.
            process_group=0,
        )
        self.role = job.role
        self.failed = False
        self.name = ""
        self.done: dict[str, Any] | None = None
        self._told = told
        assert self._process.stdin is not None
        text = pickle.dumps(job)
        with suppress(BrokenPipeError):
            self._process.stdin.write(len(text).to_bytes(8) + text)
            self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end: it hands in what it has."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def end(self) -> None:
        """End it at once, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self.stop()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError):
                self._told.put((self, json.loads(line)))
        self._told.put((self, None))


def _raised(message: Mapping[str, Any]) -> SimulatorError:
    """Return the error that a process of the engine ended with."""
    kinds = {error.exit_code: error for error in (UsageError, EndpointUnreachable)}
    return kinds.get(message["code"], SimulatorError)(message["text"])


class _Engine:
    """Starts the processes, listens to them, and returns the records of the workers."""

    def __init__(self, settings: RunSettings, options: LoadOptions, plan: LoadPlan, say: Say) -> None:
        self._settings = settings
        self._options = options
        self._plan = plan
        self._say = say
        self._told: queue.Queue[tuple[_Process, dict[str, Any] | None]] = queue.Queue()
        self._processes: list[_Process] = []

    def run(self) -> tuple[list[WorkerRecord], bool]:
        """Return the records, and whether an interrupt ended the load early."""
        interrupted = False
        with self._ending():
            first = self._start()
            try:
                self._listen(first, None)
            except KeyboardInterrupt:
                interrupted = True
                first.stop()
                self._listen(first, time.monotonic() + STOP_S)
        if first.done is None and self._options.master is not None:
            raise SimulatorError("the engine ended without its result; the workers keep their records")
        if first.done is None:
            # It was killed. What has been recorded here is as good as before.
            told = [{"worker": each.name, "lost": True} for each in self._processes if each.role != "master"]
        else:
            told = first.done["workers"]
        return [self._record(each) for each in told], interrupted

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        finally:
            for each in self._processes:
                each.end()

    def _start(self) -> _Process:
        """Start the process that knows the result: the only one, or the master."""
        options, settings = self._options, self._settings
        common: dict[str, Any] = {"folder": options.folder, "settings": settings, "workers": options.workers}
        if options.master is None and options.workers == 1:
            local = self._process(Job(role="local", plan=self._plan, web=options.web, **common))
            self._until(local, "started")
            local.name = FIRST_WORKER
            return local
        host, port = options.master or ("127.0.0.1", 0)
        master = self._process(
            Job(role="master", plan=self._plan, host=host, port=port, web=options.web, **common)
        )
        ready = self._until(master, "ready")
        master.name = "the master"
        for _ in range(options.workers if options.master is None else 0):
            self._process(Job(role="worker", host="127.0.0.1", port=ready["port"], **common))
        self._say("waiting", {"workers": options.workers, "port": ready["port"]})
        return master

    def _process(self, job: Job) -> _Process:
        process = _Process(job, self._told)
        self._processes.append(process)
        return process

    def _until(self, process: _Process, kind: str) -> dict[str, Any]:
        """Return the first message of a kind from a process. Raises SimulatorError if it ends before."""
        while True:
            try:
                teller, message = self._told.get(timeout=START_S)
            except queue.Empty:
                raise SimulatorError("the engine did not start in time") from None
            if teller is process and message is not None and message["type"] == kind:
                return message
            self._take(teller, message)

    def _listen(self, first: _Process, until: float | None) -> None:
        """Take messages until the first process has ended, or the time is over."""
        while True:
            left = None if until is None else max(0.1, until - time.monotonic())
            try:
                teller, message = self._told.get(timeout=left)
            except queue.Empty:
                return
            self._take(teller, message)
            if teller is first and (message is None or first.done is not None):
                return

    def _take(self, teller: _Process, message: dict[str, Any] | None) -> None:
        if message is None:
            if teller.done is None and teller.name:
                self._say("killed", {"worker": teller.name, "pid": teller.pid})
            elif teller.done is None:
                raise SimulatorError("a process of the engine ended before it was ready")
            return
        match message["type"]:
            case "error":
                raise _raised(message)
            case "plan":
                teller.name = message["name"]
                self._say("pid", {"worker": teller.name, "pid": teller.pid})
            case "done":
                teller.done = message
            case kind:
                self._say(kind, message)

    def _record(self, told: Mapping[str, Any]) -> WorkerRecord:
        name, host = told["worker"], told.get("host", "")
        file: Path | None = self._options.folder / f"{name}{LINES}"
        killed = bool(told.get("lost"))
        unanswered = 0
        if killed and file is not None and not file.exists():
            file = None
        elif killed and file is not None:
            unanswered = mend(file).unanswered
        return WorkerRecord(
            name=name,
            host=host,
            file=file,
            sent=None if killed else told["sent"],
            recorded=0 if file is None else _lines_in(file),
            unanswered=unanswered,
            killed=killed,
            late=told.get("late", 0),
            late_ms_max=told.get("late_ms_max", 0),
            without_players=told.get("without_players", 0),
        )


def _lines_in(file: Path) -> int:
    """Return how many calls a record holds: it has one line more, which tells its clock."""
    with file.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b"")) - 1


def work_for(
    settings: RunSettings, folder: Path, host: str, port: int, workers: int, say: Say
) -> tuple[list[Path], bool]:
    """Work for a master elsewhere until its load is over.

    Return the records that it did not get, and whether an interrupt ended the work. Those records are of
    workers that were killed, or whose master did not take them; calls on the way have no answer. Raises
    SimulatorError where no load began.
    """
    check_installed()
    told: queue.Queue[tuple[_Process, dict[str, Any] | None]] = queue.Queue()
    job = Job(role="worker", folder=folder, settings=settings, host=host, port=port, hands_over=True)
    processes = [_Process(job, told) for _ in range(workers)]
    say("connecting", {"host": host, "port": port, "workers": workers})
    interrupted = False
    try:
        _work(processes, told, say)
    except KeyboardInterrupt:
        interrupted = True
        for each in processes:
            each.stop()
        with suppress(KeyboardInterrupt):
            _work([each for each in processes if each.done is None], told, say, stopped=True)
    finally:
        for each in processes:
            each.end()
    left = [folder / f"{each.name}{LINES}" for each in processes if each.done is None and each.name]
    for file in left:
        mend(file)
    return left, interrupted


def _work(
    processes: Sequence[_Process],
    told: queue.Queue[tuple[_Process, dict[str, Any] | None]],
    say: Say,
    *,
    stopped: bool = False,
) -> None:
    going = set(processes)
    while going:
        teller, message = told.get()
        match message:
            case None:
                going.discard(teller)
                if not teller.name and not stopped:
                    raise SimulatorError("a process of the engine ended before it was ready")
                if teller.done is None and teller.name and not teller.failed:
                    say("killed", {"worker": teller.name, "pid": teller.pid})
            case {"type": "error"} if teller.name:
                # The others go on, and its record is kept.
                teller.failed = True
                say("failed", {"worker": teller.name, "text": message["text"]})
            case {"type": "error"}:
                raise _raised(message)
            case {"type": "plan", "name": name}:
                teller.name = name
                say("plan", message)
            case {"type": "done"}:
                teller.done = message
                say("done", message)
