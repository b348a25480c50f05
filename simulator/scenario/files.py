"""Load scenarios from paths, folders, `PATH:LINE` and ids as a user gives them, and select among them.

The bundled suite is in the package, as in the wheel, or in the repository of an editable install.
"""

from __future__ import annotations

import gc
import os
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from glob import glob
from pathlib import Path, PurePosixPath
from typing import NoReturn

import simulator
from simulator.core.findings import Level
from simulator.core.steps import Scenario
from simulator.core.words import did_you_mean, did_you_mean_or_valid
from simulator.errors import NothingSelected, UsageError
from simulator.scenario.reader import load_text, read_folder
from simulator.scenario.yaml import Problem, ScenarioFileError, bytes_of

BUNDLE = "scenarios"
"""The folder of the bundled suite in paths."""

BUNDLED = "bundled:"
"""Before a path, it means the bundled suite, whatever the current folder holds: ``bundled:refunds``."""

FILES_MAX = 10_000

_ENDINGS = (".yaml", ".yml")

_NOT_SCENARIOS = frozenset({"betrontech-sim.yaml"})

_PATH_AND_LINE = re.compile(r"(.+):(\d{1,9})")

SUITE_ORDER = (
    "contract",
    "money",
    "idempotency",
    "refunds",
    "ordering",
    "funds",
    "unknown",
    "rounds",
    "limits",
    "durability",
    "timeouts",
    "concurrency",
    "latency",
    "hostile-input",
)
"""The folders of the bundled suite in the order in which they run.

What single calls show comes first, and what may harm a wallet last.
"""

_PATH_AND_NAME = re.compile(r"(.+?\.ya?ml)([#\[].+)")


def bundled_suite() -> Path:
    """Return the folder of the bundled scenarios."""
    package = Path(simulator.__file__).parent
    repository = package.parent
    # An editable install runs out of the repository: its own folder is the one that is edited.
    if (repository / "pyproject.toml").is_file() and (repository / BUNDLE).is_dir():
        return repository / BUNDLE
    return package / BUNDLE


def load_scenarios(paths: Sequence[str], others: Iterable[Path] = ()) -> tuple[Scenario, ...]:
    """Return the scenarios of files and folders, in order, each once; without a path, the bundled suite.

    `PATH:LINE` selects the scenario, or the row of its cases, on that line, `PATH#NAME` and `PATH[ROW]` the
    one with that id. In folders, names that begin with `_` or `.` are skipped: such files are for `use`. So
    are the `others`, which are known to hold something else.
    Raises ScenarioFileError with the problems of all files, UsageError for a missing path.
    """
    loaded = Loaded(paths, others)
    if loaded.problems:
        raise ScenarioFileError(loaded.problems)
    return loaded.scenarios


def files_with_parts(paths: Sequence[str]) -> list[tuple[str, Path]]:
    """Return the files of paths, as shown and really, with those that others use. Raises UsageError."""
    found: dict[Path, str] = {}
    for given in paths:
        for path in _expanded(given):
            shown, real = _shown(path), _real(_shown(path))
            if not Path(path).exists() and real.exists():
                raise UsageError(f"{given} is in the bundled suite, which is not yours to format")
            whole = real.is_dir() and not given.startswith(BUNDLED)
            files = _in_folder(shown, real, used=True) if whole else _at_path(path)
            for file in files:
                if file.parts:
                    raise UsageError(f"{given}: a file is formatted as a whole; leave out the line or name")
                found.setdefault(file.path.resolve(), file.shown)
    return [(shown, path) for path, shown in found.items()]


class Loaded:
    """The `scenarios` and `problems` of files, and the `files` that were read. Raises UsageError."""

    def __init__(self, paths: Sequence[str], others: Iterable[Path] = ()) -> None:
        apart = {path.resolve() for path in others}
        found = _found(paths) if paths else _bundled_files()
        self.files = [file for file in found if file.path.resolve() not in apart] if apart else found
        self.problems: list[Problem] = []
        self._folders = _Folders(self.problems)
        scenarios: list[Scenario] = []
        with _collector_off():
            for file in self.files:
                scenarios.extend(self._load(file))
        self.scenarios = tuple(scenarios)

    def _load(self, file: _File) -> Sequence[Scenario]:
        tags = self._folders.tags_of(file)
        try:
            loaded = load_text(_content(file), file.shown, _reader(file))
        except ScenarioFileError as error:
            # A file that others use brings its problems once.
            self.problems.extend(problem for problem in error.problems if problem not in self.problems)
            return ()
        if tags:
            loaded = tuple(replace(each, tags=tuple(dict.fromkeys((*each.tags, *tags)))) for each in loaded)
        return [scenario for part in file.parts for scenario in _part_of(loaded, part, file)] or (
            () if file.parts else loaded
        )


