"""Load that is judged: players on Locust's engine, each call recorded, the record judged by the ledger.

The engine runs in processes of its own (`python -m simulator.load`), since gevent changes the standard
library for a whole process: only `__main__`, `engine` and `sessions` import gevent, and nothing imports them.
"""
