"""One wrong wallet asked in four ways for its mistake: `run`, `serve`, and `judge` on the record of each.

What lives here: how a scenario is run, how its webhooks are then sent by hand through a server, and where
each of the four names the first cause. Which scenario shows which defect stands in test_same_cause.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from simulator import OperatorServer
from simulator.cli import main
from simulator.reference_operator import OperatorSettings

NONE = "none"
"""What stands for a cause where nothing wrong was found."""

UNSENDABLE = "cannot be sent by hand"
"""What `serve` says of a webhook that is none: a negative amount, a body that is no JSON."""

SECONDS_MAX = 30
PAUSE_NS = 1_500_000_000
SEED = "1"
AGENT = "same"
MAX_BET = "50000.00"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Causes:
    """The first cause that each of the four names; `served` and what is judged of it may be UNSENDABLE.

    `phase` says where the run found it: "step", "preparation" where no step could be made, or "preflight"
    where no scenario could be run.
    """

    run: str
    served: str
    judged_run: str
    judged_served: str
    phase: str

    @property
    def named(self) -> set[str]:
        """Return every cause that is named, UNSENDABLE left out."""
        return {self.run, self.served, self.judged_run, self.judged_served} - {UNSENDABLE}


@dataclass(frozen=True, slots=True)
class Blocked:
    """A player whose account was blocked, or unblocked, at that moment of the run."""

    at_ns: int
    player: str
    status: int


@dataclass(frozen=True, slots=True)
class Played:
    """What a run did. `seeds` are the players' balances before it prepared them, if that is played too."""

    record: Path
    blocks: list[Blocked]
    seeds: dict[str, str]


class Wallet:
    """An example wallet with one defect on a socket of its own.

    `blocks` are those that it was told of, `seeds` the balances that it was told to make players with.
    """

    def __init__(self, server: OperatorServer) -> None:
        self.endpoint = server.endpoint
        self._laboratory = f"{server.base_url}/_operator"
        self.blocks: list[Blocked] = []
        self.seeds: dict[str, str] = {}
        set_status = server.operator.set_status

        def noted(player: str, status: int) -> object:
            self.blocks.append(Blocked(time.monotonic_ns(), player, status))
            return set_status(player, status)

        seed_player = server.operator.seed_player

        def made(user_id: object, balance: object, *others: Any) -> object:
            self.seeds[str(user_id)] = str(balance)
            return seed_player(user_id, balance, *others)

        server.operator.seed_player = made  # type: ignore[assignment,method-assign]  # to note the balance
        server.operator.set_status = noted  # type: ignore[assignment,method-assign]  # to note when it was

    @property
    def hooks(self) -> list[str]:
        """Return the arguments of `run` that name the hooks of this wallet."""
        return [
            *("--seed-hook", f"{self._laboratory}/players"),
            *("--restart-hook", f"{self._laboratory}/restart"),
            *("--block-hook", f"{self._laboratory}/players/{{user_id}}/block"),
        ]

    def seed(self, player: str, balance: str) -> None:
        """Make a player with that balance."""
        _asked("POST", f"{self._laboratory}/players", {"user_id": player, "balance": balance})

    def take(self, body: str, player: str) -> None:
        """Send a webhook that is not judged, and make its player when it is first named."""
        if player not in self.seeds:
            self.seed(player, "100.00")
        # Some defects answer with HTTP 500, or not at all.
        with suppress(OSError, HTTPException):
            urlopen(Request(self.endpoint, body.encode()), timeout=SECONDS_MAX).close()

    def block(self, blocked: Blocked) -> None:
        """Block, or unblock, as it was done in the run."""
        word = "unblock" if blocked.status else "block"
        _asked("POST", f"{self._laboratory}/players/{blocked.player}/{word}", {})


@contextmanager
def wallet(*defects: str) -> Iterator[Wallet]:
    """Serve a fresh wallet with these defects until the block ends; a defect with chance in it is seeded."""
    settings = OperatorSettings(defects=defects, max_bet=MAX_BET, seed=int(SEED))
    with OperatorServer(settings) as server:
        yield Wallet(server)


