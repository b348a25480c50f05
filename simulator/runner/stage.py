"""Who may play at the same time: scenarios share the operator, and one that restarts it has it to itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stage:
    """Any number of scenarios at once, or one alone. Who wants it alone is not kept waiting by newcomers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._playing = 0
        self._taken = False

    @contextmanager
    def hold(self, *, alone: bool) -> Iterator[None]:
        """Play as long as the context lasts."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            if alone:
                self._taken = True
                self._changed.wait_for(lambda: not self._playing)
            self._playing += 1
        try:
            yield
        finally:
            with self._changed:
                self._playing -= 1
                if alone:
                    self._taken = False
                self._changed.notify_all()
