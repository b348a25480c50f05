"""One process of the engine: Locust runs users, counts them and divides them among workers.

It is started by `simulator.load.launch`, which sends one `Job` to its standard input and reads its messages,
one JSON object a line, from its standard output. When standard input ends, the process ends.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import pickle
import signal
import sys
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from socket import gethostname
from time import monotonic, time
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from gevent.fileobject import FileObject
from gevent.lock import Semaphore
from locust import User, between, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from simulator import __version__
from simulator.core.calls import Call
from simulator.core.findings import Outcome
from simulator.core.secrets import mask_url
from simulator.core.webhooks import NoReply, NoReplyKind, Reply
from simulator.errors import EndpointUnreachable, SimulatorError, UsageError
from simulator.load.plan import FIRST_WORKER, Job, LoadPlan, MixedSession, read_plan, sessions_of
from simulator.load.record import LINES, PART, Recorder
from simulator.load.sessions import Desk, LoadEnded, Schedule, Sessions, UserPlayers
from simulator.run.context import secrets_of, target_of
from simulator.run.players import allow_files
from simulator.settings.load import wire_profile
from simulator.wire.sender import DirectSender

TICK_S = 1.0

FLUSH_S = 0.05

CHUNK_BYTES = 1 << 20
"""How much of a record goes to the master in one message."""

CHUNKS_UNDER_WAY = 4
"""How many such messages are on their way at once."""

STOP_S = 5.0
"""How much longer than one call users may take to end."""

PLAYERS_S = 60.0
"""How long a user waits for its players from the master."""

LOOK_S = 0.1
"""How often it is looked whether a worker has come or gone."""

SILENT_S = 30.0
"""After so long without a message a worker, or the master, counts as lost."""

GONE_S = 3.0
"""How long a worker that was told to end waits for the master to take its summary."""

MASTER_S = 60.0
"""How long a worker tries to reach its master."""

DONE_S = 600.0
"""How long the master waits for the records of workers."""

PLAN, PLAN_WANTED, PLAYERS, PLAYERS_WANTED, CHUNK, CHUNK_TAKEN, DONE, REFUSED = (
    "betrontech-plan", "betrontech-plan-wanted", "betrontech-players", "betrontech-players-wanted",
    "betrontech-chunk", "betrontech-chunk-taken", "betrontech-done", "betrontech-refused",
)  # fmt: skip


def main() -> None:
    """Do the job on standard input until it is done, or standard input ends."""
    size = int.from_bytes(sys.stdin.buffer.read(8))
    job: Job = pickle.loads(sys.stdin.buffer.read(size))
    # The parent process decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("locust").setLevel(logging.CRITICAL)
    code = 0
    try:
        roles: dict[str, Callable[[Job], None]] = {"local": _local, "master": _master, "worker": _worker}
        roles[job.role](job)
    except SimulatorError as error:
        tell("error", text=str(error), code=int(error.exit_code))
        code = int(error.exit_code)
    sys.stdout.flush()
    # Greenlets of Locust and its sockets are left behind: there is nothing more to be done for them.
    os._exit(code)


def tell(kind: str, **said: object) -> None:
    """Write one message to the parent process."""
    sys.stdout.write(json.dumps({"type": kind, **said}) + "\n")
    sys.stdout.flush()


def _when_told(stop: Event) -> None:
    """Set the event once the parent process closes standard input, or has ended."""

    def watch() -> None:
        FileObject(sys.stdin.fileno(), "rb", close=False).read()
        stop.set()

    gevent.spawn(watch)


# --- what a worker does ---------------------------------------------------------------------------


class Work:
    """The users of one process, and what they share."""

    def __init__(
        self, job: Job, plan: LoadPlan, environment: Environment, name: str, workers: int = 1
    ) -> None:
        settings, profile = job.settings, wire_profile(job.settings.wire)
        # Each user has a connection.
        allow_files(plan.users)
        self.plan = plan
        self.mix: list[MixedSession] = sessions_of(plan)
        self.ended = Event()
        self.stopped = Event()
        self.name = name
        self.recorder = Recorder(job.folder, name)
        self.sender = DirectSender(target_of(settings))
        rate = None if plan.rate is None else plan.rate / workers
        self.schedule = Schedule(rate, plan.ramp_s, self.ended)
        self.calls = self.errors = 0
        self.without_players = 0
        self.failure: SimulatorError | None = None
        self._environment = environment
        secrets = secrets_of(settings, profile)
        self.desk = Desk(
            settings, profile, secrets, self.sender, self.recorder, self.schedule, self.ended, self._observe
        )
        gevent.spawn(self._flush)
        environment.events.test_start.add_listener(lambda **_: self.schedule.start())
        environment.events.test_stopping.add_listener(lambda **_: self.ended.set())
        environment.events.test_stop.add_listener(lambda **_: self.stopped.set())
        environment.stop_timeout = 2 * settings.timeout_s + STOP_S

    def fail(self, error: SimulatorError) -> None:
        """End the load: a call could not be recorded."""
        self.failure = self.failure or error
        self.ended.set()

    def summary(self) -> dict[str, object]:
        """Return what the worker did: call it when its users have ended. Raises what ended the load."""
        if self.failure is not None:
            raise self.failure
        self.recorder.close()
        self.sender.close()
        return {
            "worker": self.name,
            "sent": self.sender.sent,
            "recorded": self.recorder.recorded,
            "late": self.schedule.late,
            "late_ms_max": round(self.schedule.late_s_max * 1000),
            "without_players": self.without_players,
        }

    def _flush(self) -> None:
        """Write what was recorded last, so that a quiet load is on disk as well."""
        while self.failure is None and not self.stopped.wait(FLUSH_S):
            try:
                self.recorder.flush()
            except SimulatorError as error:
                self.fail(error)

    def _observe(self, call: Call) -> None:
        """Count a call for Locust's statistics."""
        exchange, reply, request = call.exchange, call.exchange.reply, call.exchange.request
        self.calls += 1
        failure = failure_of(call)
        if failure:
            self.errors += 1
        self._environment.events.request.fire(
            request_type="POST",
            name=request.method.noun if request is not None else "other",
            response_time=(exchange.latency_ns or 0) / 1e6,
            response_length=len(reply.body) if isinstance(reply, Reply) else 0,
            exception=failure or None,
            context={},
            response=None,
            start_time=time(),
            url=None,
        )