FOLDER_FILE = "_folder.yaml"
"""The file whose tags all scenarios of its folder, and of the folders below, have."""

FOLDERS_DEEP_MAX = 20


class _Folders:
    """The tags of folders. Their problems are added to the list once."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems
        self._tags: dict[Path, tuple[str, ...]] = {}

    def tags_of(self, file: _File) -> tuple[str, ...]:
        """Return the tags that the folders of a file give it, the nearest first."""
        folder, shown = file.path.resolve().parent, PurePosixPath(file.shown).parent
        found: list[str] = []
        for _ in range(FOLDERS_DEEP_MAX):
            found += self._own(folder, str(shown / FOLDER_FILE))
            if folder == folder.parent:
                break
            folder, shown = folder.parent, shown.parent if shown.name not in ("", "..") else shown / ".."
        return tuple(dict.fromkeys(found))

    def _own(self, folder: Path, shown: str) -> tuple[str, ...]:
        tags = self._tags.get(folder)
        if tags is None:
            path = folder / FOLDER_FILE
            tags = self._tags[folder] = self._read(path, shown) if path.is_file() else ()
        return tags

    def _read(self, path: Path, shown: str) -> tuple[str, ...]:
        try:
            return read_folder(bytes_of(path), shown)
        except OSError as error:
            raise UsageError(f"{shown} cannot be read: {error.strerror}") from None
        except ScenarioFileError as error:
            self._problems.extend(error.problems)
            return ()


class _File:
    """A file: its path as shown, its real path, and the selected parts of it (empty: all).

    A part is a line, or the end of an id: `#NAME`, `[ROW]`, or both.
    """

    def __init__(self, shown: str, path: Path, parts: Sequence[int | str] = ()) -> None:
        self.shown = shown
        self.path = path
        self.parts = list(parts)


def _content(file: _File) -> bytes:
    try:
        return bytes_of(file.path)
    except OSError as error:
        raise UsageError(f"{file.shown} cannot be read: {error.strerror}") from None


def _reader(file: _File) -> Callable[[str], bytes]:
    """Return a function that reads the files that a file uses, relative to it; both may be bundled."""
    bundled = bundled_suite()
    from_bundle = file.path.is_relative_to(bundled) and file.shown.startswith(f"{BUNDLE}/")

    def read(shown: str) -> bytes:
        if shown.startswith(BUNDLED):
            return bytes_of(bundled / shown.removeprefix(BUNDLED))
        path = bundled.parent / shown if from_bundle and shown.startswith(f"{BUNDLE}/") else _real(shown)
        try:
            return bytes_of(path)
        except FileNotFoundError as error:
            # A folder of this name may be here and in the bundled suite.
            beside = Path(shown) if Path(shown).parent.is_dir() else path
            reason = f"{error.strerror}{_nearest_path(shown, beside)}"
            raise FileNotFoundError(error.errno, reason) from None

    return read


def _real(shown: str) -> Path:
    """Return the real path of a shown one: in the current folder, otherwise in the bundle."""
    if shown.startswith(BUNDLED):
        return bundled_suite() / shown.removeprefix(BUNDLED)
    path = Path(shown)
    if not path.exists() and _names_bundle(shown):
        return bundled_suite().parent / shown
    return path


def _names_bundle(shown: str) -> bool:
    return shown == BUNDLE or shown.startswith(f"{BUNDLE}/")


def _found(paths: Sequence[str]) -> list[_File]:
    """Return the files of all paths, each once, in the given order."""
    files: dict[Path, _File] = {}
    for given in paths:
        try:
            found = [file for path in _expanded(given) for file in _at_path(path)]
        except PermissionError as error:
            # A folder on the way to it may not be entered.
            _unreadable(error)
        for file in found:
            known = files.setdefault(file.path.resolve(), file)
            if known is not file:
                # The whole file includes its parts.
                known.parts = [*known.parts, *file.parts] if known.parts and file.parts else []
        if len(files) > FILES_MAX:
            raise UsageError(f"{given}: more than {FILES_MAX:,} scenario files")
    return list(files.values())


def _expanded(given: str) -> list[str]:
    """Return the paths that match a pattern which no shell expanded."""
    if not ("*" in given or "?" in given) or Path(given).exists():
        return [given]
    _refuse_unreadable(given)
    matches = glob(given, recursive=True)  # noqa: PTH207  # Path.glob takes no pattern with a root
    found = [path for path in sorted(matches) if _is_to_run(posixpath.basename(path))]
    if not found:
        raise UsageError(f"no file or folder fits {given}")
    return found


def _refuse_unreadable(pattern: str) -> None:
    """Raise UsageError for a folder that the pattern reaches and that cannot be listed: glob skips it."""
    parts = pattern.split("/")
    for end, part in enumerate(parts):
        if "*" not in part and "?" not in part:
            continue
        reached = "/".join(parts[:end]) + "/" if end else "./"
        for folder in glob(reached, recursive=True):  # noqa: PTH207  # as where the pattern is expanded
            try:
                os.scandir(folder).close()
            except OSError as error:
                _unreadable(error)


def _is_to_run(name: str) -> bool:
    return name[:1] not in ("_", ".") and name not in _NOT_SCENARIOS


def _at_path(given: str) -> Iterator[_File]:
    if not given:
        raise UsageError('a PATH is empty; "." is this folder')
    shown = _shown(given)
    part: int | str | None = None
    path = _real(shown)
    if not path.exists():
        if match := _PATH_AND_LINE.fullmatch(shown):
            shown, part = match[1], int(match[2])
        elif match := _PATH_AND_NAME.fullmatch(shown):
            shown, part = match[1], match[2]
        path = _real(shown)
    if path.is_dir():
        if part is not None:
            raise UsageError(f"{given}: {shown} is a folder; a line is of a file")
        whole_suite = path == bundled_suite() and shown in (BUNDLE, BUNDLED)
        yield from _bundled_files(shown) if whole_suite else _in_folder(shown, path)
    elif path.name in _NOT_SCENARIOS and path.exists():
        raise UsageError(f"{shown} is the configuration; it holds no scenario")
    elif path.exists():
        yield _File(shown, path, [] if part is None else [part])
    elif path.is_symlink():
        raise UsageError(f"{shown} is a link to what is not there: {path.readlink()}")
    else:
        raise UsageError(f"there is no file or folder {shown}{_nearest_path(shown, path)}")


def _shown(given: str) -> str:
    """Return a path as reports show it. Raises UsageError for one that leaves the bundled suite."""
    path = posixpath.normpath(given.removeprefix(BUNDLED).replace(os.sep, "/") or ".")
    if not given.startswith(BUNDLED):
        return path
    if path.startswith(("../", "/")) or path == "..":
        raise UsageError(f"{given}: the bundled suite has no such folder; bundled: is all of it")
    return BUNDLED + ("" if path == "." else path)


def shadowed(paths: Sequence[str]) -> list[str]:
    """Return a sentence for each path that the current folder and the bundled suite both have."""
    bundled = bundled_suite()
    notes = []
    for given in paths:
        path, _, inside = given.partition(f"{BUNDLE}/")
        both = not path and Path(given).exists() and (bundled / inside).exists()
        if both and Path(given).resolve() != (bundled / inside).resolve():
            notes.append(f"{given} is the one in this folder; the bundled one is {BUNDLED}{inside}")
    return notes


def _nearest_path(shown: str, path: Path) -> str:
    """Return a path in the same folder whose name is like that of the missing one, or None."""
    folder = path.parent
    names = sorted(entry.name for entry in folder.iterdir())[:1000] if folder.is_dir() else []
    return did_you_mean(posixpath.basename(shown), names)


def _in_folder(shown: str, folder: Path, *, used: bool = False) -> Iterator[_File]:
    """Return the scenario files of a folder and its subfolders, sorted; those for `use` only if asked."""
    skipped = "." if used else "._"
    for parent, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if name[0] not in skipped)
        inside = Path(parent).relative_to(folder).as_posix()
        for name in sorted(names):
            if name.endswith(_ENDINGS) and name[0] not in skipped and name not in _NOT_SCENARIOS:
                yield _File(_inside(shown, inside, name), Path(parent, name))


def _inside(shown: str, *parts: str) -> str:
    if shown == BUNDLED:
        return BUNDLED + posixpath.normpath(posixpath.join(*parts))
    return posixpath.normpath(posixpath.join(shown, *parts))


def _unreadable(error: OSError) -> NoReturn:
    """Raise UsageError for a folder that cannot be listed: a run without its scenarios must not pass."""
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None


def _bundled_files(shown: str = BUNDLE) -> list[_File]:
    """Return the files of the bundled suite in its order."""
    suite = bundled_suite()
    files = _in_folder(shown, suite)
    return sorted(files, key=lambda file: SUITE_ORDER.index(file.path.relative_to(suite).parts[0]))


def _part_of(scenarios: Sequence[Scenario], part: int | str, file: _File) -> list[Scenario]:
    return _at(scenarios, part, file) if isinstance(part, int) else _called(scenarios, part, file)


def _called(scenarios: Sequence[Scenario], name: str, file: _File) -> list[Scenario]:
    """Return the scenario with that id, or all rows of its cases."""
    wanted = file.shown + name
    there = [each for each in scenarios if each.id == wanted or each.id.startswith(f"{wanted}[")]
    if not there:
        near = did_you_mean(wanted, [each.id for each in scenarios])
        raise UsageError(f"{wanted}: no scenario of the file has this id{near}")
    return there


def _at(scenarios: Sequence[Scenario], line: int, file: _File) -> list[Scenario]:
    """Return the row of cases on that line, otherwise every scenario of the document there."""
    there = [scenario for scenario in scenarios if scenario.lines[0] <= line <= scenario.lines[1]]
    rows = [
        scenario
        for scenario in there
        if scenario.row_lines is not None and scenario.row_lines[0] <= line <= scenario.row_lines[1]
    ]
    if not there:
        last = max((scenario.lines[1] for scenario in scenarios), default=0)
        raise UsageError(f"{file.shown}:{line}: there is no scenario on that line; the file has {last} lines")
    return rows[:1] or there


@contextmanager
def _collector_off() -> Iterator[None]:
    """Turn the garbage collector off: reading makes many objects without cycles, which it would rescan."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# --- selection ------------------------------------------------------------------------------------

