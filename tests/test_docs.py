"""README and docs lead where they say, and name only what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import simulate
from control_client import controlled
from docs_site import write_site
from simulator.cli.commands import COMMANDS, group
from simulator.core.languages import Lang
from simulator.law.rules import rule_ids, words_of
from simulator.law.situations import Situation
from simulator.reference_operator.server import OperatorServer

HOME = Path(__file__).parent.parent
PAGES = [HOME / "README.md", HOME / "CHANGELOG.md", *sorted((HOME / "docs").rglob("*.md"))]
NAMES = [page.relative_to(HOME).as_posix() for page in PAGES]

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_CALL = re.compile(r"betrontech-sim(?:\s+--debug)? ([a-z][a-z-]*)([^`\n]*)")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_MAKE = re.compile(r"\bmake ([a-z-]+)")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", each.replace("`", "").lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link to a file or folder that is there, an anchor to a heading that is there."""
    broken = []
    for link in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_and_flag_exists(page: Path) -> None:
    """What a reader copies is a command of ours, with flags that it has."""
    wrong = []
    text = re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))
    for name, rest in _CALL.findall(text):
        if name not in COMMANDS:
            wrong.append(name)
            continue
        command = group.commands.get(name) or group.get_command(None, name)  # type: ignore[arg-type]  # unused there
        assert command is not None
        known = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)} | {"--help"}
        wrong += [f"{name} {flag}" for flag in _FLAG.findall(rest.partition("#")[0]) if flag not in known]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_target_of_make_exists(page: Path) -> None:
    """In code only: prose may make things of other kinds."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (HOME / "Makefile").read_text("utf-8"), re.MULTILINE))
    code = "\n".join(re.findall(r"`[^`\n]+`|^\$ .*$", page.read_text("utf-8"), re.MULTILINE))
    assert set(_MAKE.findall(code)) <= targets


NOT_RUN = {
    "serve": "runs until it is stopped; tests of serve start it",
    "operator": "runs until it is stopped; tests of the example wallet start it",
    "explore": "minutes; tests of explore run the same with fewer seconds",
    "load": "many processes; tests of load run the same with fewer",
    "mutants": "every defect; make campaigns runs it",
    "run scenarios --watch": "runs until it is stopped; tests of --watch stop it",
}
"""Commands that no test here waits for, and why."""


def lines_to_copy() -> Iterator[str]:
    """The command lines of README and docs that end by themselves, in their order."""
    for page in PAGES:
        text = re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))
        for line in re.findall(r"^\$ betrontech-sim (.+)$", text, re.MULTILINE):
            copied = line.partition("  #")[0].strip()
            if not page.name.startswith("README.") or page.parent == HOME:
                yield from () if any(copied.startswith(each) for each in NOT_RUN) else (copied,)


def test_every_command_of_the_docs_that_ends_runs(tmp_path: Path) -> None:
    """As it is printed, in its order, against the example wallet; of the suite only what is quick runs."""
    scenario = re.search(r"```yaml\n(name: Lost reply.*?)```", PAGES[0].read_text("utf-8"), re.DOTALL)
    assert scenario is not None
    (tmp_path / "lost-reply.yaml").write_text(scenario[1], "utf-8")
    with OperatorServer() as wallet, controlled() as control:
        control.spin(control.seat())
        for line in lines_to_copy():
            ours = re.sub(r"http://localhost:[89]000/betrontech_api", wallet.endpoint, line)
            ours = ours.replace("http://127.0.0.1:8080", control.played.url).partition(" > ")[0]
            whole = NARROWED if re.match(r"run (-|$)", ours) else ()
            target = {"BETRONTECH_SIM_ENDPOINT": wallet.endpoint, "BETRONTECH_SIM_PLAYER": "1000"}
            done = simulate(*shlex.split(ours), *whole, folder=tmp_path, **target)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


NARROWED = ("bundled:latency",)


def test_the_readme_names_every_command() -> None:
    """The table is complete; healthcheck is a container's business."""
    table = (HOME / "README.md").read_text("utf-8").partition("## The commands")[2].partition("\n## ")[0]
    assert [name for name in COMMANDS if f"`{name}" not in table and name != "healthcheck"] == []


def test_the_readme_is_short() -> None:
    """It is read; what is longer stands in docs."""
    assert len((HOME / "README.md").read_text("utf-8").splitlines()) <= 150


def test_the_recorded_history_is_judged_as_shown(tmp_path: Path) -> None:
    """The example of docs/consistency.md, to the letter."""
    page = (HOME / "docs/consistency.md").read_text("utf-8")
    match = re.search(r"^```ndjson\n(.*?)^```\n```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert match is not None
    (tmp_path / "calls.ndjson").write_text(match[1], "utf-8")
    done = simulate("judge", "calls.ndjson", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, match[2])


def commands(page: Path) -> list[str]:
    """The command lines and settings that a page shows, without their comments."""
    blocks = re.findall(r"```(?:console|yaml)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [line.partition("#")[0].rstrip() for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("language", ["tr", "pt-BR"])
def test_a_readme_in_another_language_shows_the_same_commands(language: str) -> None:
    """What an English reader types, a Turkish and a Brazilian one type, too."""
    page = HOME / "docs" / f"README.{language}.md"
    assert commands(page) == commands(HOME / "README.md")
    title = words_of(Situation.REPEATED_REFUND_CREDITED_AGAIN, Lang(language)).title
    assert f"[IDE-03] {title}\n" in page.read_text("utf-8")


@pytest.mark.parametrize("language", ["tr", "pt-BR"])
def test_the_page_about_running_says_the_same_in_another_language(language: str) -> None:
    """Its commands, its settings, its hooks and, within a section, its flags; only details are left out."""
    page, english = HOME / f"docs/running.{language}.md", HOME / "docs/running.md"
    assert commands(page) == commands(english)
    mine, theirs = (set(_FLAG.findall(each.read_text("utf-8"))) for each in (page, english))
    assert mine - theirs <= {"--lang", "--level", "--policy", "--coverage"}
    assert theirs <= mine


def test_the_site_has_every_page_and_every_rule(tmp_path: Path) -> None:
    """In its navigation, with an anchor for each rule and language; `make docs` finds dead links."""
    write_site(tmp_path / "site")
    configuration = (tmp_path / "site/zensical.toml").read_text("utf-8")
    pages = [page.name for page in sorted((HOME / "docs").glob("*.md"))]
    assert [page for page in pages if f'"{page}"' not in configuration] == []
    for lang in Lang:
        text = "".join(
            page.read_text("utf-8") for page in (tmp_path / "site/pages/rules" / lang).glob("*.md")
        )
        assert all(f"{{ #{id.lower()} }}" in text for id in rule_ids())
