"""Scenario files on disk: what a path, a folder and a line mean, and where the bundled suite is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.errors import UsageError
from simulator.scenario.files import bundled_suite, load_scenarios, select, shadowed
from simulator.scenario.yaml import ScenarioFileError

NOBODY = 65_534

TABLE = """\
name: One
steps:
  - balance
---
name: Two
cases:
  a: {stake: 1.00}
  b:
    stake: 2.00
steps:
  - bet: ${stake}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of scenarios that a user stands in."""
    for name in (
        "b.yaml",
        "a.yml",
        "deep/er/c.yaml",
        "_parts/p.yaml",
        ".hidden/h.yaml",
        "_q.yaml",
        "notes.txt",
    ):
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("steps: [balance]\n", "utf-8")
    (tmp_path / "mine" / "betrontech-sim.yaml").write_text("endpoint: http://localhost\n", "utf-8")
    (tmp_path / "table.yaml").write_text(TABLE, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ids(*paths: str) -> list[str]:
    """The ids of what the paths select."""
    return [scenario.id for scenario in load_scenarios(paths)]


@pytest.mark.usefixtures("here")
def test_a_folder_is_all_scenario_files_within_sorted() -> None:
    """Neither the configuration nor what is there to be used, whose names begin with _ or a dot."""
    assert ids("mine") == ["mine/a.yml", "mine/b.yaml", "mine/deep/er/c.yaml"]
    assert ids("./mine/") == ids("mine")


@pytest.mark.usefixtures("here")
def test_a_file_that_is_named_is_taken_whatever_its_name() -> None:
    """Only folders leave files out."""
    assert ids("mine/_q.yaml", "mine/_parts") == ["mine/_q.yaml", "mine/_parts/p.yaml"]


def test_a_file_counts_once(here: Path) -> None:
    """However it is spelled, and in the order of its first mention."""
    assert ids("mine/deep", "mine", str(here / "mine" / "b.yaml")) == [
        "mine/deep/er/c.yaml",
        "mine/a.yml",
        "mine/b.yaml",
    ]


LINES = {
    "first line": ("table.yaml:1", ["table.yaml#One"]),
    "between": ("table.yaml:4", ["table.yaml#One"]),
    "name of the table": ("table.yaml:5", ["table.yaml#Two[a]", "table.yaml#Two[b]"]),
    "row": ("table.yaml:7", ["table.yaml#Two[a]"]),
    "row's second line": ("table.yaml:9", ["table.yaml#Two[b]"]),
    "step of the table": ("table.yaml:11", ["table.yaml#Two[a]", "table.yaml#Two[b]"]),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("path", "expected"), LINES.values(), ids=LINES)
def test_a_line_takes_what_stands_there(path: str, expected: list[str]) -> None:
    """What a report prints as FILE:LINE can be pasted back."""
    assert ids(path) == expected


@pytest.mark.usefixtures("here")
def test_lines_of_one_file_add_up_and_all_of_it_wins() -> None:
    """Two rows are two tests; the whole file is the whole file."""
    assert ids("table.yaml:7", "table.yaml:1") == ["table.yaml#Two[a]", "table.yaml#One"]
    assert len(ids("table.yaml:7", "table.yaml")) == 3


WRONG_PATHS = {
    "misspelt": ("tabel.yaml", 'there is no file or folder tabel.yaml; did you mean "table.yaml"?'),
    "misspelt in the bundle": (
        "scenarios/refnds",
        'there is no file or folder scenarios/refnds; did you mean "refunds"?',
    ),
    "line beyond": (
        "table.yaml:99",
        "table.yaml:99: there is no scenario on that line; the file has 11 lines",
    ),
    "line of a folder": ("mine:3", "mine:3: mine is a folder; a line is of a file"),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("path", "expected"), WRONG_PATHS.values(), ids=WRONG_PATHS)
def test_a_path_that_leads_nowhere_is_told(path: str, expected: str) -> None:
    """With what stands beside it under a name like it."""
    with pytest.raises(UsageError) as caught:
        load_scenarios([path])
    assert str(caught.value) == expected


def test_problems_of_all_files_are_told_together(here: Path) -> None:
    """One run of check shows everything, and a used file's slip once."""
    (here / "_used.yaml").write_text("steps: [bte: 1.00]\n", "utf-8")
    for name in ("one.yaml", "two.yaml"):
        (here / name).write_text("steps: [use: _used.yaml, bat: 1.00]\n", "utf-8")
    with pytest.raises(ScenarioFileError) as caught:
        load_scenarios(["one.yaml", "two.yaml", "mine"])
    assert [problem.place.file for problem in caught.value.problems] == ["one.yaml", "_used.yaml", "two.yaml"]


def test_the_bundled_suite_is_there_from_everywhere(here: Path) -> None:
    """No path means the bundle; a path of it that is not found here is looked up there."""
    bundled = ids()
    assert bundled
    assert all(name.startswith("scenarios/") for name in bundled)
    assert ids("scenarios") == bundled
    assert ids("scenarios/refunds/refund.yaml") == ["scenarios/refunds/refund.yaml"]
    own = here / "scenarios" / "refunds" / "refund.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("name: mine\nsteps: [balance]\n", "utf-8")
    assert [scenario.name for scenario in load_scenarios(["scenarios/refunds/refund.yaml"])] == ["mine"]
    assert ids() == bundled
    assert ids("scenarios") == ["scenarios/refunds/refund.yaml"]


def test_a_repository_shows_its_own_scenarios() -> None:
    """An editable install reads the files that are edited."""
    assert bundled_suite() == Path(__file__).parent.parent / "scenarios"


