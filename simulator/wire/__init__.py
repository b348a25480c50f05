"""How a webhook stands on the wire: profiles as data, writing a request's bytes, reading them back.

A profile in YAML is read by `wire.yaml_profile`, which is not imported here: a run without one needs no
YAML for it. What a reply means is `reading`'s.
"""