KEYWORD_CHARS_MAX = 1000

KEYWORD_DEPTH_MAX = 50

_TOKEN = re.compile(r"[()]|[^\s()]+")

Predicate = Callable[[Scenario], bool]


def select(
    scenarios: Sequence[Scenario],
    keyword: str = "",
    tags: Collection[str] = (),
    level: Level | None = None,
    last_failed_ids: Collection[str] | None = None,
    quick_ids: Collection[str] | None = None,
) -> tuple[Scenario, ...]:
    """Return the scenarios that pass every filter, in their order.

    `keyword` holds words of id, name or tags with not, and, or and parentheses; of `tags`, which name folders
    and levels, too, one is enough;
    `level` keeps scenarios of that level and more binding ones; `last_failed_ids` None keeps all, and so
    does `quick_ids`. Raises UsageError for an invalid keyword, and NothingSelected with the filter that left
    nothing.
    """
    left = tuple(scenarios)
    if not left:
        raise NothingSelected("no scenario selected: the files hold none")
    filters = _filters(left, keyword, tags, level, last_failed_ids)
    if quick_ids is not None:
        filters.insert(0, (lambda scenario: _in_suite(scenario) in quick_ids, "--quick takes none of these"))
    for predicate, reason in filters:
        left = tuple(scenario for scenario in left if predicate(scenario))
        if not left:
            raise NothingSelected(f"no scenario selected: {reason}")
    return left


