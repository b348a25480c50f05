"""What is known while one scenario is read: its players and labels, the references to check at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import NamedTuple

from yaml.nodes import Node

from simulator.core.problems import ProblemList, Wrong
from simulator.core.scenario import MAIN_PLAYER, PlayerSpec, Step
from simulator.core.suggest import did_you_mean_or_valid

STEPS_MAX = 200_000
"""Of one file, all its scenarios, cases and used files together."""


class Budget:
    """How many steps a file may still bring."""

    def __init__(self) -> None:
        self.steps = STEPS_MAX

    def take(self, node: Node, count: int) -> None:
        """Count the steps of a list. Raises Wrong past the limit."""
        self.steps -= count
        if self.steps < 0:
            raise Wrong(node, f"a file holds at most {STEPS_MAX:,} steps, cases and used files counted")


_Labelled = tuple[str, int, int]
"""The kind of a step, its line and its order. A bare tuple: a long file makes ten thousand."""


class _Reference(NamedTuple):
    node: Node
    label: str
    step: str
    order: int
    problems: ProblemList
    scope: str


StepsReader = Callable[[Node, "Draft"], "tuple[Step, ...]"]
UseReader = Callable[[Node, str, "Mapping[str, Node]", "Draft"], "tuple[Step, ...]"]


class Draft:
    """A scenario while it is read.

    `read_steps` reads a list of steps, `use` brings those of another file. `scope` stands before the labels
    of a used file. `order` counts the steps as written; `bet_seen` and `repeatable` say whether a bet, and
    anything that `last` can mean, came before. `needs` is what the steps ask of the target.
    """

    def __init__(
        self, problems: ProblemList, budget: Budget, read_steps: StepsReader, use: UseReader
    ) -> None:
        self.problems = problems
        self.budget = budget
        self.read_steps = read_steps
        self.use = use
        self.players = {MAIN_PLAYER: PlayerSpec()}
        self.scope = ""
        self.depth = 0
        self.order = 0
        self.repeatable = False
        self.bet_seen = False
        self.needs: set[str] = set()
        self.labels: dict[str, _Labelled] = {}
        self.references: list[_Reference] = []
        self.copies: dict[str, int] = {}
        self.uses: dict[str, int] = {}

    def within(self, problems: ProblemList, scope: str) -> Draft:
        """The draft to read a used file's steps with; it shares the labels and the references."""
        inner = copy(self)
        inner.problems = problems
        inner.scope = scope
        return inner

    def take_over(self, inner: Draft) -> None:
        """Go on after the steps that were read within."""
        self.order = inner.order
        self.repeatable = inner.repeatable
        self.bet_seen = inner.bet_seen

    def player(self, node: Node, name: str) -> str:
        """A player of the scenario by its name. Raises Wrong for one it has not."""
        if name not in self.players:
            known = [*self.players]
            hint = did_you_mean_or_valid(name, known)
            if known == [MAIN_PLAYER]:
                hint = "; name it under players:"
            raise Wrong(node, f'unknown player "{name}"{hint}')
        return name

    def label(self, kind: str, line: int, own: str | None, node: Node) -> str:
        """Declare a step's label: its author's own, or one made of kind and line: `bet@12`."""
        label = self.scope + (own or f"{kind}@{line}")
        if label in self.labels:
            if own is None:
                label = self._next_free(label)
            else:
                taken_by, taken_at, _ = self.labels[label]
                self.problems.add(node, f'the label "{own}" is taken by the {taken_by} of line {taken_at}')
        self.labels[label] = (kind, line, self.order)
        return label

    def _next_free(self, label: str) -> str:
        """Several steps may stand on one line, and one in several places."""
        copies = self.copies[label] = self.copies.get(label, 1) + 1
        return f"{label}.{copies}"

    def refer(self, node: Node, label: str, step: str) -> str:
        """Note a reference to a label; whether it exists is known at the scenario's end."""
        full = self.scope + label
        self.references.append(_Reference(node, full, step, self.order, self.problems, self.scope))
        return full

    def check_references(self) -> None:
        """Note every reference that names no step, or one that cannot be meant."""
        for reference in self.references:
            target = self.labels.get(reference.label)
            if target is None:
                self._note_unknown(reference)
                continue
            kind, line, order = target
            if reference.step == "resend" and order >= reference.order:
                message = f"resend of a later step: {_shown(reference.label)} stands on line {line}"
                reference.problems.add(reference.node, message)
            elif reference.step == "refund" and kind not in {"bet", "win"}:
                message = f"{_shown(reference.label)} is a {kind}; what can be refunded is a bet"
                reference.problems.add(reference.node, message)

    def _note_unknown(self, reference: _Reference) -> None:
        kinds = {"bet", "win"} if reference.step == "refund" else {"bet", "win", "refund"}
        written = reference.label.removeprefix(reference.scope)
        near = [
            name.removeprefix(reference.scope)
            for name, (kind, _, _) in self.labels.items()
            if kind in kinds and "@" not in name and name.startswith(reference.scope)
        ]
        if near and reference.step == "resend":
            near.append("last")
        hint = did_you_mean_or_valid(written, near) if near else "; no step has an id"
        reference.problems.add(reference.node, f"no step is called {_shown(written)}{hint}")


def _shown(label: str) -> str:
    return f'"{label}"'
