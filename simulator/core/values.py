"""The base of what travels: values that are frozen and slotted, and cost next to nothing to declare.

`@dataclass(frozen=True, slots=True)` compiles six methods for every class and makes each class twice, 0.4 ms
in all. A hundred of them were a third of the time until the first call went out. Here a class compiles its
constructor alone, when the first object is made; setting a field takes half as long, too.

A Frozen is a dataclass to everything else: `replace`, `fields`, `match` and type checkers take it as one.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, field, make_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Never, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class _FrozenType(type):
    """Makes the annotated names of a class body its slots; a value given there is that field's default."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], *, kw_only: bool = False
    ) -> _FrozenType:
        if not bases:
            return super().__new__(cls, name, bases, body)
        names = tuple(body.get("__annotations__", ()))
        given = {name: body.pop(name) for name in names if name in body}
        hidden = {name for name, value in given.items() if isinstance(value, Field) and not value.repr}
        body["_given"] = given
        body["_shown"] = tuple(name for name in names if name not in hidden)
        body["_kw_only"] = kw_only
        body["_values"] = attrgetter(*names)
        body["__slots__"] = names
        body["__match_args__"] = () if kw_only else names
        return super().__new__(cls, name, bases, body)


class _DataclassFields:
    """What `dataclasses.replace` and `fields` look for, made when they first do."""

    def __get__(self, _value: object, owner: type[Frozen]) -> dict[str, Field[Any]]:
        members = [
            (name, kind, owner._given.get(name, field())) for name, kind in owner.__annotations__.items()
        ]
        like = make_dataclass(owner.__name__, members, kw_only=owner._kw_only)
        owner.__dataclass_fields__ = vars(like)["__dataclass_fields__"]
        return owner.__dataclass_fields__


class Frozen(metaclass=_FrozenType):
    """A value: equal to another of its class with equal fields, and never changed.

    Declared like a dataclass, its defaults too: `field(default_factory=...)` where a default is not itself
    frozen, `field(repr=False)` for what must not be printed. `class X(Frozen, kw_only=True)` takes its fields
    by name only. A `__post_init__` may check them. What else a dataclass can do (fields outside the
    constructor or the comparison, inheritance) is a dataclass's.
    """

    __slots__: ClassVar[tuple[str, ...]] = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]] = _DataclassFields()  # type: ignore[assignment]
    _given: ClassVar[dict[str, Any]]
    _shown: ClassVar[tuple[str, ...]]
    _kw_only: ClassVar[bool]
    _values: ClassVar[attrgetter[Any]]

    def __init__(self, *values: Any, **named: Any) -> None:
        # Runs for the first object of a class only: from here on the class has a constructor of its own.
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

    if not TYPE_CHECKING:  # a class that takes any name would let type checkers miss misspelt ones

        def __setattr__(self, name: str, value: object) -> Never:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> Never:
            raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_fields, (type(self), {name: getattr(self, name) for name in self.__slots__})


def _from_fields(made: type[Frozen], named: dict[str, Any]) -> Frozen:
    return made(**named)


def _constructor(made: type[Frozen]) -> Any:
    """The `__init__` of a class: it sets the slots directly, past the `__setattr__` that forbids it."""
    scope: dict[str, Any] = {"_missing": MISSING}
    parameters = ["self", "*"] if made._kw_only else ["self"]
    lines = []
    for name in made.__slots__:
        default, make_default = _default_of(made, name)
        optional = default is not MISSING or make_default is not MISSING
        parameters.append(f"{name}=_default_{name}" if optional else name)
        value = name if make_default is MISSING else f"_make_{name}() if {name} is _missing else {name}"
        lines.append(f"    _set_{name}(self, {value})")
        scope |= {f"_default_{name}": default, f"_make_{name}": make_default}
        scope[f"_set_{name}"] = getattr(made, name).__set__
    if hasattr(made, "__post_init__"):
        lines.append("    self.__post_init__()")
    exec("\n".join([f"def __init__({', '.join(parameters)}):", *lines]), scope)
    return scope["__init__"]


def _default_of(made: type[Frozen], name: str) -> tuple[Any, Any]:
    """A field's default and what makes one, each of them MISSING where there is none."""
    given = made._given.get(name, MISSING)
    if not isinstance(given, Field):
        return given, MISSING
    if not (given.init and given.compare):
        raise TypeError(f"{made.__name__}.{name}: no field of a Frozen stands outside its constructor")
    return given.default, given.default_factory
