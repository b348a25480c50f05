"""How a kind of step is described; the kinds themselves stand in `step_fields`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yaml.nodes import Node

from simulator.core.draft import Draft
from simulator.core.fields import Field, Record, Schema
from simulator.core.scenario import Step

Values = dict[str, Any]
Finish = Callable[[Values, Node, Draft], None]

_BETTING = frozenset({"bet", "round", "play", "send"})
_REPEATABLE = frozenset({"bet", "win", "refund", "resend"})
_NEEDS = {"restart": "restart", "block": "blocked_player"}


class StepKind:
    """A kind of step. `scalar` is the field that a value without a mapping fills; `bare` needs no value,
    `listed` takes a list of steps, `mapped` a mapping of the record's fields.

    `defaults` are shared by all steps of the kind; `finish` completes what several fields decide together.
    `rule` is the JSON Schema of what `finish` asks of the fields together.
    `betting` marks a step after which there is a last bet, `repeatable` one that `last` can mean. `need` is
    what the target must offer for it. `width` is what a caret under it underlines.
    """

    def __init__(
        self,
        name: str,
        make: type[Step] | None,
        record: Record,
        meaning: str,
        *,
        scalar: Field | None = None,
        bare: bool = False,
        listed: bool = False,
        mapped: bool = True,
        labelled: bool = False,
        finish: Finish | None = None,
        defaults: Values | None = None,
        rule: Schema | None = None,
    ) -> None:
        self.name, self.make, self.record, self.meaning = name, make, record, meaning
        self.scalar, self.bare, self.listed, self.mapped = scalar, bare, listed, mapped
        self.labelled = labelled
        self.finish, self.defaults, self.rule = finish, defaults, rule
        self.betting = name in _BETTING
        self.repeatable = name in _REPEATABLE
        self.need = _NEEDS.get(name)
        self.width = len(name)
        self.scalar_target = scalar.target if scalar else ""
        self.read_scalar = scalar.kind.read if scalar else None
