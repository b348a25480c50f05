"""How a webhook stands on the wire: profiles as data, writing a request's bytes, reading them back.

A profile in YAML is read by `wire.yaml_profile`, which is not imported here: a run without one needs no
YAML for it. What a reply means is `reading`'s.
"""

from simulator.core.wire.profile import MoneyForm, ReplyFields, Source, WireField, WireProfile
from simulator.core.wire.reading_back import read_request
from simulator.core.wire.shipped import BETRONTECH, DRAKON, PROFILES, profile_named
from simulator.core.wire.speaking import spoken
from simulator.core.wire.writing import OpenRound, write

__all__ = [
    "BETRONTECH",
    "DRAKON",
    "PROFILES",
    "MoneyForm",
    "OpenRound",
    "ReplyFields",
    "Source",
    "WireField",
    "WireProfile",
    "profile_named",
    "read_request",
    "spoken",
    "write",
]
