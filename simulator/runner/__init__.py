"""The scenario runner: from typed scenarios to exchanges, events and an exit code."""

from simulator.runner.suite import run_scenarios, run_suite, selected

__all__ = ["run_scenarios", "run_suite", "selected"]
