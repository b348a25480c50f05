"""Frozen values behave as frozen, slotted dataclasses do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.values import Frozen, derived


class Coin(Frozen):
    cents: int
    mint: str = "here"
    marks: Mapping[str, str] = field(default_factory=dict)


class Pile(Frozen, kw_only=True):
    coins: tuple[Coin, ...] = ()
    owner: str


@dataclass(frozen=True, slots=True)
class _Coin:
    cents: int
    mint: str = "here"
    marks: Mapping[str, str] = field(default_factory=dict)


@given(st.integers(), st.text(max_size=3))
def test_equality_repr_and_fields_are_those_of_a_dataclass(cents: int, mint: str) -> None:
    """Whatever the values, a Frozen compares and prints as the dataclass of the same fields does."""
    ours, theirs = Coin(cents, mint), _Coin(cents, mint)
    assert repr(ours) == repr(theirs).removeprefix("_")
    assert (ours == Coin(0, "x")) == (theirs == _Coin(0, "x"))
    assert [each.name for each in fields(ours)] == [each.name for each in fields(theirs)]
    assert ours != theirs


def test_a_field_can_neither_be_set_nor_deleted() -> None:
    """A value does not change under whoever else holds it."""
    coin = Coin(5)
    with pytest.raises(FrozenInstanceError):
        coin.cents = 6  # type: ignore[misc]  # that it must not is the point
    with pytest.raises(FrozenInstanceError):
        del coin.cents
    with pytest.raises((FrozenInstanceError, AttributeError)):
        coin.other = 6  # type: ignore[attr-defined]  # as above


def test_a_default_is_made_anew_for_each_object() -> None:
    """Two values share no mapping."""
    assert Coin(1).marks == {}
    assert Coin(1).marks is not Coin(1).marks


def test_arguments_are_checked_as_those_of_any_call() -> None:
    """A missing, unknown, or positional argument where names are wanted is a TypeError."""
    for make in (lambda: Coin(), lambda: Coin(1, size=2), lambda: Pile((), "me"), lambda: Pile()):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            make()
    assert Pile(owner="me").coins == ()


def test_replace_match_copy_and_pickle_take_it_as_a_dataclass() -> None:
    """The standard library's tools for dataclasses work."""
    coin = Coin(5)
    assert is_dataclass(coin)
    assert replace(coin, mint="there") == Coin(5, "there")
    assert replace(Pile(owner="me"), coins=(coin,)) == Pile(coins=(coin,), owner="me")
    match coin:
        case Coin(cents, mint=mint):
            assert (cents, mint) == (5, "here")
    assert copy.deepcopy(coin) == coin
    assert pickle.loads(pickle.dumps(Pile(owner="you"))) == Pile(owner="you")


def test_a_hidden_field_is_not_printed() -> None:
    """A secret stays out of every repr, and so out of tracebacks and logs."""

    class Key(Frozen):
        name: str
        secret: str = field(repr=False)
        salt: str = field(default="s4lt", repr=False)

    key = Key("a", secret="hunter2")
    assert "hunter2" not in repr(key)
    assert "s4lt" not in repr(key)
    assert (key.secret, key.salt) == ("hunter2", "s4lt")


def test_a_field_outside_the_constructor_is_refused() -> None:
    """What a Frozen cannot do it does not silently leave out."""

    class Odd(Frozen):
        number: int = field(default=1, compare=False)

    with pytest.raises(TypeError, match=r"Odd\.number"):
        Odd()


def test_hash_follows_equality() -> None:
    """Equal values are one key; one that holds something mutable has no hash."""
    assert {Pile(owner="me"): 1}[Pile(owner="me")] == 1
    with pytest.raises(TypeError):
        hash(Coin(5))


def test_post_init_checks_the_fields() -> None:
    """A class may refuse values."""

    class Even(Frozen):
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError(self.number)

    assert Even(2).number == 2
    with pytest.raises(ValueError, match="3"):
        Even(3)


class Sum(Frozen):
    left: int
    right: int = 1
    total: int = derived(lambda its: its.left + its.right)


def test_a_derived_field_follows_from_the_others() -> None:
    """It is set with the others, changes with them in `replace`, and is in no constructor or comparison."""
    three = Sum(2)
    assert three.total == 3
    assert replace(three, right=5).total == 7
    assert pickle.loads(pickle.dumps(three)).total == 3
    assert three == Sum(2, 1)
    assert repr(three) == "Sum(left=2, right=1)"
    assert [each.name for each in fields(three)] == ["left", "right"]
    with pytest.raises(TypeError, match="total"):
        Sum(2, total=9)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        three.total = 9  # type: ignore[misc]
