"""Settings: one table of rows drives flags, environment variables, the configuration file, help and docs.

`table` holds the rows, `values` the frozen dataclasses, `kinds` how a text is read, `environment` the only
reader of the environment, `load` puts the layers together: flag over environment over file over default.
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
    RunSettings,
    ServeSettings,
)
from simulator.settings.load import load_run_settings, load_serve_settings, load_values

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
    "load_run_settings",
    "load_serve_settings",
    "load_values",
]
