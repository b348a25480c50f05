"""The registries of defects and dialects, and how several of them make one wallet.

Each is a class that overrides a few methods of `Wallet` or `Webhook` and leaves the rest to `super()`.
Several are combined in the order in which they are named: the first one is called first.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from simulator.reference_operator.settings import UnknownName
from simulator.reference_operator.wallet import Wallet
from simulator.reference_operator.webhook import Webhook

Part = type[Wallet] | type[Webhook]

AnyPart = TypeVar("AnyPart", bound=Part)


class DefectKind(Enum):
    """The kind of test that a defect shows in."""

    SEQUENTIAL = "sequential"  # one call after the other
    FORM = "form"  # one call: the money may be right, its form is not
    RACE = "race"  # calls in flight at the same time
    DURABILITY = "durability"  # a restart, or many calls in between


@dataclass(frozen=True, slots=True)
class Defect:
    """A bug that the example wallet can be given.

    `needs` names the hook without which no call shows it: "restart", "block" or "". `cause` is what a test of
    a wallet with it must name, and `also` what it may name besides, in
    any order with `any_first`.
    """

    name: str
    description: str
    kind: DefectKind
    group: str
    part: Part
    needs: str = ""
    cause: str = ""
    also: tuple[str, ...] = ()
    any_first: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """Another correct way to answer."""

    name: str
    description: str
    part: Part


DEFECTS: dict[str, Defect] = {}

DIALECTS: dict[str, Dialect] = {}


def defects_by_group() -> dict[str, list[Defect]]:
    """Return the registered defects by their groups, in alphabetical order of the groups."""
    groups = sorted({each.group for each in DEFECTS.values()})
    return {group: [each for each in DEFECTS.values() if each.group == group] for group in groups}


def defect(
    name: str,
    description: str,
    kind: DefectKind,
    group: str,
    needs: str = "",
    *,
    cause: str,
    also: tuple[str, ...] = (),
    any_first: bool = False,
) -> Callable[[AnyPart], AnyPart]:
    """Register the decorated class as a defect."""

    def register(part: AnyPart) -> AnyPart:
        DEFECTS[name] = Defect(name, description, kind, group, part, needs, cause, also, any_first)
        return part

    return register


def dialect(name: str, description: str) -> Callable[[AnyPart], AnyPart]:
    """Register the decorated class as a dialect."""

    def register(part: AnyPart) -> AnyPart:
        DIALECTS[name] = Dialect(name, description, part)
        return part

    return register


def select(kind: str, names: Iterable[str], known: Mapping[str, Defect | Dialect]) -> list[Part]:
    """Return the classes with these names. Raises UnknownName."""
    parts = []
    for name in names:
        if name not in known:
            raise UnknownName(kind, name, known)
        parts.append(known[name].part)
    return parts


def build_wallet_class(parts: Iterable[Part]) -> type[Wallet]:
    switches = [part for part in parts if issubclass(part, Wallet)]
    return type("SwitchedWallet", (*switches, Wallet), {}) if switches else Wallet


def build_webhook_class(parts: Iterable[Part]) -> type[Webhook]:
    switches = [part for part in parts if issubclass(part, Webhook)]
    return type("SwitchedWebhook", (*switches, Webhook), {}) if switches else Webhook
