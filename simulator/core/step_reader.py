"""Nodes → typed steps, by the table in `step_fields`. What `use` brings in is for `used_files`."""

from __future__ import annotations

from typing import Any, NoReturn

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.draft import Draft
from simulator.core.fields import note
from simulator.core.findings import Place
from simulator.core.problems import Wrong
from simulator.core.scenario import Step
from simulator.core.step_fields import KINDS
from simulator.core.step_kind import StepKind
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.value_kinds import TEXT
from simulator.core.yaml_nodes import DEPTH_MAX, is_empty, noun_of, shortened


def read_steps(node: Node, draft: Draft) -> tuple[Step, ...]:
    """The steps of a list. Every problem is noted; a step with one is left out of what comes back."""
    if type(node) is not SequenceNode:
        raise Wrong(node, f"expected a list of steps, each beginning with a dash; found {noun_of(node)}")
    if not node.value:
        raise Wrong(node, "there is no step in the list")
    draft.budget.take(node, len(node.value))
    draft.depth += 1
    if draft.depth > DEPTH_MAX:
        raise Wrong(node, "the steps contain themselves")
    steps: list[Step] = []
    file = draft.problems.file
    for item in node.value:
        try:
            if type(item) is MappingNode and len(item.value) == 1:
                key, value = item.value[0]
            else:
                key, value = _key_and_value(item, draft)
            kind = KINDS.get(key.value) if type(key) is ScalarNode else None
            if kind is None:
                _refuse_kind(key)
            make = kind.make
            if make is None:
                steps.extend(_used(kind, key, value, draft))
                continue
            values = _values(kind, key, value, draft)
            if values is not None:
                mark = key.start_mark
                place = Place(file, mark.line + 1, mark.column + 1, kind.width)
                steps.append(make(place=place, **values))
        except Wrong as wrong:
            note(wrong, draft)
    draft.depth -= 1
    return tuple(steps)


def _values(kind: StepKind, key: Node, value: Node | None, draft: Draft) -> dict[str, Any] | None:
    """The attributes of the step, None for one with a problem."""
    problems = draft.problems
    noted = problems.noted
    draft.order += 1
    values = {} if kind.defaults is None else kind.defaults.copy()
    read_scalar = kind.read_scalar
    if read_scalar is not None and type(value) is ScalarNode and value.value:
        try:
            values[kind.scalar_target] = read_scalar(value, draft)
        except Wrong as wrong:
            note(wrong, draft, key)
    else:
        _read_values(kind, key, value, draft, values)
    if kind.labelled:
        values["label"] = draft.label(kind.name, key.start_mark.line + 1, values.get("label"), key)
    if kind.betting:
        draft.bet_seen = True
    if kind.repeatable:
        draft.repeatable = True
    if kind.need is not None:
        draft.needs.add(kind.need)
    if problems.noted != noted:
        return None
    return values


def _used(kind: StepKind, key: Node, value: Node | None, draft: Draft) -> tuple[Step, ...]:
    """The steps that a `use` brings in."""
    noted = draft.problems.noted
    values: dict[str, Any] = {}
    if type(value) is ScalarNode and value.value:
        values["file"] = TEXT.read(value, draft)
    else:
        _read_values(kind, key, value, draft, values)
    if draft.problems.noted != noted:
        return ()
    return draft.use(key, values["file"], values.get("with", {}), draft)


def _refuse_kind(key: Node) -> NoReturn:
    if type(key) is not ScalarNode:
        raise Wrong(key, f"the kind of a step is one word; found {noun_of(key)}")
    if not key.value:
        raise Wrong(key, "a dash without a step after it")
    word, _, rest = key.value.partition(" ")
    if word in KINDS and rest:
        raise Wrong(key, f'a colon is missing: write "{shortened(f"{word}: {rest}")}"')
    hint = did_you_mean_or_valid(key.value, KINDS)
    raise Wrong(key, f'unknown step "{shortened(key.value)}"{hint}')


def _key_and_value(item: Node, draft: Draft) -> tuple[Node, Node | None]:
    """A step that stands alone, as `- balance`, or one that is not written as a step."""
    if type(item) is ScalarNode:
        return item, None
    if type(item) is not MappingNode:
        raise Wrong(item, f"a step is written `kind: value`; found {noun_of(item)}")
    _note_several_keys(item, draft)
    key, value = item.value[0]
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


def _read_values(kind: StepKind, key: Node, value: Node | None, draft: Draft, values: dict[str, Any]) -> None:
    """Read the mapped, listed or bare form of a step into the values. Raises Wrong for any other."""
    if value is None or (type(value) is ScalarNode and is_empty(value)):
        if not kind.bare:
            raise Wrong(key, f"{kind.name} {_wanted(kind)}")
        return
    if type(value) is MappingNode and kind.mapped:
        values.update(kind.record.read(value, draft, key))
    elif kind.listed and type(value) is SequenceNode:
        values["steps"] = draft.read_steps(value, draft)
    else:
        raise Wrong(value, f"{kind.name} {_wanted(kind)}; found {noun_of(value)}")
    if kind.finish is not None:
        kind.finish(values, value, draft)


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