def failure_of(call: Call) -> str:
    """Return why a call counts as an error: it got no answer, or one that leaves open what happened."""
    reply = call.exchange.reply
    if isinstance(reply, NoReply):
        return "" if reply.kind is NoReplyKind.INJECTED else reply.detail
    return f"HTTP {reply.status}, outcome unclear" if call.outcome is Outcome.UNKNOWN else ""


def user_class(work: Work, players: Callable[[], UserPlayers | None]) -> type[User]:
    """Return the class of Locust's users that plays sessions for the players that it is given."""

    class Player(User):
        """One user: it takes its players, plays sessions, and reads its balances at the end."""

        wait_time = between(*work.plan.think_s)

        def on_start(self) -> None:
            taken = players()
            if taken is None:
                work.without_players += 1
                raise StopUser
            self._sessions = Sessions(work.plan, work.mix, work.desk, taken)

        @task
        def play(self) -> None:
            try:
                self._sessions.play()
            except LoadEnded:
                raise StopUser from None
            except SimulatorError as error:
                work.fail(error)
                raise StopUser from None

        def on_stop(self) -> None:
            if hasattr(self, "_sessions") and work.failure is None:
                self._sessions.read_balances()

    return Player


# --- who plays for whom ---------------------------------------------------------------------------


class PlayerPool:
    """Gives out the players of a plan. A player stays on the worker that got it first."""

    def __init__(self, plan: LoadPlan, workers: int) -> None:
        self._plan = plan
        self._number = 0
        self._free = deque(plan.players)
        self._shares: dict[str, deque[str]] = {}
        self._workers = workers

    def next_for(self, worker: str) -> dict[str, Any] | None:
        """Return the next user's number and players with their balances; None if no player is left."""
        needed = self._plan.players_of_user
        if self._plan.share:
            mine = self._share_of(worker)
            if len(mine) < needed:
                return None
            taken = [mine[place] for place in range(needed)]
            mine.rotate(-needed)
        elif len(self._free) < needed:
            return None
        else:
            taken = [self._free.popleft() for _ in range(needed)]
        self._number += 1
        balances = self._plan.balances
        return {"number": self._number, "balances": {player: balances[player] for player in taken}}

    def _share_of(self, worker: str) -> deque[str]:
        if worker not in self._shares:
            place = len(self._shares)
            self._shares[worker] = deque(self._plan.players[place :: self._workers])
        return self._shares[worker]


