"""Webhooks on the wire: profiles, the bytes of requests, connections, faults, and the sender.

`scenario.profile_file` reads a profile from YAML; `judge.replies` reads replies.
"""