def causes_of(defect: str, scenario: str, simulator_url: str, folder: Path) -> Causes:
    """Ask all four. `scenario` is a path as `run` takes it, `simulator_url` a running server's."""
    with wallet(defect) as first:
        report, record = run(first, scenario, folder)
        blocks, seeds = first.blocks, first.seeds
    cause, phase = first_of_run(report)
    with wallet(defect) as second:
        played = Played(record, blocks, seeds if phase == "preparation" else {})
        sent = by_hand(second, played, f"{simulator_url}/_sim")
        export = folder / "served.ndjson"
        _save(f"{simulator_url}/_sim/journal/export.ndjson?agent={AGENT}", export)
        findings = found_by(f"{simulator_url}/_sim")
    return Causes(
        run=cause,
        phase=phase,
        served=first_of_served(findings) if sent else UNSENDABLE,
        judged_run=first_of_judged(judged(record, folder)),
        judged_served=first_of_judged(judged(export, folder)) if sent else UNSENDABLE,
    )


def run(wrong: Wallet, scenario: str, folder: Path) -> tuple[Json, Path]:
    """Run the scenario; return its JSON report and the file of its NDJSON."""
    report, record = folder / "run.json", folder / "run.ndjson"
    arguments = ["run", scenario, "--endpoint", wrong.endpoint, *wrong.hooks, "--seed", SEED, "--quiet"]
    arguments += ["--max-bet", MAX_BET, "--timeout", "2s", "--jobs", "1"]
    main([*arguments, "--report", f"json:{report}", "--report", f"ndjson:{record}"])
    return json.loads(report.read_text("utf-8")), record


def by_hand(wrong: Wallet, played: Played, control: str) -> bool:
    """Send what the run sent from each player's opening on, in its order; False if a webhook is none.

    The calls before go to the wallet directly: some defects count calls, or strike by chance.
    """
    _asked("POST", f"{control}/reset", {})
    _point_agent(control, wrong.endpoint)
    before, lines = _before_and_after_opening(played)
    for line in before:
        wrong.take(line["request"], line["player"])
    ahead = [*played.blocks]
    latest_ns = 0
    for line in lines:
        paused_ns = line.get("sent_ns", 0) - latest_ns if latest_ns else 0
        if paused_ns > PAUSE_NS:
            # The scenario waits, since some wallets forget.
            time.sleep(paused_ns / 1e9)
        latest_ns = line.get("sent_ns", latest_ns)
        while ahead and line["type"] == "exchange" and ahead[0].at_ns < line["sent_ns"]:
            wrong.block(ahead.pop(0))
        if line["type"] == "opening":
            seeded = {line["player"]: line["balance"], **played.seeds}
            wrong.seed(line["player"], seeded[line["player"]])
        webhook = _webhook(line)
        if webhook is None or not _fire(control, webhook, line):
            return False
    return True


def _before_and_after_opening(played: Played) -> tuple[list[Json], list[Json]]:
    """Return the calls of a run up to the first opening, and the openings with the calls after them.

    A run that ended in the preflight has no opening: its calls follow one at the balance that it read first.
    """
    lines = [json.loads(text) for text in played.record.read_text("utf-8").splitlines()]
    told = [line for line in lines if line["type"] in ("opening", "exchange")]
    openings = [number for number, line in enumerate(told) if line["type"] == "opening" and line["scenario"]]
    if not openings:
        calls = [line for line in told if line["type"] == "exchange"]
        return [], [{**calls[0], "type": "opening"}, *calls[1:]]
    after = [line for line in told[openings[0] :] if line["scenario"]]
    if not played.seeds:
        after = [line for line in after if line.get("purpose") != "adjust"]
    before = [line for line in told[: openings[0]] if line["type"] == "exchange"]
    return before, after


def begin(wrong: Wallet, control: str, player: str, balance: str) -> None:
    """Let the agent play against this wallet from scratch, with a player at that balance."""
    _asked("POST", f"{control}/reset", {})
    _point_agent(control, wrong.endpoint)
    wrong.seed(player, balance)
    fire(control, {"method": "user_balance", "user_id": player})


