"""What is known while one scenario is read: its players and labels, the references to check at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from yaml.nodes import Node

from simulator.core.problems import ProblemList, Wrong
from simulator.core.scenario import MAIN_PLAYER, PlayerSpec, Step
from simulator.core.suggest import did_you_mean_or_valid

STEPS_MAX = 200_000
"""Of one file, all its scenarios, cases and used files together."""


@dataclass(slots=True)
class Budget:
    """How many steps a file may still bring."""

    steps: int = STEPS_MAX

    def take(self, node: Node) -> None:
        """Count one step. Raises Wrong past the limit."""
        self.steps -= 1
        if self.steps < 0:
            raise Wrong(node, f"a file holds at most {STEPS_MAX:,} steps, cases and used files counted")


@dataclass(frozen=True, slots=True)
class _Labelled:
    kind: str
    line: int
    order: int


@dataclass(frozen=True, slots=True)
class _Reference:
    node: Node
    label: str
    step: str
    order: int
    problems: ProblemList


StepsReader = Callable[[Node, "Draft"], "tuple[Step, ...]"]
UseReader = Callable[[Node, str, "Mapping[str, Node]", "Draft"], "tuple[Step, ...]"]


@dataclass(slots=True)
class Draft:
    """A scenario while it is read.

    `read_steps` reads a list of steps, `use` brings those of another file. `scope` stands before the labels
    of a used file. `order` counts the steps as written; `bet_seen` and `repeatable` say whether a bet, or
    anything that `last` can mean, came before.
    """

    problems: ProblemList
    budget: Budget
    read_steps: StepsReader
    use: UseReader
    players: dict[str, PlayerSpec]
    scope: str = ""
    depth: int = 0
    order: int = 0
    repeatable: bool = False
    bet_seen: bool = False
    labels: dict[str, _Labelled] = field(default_factory=dict)
    references: list[_Reference] = field(default_factory=list)
    uses: dict[str, int] = field(default_factory=dict)

    def within(self, problems: ProblemList, scope: str) -> Draft:
        """The draft to read a used file's steps with; it shares the labels and the references."""
        return replace(self, problems=problems, scope=scope)

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

    def declare(self, kind: str, label: str, node: Node) -> str:
        """Declare the label that an author gave a step; one given twice is a problem."""
        full = self.scope + label
        first = self.labels.get(full)
        if first is not None:
            self.problems.add(node, f'the label "{label}" is taken by the {first.kind} of line {first.line}')
        self.labels[full] = _Labelled(kind, node.start_mark.line + 1, self.order)
        return full

    def made_label(self, kind: str, line: int) -> str:
        """A label for a step without one: `bet@12`."""
        label = f"{self.scope}{kind}@{line}"
        if label in self.labels:
            copies = 2
            while f"{label}.{copies}" in self.labels:
                copies += 1
            label = f"{label}.{copies}"
        self.labels[label] = _Labelled(kind, line, self.order)
        return label

    def refer(self, node: Node, label: str, step: str) -> str:
        """Note a reference to a label; whether it exists is known at the scenario's end."""
        full = self.scope + label
        self.references.append(_Reference(node, full, step, self.order, self.problems))
        return full

    def check_references(self) -> None:
        """Note every reference that names no step, or one that cannot be meant."""
        for reference in self.references:
            target = self.labels.get(reference.label)
            if target is None:
                self._note_unknown(reference)
            elif reference.step == "resend" and target.order >= reference.order:
                message = f"resend of a later step: {_shown(reference.label)} stands on line {target.line}"
                reference.problems.add(reference.node, message)
            elif reference.step == "refund" and target.kind not in {"bet", "win"}:
                message = f"{_shown(reference.label)} is a {target.kind}; what can be refunded is a bet"
                reference.problems.add(reference.node, message)

    def _note_unknown(self, reference: _Reference) -> None:
        kinds = {"bet", "win"} if reference.step == "refund" else {"bet", "win", "refund"}
        scope, _, label = reference.label.rpartition(".")
        prefix = f"{scope}." if scope else ""
        near = [
            name.removeprefix(prefix)
            for name, target in self.labels.items()
            if target.kind in kinds and "@" not in name and name.startswith(prefix)
        ]
        hint = did_you_mean_or_valid(label, near) if near else "; no step has an id"
        reference.problems.add(reference.node, f"no step is called {_shown(reference.label)}{hint}")


def _shown(label: str) -> str:
    return f'"{label}"'
