"""Run the example wallet: within this process for tests and demos, or in the foreground for `operator`."""

import signal
import threading
from types import FrameType, TracebackType

from simulator.reference_operator.app import create_operator
from simulator.reference_operator.dialects.replies import HTTP_1_0
from simulator.reference_operator.http_server import HttpServer
from simulator.reference_operator.operator import Operator
from simulator.reference_operator.settings import DOCUMENTED_IDS, OperatorSettings

WEBHOOK_PATH = "/betrontech_api"


class OperatorServer:
    """An example wallet that listens on a socket: `with OperatorServer(settings) as server: server.endpoint`.

    `port` 0 takes a free one. Raises OSError if it cannot listen, and UnknownName and InvalidSetting for
    settings that do not work.
    """

    def __init__(
        self, settings: OperatorSettings | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        settings = settings or OperatorSettings()
        app = create_operator(settings)
        self.operator: Operator = app.extensions["operator"]
        protocol = "HTTP/1.0" if HTTP_1_0 in settings.dialects else "HTTP/1.1"
        try:
            self.http = HttpServer(app, host, port, protocol)
        except OSError:
            self.operator.close()
            raise
        self.base_url = f"http://{f'[{host}]' if ':' in host else host}:{self.http.port}"
        self.endpoint = self.base_url + WEBHOOK_PATH

    def start(self) -> None:
        self.http.start()

    def stop(self) -> None:
        self.http.stop()
        self.operator.close()

    def __enter__(self) -> "OperatorServer":
        self.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.stop()


def run_operator(server: OperatorServer, settings: OperatorSettings) -> None:
    """Serve until SIGTERM or SIGINT, after printing one line.

    Signal handlers require the main thread.
    """
    stop_requested = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stop_requested.set()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with server:
            print(describe(server, settings), flush=True)
            stop_requested.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def describe(server: OperatorServer, settings: OperatorSettings) -> str:
    """Return the ready line: the address, the players, and the defects and dialects."""
    line = f"example wallet ready on {server.endpoint}"
    if settings.players:
        last = settings.player_start + settings.players - 1
        line += f", players {settings.player_start}..{last}, {' and '.join(DOCUMENTED_IDS)}"
        line += f" with {settings.opening_balance} each"
    switches = [*settings.defects, *settings.dialects]
    return line + (f"; defects and dialects: {', '.join(switches)}" if switches else "")
