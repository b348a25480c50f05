"""The baseline of the API: a Flask view that does nothing, on the server that serves the API.

It answers {}, since the server sends an answer without a body in one piece, and any other one in two.
`python -m benchmarks.empty_view` prints its URL and serves until it is stopped.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from simulator.serve.gunicorn import Server, listen
from simulator.settings import ServeSettings


class EmptyServer(Server):
    """The simulator's server with another app."""

    def load(self) -> Any:
        """Return an app with one route."""
        app = Flask("empty", static_folder=None)

        @app.get("/")
        def nothing() -> str:
            return "{}"

        return app

    def say_ready(self, _worker: Any) -> None:
        """Print the URL only."""
        print(self.url, flush=True)


if __name__ == "__main__":
    listener = listen("127.0.0.1", 0)
    EmptyServer(ServeSettings(), listener, f"http://127.0.0.1:{listener.getsockname()[1]}").run()
