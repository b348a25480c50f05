"""Decide whether some order of concurrent calls explains their answers. `check` is the entry; the law of
money is in `simulator.law`.
"""
