"""What several fields of a step decide together, once each of them is read. Every problem is noted."""

from __future__ import annotations

from decimal import Decimal

from yaml.nodes import MappingNode, Node

from simulator.core import exact_json
from simulator.core.draft import Draft
from simulator.core.scenario import Balance, Bet, Details, Expect, JsonValue, Refund, Resend, Send, Win
from simulator.core.step_kind import Values
from simulator.core.webhooks import Method
from simulator.core.yaml_nodes import shortened

_SINGLE_CALLS = (Details, Balance, Bet, Win, Refund, Resend, Send)
"""What can be released together with others."""


def finish_read(values: Values, node: Node, draft: Draft) -> None:
    """A step's own `within` is one of its expectations."""
    within_ns = values.pop("within", None)
    if within_ns is None:
        return
    said: Expect = values.get("expect") or Expect()
    if said.within_ns is not None:
        draft.problems.add(node, '"within" stands twice: in the step and in its expect')
    values["expect"] = Expect(said.outcome, said.balance, said.http, within_ns, said.body)


def finish_bet(values: Values, node: Node, draft: Draft) -> None:
    """A bet or win has expectations, and may have changes."""
    finish_read(values, node, draft)
    _finish_changes(values, node, draft)
    fixed = _fixed_id((values.get("raw") or {}).get("transaction_id"))
    if fixed is not None:
        _note_fixed_id(fixed, "${run}", _value_at(node, "raw", "transaction_id"), draft)


def finish_refund(values: Values, node: Node, draft: Draft) -> None:
    """A refund names a step, or an id that no step has and an amount."""
    _finish_changes(values, node, draft)
    named = [key for key in ("of", "transaction_id") if key in values]
    if len(named) != 1:
        found = "both are there" if named else "neither is there"
        draft.problems.add(node, f'refund needs either "of" or "transaction_id"; {found}')
    elif named == ["transaction_id"] and "amount" not in values:
        draft.problems.add(node, 'refund of a transaction_id that no step has needs "amount"')


def _finish_changes(values: Values, node: Node, draft: Draft) -> None:
    omit = values.get("omit")
    if omit is None:
        return
    values["omit"] = frozenset(omit)
    for name in omit:
        if name in (values.get("raw") or ()):
            draft.problems.add(node, f'"{name}" is both replaced by raw and left out by omit')


def finish_send(values: Values, node: Node, draft: Draft) -> None:
    """The body is written as text, or as a value of JSON, or is empty."""
    text: str | None = values.pop("body", None)
    # `json: null` is a body too.
    has_json = "json" in values
    value: JsonValue = values.pop("json", None)
    if text is not None and has_json:
        draft.problems.add(node, 'send has both "body" and "json"')
    fixed = _fixed_id_of_call(value if has_json else text)
    if fixed is not None:
        place = _value_at(node, "json", "transaction_id") if has_json else _value_at(node, "body")
        _note_fixed_id(fixed, "${id}", place, draft)
    rendered = exact_json.write(value) if has_json else text or ""
    values["body"] = rendered.encode("utf-8", "surrogatepass")


def finish_parallel(values: Values, node: Node, draft: Draft) -> None:
    """Only single calls can be released together."""
    for step in values.get("steps") or ():
        if isinstance(step, _SINGLE_CALLS):
            continue
        kind = type(step).__name__.lower()
        message = f"{kind} cannot be released together with others; only single calls can"
        place = step.place
        if place.file == draft.problems.file:
            draft.problems.add_at(place.line, place.column, message, place.width)
        else:
            draft.problems.add(node, message)


def _fixed_id_of_call(body: JsonValue) -> str | None:
    """The id of a bet or win that is written out whole, and so is the same in every run."""
    if isinstance(body, str):
        try:
            body = exact_json.parse(body).value
        except ValueError:
            return None
    if not isinstance(body, dict) or body.get("method") not in (Method.BET.value, Method.WIN.value):
        return None
    return _fixed_id(body.get("transaction_id"))


def _fixed_id(value: JsonValue) -> str | None:
    """What a wallet could keep as an id, unless a run makes it its own."""
    if isinstance(value, Decimal):
        return str(value)
    return value if isinstance(value, str) and value.strip() and "${" not in value else None


def _note_fixed_id(fixed: str, own: str, place: Node, draft: Draft) -> None:
    """A second run would be told "seen before", and accuse a right wallet of taking nothing."""
    example = f"{own}-{fixed}" if own == "${run}" else own
    message = (
        f'the transaction_id "{shortened(fixed)}" is the same in every run, and a wallet takes it once only; '
        f'write "{shortened(example)}"'
    )
    draft.problems.add(place, message)


def _value_at(node: Node, *keys: str) -> Node:
    """The value under these keys, or as near to it as the mapping goes."""
    for key in keys:
        pairs = node.value if isinstance(node, MappingNode) else ()
        node = next((value for name, value in pairs if name.value == key), node)
    return node
