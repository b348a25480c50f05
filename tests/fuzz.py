"""Feed mutated input of all kinds: it ends with a verdict or a sentence, never with a traceback or a hang.

`python fuzz.py INPUTS [SEED [KIND]...]` makes that many inputs of each kind; `make fuzz` runs it. An input
that fails is kept in a file, whose name is printed.
"""

from __future__ import annotations

import io
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import FrameType

from scripted_server import Peer, ScriptedServer, reply
from served import serving as served
from simulator.cli import main as betrontech_sim
from simulator.errors import ExitCode, SimulatorError
from simulator.scenario.files import bundled_suite
from simulator.settings.load import load_run_settings, load_serve_settings
from small_wallet import SmallWallet, serving

INPUTS = 20_000
HANG_S = 30.0
FAILURES_MAX = 20
REPOSITORY = Path(__file__).parent.parent

HISTORY = """\
{"type":"opening","player":"p1","balance":"100.00"}
{"type":"exchange","player":"p1","method":"transaction_bet","transaction_id":"b1","amount":"10.00",\
"game_id":"G","sent_ns":1,"answered_ns":9,"outcome":"accepted","balance":"90.00"}
{"type":"exchange","player":"p1","method":"transaction_win","transaction_id":"w1","amount":"5.00",\
"game_id":"G","sent_ns":3,"answered_ns":12,"outcome":"unknown","balance":null}
{"type":"exchange","player":"p1","method":"refund","transaction_id":"b1","amount":"10.00",\
"game_id":"G","sent_ns":13,"answered_ns":19,"outcome":"accepted","balance":"105.00"}
{"type":"exchange","player":"p1","method":"user_balance","sent_ns":20,"answered_ns":21,"outcome":"accepted",\
"balance":"105.00"}
"""

LAUNCH = "agent_code=demo&agent_token=demo-secret&game_id=SLOT_001&type=DEMO&lang=en&user_id=1&user_name=x"
BY_HAND = b'{"webhook":{"method":"user_balance","user_id":"1000"}}'
JSON = "Content-Type: application/json"


