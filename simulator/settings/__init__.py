"""Settings: one table of rows drives flags, environment variables, the configuration file, help and docs.

`table` declares each setting once, `kinds` how a text is read. `file` reads the configuration file; `load`,
the only reader of the environment, puts the layers together: flag over environment over file over default.
"""

from simulator.settings.kinds import (
    AgentSettings,
    Color,
    CommandHook,
    Hook,
    HttpHook,
    LadderName,
    Probe,
    ReportKind,
    ReportTarget,
    Shard,
)
from simulator.settings.load import load_run_settings, load_serve_settings, load_values
from simulator.settings.table import RunSettings, ServeSettings

__all__ = [
    "AgentSettings",
    "Color",
    "CommandHook",
    "Hook",
    "HttpHook",
    "LadderName",
    "Probe",
    "ReportKind",
    "ReportTarget",
    "RunSettings",
    "ServeSettings",
    "Shard",
    "load_run_settings",
    "load_serve_settings",
    "load_values",
]
