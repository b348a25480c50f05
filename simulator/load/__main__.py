"""Start one process of the engine: gevent changes the standard library before anything else is imported."""

from gevent import monkey

# Not select: a connection is looked at without waiting, which gevent's own poll makes slow.
monkey.patch_all(select=False)

from simulator.load.engine import main  # noqa: E402  # after the patch, as its whole point is

if __name__ == "__main__":
    main()
