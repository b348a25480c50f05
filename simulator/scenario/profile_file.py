"""A wire profile of one's own, written in YAML (docs/wire-profiles.md): text → WireProfile, strictly.

Every problem of the file is told at once, with its place. The file may hold a secret, so no line is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.core.json import JsonValue
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
from simulator.core.words import did_you_mean
from simulator.errors import ConfigurationError
from simulator.scenario.shapes import read_json
from simulator.scenario.yaml import (
    EnoughProblems,
    ProblemList,
    Wrong,
    compose,
    is_empty,
    is_plain,
    noun_of,
    shortened,
)
from simulator.wire.profiles import PROFILES

_Word = TypeVar("_Word", bound=StrEnum)


class Shapes:
    """Reads nodes as shapes; what does not fit is noted and read as nothing."""

    def __init__(self, problems: ProblemList) -> None:
        self.problems = problems

    def mapping(self, node: Node, known: Iterable[str] | None, what: str) -> dict[str, Node]:
        """The keys of a mapping with their nodes; unknown and repeated ones are noted and left out."""
        if not isinstance(node, MappingNode):
            self.problems.add(node, f"{what} is a mapping; found {noun_of(node)}")
            return {}
        words = None if known is None else [str(word) for word in known]
        found: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not key.value:
                self.problems.add(key, f"a key of {what} is a word; found {noun_of(key)}")
            elif key.value in found:
                self.problems.add(key, f'duplicate key "{shortened(key.value)}"')
            elif words is not None and key.value not in words:
                hint = did_you_mean(key.value, words) or f"; valid are {', '.join(words)}"
                self.problems.add(key, f'unknown key "{shortened(key.value)}" in {what}{hint}')
            else:
                found[key.value] = value
        return found

    def text_of(self, node: Node, what: str) -> str | None:
        if not isinstance(node, ScalarNode) or not node.value.strip():
            found = "nothing" if is_empty(node) else noun_of(node)
            self.problems.add(node, f"{what} is a text; found {found}")
            return None
        text: str = node.value
        return text

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        if not isinstance(node, SequenceNode):
            self.problems.add(node, f"{what} is a list; found {noun_of(node)}")
            return ()
        return tuple(text for item in node.value if (text := self.text_of(item, f"an item of {what}")))

    def word(self, node: Node, known: Iterable[str], what: str) -> str | None:
        words = list(known)
        if isinstance(node, ScalarNode) and node.value in words:
            return str(node.value)
        hint = did_you_mean(node.value, words) if isinstance(node, ScalarNode) else ""
        self.problems.add(node, f"{what}: one of {', '.join(words)}; found {noun_of(node)}{hint}")
        return None

    def member(self, node: Node, members: tuple[_Word, ...]) -> _Word | None:
        word = self.word(node, [member.value for member in members], "how money is written")
        return next((member for member in members if member.value == word), None)

    def json(self, node: Node) -> JsonValue:
        try:
            return read_json(node)
        except Wrong as wrong:
            self.problems.add(wrong.node, wrong.message)
            return None


# --- yaml_profile ---------------------------------------------------------------------------------

KEYS = (
    "name", "extends", "path", "money", "session", "game", "methods", "fields", "rename", "rename_in",
    "extra", "extra_in", "reply", "headers", "bearer",
)  # fmt: skip

REPLY_KEYS = ("status", "balance", "money", "true_is_one", "identity", "details", "without_balance")

STATUS_ABSENT = "absent"
"""The word for answers that carry no status."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")

_TOKEN = re.compile(r"[\x21-\x7e]+")

_MONEY_METHODS = tuple(method for method in Method if method.moves_money)

# What the transport writes by itself, and what would make a body unreadable for every operator.
_OUR_HEADERS = frozenset({"connection", "content-length", "content-type", "transfer-encoding"})


def load_profile(text: str, file: str) -> WireProfile:
    """The profile that a YAML text describes; `file` names it in errors.

    Raises ConfigurationError with every problem, a line each: `file:line:column: what is wrong`.
    """
    problems = ProblemList(file, tuple(text.splitlines()))
    profile = None
    try:
        documents = compose(text, problems)
        if not problems.found:
            profile = _Reader(problems).document(documents)
    except EnoughProblems:
        pass
    if profile is None or problems.found:
        in_order = sorted(problems.found, key=lambda found: (found.place.line, found.place.column))
        raise ConfigurationError(
            "\n".join(f"{found.place}:{found.place.column}: {found.message}" for found in in_order)
        )
    return profile


