"""Waiting until an endpoint answers: for operators that start at the same time as we do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from simulator.core.webhooks import NoReply, Reply, WireRequest
from simulator.delivery.sender import Sender
from simulator.delivery.target import Target
from simulator.errors import EndpointUnreachable

# A GET is no webhook, so it moves nothing; that it is answered at all is what counts.
KNOCK = WireRequest(b"", content_type="", http_method="GET")
ONE_KNOCK_S = 2.0
PAUSE_S = 0.1
PAUSE_MAX_S = 1.0
# What stands before an operator answers so while it starts.
NOT_YET = frozenset({502, 503, 504})


def wait_for(
    reach: Callable[[], Target], seconds: float, *, pause: Callable[[float], None] = time.sleep
) -> Target:
    """Ask again and again until the endpoint answers anything but "not yet", at most `seconds`.

    `reach` makes the target (`guard.make_target`): its name may not resolve yet either. With 0 seconds
    nothing is asked. Raises EndpointUnreachable with the last reason, and what `reach` raises besides.
    """
    if seconds <= 0:
        return reach()
    end = monotonic() + seconds
    between_s = PAUSE_S
    while True:
        try:
            target = reach()
            reason = _why_not_yet(target, end)
        except EndpointUnreachable as unreachable:
            reason = str(unreachable)
        else:
            if not reason:
                return target
            reason = f"endpoint {target.url}: {reason}"
        left = end - monotonic()
        if left <= 0:
            raise EndpointUnreachable(f"{reason}\nwaited {seconds:g} s for it")
        pause(min(between_s, left))
        between_s = min(between_s * 1.5, PAUSE_MAX_S)


def _why_not_yet(target: Target, end: float) -> str:
    bound_s = max(PAUSE_S, min(ONE_KNOCK_S, target.timeout_s, end - monotonic()))
    with Sender(replace(target, timeout_s=bound_s, connect_timeout_s=bound_s)) as sender:
        match sender.call(None, KNOCK).reply:
            case NoReply(detail=detail):
                return detail
            case Reply(status=status):
                return f"HTTP {status}" if status in NOT_YET else ""
