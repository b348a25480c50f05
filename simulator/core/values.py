"""The base class of values: frozen, slotted, and cheap to declare.

`@dataclass(frozen=True, slots=True)` compiles six methods for every class and creates each class twice, which
takes 0.4 ms. A hundred of them took a third of the time until the first call was sent. A Frozen only compiles
its constructor, when the first object is made; setting a field takes half as long, too.

`dataclasses.replace`, `fields`, `match` and type checkers treat a Frozen as a dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, FrozenInstanceError, field, make_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Never, dataclass_transform


class _Derived:
    """How a field is computed from the others."""

    __slots__ = ("compute",)

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute


def derived(compute: Callable[[Any], Any], *, init: Literal[False] = False) -> Any:  # noqa: ARG001
    """Return a field that is computed once, from the fields that stand above it.

    It is in no constructor, comparison or `replace`. What is asked of every call several times is a field and
    no property.
    """
    return _Derived(compute)


@dataclass_transform(frozen_default=True, field_specifiers=(field, derived))
class _FrozenType(type):
    """Turns the annotated names of a class body into slots; a value given there is the field's default."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], *, kw_only: bool = False
    ) -> _FrozenType:
        if not bases:
            return super().__new__(cls, name, bases, body)
        annotated = tuple(body.get("__annotations__", ()))
        computed = {name: body.pop(name) for name in annotated if isinstance(body.get(name), _Derived)}
        names = tuple(name for name in annotated if name not in computed)
        given = {name: body.pop(name) for name in names if name in body}
        hidden = {name for name, value in given.items() if isinstance(value, Field) and not value.repr}
        body["_given"] = given
        body["_computed"] = computed
        body["_fields"] = names
        body["_shown"] = tuple(name for name in names if name not in hidden)
        body["_kw_only"] = kw_only
        body["_values"] = attrgetter(*names)
        body["__slots__"] = annotated
        body["__match_args__"] = () if kw_only else names
        return super().__new__(cls, name, bases, body)


class _DataclassFields:
    """Creates what `dataclasses.replace` and `fields` need, when they are first used."""

    def __get__(self, _value: object, owner: type[Frozen]) -> dict[str, Field[Any]]:
        members = [
            (name, owner.__annotations__[name], owner._given.get(name, field())) for name in owner._fields
        ]
        like = make_dataclass(owner.__name__, members, kw_only=owner._kw_only)
        owner.__dataclass_fields__ = vars(like)["__dataclass_fields__"]
        return owner.__dataclass_fields__


class Frozen(metaclass=_FrozenType):
    """An immutable value, equal to others of its class with equal fields.

    Declared like a dataclass: `field(default_factory=...)` for a default that is not itself frozen,
    `field(repr=False)` for a secret, `derived` for what follows from the other fields. `class X(Frozen,
    kw_only=True)` takes its fields by name only. A `__post_init__` may check them. Other fields outside the
    constructor or the comparison, and inheritance, need a dataclass.
    """

    __slots__: ClassVar[tuple[str, ...]] = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]] = _DataclassFields()  # type: ignore[assignment]
    _given: ClassVar[dict[str, Any]]
    _computed: ClassVar[dict[str, _Derived]]
    _fields: ClassVar[tuple[str, ...]]
    _shown: ClassVar[tuple[str, ...]]
    _kw_only: ClassVar[bool]
    _values: ClassVar[attrgetter[Any]]

    def __init__(self, *values: Any, **named: Any) -> None:
        # Runs for the first object of a class only, and gives the class a constructor of its own.
        made = type(self)
        made.__init__ = _constructor(made)  # type: ignore[method-assign]
        made.__init__(self, *values, **named)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self._values(self) == self._values(other))

    def __hash__(self) -> int:
        return hash(self._values(self))

    def __repr__(self) -> str:
        named = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__qualname__}({named})"

    if not TYPE_CHECKING:  # with these methods type checkers would accept any attribute

        def __setattr__(self, name: str, value: object) -> Never:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> Never:
            raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_fields, (type(self), {name: getattr(self, name) for name in self._fields})


def fields_given(made: type[Frozen]) -> Iterator[tuple[str, Field[Any]]]:
    """Return the fields of a class that are declared with `field(…)`, by name, and what it says of them."""
    return ((name, given) for name, given in made._given.items() if isinstance(given, Field))


def _from_fields(made: type[Frozen], named: dict[str, Any]) -> Frozen:
    return made(**named)


def _constructor(made: type[Frozen]) -> Any:
    """Return the `__init__` of a class, which sets the slots directly, past the forbidding `__setattr__`."""
    scope: dict[str, Any] = {"_missing": MISSING}
    parameters = ["self", "*"] if made._kw_only else ["self"]
    lines = []
    for name in made._fields:
        default, make_default = _default_of(made, name)
        optional = default is not MISSING or make_default is not MISSING
        parameters.append(f"{name}=_default_{name}" if optional else name)
        value = name if make_default is MISSING else f"_make_{name}() if {name} is _missing else {name}"
        lines.append(f"    _set_{name}(self, {value})")
        scope |= {f"_default_{name}": default, f"_make_{name}": make_default}
        scope[f"_set_{name}"] = getattr(made, name).__set__
    for name, each in made._computed.items():
        lines.append(f"    _set_{name}(self, _compute_{name}(self))")
        scope |= {f"_set_{name}": getattr(made, name).__set__, f"_compute_{name}": each.compute}
    if hasattr(made, "__post_init__"):
        lines.append("    self.__post_init__()")
    exec("\n".join([f"def __init__({', '.join(parameters)}):", *lines]), scope)
    return scope["__init__"]


def _default_of(made: type[Frozen], name: str) -> tuple[Any, Any]:
    """Return a field's default and default factory, each of them MISSING if there is none."""
    given = made._given.get(name, MISSING)
    if not isinstance(given, Field):
        return given, MISSING
    if not (given.init and given.compare):
        raise TypeError(f"{made.__name__}.{name}: every field of a Frozen is in its constructor")
    return given.default, given.default_factory
