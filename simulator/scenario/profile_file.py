"""Read a wire profile from YAML (docs/wire-profiles.md) strictly, and report all problems at once.

The file may hold a secret, so no line is quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from simulator.core.mappings import Wrong
from simulator.core.profiles import (
    DOCUMENTED_NAMES,
    Constant,
    MoneyForm,
    ReplyFields,
    Source,
    WireField,
    WireProfile,
)
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean_or_valid, shortened
from simulator.errors import ConfigurationError
from simulator.scenario.kinds import (
    ANY_JSON,
    FLAG,
    TEXT,
    choice,
    enum_choice,
    headers,
    json_object,
    mapping_of,
    matching,
    set_of,
)
from simulator.scenario.shapes import Field, NodeKind, Record, YamlFile
from simulator.scenario.yaml import EnoughProblems, ProblemList, compose, is_plain, noun_of, value_at
from simulator.wire.profiles import PROFILES

# What the transport writes by itself, and what would make a body unreadable for every wallet.
_RESERVED_HEADERS = frozenset({"connection", "content-length", "content-type", "transfer-encoding"})

_HEADER_VALUE = r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?"

_PATH = matching("/.*", 'a path that begins with "/"', {"type": "string"})

_TOKEN = matching(
    r"[\x21-\x7e]+", "a token", {"type": "string"}, "a bearer token is printable ASCII without spaces"
)

_CONSTANT = Record(
    "a constant field", [Field("value", ANY_JSON, "The value in every request.", required=True)]
)

_SOURCE = enum_choice(Source)


def _record(record: Record) -> NodeKind:
    return NodeKind(record.read, record.schema())


def _read_source(node: Node, file: YamlFile) -> Source | Constant:
    if isinstance(node, MappingNode):
        return Constant(_CONSTANT.read(node, file).get("value"))
    source: Source = _SOURCE.read(node, file)
    return source


def _read_identity(node: Node, file: YamlFile) -> str | None:
    if is_plain(node) and node.value == "null":
        return None
    name: str = TEXT.read(node, file)
    return name


def _read_fields(node: Node, file: YamlFile) -> tuple[WireField, ...]:
    sources: dict[str, Source | Constant] = _SOURCES.read(node, file)
    return tuple(WireField(name, source) for name, source in sources.items())


def _list_of(item: NodeKind) -> NodeKind:
    """Return the kind of lists; a single value is a mistake here, since more values are likely to follow."""
    several = set_of(item, "the list")

    def read(node: Node, file: YamlFile) -> tuple[Any, ...]:
        if not isinstance(node, SequenceNode):
            raise Wrong(node, f"expected a list, found {noun_of(node)}")
        found: tuple[Any, ...] = several.read(node, file)
        return found

    return NodeKind(read, {"type": "array", "items": item.schema})


def _by_method(name: str, kind: NodeKind) -> Field:
    """Return the kind of a mapping from methods to values."""
    return Field(name, _record(Record(f'"{name}"', [Field(each, kind, "") for each in Method])), "By method.")


_SOURCES = mapping_of("fields", "a mapping of field names to what they hold", NodeKind(_read_source, {}))

_FIELDS = NodeKind(_read_fields, _SOURCES.schema)

_MONEY_METHOD = enum_choice(method for method in Method if method.moves_money)

STATUS_ABSENT = "absent"
"""The word for answers without a status."""

REPLY = Record(
    '"reply"',
    [
        Field("status", TEXT, "The field that says whether the call was accepted."),
        Field("balance", TEXT, "The field that holds the balance."),
        Field("money", enum_choice(MoneyForm), "How the balance may be written."),
        Field("true_is_one", FLAG, 'Whether "status": true is as good as 1.'),
        Field(
            "identity", NodeKind(_read_identity, {}), "The field of account_details that names the player."
        ),
        Field("details", _list_of(TEXT), "The other fields that account_details must have."),
        Field("without_balance", _list_of(_MONEY_METHOD), "Methods whose answers need not show a balance."),
    ],
)

_NEW_NAMES = mapping_of("the new names", "a mapping of old names to new ones", TEXT)

PROFILE = Record(
    "a wire profile",
    [
        Field("name", TEXT, "What the profile is called.", required=True),
        Field("extends", choice(*PROFILES), "The shipped profile that it changes."),
        Field("path", _PATH, "Where wallets of this dialect listen."),
        Field("money", enum_choice((MoneyForm.STRING, MoneyForm.NUMBER)), "How requests write amounts."),
        Field("session", TEXT, "The session of every request."),
        Field("game", TEXT, "The game where no other is known."),
        _by_method("methods", TEXT),
        _by_method("fields", _FIELDS),
        Field("rename", _NEW_NAMES, "Fields by new names, in every method."),
        _by_method("rename_in", _NEW_NAMES),
        Field("extra", json_object(), "Fields with the same value in every request."),
        _by_method("extra_in", json_object()),
        Field("reply", _record(REPLY), "What the parts of a reply are called."),
        Field("headers", headers(_HEADER_VALUE, _RESERVED_HEADERS), "Headers of every call."),
        Field("bearer", _TOKEN, "The token of an Authorization header."),
    ],
)


def load_profile(text: str, file: str) -> WireProfile:
    """Return the profile that a YAML text describes; `file` names it in errors.

    Raises ConfigurationError with every problem, a line each: `file:line:column: what is wrong`.
    """
    problems = ProblemList(file, tuple(text.splitlines()))
    profile = None
    with suppress(EnoughProblems):
        documents = compose(text, problems)
        if not problems.found:
            profile = _profile(documents, problems)
    if profile is None or problems.found:
        raise ConfigurationError(problems.without_source())
    return profile


def _profile(documents: list[Node], problems: ProblemList) -> WireProfile | None:
    """Return the profile, or None with at least one problem noted."""
    if len(documents) != 1:
        message = f"a wire profile is one YAML mapping; found {len(documents)} documents"
        problems.add_at(1, 1, message)
        return None
    [root] = documents
    try:
        said = PROFILE.read(root, YamlFile(problems))
    except Wrong as wrong:
        problems.note(wrong)
        return None
    if problems.found:
        return None
    base = PROFILES[said.pop("extends", "betrontech")]
    said["methods"] = {**base.methods, **said.get("methods", {})}
    said["reply"] = _reply(base.reply, said.get("reply", {}))
    said["headers"] = {**dict(base.headers), **dict(said.get("headers", ()))}
    said["fields"] = _fields(base, said, root, problems)
    _add_bearer(said, root, problems)
    said["headers"] = tuple(said["headers"].items())
    profile = replace(base, **said)
    alike = None if problems.found else profile.alike()
    if alike is not None:
        one, other = alike
        word = f'"{shortened(profile.methods[one])}" stands for both {one} and {other}'
        problems.add(value_at(root, "methods"), f"{word}, and extra_in does not tell them apart")
    return profile


def _reply(base: ReplyFields, said: dict[str, Any]) -> ReplyFields:
    if said.get("status") == STATUS_ABSENT:
        said |= {"status": base.status, "status_absent": True}
    if "without_balance" in said:
        said["without_balance"] = frozenset(said["without_balance"])
    return replace(base, **said)


def _fields(
    base: WireProfile, said: dict[str, Any], root: Node, problems: ProblemList
) -> dict[Method, tuple[WireField, ...]]:
    """Return the fields of each method: listed anew, renamed, with constants added or put in their place."""
    fields = {**base.fields, **said.get("fields", {})}
    rename, rename_in = said.pop("rename", {}), said.pop("rename_in", {})
    _note_unknown_names(rename, fields.values(), value_at(root, "rename"), '"rename"', problems)
    extra, extra_in = said.pop("extra", {}), said.pop("extra_in", {})
    for method, listed in fields.items():
        renamed = _renamed(listed, rename)
        own, place = rename_in.get(method, {}), value_at(root, "rename_in", method)
        _note_unknown_names(own, [renamed], place, f"the new names of {method}", problems)
        constants = {**extra, **extra_in.get(method, {})}
        kept = [each for each in _renamed(renamed, own) if each.name not in constants]
        added = [WireField(name, Constant(value)) for name, value in constants.items()]
        fields[method] = (*kept, *added)
        _require(method, fields[method], value_at(root, "fields", method), problems)
    return fields


def _note_unknown_names(
    names: Mapping[str, str],
    fields: Iterable[Iterable[WireField]],
    place: Node,
    what: str,
    problems: ProblemList,
) -> None:
    """Note names that are neither names of fields nor of the reference."""
    known = dict.fromkeys([*DOCUMENTED_NAMES, *(each.name for listed in fields for each in listed)])
    for name in names:
        if name not in known:
            hint = did_you_mean_or_valid(name, known)
            problems.add(value_at(place, name), f'unknown key "{shortened(name)}" in {what}{hint}')


def _renamed(fields: Iterable[WireField], names: Mapping[str, str]) -> list[WireField]:
    """Give fields new names: asked for by their names, or by what the reference calls them."""
    by_source = {source: names[name] for name, source in DOCUMENTED_NAMES.items() if name in names}
    found = []
    for each in fields:
        documented = by_source.get(each.source) if isinstance(each.source, Source) else None
        found.append(replace(each, name=names.get(each.name) or documented or each.name))
    return found


def _require(method: Method, fields: tuple[WireField, ...], place: Node, problems: ProblemList) -> None:
    """Note duplicate fields of a method, and missing ones that every wallet needs."""
    names = [each.name for each in fields]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        problems.add(place, f'{method} has two fields named "{shortened(twice)}"')
    needed = [Source.METHOD, Source.PLAYER]
    if method.moves_money:
        needed += [Source.AMOUNT, Source.TRANSACTION]
    for source in needed:
        if source not in [each.source for each in fields]:
            problems.add(place, f"{method} has no field that holds the {source}")


def _add_bearer(said: dict[str, Any], root: Node, problems: ProblemList) -> None:
    """Make the Authorization header of a bearer token."""
    token = said.pop("bearer", None)
    if token is None:
        return
    if any(name.lower() == "authorization" for name in said["headers"]):
        message = "there is an Authorization header already; leave one of the two out"
        problems.add(value_at(root, "bearer"), message)
    said["headers"]["Authorization"] = f"Bearer {token}"