@pytest.mark.usefixtures("here")
def test_an_id_selects_what_a_report_calls_so() -> None:
    """A scenario of several, a row of its cases, or all rows, as `list` and reports print them."""
    assert ids("table.yaml#One") == ["table.yaml#One"]
    assert ids("table.yaml#Two[b]") == ["table.yaml#Two[b]"]
    assert ids("table.yaml#Two", "table.yaml:2") == [
        "table.yaml#Two[a]",
        "table.yaml#Two[b]",
        "table.yaml#One",
    ]
    with pytest.raises(
        UsageError, match=r'no scenario of the file has this id; did you mean "table\.yaml#One"'
    ):
        ids("table.yaml#Onne")


@pytest.mark.usefixtures("here")
def test_a_pattern_that_no_shell_expanded_is_expanded() -> None:
    """As in a container's command, where there is no shell; one that fits nothing is an error."""
    assert ids("mine/*.y*ml") == ["mine/a.yml", "mine/b.yaml"]
    with pytest.raises(UsageError, match=r"no file or folder fits mine/\*\.json"):
        ids("mine/*.json")


def test_a_path_that_leads_nowhere_says_how(here: Path) -> None:
    """An empty one, as an unset variable makes it, a link whose target is gone, and the configuration."""
    (here / "link.yaml").symlink_to("gone.yaml")
    with pytest.raises(UsageError, match="a PATH is empty"):
        ids("")
    with pytest.raises(UsageError, match=r"link\.yaml is a link to what is not there: gone\.yaml"):
        ids("link.yaml")
    with pytest.raises(UsageError, match=r"betrontech-sim\.yaml is the configuration; it holds no scenario"):
        ids("mine/betrontech-sim.yaml")


def test_a_named_pipe_is_an_error_and_nothing_waits_for_its_writer(here: Path) -> None:
    """Both as a scenario and as a file that a scenario uses."""
    os.mkfifo(here / "pipe.yaml")
    with pytest.raises(UsageError, match="no regular file"):
        ids("pipe.yaml")
    (here / "user.yaml").write_text("steps:\n  - use: pipe.yaml\n", "utf-8")
    with pytest.raises(ScenarioFileError, match="no regular file"):
        ids("user.yaml")


@pytest.fixture
def without_rights(here: Path) -> Iterator[Path]:
    """A folder without rights, for a user who is not root: root may list every folder."""
    locked = here / "mine" / "deep"
    locked.chmod(0)
    if os.geteuid() == 0:
        # Now what is loaded late: this user may not be allowed to read the modules.
        load_scenarios([str(here / "table.yaml")])
        for folder in (here, *here.parents):
            if folder.stat().st_mode & 0o005 != 0o005:
                folder.chmod(0o755)
        os.seteuid(NOBODY)
    try:
        yield locked
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        locked.chmod(0o700)


@pytest.mark.usefixtures("without_rights")
@pytest.mark.parametrize(
    "path", ["mine", "mine/*/*/*.yaml", "mine/**/*.yaml", "mine/deep/er/c.yaml", "mine/deep/er/c.yaml:1"]
)
def test_what_cannot_be_read_is_an_error(path: str) -> None:
    """A run without a part of its scenarios would pass."""
    with pytest.raises(UsageError, match=r"deep.* cannot be read: Permission denied"):
        ids(path)


@pytest.mark.usefixtures("without_rights")
def test_a_pattern_that_does_not_reach_a_folder_does_not_need_it() -> None:
    """Its files are there all the same."""
    assert ids("mine/*.yaml") == ["mine/b.yaml"]


def test_the_pipe_of_a_shell_is_read(here: Path) -> None:  # noqa: ARG001  # the folder
    """`check <(generate)` has a pipe without a name, whose writer is there."""
    reads, writes = os.pipe()
    with os.fdopen(reads), os.fdopen(writes, "w") as writer:
        writer.write("steps: [balance]\n")
        writer.close()
        assert ids(f"/dev/fd/{reads}") == [f"/dev/fd/{reads}"]


def test_bundled_names_the_suite_beside_own_folders_of_the_same_name(here: Path) -> None:
    """Both are in one run under ids of their own, and a path that both have is said to be the own one."""
    own = here / "scenarios" / "refunds" / "refund.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("steps: [balance]\n", "utf-8")
    both = ids("scenarios/refunds", "bundled:refunds")
    assert both[0] == "scenarios/refunds/refund.yaml"
    assert "bundled:refunds/refund.yaml" in both
    assert len(set(both)) == len(both) > 10
    assert ids("bundled:refunds/refund.yaml:1") == ["bundled:refunds/refund.yaml"]
    assert [name.removeprefix("bundled:") for name in ids("bundled:")] == [
        name.removeprefix("scenarios/") for name in ids()
    ]
    assert shadowed(["scenarios/refunds", "mine", "bundled:refunds"]) == [
        "scenarios/refunds is the one in this folder; the bundled one is bundled:refunds"
    ]


@pytest.mark.parametrize(
    "path", ["bundled:..", "bundled:/etc", "bundled:refundz", "bundled:../pyproject.toml"]
)
def test_bundled_names_nothing_outside_of_the_suite(path: str) -> None:
    with pytest.raises(UsageError):
        load_scenarios([path])


def test_folders_and_levels_are_tags() -> None:
    suite = load_scenarios(())
    refunds = select(suite, tags=("refunds",))
    assert {scenario.place.file.split("/")[1] for scenario in refunds} == {"refunds"}
    assert {scenario.level.value for scenario in select(suite, tags=("documented",))} == {"documented"}
    assert len(select(suite, tags=("refunds", "funds"))) > len(refunds)
