"""Reports of a run: folds over its event stream, each writing to a text stream handed in."""

from simulator.reports.report import Report, render
from simulator.reports.terminal import TerminalReport

__all__ = ["Report", "TerminalReport", "render"]