class _Reader(Shapes):
    """Walks the one mapping of a profile."""

    def __init__(self, problems: ProblemList) -> None:
        super().__init__(problems)
        self.keys: dict[str, Node] = {}

    def document(self, documents: list[Node]) -> WireProfile | None:
        """The profile, or None with at least one problem noted."""
        if len(documents) != 1:
            self.problems.add_at(
                1, 1, f"a wire profile is one YAML mapping; found {len(documents)} documents"
            )
            return None
        root = documents[0]
        self.keys = self.mapping(root, KEYS, "a wire profile")
        if "name" not in self.keys and isinstance(root, MappingNode):
            self.problems.add(root, 'the profile has no "name"')
        base = self.base()
        methods = self.methods(base)
        profile = replace(
            base,
            name=self.text("name", base.name),
            path=self.path(base.path),
            money=self.money(base.money),
            session=self.text("session", base.session),
            game=self.text("game", base.game),
            methods=methods,
            fields=self.fields(base),
            headers=self.headers(base),
            reply=self.reply(base.reply),
        )
        self.told_apart(profile)
        return None if self.problems.found else profile

    def told_apart(self, profile: WireProfile) -> None:
        alike = None if self.problems.found else profile.alike()
        if alike is not None:
            one, other = alike
            word = f'"{shortened(profile.methods[one])}" stands for both {one} and {other}'
            self.problems.add(self.keys["methods"], f"{word}, and extra_in does not tell them apart")

    # --- one key each ------------------------------------------------------------------------------

    def base(self) -> WireProfile:
        node = self.keys.get("extends")
        known = self.word(node, PROFILES, "a shipped profile") if node is not None else None
        return PROFILES[known or "betrontech"]

    def text(self, key: str, default: str) -> str:
        node = self.keys.get(key)
        return default if node is None else self.text_of(node, f'"{key}"') or default

    def path(self, default: str) -> str:
        path = self.text("path", default)
        if not path.startswith("/"):
            self.problems.add(self.keys["path"], f'a path begins with "/"; found "{shortened(path)}"')
        return path

    def money(self, default: MoneyForm) -> MoneyForm:
        node = self.keys.get("money")
        if node is None:
            return default
        return self.member(node, (MoneyForm.STRING, MoneyForm.NUMBER)) or default

    def methods(self, base: WireProfile) -> Mapping[Method, str]:
        values = dict(base.methods)
        node = self.keys.get("methods")
        if node is None:
            return values
        for name, value in self.mapping(node, list(Method), '"methods"').items():
            values[Method(name)] = self.text_of(value, f"the value of `method` for {name}") or name
        return values

    def fields(self, base: WireProfile) -> Mapping[Method, tuple[WireField, ...]]:
        fields = dict(base.fields)
        node = self.keys.get("fields")
        own = self.mapping(node, list(Method), '"fields"') if node is not None else {}
        for name, value in own.items():
            fields[Method(name)] = self.fields_of(value, Method(name))
        self.rename(fields)
        extra = self.constants(self.keys.get("extra"), '"extra"')
        extra_in = self.by_method("extra_in")
        for method, listed in fields.items():
            more = (*extra, *self.constants(extra_in.get(method), f"what {method} has besides"))
            names = {each.name for each in more}
            fields[method] = (*(each for each in listed if each.name not in names), *more)
        for method, listed in fields.items():
            changes = (self.keys.get(key) for key in ("extra", "rename", "extra_in", "rename_in"))
            place = own.get(method) or next(filter(None, changes), None)
            if place is not None:
                self.require(place, method, listed)
        return fields

    def fields_of(self, node: Node, method: Method) -> tuple[WireField, ...]:
        sources = [source.value for source in Source]
        found: list[WireField] = []
        for name, value in self.mapping(node, None, f"the fields of {method}").items():
            if isinstance(value, MappingNode):
                constant = self.mapping(value, ["value"], f'"{shortened(name)}"').get("value")
                if constant is None:
                    self.problems.add(value, "a constant field is written {value: …}")
                else:
                    found.append(WireField(name, Constant(self.json(constant))))
            elif (word := self.word(value, sources, "what stands in a field")) is not None:
                found.append(WireField(name, Source(word)))
        return tuple(found)

    def rename(self, fields: dict[Method, tuple[WireField, ...]]) -> None:
        node = self.keys.get("rename")
        if node is not None:
            self.rename_all(node, '"rename"', fields, fields)
        for method, own in self.by_method("rename_in").items():
            self.rename_all(own, f"the new names of {method}", fields, [method])

    def rename_all(
        self, node: Node, what: str, fields: dict[Method, tuple[WireField, ...]], methods: Iterable[Method]
    ) -> None:
        """Give fields of some methods new names: by their names, or by what the reference calls them."""
        methods = list(methods)
        names = (each.name for method in methods for each in fields[method])
        new = {
            old: name
            for old, value in self.mapping(node, dict.fromkeys([*DOCUMENTED_NAMES, *names]), what).items()
            if (name := self.text_of(value, f'the new name of "{old}"'))
        }
        by_source = {source: new[old] for old, source in DOCUMENTED_NAMES.items() if old in new}
        for method in methods:
            fields[method] = tuple(
                replace(each, name=_renamed(each, new, by_source)) for each in fields[method]
            )

    def by_method(self, key: str) -> dict[Method, Node]:
        node = self.keys.get(key)
        found = {} if node is None else self.mapping(node, list(Method), f'"{key}"')
        return {Method(name): value for name, value in found.items()}

    def constants(self, node: Node | None, what: str) -> tuple[WireField, ...]:
        found = {} if node is None else self.mapping(node, None, what)
        return tuple(WireField(name, Constant(self.json(value))) for name, value in found.items())

    def require(self, node: Node, method: Method, fields: Iterable[WireField]) -> None:
        listed = list(fields)
        names = [each.name for each in listed]
        for twice in sorted({name for name in names if names.count(name) > 1}):
            self.problems.add(node, f'{method} has two fields named "{shortened(twice)}"')
        needed = [Source.METHOD, Source.PLAYER]
        if method.moves_money:
            needed += [Source.AMOUNT, Source.TRANSACTION]
        present = {each.source for each in listed if isinstance(each.source, Source)}
        for source in needed:
            if source not in present:
                self.problems.add(node, f"{method} has no field that holds the {source}")

    def reply(self, base: ReplyFields) -> ReplyFields:
        node = self.keys.get("reply")
        if node is None:
            return base
        keys = self.mapping(node, REPLY_KEYS, '"reply"')
        said: dict[str, object] = {}
        for name in ("status", "balance"):
            if name in keys and (text := self.text_of(keys[name], f'"reply.{name}"')):
                said[name] = text
        if said.get("status") == STATUS_ABSENT:
            said |= {"status": base.status, "status_absent": True}
        if "without_balance" in keys:
            said["without_balance"] = frozenset(self.methods_in(keys["without_balance"]))
        if "money" in keys:
            said["money"] = self.member(keys["money"], tuple(MoneyForm)) or base.money
        if "true_is_one" in keys:
            word = self.word(keys["true_is_one"], ("true", "false"), "true or false")
            said["true_is_one"] = word == "true"
        if "identity" in keys:
            said["identity"] = self.identity(keys["identity"])
        if "details" in keys:
            said["details"] = self.texts(keys["details"], '"reply.details"')
        return replace(base, **said)  # type: ignore[arg-type]  # each key was read as its field's type

    def methods_in(self, node: Node) -> Iterable[Method]:
        if not isinstance(node, SequenceNode):
            self.problems.add(node, f'"reply.without_balance" is a list; found {noun_of(node)}')
            return
        for item in node.value:
            word = self.word(item, _MONEY_METHODS, "a method whose answers show no balance")
            if word is not None:
                yield Method(word)

    def identity(self, node: Node) -> str | None:
        if is_plain(node) and isinstance(node, ScalarNode) and node.value == "null":
            return None
        return self.text_of(node, '"reply.identity"')

    def headers(self, base: WireProfile) -> tuple[tuple[str, str], ...]:
        headers = dict(base.headers)
        node = self.keys.get("headers")
        for name, value in (self.mapping(node, None, '"headers"') if node is not None else {}).items():
            if _HEADER_NAME.fullmatch(name) is None or name.lower() in _OUR_HEADERS:
                self.problems.add(value, f'"{shortened(name)}" cannot be set as a header')
            elif not isinstance(value, ScalarNode) or _HEADER_VALUE.fullmatch(value.value) is None:
                self.problems.add(value, f"the value of the header {name} is one line of printable ASCII")
            else:
                headers[name] = value.value
        bearer = self.keys.get("bearer")
        if bearer is not None:
            self.bearer(bearer, headers)
        return tuple(headers.items())

    def bearer(self, node: Node, headers: dict[str, str]) -> None:
        token = self.text_of(node, '"bearer"')
        if any(name.lower() == "authorization" for name in headers):
            self.problems.add(node, "there is an Authorization header already; leave one of the two out")
        elif token and _TOKEN.fullmatch(token) is None:
            self.problems.add(node, "a bearer token is printable ASCII without spaces")
        elif token:
            headers["Authorization"] = f"Bearer {token}"


def _renamed(field: WireField, new: Mapping[str, str], by_source: Mapping[Source, str]) -> str:
    """The new name of a field: asked for by its name, or by what the reference calls it."""
    documented = by_source.get(field.source) if isinstance(field.source, Source) else None
    return new.get(field.name) or documented or field.name