# --- one process that does all --------------------------------------------------------------------


def _local(job: Job) -> None:
    plan = job.plan
    assert plan is not None
    environment = Environment()
    work = Work(job, plan, environment, FIRST_WORKER)
    pool = PlayerPool(plan, 1)

    def players() -> UserPlayers | None:
        given = pool.next_for(FIRST_WORKER)
        return None if given is None else UserPlayers(given["number"], given["balances"])

    environment.user_classes = [user_class(work, players)]
    runner = environment.create_local_runner()
    _web(job, environment)
    stop = Event()
    _when_told(stop)
    _run(runner, plan, environment, stop, lambda: work.failure is not None)
    tell("done", workers=[work.summary()])


def _run(
    runner: Any,
    plan: LoadPlan,
    environment: Environment,
    stop: Event,
    failed: Callable[[], bool] = lambda: False,
) -> None:
    """Start the users, tell how it goes every second, and stop them when the time is over."""
    # What has been imported stays, and need not be looked at again and again.
    gc.collect()
    gc.freeze()
    tell("started")
    ends = monotonic() + plan.seconds
    # A master returns from this only once all users have started.
    gevent.spawn(runner.start, plan.users, plan.users / plan.ramp_s if plan.ramp_s else plan.users)
    while (left := ends - monotonic()) > 0 and not stop.wait(min(TICK_S, left)):
        total = environment.stats.total
        tell(
            "tick",
            users=runner.user_count,
            calls=total.num_requests,
            errors=total.num_failures,
            calls_per_s=round(total.current_rps or total.total_rps),
            p95_ms=round(total.get_current_response_time_percentile(0.95) or 0),
        )
        if isinstance(runner, MasterRunner) and not runner.worker_count:
            break
        if failed():
            break
    runner.stop()


def _web(job: Job, environment: Environment) -> None:
    if job.web is not None:
        environment.create_web_ui(*job.web)


# --- a master -------------------------------------------------------------------------------------


