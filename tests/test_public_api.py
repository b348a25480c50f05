"""What Python programs may import, and that it is enough to run the suite in one's own tests."""

from __future__ import annotations

import pytest

import simulator


@pytest.mark.parametrize("name", simulator.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """`from simulator import NAME` works for each name of __all__."""
    assert getattr(simulator, name) is not None


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = simulator.no_such_name


def test_a_wallet_can_be_judged_from_python() -> None:
    """The example of docs/python.md: run some scenarios against an operator in this process."""
    from simulator import ExitCode, HttpHook, OperatorServer, RunSettings, run_suite

    with OperatorServer() as operator:
        settings = RunSettings(
            endpoint=operator.endpoint,
            seed_hook=HttpHook(f"{operator.base_url}/_operator/players"),
            paths=("scenarios/refunds",),
        )
        events: list[object] = []
        assert run_suite(settings, events.append) is ExitCode.PASSED
    assert events
