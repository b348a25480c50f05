"""Benchmarks, each beside its baseline; see `__main__`. None of them is a test."""
