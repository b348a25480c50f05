"""Every row of every command: what a variable or a key of the file can be at all."""

from __future__ import annotations

from simulator.settings.run_table import RUN
from simulator.settings.serve_table import SERVE
from simulator.settings.table import DEBUG

ALL = tuple(dict.fromkeys((DEBUG, *RUN, *SERVE)))
"""Each row once, though commands share some."""