def _filters(
    scenarios: Sequence[Scenario],
    keyword: str,
    tags: Collection[str],
    level: Level | None,
    last_failed_ids: Collection[str] | None,
) -> list[tuple[Predicate, str]]:
    filters: list[tuple[Predicate, str]] = []
    if last_failed_ids is not None:
        failed = frozenset(last_failed_ids)
        filters.append((lambda scenario: scenario.id in failed, _nothing_failed(failed)))
    if tags:
        wanted = frozenset(tags)
        filters.append((lambda scenario: not wanted.isdisjoint(_tags_of(scenario)), _no_tag(scenarios, tags)))
    if level is not None:
        rank = level.rank
        filters.append((lambda scenario: scenario.level.rank <= rank, f"none is as binding as {level}"))
    if keyword.strip():
        filters.append((keyword_predicate(keyword), f'none fits the keyword "{keyword}"'))
    return filters


def quick_ids(paths: Sequence[str] = ()) -> frozenset[str]:
    """Return the ids of the bundled scenarios that `--quick` runs: they find most errors with few calls.

    Raises UsageError if a path is not of the bundled suite.
    """
    if own := [path for path in paths if not path.startswith(BUNDLED)]:
        raise UsageError(
            f"--quick chooses from the bundled suite, and {own[0]} is not in it; leave it out, or name a "
            f"folder of the suite, such as {BUNDLED}refunds"
        )
    lines = (bundled_suite() / "quick.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _in_suite(scenario: Scenario) -> str:
    """Return the id of a bundled scenario without what stands for the suite's folder."""
    return scenario.id.removeprefix(BUNDLED).removeprefix(f"{BUNDLE}/")


def _nothing_failed(failed: Collection[str]) -> str:
    if not failed:
        return "nothing failed in the last run; leave out --last-failed"
    return "none of these failed in the last run"


def _tags_of(scenario: Scenario) -> set[str]:
    """Return the tags of a scenario: its own, the names of its folders, and its level."""
    folders = scenario.place.file.removeprefix(BUNDLED).split("/")[:-1]
    return {*scenario.tags, *folders, scenario.level.value}


def _no_tag(scenarios: Sequence[Scenario], tags: Collection[str]) -> str:
    known = sorted({tag for scenario in scenarios for tag in _tags_of(scenario)})
    hints = (did_you_mean_or_valid(tag, known) for tag in tags if tag not in known)
    named = " or ".join(f'"{tag}"' for tag in tags)
    return f"none carries the tag {named}{next((hint for hint in hints if hint), '')}"


def keyword_predicate(text: str) -> Predicate:
    """Return the predicate of a keyword expression; adjacent words must all be there. Raises UsageError."""
    if len(text) > KEYWORD_CHARS_MAX:
        raise UsageError(f"--keyword has {len(text)} characters, at most {KEYWORD_CHARS_MAX} are read")
    return _KeywordParser(_TOKEN.findall(text)).whole()


class _KeywordParser:
    """Parses by recursive descent: `or` binds less tightly than `and`, which binds less than `not`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Predicate:
        predicate = self._either()
        if self._peek() is not None:
            raise self._unexpected("the end")
        return predicate

    def _peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        if (token := self._peek()) is None or token.lower() != word:
            return False
        self._next += 1
        return True

    def _either(self) -> Predicate:
        parts = [self._every()]
        while self._take("or"):
            parts.append(self._every())
        return parts[0] if len(parts) == 1 else lambda scenario: any(part(scenario) for part in parts)

    def _every(self) -> Predicate:
        parts = [self._one()]
        while (token := self._peek()) is not None and token != ")" and token.lower() != "or":
            self._take("and")
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda scenario: all(part(scenario) for part in parts)

    def _one(self) -> Predicate:
        self._depth += 1
        if self._depth > KEYWORD_DEPTH_MAX:
            raise UsageError(f"--keyword is nested more than {KEYWORD_DEPTH_MAX} deep")
        try:
            if self._take("not"):
                inner = self._one()
                return lambda scenario: not inner(scenario)
            if self._take("("):
                inner = self._either()
                if not self._take(")"):
                    raise self._unexpected('")"')
                return inner
            return self._word()
        finally:
            self._depth -= 1

    def _word(self) -> Predicate:
        token = self._peek()
        if token is None or token.lower() in {"and", "or", ")"}:
            raise self._unexpected("a word")
        self._next += 1
        wanted = token.casefold()
        return lambda scenario: wanted in _words_of(scenario)

    def _unexpected(self, expected: str) -> UsageError:
        token = self._peek()
        found = "the end" if token is None else f'"{token}"'
        return UsageError(f"--keyword: expected {expected}, found {found}")


def _words_of(scenario: Scenario) -> str:
    return "\n".join((scenario.id, scenario.name, *scenario.tags)).casefold()
