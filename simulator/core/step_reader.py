"""Nodes → typed steps, by the table in `step_fields`. What `use` brings in is for `used_files`."""

from __future__ import annotations

from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.draft import Draft
from simulator.core.fields import note
from simulator.core.findings import Place
from simulator.core.problems import Wrong
from simulator.core.scenario import Step
from simulator.core.step_fields import KINDS, StepKind
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.yaml_nodes import DEPTH_MAX, is_empty, noun_of, shortened

_BETTING = frozenset({"bet", "round", "play", "send"})
_REPEATABLE = frozenset({"bet", "win", "refund", "resend"})


def read_steps(node: Node, draft: Draft) -> tuple[Step, ...]:
    """The steps of a list. Every problem is noted; a step with one is left out of what comes back."""
    if type(node) is not SequenceNode:
        raise Wrong(node, f"expected a list of steps, each beginning with a dash; found {noun_of(node)}")
    draft.depth += 1
    if draft.depth > DEPTH_MAX:
        raise Wrong(node, "the steps contain themselves")
    steps: list[Step] = []
    for item in node.value:
        draft.budget.take(item)
        try:
            found = _step(item, draft)
        except Wrong as wrong:
            note(wrong, draft)
            continue
        if type(found) is tuple:
            steps.extend(found)
        elif found is not None:
            steps.append(found)  # type: ignore[arg-type]  # a tuple has no subclass here
    draft.depth -= 1
    return tuple(steps)


def _step(item: Node, draft: Draft) -> Step | tuple[Step, ...] | None:
    """The step of one item; several for `use`, None for one with a problem."""
    key, value = _key_and_value(item, draft)
    kind = KINDS.get(key.value)
    if kind is None:
        hint = did_you_mean_or_valid(key.value, KINDS)
        raise Wrong(key, f'unknown step "{shortened(key.value)}"{hint}')
    problems = draft.problems
    noted = problems.noted
    draft.order += 1
    values = _values(kind, key, value, draft)
    if kind.make is None:
        return draft.use(key, values.get("file") or "", values.get("with") or {}, draft) if values else None
    mark = key.start_mark
    line = mark.line + 1
    if kind.labelled:
        label = values.get("label")
        values["label"] = (
            draft.made_label(kind.name, line) if label is None else draft.declare(kind.name, label, key)
        )
    if kind.name in _BETTING:
        draft.bet_seen = True
    if kind.name in _REPEATABLE:
        draft.repeatable = True
    if problems.noted != noted:
        return None
    return kind.make(place=Place(problems.file, line, mark.column + 1, kind.width), **values)


def _key_and_value(item: Node, draft: Draft) -> tuple[Node, Node | None]:
    if type(item) is ScalarNode:
        return item, None
    if type(item) is not MappingNode:
        raise Wrong(item, f"a step is written `kind: value`; found {noun_of(item)}")
    if len(item.value) != 1:
        _note_several_keys(item, draft)
    key, value = item.value[0]
    if type(key) is not ScalarNode:
        raise Wrong(key, f"the kind of a step is one word; found {noun_of(key)}")
    return key, value


def _note_several_keys(item: MappingNode, draft: Draft) -> None:
    """A step with no key or several; a field that slipped out of its braces is told so."""
    if not item.value:
        raise Wrong(item, "the step is empty")
    first, second = item.value[0][0], item.value[1][0]
    kind = KINDS.get(first.value) if isinstance(first, ScalarNode) else None
    inner = kind is not None and any(field.name == second.value for field in kind.record.fields)
    if kind is not None and inner:
        field = kind.scalar.name if kind.scalar else ""
        shown = f"{field}: …, " if field else ""
        hint = f"{kind.name}: {{{shown}{second.value}: …}}"
        draft.problems.add(second, f'a step has one key; write "{second.value}" inside: {hint}')
    elif isinstance(second, ScalarNode) and second.value in KINDS:
        draft.problems.add(second, f'a step has one key; begin "{second.value}" with a dash of its own')
    else:
        draft.problems.add(second, "a step has one key; its fields stand inside, in { }")


def _values(kind: StepKind, key: Node, value: Node | None, draft: Draft) -> dict[str, Any]:
    """The attributes of a step, from its bare, scalar, listed or mapped form."""
    if value is None or (type(value) is ScalarNode and is_empty(value)):
        if kind.bare:
            return {}
        raise Wrong(key, f"{kind.name} {_wanted(kind)}")
    if type(value) is MappingNode and kind.mapped:
        values = (
            {**kind.defaults, **kind.record.read(value, draft, key)}
            if kind.defaults
            else kind.record.read(value, draft, key)
        )
        if kind.finish is not None:
            kind.finish(values, value, draft)
        return values
    if kind.listed and type(value) is SequenceNode:
        values = {"steps": draft.read_steps(value, draft)}
        if kind.finish is not None:
            kind.finish(values, value, draft)
        return values
    if kind.scalar is None or type(value) is not ScalarNode:
        raise Wrong(value, f"{kind.name} {_wanted(kind)}; found {noun_of(value)}")
    values = dict(kind.defaults) if kind.defaults else {}
    try:
        values[kind.scalar.target] = kind.scalar.kind.read(value, draft)
    except Wrong as wrong:
        note(wrong, draft, key)
        values[kind.scalar.target] = None
    return values


def _wanted(kind: StepKind) -> str:
    """What may follow the kind, in words."""
    forms = []
    if kind.scalar is not None:
        forms.append(f'its "{kind.scalar.name}"' if kind.mapped else f"a {kind.scalar.name}")
    if kind.listed:
        forms.append("a list of steps")
    if kind.mapped and kind.record.fields:
        forms.append("a mapping of " + ", ".join(field.name for field in kind.record.fields))
    if not forms:
        return "takes no value"
    return "needs " + " or ".join(forms)
