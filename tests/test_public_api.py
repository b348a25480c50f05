"""What Python programs may import, and that it is enough to run the suite in one's own tests."""

from __future__ import annotations

from types import ModuleType

import pytest

import betrontech_simulator
import simulator


@pytest.mark.parametrize("name", simulator.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """`from simulator import NAME` works for each name of __all__."""
    assert getattr(simulator, name) is not None


@pytest.mark.parametrize("module", [simulator, betrontech_simulator])
def test_a_name_that_is_not_public_is_an_attribute_error(module: ModuleType) -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


def test_the_name_that_no_other_package_has_gives_the_same() -> None:
    assert betrontech_simulator.__all__ == simulator.__all__
    for name in simulator.__all__:
        assert getattr(betrontech_simulator, name) is getattr(simulator, name)


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
