"""A wire profile written in YAML (docs/wire-profiles.md): text → WireProfile, strictly.

Every problem is reported at once, with its place. The file may hold a secret, so no line is quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from simulator.core.json import JsonValue
from simulator.core.mappings import Wrong
from simulator.core.profiles import DOCUMENTED_NAMES, Constant, MoneyForm, Source, WireField, WireProfile
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


def _read_details(node: Node, file: YamlFile) -> tuple[str, ...]:
    if not isinstance(node, SequenceNode):
        raise Wrong(node, f"expected a list of field names, found {noun_of(node)}")
    names: tuple[str, ...] = _NAMES.read(node, file)
    return names


_NAMES = set_of(TEXT, '"details"')

_SOURCES = mapping_of("fields", "a mapping of field names to what they hold", NodeKind(_read_source, {}))

_FIELDS = NodeKind(_read_fields, _SOURCES.schema)

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
        Field("details", NodeKind(_read_details, {}), "The other fields that account_details must have."),
    ],
)

PROFILE = Record(
    "a wire profile",
    [
        Field("name", TEXT, "What the profile is called.", required=True),
        Field("extends", choice(*PROFILES), "The shipped profile that it changes."),
        Field("path", _PATH, "Where wallets of this dialect listen."),
        Field("money", enum_choice((MoneyForm.STRING, MoneyForm.NUMBER)), "How requests write amounts."),
        Field("session", TEXT, "The session of every request."),
        Field("game", TEXT, "The game where no other is known."),
        Field(
            "methods",
            _record(Record('"methods"', [Field(each, TEXT, "Its value.") for each in Method])),
            "What the method field says.",
        ),
        Field(
            "fields",
            _record(Record('"fields"', [Field(each, _FIELDS, "Its fields, in order.") for each in Method])),
            "The fields of a method, listed anew.",
        ),
        Field(
            "rename",
            mapping_of('"rename"', "a mapping of old names to new ones", TEXT),
            "Fields by new names.",
        ),
        Field("extra", json_object(), "Fields with the same value in every request."),
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
    said["reply"] = replace(base.reply, **said.get("reply", {}))
    said["headers"] = {**dict(base.headers), **dict(said.get("headers", ()))}
    fields = {**base.fields, **said.get("fields", {})}
    renamed = _renamed(fields, said.pop("rename", {}), root, problems)
    said["fields"] = _with_constants(renamed, said.pop("extra", {}))
    for method, listed in said["fields"].items():
        _require(method, listed, root, problems)
    _check_methods(said["methods"], root, problems)
    _add_bearer(said, root, problems)
    said["headers"] = tuple(said["headers"].items())
    return replace(base, **said)


Fields = Mapping[Method, tuple[WireField, ...]]


def _renamed(fields: Fields, names: Mapping[str, str], root: Node, problems: ProblemList) -> Fields:
    """Give fields new names: asked for by their names, or by what the reference calls them."""
    known = dict.fromkeys([*DOCUMENTED_NAMES, *(each.name for listed in fields.values() for each in listed)])
    for name in names:
        if name not in known:
            hint = did_you_mean_or_valid(name, known)
            problems.add(value_at(root, "rename", name), f'unknown key "{shortened(name)}" in "rename"{hint}')
    by_source = {source: names[name] for name, source in DOCUMENTED_NAMES.items() if name in names}

    def renamed(each: WireField) -> WireField:
        documented = by_source.get(each.source) if isinstance(each.source, Source) else None
        return replace(each, name=names.get(each.name) or documented or each.name)

    return {method: tuple(map(renamed, listed)) for method, listed in fields.items()}


def _with_constants(fields: Fields, extra: Mapping[str, JsonValue]) -> Fields:
    """Add fields with a constant value, in place of fields of the same name."""
    constants = [WireField(name, Constant(value)) for name, value in extra.items()]
    return {
        method: (*(each for each in listed if each.name not in extra), *constants)
        for method, listed in fields.items()
    }


def _require(method: Method, fields: Iterable[WireField], root: Node, problems: ProblemList) -> None:
    """Note a field that stands twice in a method, and one that a wallet cannot do without."""
    listed = list(fields)
    place = value_at(root, "fields", method)
    names = [each.name for each in listed]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        problems.add(place, f'{method} has two fields named "{shortened(twice)}"')
    needed = [Source.METHOD, Source.PLAYER]
    if method.moves_money:
        needed += [Source.AMOUNT, Source.TRANSACTION]
    for source in needed:
        if source not in [each.source for each in listed]:
            problems.add(place, f"{method} has no field that holds the {source}")


def _check_methods(methods: Mapping[Method, str], root: Node, problems: ProblemList) -> None:
    """Note methods that no wallet could tell apart."""
    taken: dict[str, Method] = {}
    for method, said in methods.items():
        if said in taken:
            message = f'"{shortened(said)}" stands for both {taken[said]} and {method}'
            problems.add(value_at(root, "methods"), message)
        taken[said] = method


def _add_bearer(said: dict[str, Any], root: Node, problems: ProblemList) -> None:
    """Make the Authorization header of a bearer token."""
    token = said.pop("bearer", None)
    if token is None:
        return
    if any(name.lower() == "authorization" for name in said["headers"]):
        message = "there is an Authorization header already; leave one of the two out"
        problems.add(value_at(root, "bearer"), message)
    said["headers"]["Authorization"] = f"Bearer {token}"
