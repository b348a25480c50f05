"""The catalogue drawn in a process of its own, while the server imports its parts.

To invent names takes half as long as to import Flask; where there are two cores, neither waits for the other.
"""

from __future__ import annotations

import marshal
import os

from simulator.core.catalogue import Catalogue, catalogue_of, draw_names, make_catalogue


class CatalogueAhead:
    """A catalogue under way from the moment this is made, until it is asked for.

    The process that draws it is a child of this one, to be waited for like any other.
    """

    def __init__(self, seed: int, games: int) -> None:
        self._seed = seed
        self._games = games
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            # Nothing of the parent's is flushed or cleaned up here.
            try:
                os.close(read_end)
                with os.fdopen(write_end, "wb") as pipe:
                    marshal.dump(draw_names(seed, games), pipe)
            finally:
                os._exit(0)
        os.close(write_end)
        self._pipe = os.fdopen(read_end, "rb")

    def catalogue(self) -> Catalogue:
        """The catalogue; drawn here and now where it came to nothing, or was fetched before."""
        try:
            return catalogue_of(*marshal.loads(self._pipe.read()))
        except (EOFError, ValueError, TypeError):
            return make_catalogue(self._seed, self._games)
