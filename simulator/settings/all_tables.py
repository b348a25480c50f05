"""Every row of every command: what a variable or a key of the file can be at all."""

from __future__ import annotations

from simulator.settings.run_table import RUN
from simulator.settings.table import DEBUG

ALL = (DEBUG, *RUN)
