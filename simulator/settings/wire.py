"""The wire profile that a setting names: a shipped one, or a YAML file of one's own."""

from __future__ import annotations

from pathlib import Path

from simulator.core.profiles import WireProfile
from simulator.errors import ConfigurationError, UsageError
from simulator.wire.profiles import profile_named

_SUFFIXES = (".yaml", ".yml")


def wire_profile(named: str) -> WireProfile:
    """Return the bundled profile with that name, or the file's if the name has a folder or ends in .yaml.

    Raises UsageError for an unknown name, ConfigurationError for a file that cannot be used.
    """
    path = Path(named)
    if path.suffix not in _SUFFIXES and path.name == named:
        try:
            return profile_named(named)
        except UsageError as error:
            raise UsageError(f"{error} (a profile of your own is a .yaml file)") from None
    # A run with a shipped profile needs no YAML for it.
    from simulator.scenario.profile_file import load_profile
    from simulator.scenario.yaml import bytes_of, decode

    try:
        text, problems = decode(bytes_of(path), named)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is no file name"
        raise ConfigurationError(f"the wire profile {named} cannot be read: {reason}") from None
    if problems.found:
        raise ConfigurationError(problems.without_source())
    return load_profile(text, named)