def fire(control: str, webhook: Json, **told: object) -> None:
    """Send one webhook by hand."""
    _asked("POST", f"{control}/webhooks", {"agent": AGENT, "webhook": webhook, **told})


def found_by(control: str) -> list[Json]:
    """Return what the server has found since the last reset."""
    findings: list[Json] = _asked("GET", f"{control}/findings")["findings"]
    return findings


def _webhook(line: Json) -> Json | None:
    """Return the fields of a call, of an opening those of a read; None for what cannot be sent by hand.

    Those are bodies that are no JSON object, and a bet or win without an id: the server adds one.
    """
    if line["type"] == "opening":
        return {"method": "user_balance", "user_id": line["player"]}
    try:
        fields = json.loads(line["request"] or "")
    except ValueError:
        return None
    if not isinstance(fields, dict) or ("amount" in fields and "transaction_id" not in fields):
        return None
    return fields


def _fire(control: str, webhook: Json, line: Json) -> bool:
    """Send one webhook by hand, with what is known of its player; False if it is none to the server."""
    told = {"account": line["account"]} if "account" in line else {}
    told["may_be_refused"] = line.get("form") == "optional"
    try:
        fire(control, webhook, **told)
    except HTTPError as error:
        if error.code == 422:
            return False
        raise
    return True


def _point_agent(control: str, endpoint: str) -> None:
    """Let the server's agent of these tests play against this wallet."""
    known = {agent["code"] for agent in _asked("GET", f"{control}/agents")["agents"]}
    if AGENT in known:
        _asked("PATCH", f"{control}/agents/{AGENT}", {"webhook_url": endpoint})
        return
    account = {"code": AGENT, "token": "same-cause-token", "secret_key": "same-cause-secret"}
    _asked("POST", f"{control}/agents", {**account, "webhook_url": endpoint})


def judged(record: Path, folder: Path) -> Json:
    """Judge a record; return the JSON report, without players where there was nothing to judge."""
    verdicts = folder / "judged.json"
    verdicts.unlink(missing_ok=True)
    main(["judge", str(record), "--report", f"json:{verdicts}"])
    found: Json = json.loads(verdicts.read_text("utf-8")) if verdicts.exists() else {"players": {}}
    return found


def first_of_run(report: Json) -> tuple[str, str]:
    """Return the first cause and the phase that it is of: that of a step, if there is one."""
    found = [each for scenario in report["scenarios"] for each in scenario["findings"]]
    steps = [each for each in found if each.get("phase", "step") == "step"]
    if steps or not found:
        return _first_error(steps or report["findings"]), "step" if steps else "preflight"
    return _first_error(found), found[-1]["phase"]


def first_of_served(findings: list[Json]) -> str:
    """Return the cause that was seen at the earliest exchange."""
    return _first_error(sorted(findings, key=lambda each: int(each["first"])))


def _first_error(findings: list[Json]) -> str:
    """Return the first cause that is an error; another one, with its severity, only where no error is."""
    errors = [each["cause"] for each in findings if each["severity"] == "error"]
    others = [f"{each['severity']}: {each['cause']}" for each in findings]
    return next(iter([*errors, *others]), NONE)


def first_of_judged(document: Json) -> str:
    """Return the cause of the first player whose calls no right wallet explains, or that lack an answer."""
    wrong = [each for each in document["players"].values() if each["cause"]]
    wrong = [each for each in wrong if each["phase"] == "step"] or wrong
    first = min(wrong, key=_line_of, default={"cause": NONE})
    return str(first["cause"])


def _line_of(player: Json) -> int:
    """Return the line that shows what is wrong, or where the player's calls begin."""
    return int(player["line"] or player["place"].rpartition(":")[2])


def _asked(method: str, url: str, body: Json | None = None) -> Json:
    """Return the JSON that a server answers; raises HTTPError for a status other than 2xx."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=SECONDS_MAX) as reply:
        found: Json = json.load(reply)
        return found


def _save(url: str, file: Path) -> None:
    with urlopen(url, timeout=SECONDS_MAX) as reply:
        file.write_bytes(reply.read())