class LoadMaster:
    """The master's side of what workers ask for: the plan, players, room for their records."""

    def __init__(self, job: Job, runner: MasterRunner) -> None:
        assert job.plan is not None
        self._job = job
        self._plan = job.plan
        self._runner = runner
        self._pool = PlayerPool(job.plan, job.workers)
        self.names: dict[str, str] = {}
        self.hosts: dict[str, str] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.heard_s: dict[str, float] = {}
        for message, listener in (
            (PLAN_WANTED, self._plan_wanted),
            (PLAYERS_WANTED, self._players_wanted),
            (CHUNK, self._chunk),
            (DONE, self._done),
            (REFUSED, self._refused),
        ):
            runner.register_message(message, listener)

    def all_here(self) -> bool:
        """Return whether each worker has its plan, and Locust knows it."""
        return len(self.names) >= self._job.workers and self._runner.worker_count >= self._job.workers

    def lost(self, client: str) -> bool:
        """Return whether a worker gave no sign of life, or went without its summary."""
        node = self._runner.clients.get(client)
        if node is not None and node.state == STATE_MISSING:
            return True
        return node is None and monotonic() - self.heard_s[client] > SILENT_S

    def remove_parts(self) -> None:
        """Remove records that did not come whole: their workers still have them."""
        for client in self.names:
            self._handed_over(client).unlink(missing_ok=True)

    def _handed_over(self, client: str) -> Path:
        """Return where the record of a worker elsewhere is gathered until all of it is here."""
        return self._job.folder / f"{self.names[client]}{PART}"

    def _plan_wanted(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        client, said = msg.node_id, msg.data
        wrong = _misfit(said, self._plan)
        if not wrong and client not in self.names and len(self.names) >= self._job.workers:
            wrong = f"the master waits for {self._job.workers} workers (--workers), and has them all"
        if wrong:
            self._runner.send_message(REFUSED, {"text": wrong}, client)
            return
        name = self.names.setdefault(client, f"worker-{len(self.names) + 1}")
        self.hosts[client] = said["host"]
        self.heard_s[client] = monotonic()
        plan = {"plan": self._plan.text(), "name": name, "workers": self._job.workers}
        self._runner.send_message(PLAN, plan, client)
        tell("worker", name=name, host=said["host"], here=len(self.names), of=self._job.workers)

    def _players_wanted(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        players = self._pool.next_for(msg.node_id)
        self._runner.send_message(PLAYERS, {"user": msg.data["user"], "players": players}, msg.node_id)

    def _chunk(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        self.heard_s[msg.node_id] = monotonic()
        with self._handed_over(msg.node_id).open("ab") as file:
            file.write(zlib.decompress(msg.data["bytes"]))
        self._runner.send_message(CHUNK_TAKEN, None, msg.node_id)

    def _done(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        self.summaries[msg.node_id] = msg.data
        handed_over = self._handed_over(msg.node_id)
        if handed_over.exists():
            handed_over.rename(handed_over.with_suffix(LINES))
        self._runner.send_message(DONE, None, msg.node_id)

    def _refused(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        self.names.pop(msg.node_id, None)
        tell("refused", host=msg.data["host"], text=msg.data["text"])


def _misfit(said: dict[str, Any], plan: LoadPlan) -> str:
    """Return why a worker cannot take part, or nothing."""
    if said["version"] != plan.version:
        return f"the master is version {plan.version}, this worker {said['version']}"
    if said["endpoint"] != plan.endpoint:
        return f"the master loads {plan.endpoint}, this worker was given {said['endpoint']}"
    return ""


def _master(job: Job) -> None:
    plan = job.plan
    assert plan is not None
    environment = Environment(user_classes=[_of_workers()])
    environment.stop_timeout = 2 * job.settings.timeout_s + STOP_S
    stop = Event()
    _when_told(stop)
    runner = environment.create_master_runner(job.host, job.port)
    master = LoadMaster(job, runner)
    _web(job, environment)
    tell("ready", port=runner.server.port)
    while not master.all_here():
        if stop.wait(LOOK_S):
            tell("done", workers=[])
            return
    _run(runner, plan, environment, stop)
    until = monotonic() + DONE_S
    while monotonic() < until and any(
        client not in master.summaries and not master.lost(client) for client in master.names
    ):
        gevent.sleep(LOOK_S)
    master.remove_parts()
    workers = [
        {"worker": name, "host": master.hosts[client], **(master.summaries.get(client) or {"lost": True})}
        for client, name in master.names.items()
    ]
    tell("done", workers=workers)
    # What was sent last to workers is still on its way.
    gevent.sleep(LOOK_S)


def _of_workers() -> type[User]:
    """Return the class that stands on the master for the users of its workers."""

    class Player(User):
        wait_time = between(0, 0)

        @task
        def play(self) -> None:
            raise AssertionError("a master has no users")

    return Player


# --- a worker -------------------------------------------------------------------------------------


class LoadWorker:
    """The worker's side: it asks for its plan, for its users' players, and hands over its record."""

    def __init__(self, job: Job, runner: WorkerRunner, environment: Environment) -> None:
        self._job = job
        self._runner = runner
        self._environment = environment
        self._pool: dict[int, AsyncResult] = {}
        self._asked = 0
        self._taken = Semaphore(CHUNKS_UNDER_WAY)
        self.acknowledged = Event()
        self.work: Work | None = None
        self.refused: AsyncResult = AsyncResult()
        for message, listener in (
            (PLAN, self._plan),
            (REFUSED, self._refused),
            (PLAYERS, self._players_given),
            (CHUNK_TAKEN, lambda **_: self._taken.release()),
            (DONE, lambda **_: self.acknowledged.set()),
        ):
            runner.register_message(message, listener)
        endpoint = mask_url(job.settings.endpoint)
        hello = {"version": __version__, "endpoint": endpoint, "host": gethostname()}
        runner.send_message(PLAN_WANTED, hello)

    def hand_over(self) -> None:
        """Send the record to the master. Raises SimulatorError if the master takes it no more."""
        assert self.work is not None
        with self.work.recorder.file.open("rb") as file:
            while block := file.read(CHUNK_BYTES):
                if not self._taken.acquire(timeout=SILENT_S):
                    raise SimulatorError("the master does not take its record any more")
                self._runner.send_message(CHUNK, {"bytes": zlib.compress(block, 1)})

    def players(self) -> UserPlayers | None:
        """Ask the master for the players of one more user."""
        self._asked += 1
        asked = self._pool[self._asked] = AsyncResult()
        self._runner.send_message(PLAYERS_WANTED, {"user": self._asked})
        try:
            given = asked.get(timeout=PLAYERS_S)
        except gevent.Timeout:
            return None
        return None if given is None else UserPlayers(int(given["number"]), given["balances"])

    def _plan(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        try:
            plan = read_plan(msg.data["plan"])
            self.work = Work(self._job, plan, self._environment, msg.data["name"], msg.data["workers"])
        except SimulatorError as error:
            self._runner.send_message(REFUSED, {"host": gethostname(), "text": str(error)})
            self.refused.set(str(error))
            return
        self._environment.user_classes[:] = [user_class(self.work, self.players)]
        tell("plan", name=msg.data["name"], file=str(self.work.recorder.file), users=plan.users)

    def _refused(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        self.refused.set(msg.data["text"])

    def _players_given(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002  # Locust's
        self._pool.pop(msg.data["user"]).set(msg.data["players"])


def _connected(job: Job, environment: Environment, stop: Event) -> WorkerRunner | None:
    """Return the worker's end of a connection to the master; None if the load was ended before.

    Raises EndpointUnreachable.
    """
    connecting = gevent.spawn(environment.create_worker_runner, job.host, job.port)
    until = monotonic() + MASTER_S
    while not connecting.ready():
        if stop.wait(LOOK_S):
            return None
        if monotonic() > until:
            raise EndpointUnreachable(
                f"no master answers at {job.host}:{job.port}; is it started (load --master), and does the "
                "network let its port through?"
            )
    runner: WorkerRunner = connecting.get()
    return runner


def _worker(job: Job) -> None:
    environment = Environment()
    stop = Event()
    _when_told(stop)
    runner = _connected(job, environment, stop)
    if runner is None:
        return
    worker = LoadWorker(job, runner, environment)
    while worker.work is None or not worker.work.stopped.is_set():
        if worker.refused.ready():
            raise UsageError(f"the master refused this worker: {worker.refused.get()}")
        if stop.wait(LOOK_S) or (worker.work is not None and worker.work.failure is not None):
            break
    if worker.work is None:
        return
    if not worker.work.stopped.is_set():
        runner.stop()
    summary = worker.work.summary()
    if job.hands_over:
        worker.hand_over()
    runner.send_message(DONE, summary)
    # Whoever told it to end may have ended the master as well.
    worker.acknowledged.wait(GONE_S if stop.is_set() else SILENT_S)
    tell("done", workers=[summary])
