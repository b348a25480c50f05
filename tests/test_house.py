"""The numbers of the house are counted rightly: imports, circles, names, and the files that a bet crosses."""

from __future__ import annotations

from house_walk import walks
from import_graph import ImportGraph, Module, public_classes_defined_twice

TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


def package(sources: dict[str, str]) -> list[Module]:
    """Modules of a package that has these files."""
    return [Module(f"{name}.py", f"simulator.{name}", source) for name, source in sources.items()]


def graph(**sources: str) -> ImportGraph:
    """Who imports whom in a package of these modules."""
    return ImportGraph(package(sources))


def test_an_importer_counts_wherever_its_import_stands_unless_it_is_for_types() -> None:
    found = graph(
        a="x = 1",
        at_the_top="from simulator import a",
        of_a_name="from simulator.a import x",
        inside="def f():\n    import simulator.a",
        by_name="import importlib\nm = importlib.import_module('simulator.a')",
        relative="from . import a",
        for_types=f"{TYPES}from simulator.a import x",
    )
    expected = {"at_the_top", "of_a_name", "inside", "by_name", "relative"}
    assert found.importers("simulator.a") == {f"simulator.{name}" for name in expected}


def test_a_name_that_a_package_hands_on_is_imported_from_its_own_file() -> None:
    sources = {
        "core.__init__": "from simulator.core.a import A",
        "core.a": "",
        "b": "from simulator.core import A",
    }
    found = ImportGraph(package(sources))
    assert found.importers("simulator.core.__init__") == {"simulator.b"}
    assert [each.name for each in found.single_importer()] == ["simulator.core.__init__", "simulator.core.a"]


def test_circles_are_found_at_the_top_level_over_any_number_of_files() -> None:
    three = graph(
        a="import simulator.b", b="import simulator.c", c="import simulator.a", d="import simulator.a"
    )
    circle = ["simulator.a", "simulator.b", "simulator.c"]
    assert three.circles(with_types=False) == [circle]
    typed = graph(a="import simulator.b", b=f"{TYPES}import simulator.a")
    assert (typed.circles(with_types=False), len(typed.circles(with_types=True))) == ([], 1)
    assert graph(a="import simulator.b", b="def f():\n    import simulator.a").circles(with_types=True) == []


def test_the_version_of_the_package_closes_no_circle() -> None:
    assert graph(__init__="import simulator.a", a="import simulator").circles(with_types=True) == []


def test_a_class_name_is_used_twice_when_two_files_define_it_for_all() -> None:
    found = public_classes_defined_twice(
        package(
            {
                "a": "class Call: ...\nclass _Own: ...\nclass Only: ...",
                "b": "class Call: ...\nclass _Own: ...",
                "c": "from simulator.b import Call\ndef f():\n    class Only: ...",
            }
        )
    )
    assert found == {"Call": ["simulator.a", "simulator.b"]}


def test_a_bet_is_followed_through_files_that_are_there_and_no_file_of_the_wallet() -> None:
    """The way to the verdict holds the bet's, and both hold more than one file."""
    found = walks()
    assert 1 < len(found.bet.files) < len(found.verdict.files)
    assert set(found.bet.files) <= set(found.verdict.files)
    assert found.bet.changes >= len(found.bet.files) - 1
    assert not [name for name in found.verdict.files if name.startswith("reference_operator")]


def test_a_plain_bet_crosses_few_files() -> None:
    """Whoever follows one opens no more; `tests/house.py --names` says which they are."""
    assert len(walks().bet.files) <= 18