def request(line: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of a request to the simulator."""
    lines = [f"{line} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


HEALTH = request("GET /healthz")
REQUESTS = (
    HEALTH,
    request("POST /api/auth/authentication", b"", "Authorization: Bearer ZGVtby10b2tlbjpkZW1vLXNlY3JldA=="),
    request(f"GET /api/games/game_launch?{LAUNCH}", b"", "Authorization: Bearer a.b.c"),
    request("GET /api/games/all_games?lang=en&page=1&per_page=10"),
    request("POST /_sim/webhooks", BY_HAND, JSON),
    request("POST /_sim/clock/advance", b'{"by_ms":1000}', JSON),
    request("GET /_sim/journal?outcome=accepted&limit=5&since=0"),
    request("GET /_sim/journal/export.ndjson"),
    request("GET /play/demo.token/", b"", "Accept: text/html"),
    request("POST /play/demo.token/spin", b'{"stake":"1.00"}', JSON, "X-Play: 1"),
    request("POST /_sim/faults", b'{"path":"/api/games/*","status":500}', JSON),
    request("GET /?q=a&page=2", b"", "Cookie: a=b"),
    b"POST /_sim/faults HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
)

REPLIES = (
    reply(b'{"status":1,"balance":"100.00"}'),
    reply(b'{"status":0,"error":"INSUFFICIENT_FUNDS","balance":"100.00"}'),
    reply(b'{"status":1,"balance":100.0,"currency":"BRL","user_id":"1000"}'),
    reply(b"<html><body>502 Bad Gateway</body></html>", "502 Bad Gateway", "Retry-After: 1"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n"
    b'{"status":1,"balance":"100.00"}\r\n0\r\n\r\n',
)

SCENARIO = "steps:\n- bet: 1.00\n- win: 2.00\n"

WORDS = tuple(
    word.encode("utf-8", "surrogatepass")
    for word in (
        *(
            "",
            "0",
            "-1",
            "1e999",
            "NaN",
            "-0",
            "99999999999999999999999999",
            "1.005",
            "0x10",
            "1_000",
            "null",
        ),
        *(
            "true",
            "{}",
            "[]",
            '""',
            "'",
            '"',
            "\\",
            "\\u0000",
            "\\ud800",
            "\ud800",
            "\x00",
            "\x1b[2J",
            "\u202e",
        ),
        *(
            "\ufeff",
            "\u2028",
            "💥",
            "&a [*a, *a]",
            "*a",
            "<<: *a",
            "!!python/object:os.system",
            "${x}",
            "${",
            "%s",
        ),
        *(
            "[" * 200,
            "{" * 200,
            "a" * 5000,
            "- " * 300,
            "? ",
            ": ",
            "---\n",
            "\t",
            "\r\n",
            "\n\n",
            "#",
            "|\n",
            ">-",
        ),
        *("../../etc/passwd", "use: x.yaml", "cases:", "steps:", "players:", "parallel:", "repeat: 100"),
        *(
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "HTTP/9.9",
            "Host:",
            "\r\n\r\n",
            "%00",
            "%ff",
            "?a=1&a=2",
        ),
    )
)


class Hang(BaseException):
    """Raised for an input that takes too long."""


def mutated(chosen: random.Random, corpus: Sequence[bytes]) -> bytes:
    """An input of the corpus with a few changes."""
    data = bytearray(chosen.choice(corpus))
    for _ in range(chosen.choice((1, 1, 2, 3, 6))):
        start = chosen.randint(0, len(data))
        end = min(len(data), start + chosen.choice((1, 1, 2, 4, 8, 30, 200)))
        match chosen.randrange(7):
            case 0:
                data[start:end] = b""
            case 1:
                data[start:start] = chosen.choice(WORDS)
            case 2:
                data[start:end] = chosen.choice(WORDS)
            case 3:
                data[start:start] = data[start:end] * chosen.choice((1, 2, 50))
            case 4:
                data[start:end] = chosen.randbytes(end - start)
            case 5:
                other = chosen.choice(corpus)
                place = chosen.randint(0, len(other))
                data[start:end] = other[place : place + chosen.choice((5, 50, 500))]
            case _:
                lines = data.splitlines(keepends=True)
                chosen.shuffle(lines)
                data = bytearray(b"".join(lines)) if chosen.random() < 1 / 4 else data
    return bytes(data)


# --- kinds ----------------------------------------------------------------------------------------
# Each takes one input and returns what came of it, as a word to count. What it must not do, it raises.

Kind = Callable[[bytes], str]


def command(*arguments: str) -> str:
    """What a command line ends with: its exit code, which is never that of a bug."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        code = ExitCode(betrontech_sim(arguments))
    assert code is not ExitCode.INTERNAL, output.getvalue()
    assert "Traceback" not in output.getvalue(), output.getvalue()
    return f"exit {code}"


def of_file(name: str, *arguments: str) -> Kind:
    """A command that reads the input from a file of this name."""

    def feed(data: bytes) -> str:
        Path(name).write_bytes(data)
        return command(*arguments)

    return feed


def configuration(data: bytes) -> str:
    """Only read, since its hooks are commands."""
    Path("fuzz.yaml").write_bytes(data)
    words = []
    for load in (lambda flags: load_run_settings(flags, ()), load_serve_settings):
        try:
            load({"config": "fuzz.yaml"})
            words.append("taken")
        except SimulatorError:
            words.append("refused")
    return " ".join(words)


@contextmanager
def scenarios() -> Iterator[Kind]:
    """`check --show`, which plays each scenario against the law."""
    yield of_file("fuzz.yaml", "check", "--show", "fuzz.yaml")


@contextmanager
def histories() -> Iterator[Kind]:
    """`judge`, in this process."""
    yield of_file("fuzz.ndjson", "judge", "--processes", "1", "fuzz.ndjson")


@contextmanager
def profiles() -> Iterator[Kind]:
    """`run` with the profile, against a wallet that may understand it."""
    Path("green.yaml").write_text(SCENARIO, "utf-8")
    with serving(SmallWallet()) as endpoint:
        target = ("--endpoint", endpoint, "--player", "1000", "--timeout", "2s")
        yield of_file("wire.yaml", "run", "green.yaml", *target, "--wire", "./wire.yaml")


@contextmanager
def configurations() -> Iterator[Kind]:
    """The settings of `run` and of `serve`."""
    yield configuration


@contextmanager
def replies() -> Iterator[Kind]:
    """`run` against a wallet that answers every call with the input, and then closes."""
    Path("green.yaml").write_text(SCENARIO, "utf-8")
    answer = b""

    def script(peer: Peer) -> None:
        if peer.request():
            peer.send(answer)

    def feed(data: bytes) -> str:
        nonlocal answer
        answer = data
        target = ("--endpoint", server.url(), "--player", "1000", "--timeout", "100ms")
        # A page takes longer than all other reports together.
        kinds = ("json", "junit", "markdown", "ndjson", *(["html"] if len(data) % 8 == 0 else []))
        reports = (f"--report={kind}:out.{kind}" for kind in kinds)
        return command("run", "green.yaml", *target, *reports)

    with ScriptedServer(script) as server:
        yield feed


@contextmanager
def requests() -> Iterator[Kind]:
    """Bytes to a server that runs: an answer that is no bug, or a closed connection."""
    with served(Path.cwd()) as server:

        def feed(data: bytes) -> str:
            answer = answered(server.port, data)
            assert not answer.startswith(b"HTTP/1.1 500"), answer
            return answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "no answer"

        yield feed
        assert b" 200 " in answered(server.port, HEALTH)
        log = server.log.read_text("utf-8")
        assert "Traceback" not in log, log[-5000:]


def answered(port: int, data: bytes) -> bytes:
    """What a server answers to these bytes, after which nothing comes."""
    with socket.create_connection(("127.0.0.1", port), HANG_S) as sock:
        with suppress(OSError):
            # It may have answered and closed before it has read all.
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            return sock.recv(65_536)
    return b""


def corpora() -> dict[str, tuple[Callable[[], object], list[bytes]]]:
    """The kinds by name, each with what its inputs are made of."""
    suite = [file.read_bytes() for file in sorted(bundled_suite().rglob("*.yaml"))]
    guide = (REPOSITORY / "docs/wire-profiles.md").read_text("utf-8")
    blocks = [part.split("```")[0].encode() for part in guide.split("```yaml\n")[1:]]
    starter = [file.read_bytes() for file in sorted((REPOSITORY / "simulator").rglob("betrontech-sim.yaml"))]
    return {
        "scenarios": (scenarios, suite),
        "histories": (histories, [HISTORY.encode()]),
        "profiles": (profiles, blocks),
        "configurations": (configurations, starter),
        "replies": (replies, list(REPLIES)),
        "requests": (requests, list(REQUESTS)),
    }


# --- the campaign ---------------------------------------------------------------------------------


def _hang(_number: int, _frame: FrameType | None) -> None:
    raise Hang


def campaign(name: str, inputs: int, seed: int, kept: Path) -> tuple[Counter[str], list[str]]:
    """Feed so many inputs of one kind; return what came of them, and what must not have."""
    opened, corpus = corpora()[name]
    assert corpus, name
    chosen, counts, failures = random.Random(f"{name} {seed}"), Counter[str](), list[str]()
    with opened() as feed:  # type: ignore[attr-defined]  # each is a context manager
        for number in range(inputs):
            data = mutated(chosen, corpus)
            signal.setitimer(signal.ITIMER_REAL, HANG_S)
            try:
                counts[feed(data)] += 1
            except (Exception, Hang) as error:
                file = kept / f"{name}-{seed}-{number}"
                file.write_bytes(data)
                failures.append(f"{file}: {type(error).__name__} {str(error)[-1500:]}")
                if len(failures) >= FAILURES_MAX:
                    break
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    return counts, failures


def main(inputs: str = str(INPUTS), seed: str = "1", *names: str) -> int:
    """Feed inputs of all kinds, print the counts, and return 1 if one of them was not taken or refused."""
    signal.signal(signal.SIGALRM, _hang)
    kept = Path(tempfile.mkdtemp(prefix="fuzz-"))
    failed = False
    for name in names or corpora():
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            counts, failures = campaign(name, int(inputs), int(seed), kept)
            os.chdir(kept)
        told = ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items()))
        print(f"{name}: {told} ({time.monotonic() - begun:.0f} s)", flush=True)
        for failure in failures:
            print(f"  {failure}", flush=True)
        failed |= bool(failures)
    if not failed:
        kept.rmdir()
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
