"""Making many steps quickly. Their own constructor stays right, and is what all else uses.

A frozen dataclass sets each field through `object.__setattr__`, by name, which costs three times what a plain
one takes. A file of ten thousand steps spends a third of its loading there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, make_dataclass
from functools import cache
from typing import Any

from simulator.core.findings import Place
from simulator.core.scenario import Step

LONG_LIST = 500
"""From so many steps on, making the plain classes costs less than they save."""


@cache
def thawed(frozen: type[Any]) -> Callable[..., Any]:
    """A plain class with the slots, defaults and arguments of a frozen, slotted dataclass.

    An object of it becomes one of the frozen class by `made.__class__ = frozen`: both lie alike in memory.
    """
    same = [(field.name, field.type, field) for field in fields(frozen)]
    return make_dataclass(frozen.__name__, same, slots=True, eq=False, repr=False)


def create_quickly(
    make: type[Step], file: str, line: int, column: int, width: int, values: dict[str, Any]
) -> Step:
    """The step with its place, as `make(place=Place(...), **values)` would make it."""
    place = thawed(Place)(file, line, column, width)
    place.__class__ = Place
    step: Step = thawed(make)(place=place, **values)  # type: ignore[arg-type]  # classes are hashable
    step.__class__ = make
    return step
