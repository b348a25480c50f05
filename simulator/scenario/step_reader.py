"""Read the steps of a scenario: what a list of them holds, and what was meant where one cannot be read."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, NoReturn

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.findings import Place
from simulator.core.mappings import Wrong
from simulator.core.steps import Step
from simulator.core.words import did_you_mean_or_valid, shortened
from simulator.scenario.kinds import TEXT
from simulator.scenario.shapes import Draft
from simulator.scenario.table import KINDS, STEP_KINDS, StepKind
from simulator.scenario.yaml import DEPTH_MAX, is_empty, noun_of, value_at


def read_steps(node: Node, draft: Draft) -> tuple[Step, ...]:
    """Return the steps of a list. Every problem is noted, and steps with problems are left out."""
    if type(node) is not SequenceNode:
        raise Wrong(node, _no_list(node))
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
                if "expect" in values or "is_" in values:
                    assert value is not None
                    draft.claims[spot(place)] = _claim_of(value)
                steps.append(make(place=place, **values))
        except Wrong as wrong:
            draft.problems.note(wrong)
            draft.lose(item)
    draft.depth -= 1
    return tuple(steps)


def _no_list(node: Node) -> str:
    """Return what is wrong with steps that are no list, with the first of them as it should be."""
    first = node.value[0][0] if type(node) is MappingNode and node.value else node
    example = f'"- {first.value}: …"' if first.value in KINDS else '"- bet: 10.00"'
    return f"expected a list of steps, each beginning with a dash, such as {example}; found {noun_of(node)}"


def _claim_of(value: Node) -> Node:
    """Return where a step says what it expects."""
    for name in ("expect", "is"):
        found = value_at(value, name)
        if found is not value:
            return found
    return value


def _values(kind: StepKind, key: Node, value: Node | None, draft: Draft) -> dict[str, Any] | None:
    """Return the attributes of the step, or None for one with a problem."""
    problems = draft.problems
    noted = problems.noted
    draft.order += 1
    values = {} if kind.defaults is None else kind.defaults.copy()
    read_scalar = kind.read_scalar
    if read_scalar is not None and type(value) is ScalarNode and value.value:
        try:
            values[kind.scalar_target] = read_scalar(value, draft)
        except Wrong as wrong:
            draft.problems.note(wrong, key, value)
    else:
        _read_values(kind, key, value, draft, values)
    if kind.labelled:
        own = values.get("label")
        at = key if own is None or value is None else value_at(value, "id")
        values["label"] = draft.label(kind.name, key.start_mark.line + 1, own, at)
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
    """Return the steps that a `use` inserts."""
    noted = draft.problems.noted
    values: dict[str, Any] = {}
    if type(value) is ScalarNode and value.value:
        values["file"] = TEXT.read(value, draft)
    else:
        _read_values(kind, key, value, draft, values)
    named = values.get("file")
    if draft.problems.noted != noted or named is None:
        draft.lost.add(scope_of(named or "", draft))
        return ()
    assert value is not None
    try:
        return draft.use(value_at(value, "file"), named, values.get("with", {}), draft)
    except Wrong:
        draft.lost.add(scope_of(named.partition("#")[0], draft))
        raise


def _refuse_kind(key: Node) -> NoReturn:
    if type(key) is not ScalarNode:
        raise Wrong(key, f"the kind of a step is one word; found {noun_of(key)}")
    if not key.value:
        raise Wrong(key, "a dash without a step after it")
    word, _, rest = key.value.partition(" ")
    if word in KINDS and rest:
        raise Wrong(key, f'a colon is missing: write "{shortened(f"{word}: {rest}")}"')
    raise Wrong(key, f'unknown step "{shortened(key.value)}"{_other_word(key.value)}')


_OTHER_WORDS = {
    **dict.fromkeys(
        ("set", "given", "setup", "start", "opening"), "the balance at the start is player: {balance: 50.00}"
    ),
    **dict.fromkeys(("deposit", "credit", "payout", "topup"), "money is added by win: 10.00"),
    **dict.fromkeys(("withdraw", "debit", "stake", "wager"), "money is taken by bet: 10.00"),
    **dict.fromkeys(("rollback", "cancel", "void", "reverse"), "a bet is taken back by refund: b1"),
    **dict.fromkeys(("retry", "again", "duplicate"), "the same call is sent again by resend: last"),
    **dict.fromkeys(("sleep", "pause", "delay"), "a pause is wait: 500ms"),
    **dict.fromkeys(("loop", "for", "times"), "steps are repeated by repeat: {times: 3, steps: […]}"),
    **dict.fromkeys(
        ("assert", "check", "verify", "then"), "a step expects by itself: balance: 90.00, or expect:"
    ),
    **dict.fromkeys(("request", "post", "http", "call"), "any bytes are sent by send: {body: …}"),
    **dict.fromkeys(("concurrent", "together", "race"), "calls at the same moment are parallel: […]"),
    **dict.fromkeys(("include", "import", "call_file"), "the steps of another file are use: file.yaml"),
    **dict.fromkeys(
        ("if", "when", "unless"), "there are no conditions: what your wallet may choose is expect: either"
    ),
}
"""What the kinds of steps of other tools are here."""


def _other_word(word: str) -> str:
    """Return the end of the sentence about an unknown kind of step."""
    if word.lower() in _OTHER_WORDS:
        return f"; {_OTHER_WORDS[word.lower()]}"
    owner = next(
        (kind for kind in STEP_KINDS if any(field.name == word for field in kind.record.fields)), None
    )
    if owner is not None:
        owner = KINDS["bet"] if any(field.name == word for field in KINDS["bet"].record.fields) else owner
        return f"; it is a key of a step: {owner.name}: {{…, {word}: …}}"
    return did_you_mean_or_valid(word, KINDS)


def _key_and_value(item: Node, draft: Draft) -> tuple[Node, Node | None]:
    """Return the kind and value of a step; one such as `- balance` has no value. Raises Wrong."""
    if type(item) is ScalarNode:
        return item, None
    if type(item) is not MappingNode:
        raise Wrong(item, f"a step is written `kind: value`; found {noun_of(item)}")
    _note_several_keys(item, draft)
    key, value = item.value[0]
    return key, value


def _note_several_keys(item: MappingNode, draft: Draft) -> None:
    """Note a step with no key or several, perhaps with a field that slipped out of its braces."""
    if not item.value:
        raise Wrong(item, "the step is empty")
    first, second = item.value[0][0], item.value[1][0]
    kind = KINDS.get(first.value) if isinstance(first, ScalarNode) else None
    if kind is None and first.value in _OTHER_WORDS:
        return  # which is told, and keys of such a step are no second mistake
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
    if type(value) is MappingNode and kind.listed and value.value and value.value[0][0].value in KINDS:
        raise Wrong(value, f"{kind.name}: {_no_list(value)}")
    if type(value) is SequenceNode and not kind.listed and any(f.name == "steps" for f in kind.record.fields):
        raise Wrong(value, f"{kind.name} {_wanted(kind)}; this list belongs under its steps:")
    if type(value) is MappingNode and kind.mapped:
        values.update(kind.record.read(value, draft, key))
    elif kind.listed and type(value) is SequenceNode:
        values["steps"] = draft.read_steps(value, draft)
    elif type(value) is ScalarNode and any(each.name == "body" for each in kind.record.fields):
        raise Wrong(
            value, f"a text to send is its body: write {kind.name}: {{body: …}}; found {noun_of(value)}"
        )
    else:
        raise Wrong(value, f"{kind.name} {_wanted(kind)}; found {noun_of(value)}")
    if kind.finish is not None:
        kind.finish(values, value, draft)


def _wanted(kind: StepKind) -> str:
    """Return in words what may follow the kind."""
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


def spot(place: Place) -> tuple[str, int, int]:
    """Return a place without its width."""
    return place.file, place.line, place.column


def scope_of(path: str, draft: Draft) -> str:
    """Return the prefix of a used file's labels; a second use of the file gets a number."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(path).stem).strip("_-")[:20] or "used"
    uses = draft.uses[stem] = draft.uses.get(stem, 0) + 1
    return f"{draft.scope}{stem}{uses if uses > 1 else ''}."
