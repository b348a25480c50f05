"""`betrontech-sim check` and `fmt`: find mistakes in scenario files, and write them in one form.

`check --show` prints what `scenario.dry_run` follows.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path, PurePath
from urllib.parse import quote

import click

from simulator import __version__
from simulator.cli.options import LANG_HELP, file_names
from simulator.cli.output import write_whole
from simulator.core.calls import CallForm, FaultKind, FaultSpec
from simulator.core.languages import Lang
from simulator.core.money import format_money, written
from simulator.core.profiles import WireProfile
from simulator.core.steps import (
    NO_EXPECT,
    Balance,
    Block,
    Expect,
    PlayerSpec,
    Restart,
    Scenario,
    Send,
    Step,
    Wait,
)
from simulator.errors import ExitCode, NothingSelected, UsageError
from simulator.report.languages import Words, lang_of_locale
from simulator.report.markdown import workflow_command
from simulator.report.text import display_width, plural, visible
from simulator.scenario.dry_run import RUN, DryCall, DryRun
from simulator.scenario.files import Loaded, files_with_parts
from simulator.scenario.script import draws
from simulator.scenario.yaml import BYTES_MAX, Problem, bytes_of
from simulator.settings.load import variables, wire_profile
from simulator.wire.profiles import BETRONTECH

FORMATS = ("text", "json", "github", "sarif")

SHOWN_MAX = 1_000
"""So many calls of each scenario are shown: a reader needs no more, and a `repeat` can make millions."""

BALANCES_MAX = 3
"""So many possible balances are listed."""

SEED = 1
"""What amounts are drawn from where no seed is given."""


@click.command(name="check")
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...", shell_complete=file_names)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    help="How mistakes are written: as text, JSON, annotations of GitHub, or SARIF.  [default: text]",
)
@click.option("--show", is_flag=True, help="Print the calls that a run would make: a dry run.")
@click.option("-v", "--verbose", is_flag=True, help="With --show: the body of each request, too.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    metavar="NUMBER",
    help=f"With --show: draw amounts as a run with this seed does.  [default: {SEED}]",
)
@click.option("--wire", metavar="NAME", help="With --show: the wire profile.  [default: betrontech]")
@click.option("--lang", type=click.Choice([lang.value for lang in Lang]), help=LANG_HELP)
def check(
    paths: tuple[str, ...],
    form: str,
    show: bool,
    verbose: bool,
    seed: int | None,
    wire: str | None,
    lang: str | None,
) -> ExitCode:
    """Check scenario files and report every mistake; nothing is sent.

    PATH is a scenario file or a folder of them; without PATHs, the bundled suite is checked.
    A claim that no right wallet can meet is a mistake, too.
    """
    given = {"--verbose": verbose, "--seed": seed is not None, "--wire": wire is not None}
    alone = [flag for flag, is_given in given.items() if is_given and not show]
    if alone:
        raise UsageError(f"{alone[0]} changes what --show prints; add --show")
    if show and form != "text":
        raise UsageError(f"--show prints a table, not {form}; leave out one of the two")
    profile = wire_profile(wire or BETRONTECH.name)
    loaded = Loaded(paths)
    if not loaded.files:
        raise NothingSelected(f"there is no scenario file in {', '.join(paths)}")
    if form != "text":
        click.echo(_FORMATS[form](loaded), nl=False)
        return ExitCode.USAGE if loaded.problems else ExitCode.PASSED
    say = Words(Lang(lang) if lang else lang_of_locale(variables()))
    for problem in loaded.problems:
        click.echo(f"{problem.framed(say)}\n")
    if loaded.problems:
        places = {problem.place.file for problem in loaded.problems}
        click.echo(say(f"{plural(len(loaded.problems), 'problem')} in {plural(len(places), 'file')}"))
        return ExitCode.USAGE
    if show:
        for scenario in loaded.scenarios:
            click.echo("\n".join(_shown(scenario, SEED if seed is None else seed, profile, verbose)) + "\n")
        click.echo(
            f"Nothing was sent. Ids begin with {RUN} here, and with other text in every run; "
            f"amounts are drawn as with --seed {SEED if seed is None else seed}."
        )
        return ExitCode.PASSED
    held = f"{plural(len(loaded.scenarios), 'scenario')} in {plural(len(loaded.files), 'file')}"
    click.echo(say(f"{held}, all valid"))
    return ExitCode.PASSED


# --- the problems for programs --------------------------------------------------------------------


def _as_json(loaded: Loaded) -> str:
    problems = [
        {
            "file": problem.place.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "end_column": problem.place.column + problem.place.width,
            "message": problem.message,
            "source": problem.source_line,
        }
        for problem in loaded.problems
    ]
    told = {"files": len(loaded.files), "scenarios": len(loaded.scenarios), "problems": problems}
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _as_annotations(loaded: Loaded) -> str:
    return "".join(
        workflow_command(
            "error",
            problem.message,
            {
                "file": _from_top(problem.place.file),
                "line": str(problem.place.line),
                "col": str(problem.place.column),
                "endColumn": str(problem.place.column + problem.place.width),
                "title": "betrontech-sim check",
            },
        )
        for problem in loaded.problems
    )


def _from_top(shown: str) -> str:
    """Return a file's name from the top of the repository, where GitHub looks for it."""
    top = variables().get("GITHUB_WORKSPACE")
    path = Path(os.path.normpath(Path.cwd() / shown))
    return path.relative_to(top).as_posix() if top and path.is_relative_to(top) else shown


SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def _as_sarif(loaded: Loaded) -> str:
    """Return the problems in the Static Analysis Results Interchange Format, version 2.1.0."""
    rule = {
        "id": "scenario",
        "shortDescription": {"text": "A mistake in a scenario file"},
        "fullDescription": {
            "text": "A scenario file that cannot be run, or that expects what no right wallet does."
        },
        "defaultConfiguration": {"level": "error"},
    }
    driver = {"name": "betrontech-sim", "semanticVersion": __version__, "rules": [rule]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(problem) for problem in loaded.problems],
    }
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _sarif_result(problem: Problem) -> dict[str, object]:
    place = problem.place
    region: dict[str, object] = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.line,
        "endColumn": place.column + place.width,
    }
    if problem.source_line is not None:
        region["snippet"] = {"text": problem.source_line}
    path = PurePath(_from_top(place.file))
    file = {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}
    return {
        "ruleId": "scenario",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": problem.message},
        "locations": [{"physicalLocation": {"artifactLocation": file, "region": region}}],
    }


_FORMATS = {"json": _as_json, "github": _as_annotations, "sarif": _as_sarif}


# --- the dry run ----------------------------------------------------------------------------------


def _shown(scenario: Scenario, seed: int, profile: WireProfile, verbose: bool) -> Iterator[str]:
    """Yield the lines of one scenario's dry run."""
    yield f"{scenario.place.file}:{scenario.place.line}  {visible(scenario.name)}"
    yield "  " + "; ".join(_opening(name, spec) for name, spec in scenario.players.items())
    notes = {"skip": scenario.skip, "xfail": scenario.xfail, "needs": ", ".join(sorted(scenario.needs))}
    yield from (f"  {name}: {visible(text)}" for name, text in notes.items() if text)
    yield ""
    dry_run = DryRun(scenario, draws(seed, scenario.id), profile)
    calls = list(islice(dry_run.calls(), SHOWN_MAX + 1))
    head, *lines = _aligned([_HEAD, *_rows(calls[:SHOWN_MAX], scenario, profile)])
    yield head
    for call, line in zip(calls, lines, strict=False):
        yield line
        if verbose and call.call is not None:
            yield "      " + visible(call.call.wire.body.decode("utf-8", "backslashreplace"))
    if len(calls) > SHOWN_MAX:
        yield f"  … only the first {SHOWN_MAX:,} calls are shown"


def _opening(name: str, spec: PlayerSpec) -> str:
    if not spec.exists:
        return f"{name} does not exist"
    return f"{name} begins with {format_money(spec.balance)}{', blocked' if spec.blocked else ''}"


_HEAD = ("no", "line", "player", "method", "transaction_id", "amount", "answer", "balance after", "")

_TO_THE_RIGHT = (0, 1, 5)


def _rows(calls: Sequence[DryCall], scenario: Scenario, profile: WireProfile) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each call. Steps that send nothing have no number; one player needs no name."""
    numbers = count(1)
    for call in calls:
        file, line = call.place.file, str(call.place.line)
        answers, balances = _answers(call)
        yield (
            str(next(numbers)) if answers else "",
            line if file == scenario.place.file else f"{visible(file)}:{line}",
            visible(call.player) if len(scenario.players) > 1 else "",
            *_request(call, profile),
            answers,
            balances,
            "; ".join(_remarks(call)),
        )


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield the rows as lines; a column with nothing below its head is left out."""
    columns = list(zip(*rows, strict=True))
    widths = {
        index: max(map(display_width, column)) for index, column in enumerate(columns) if any(column[1:])
    }
    for row in rows:
        cells = []
        for index, width in widths.items():
            space = " " * (width - display_width(row[index]))
            cells.append(space + row[index] if index in _TO_THE_RIGHT else row[index] + space)
        yield "  " + "  ".join(cells).rstrip()


def _request(call: DryCall, profile: WireProfile) -> tuple[str, str, str]:
    """Return the method, the transaction_id and the amount of a call; the kind of a step that sends none."""
    request = None if call.call is None else call.call.form.request
    if request is not None:
        amount = "" if request.amount is None else format_money(request.amount)
        return profile.methods[request.method], visible(request.transaction_id or ""), amount
    if isinstance(call.step, Send):
        return call.step.http_method, "", ""
    as_written = getattr(call.step, "amount", None)
    return type(call.step).__name__.lower(), "", "" if as_written is None else written(as_written)


def _answers(call: DryCall) -> tuple[str, str]:
    """Return what a right wallet may answer, and the balances after it."""
    if isinstance(call.step, Wait | Restart | Block):
        return "", ""
    if call.is_unclear:
        return "unclear", "unclear"
    answers = " or ".join(call.answers)
    fault: FaultSpec | None = getattr(call.step, "fault", None)
    if fault is not None and fault.kind in (FaultKind.LOST_REPLY, FaultKind.TIMEOUT, FaultKind.RESET):
        answers = f"{answers} (not read)".strip()
    if len(call.balances) > BALANCES_MAX:
        low, high = format_money(call.balances[0]), format_money(call.balances[-1])
        return answers, f"{len(call.balances)} amounts from {low} to {high}"
    return answers, " or ".join(map(format_money, call.balances))


def _remarks(call: DryCall) -> Iterator[str]:
    """Yield what is odd about the call, and what the author claims of it."""
    step = call.step
    if isinstance(step, Wait):
        yield f"{step.duration_ns // 1_000_000} ms"
    fault: FaultSpec | None = getattr(step, "fault", None)
    if fault is not None:
        delay = f" {fault.delay_ns // 1_000_000} ms" if fault.delay_ns else ""
        yield f"fault {fault.kind.value}{delay}"
    if call.call is not None and call.call.form.kind in _ODD:
        yield _ODD[call.call.form.kind]
    for name in ("raw", "omit"):
        if getattr(step, name, None):
            yield f"{name} {', '.join(sorted(getattr(step, name)))}"
    claims = list(_claims(step))
    if claims:
        yield "expect " + ", ".join(claims)
    if call.note:
        yield call.note
    if call.problem:
        yield f"no right wallet can meet this: {call.problem}"


_ODD = {CallForm.ODD: "oddly written", CallForm.MALFORMED: "no valid call"}


def _claims(step: Step) -> Iterator[str]:
    expect: Expect = getattr(step, "expect", NO_EXPECT)
    if expect.outcome is not None:
        yield expect.outcome.value
    claimed = step.is_ if isinstance(step, Balance) and step.is_ is not None else expect.balance
    if claimed is not None:
        yield f"balance {format_money(claimed)}"
    if expect.http is not None:
        yield f"HTTP {expect.http}"
    if expect.within_ns is not None:
        yield f"within {expect.within_ns // 1_000_000} ms"
    if expect.body is not None:
        yield f"body with {', '.join(expect.body)}"
    for part in expect.parts:
        yield " ".join(filter(None, (part.where.value, part.name, part.how.value, part.text)))
    if expect.capture:
        yield f"capture {', '.join(expect.capture)}"


# --- fmt ------------------------------------------------------------------------------------------


@click.command(name="fmt")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=file_names)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def fmt(paths: tuple[str, ...], only_check: bool, diff: bool) -> ExitCode:
    """Write scenario files in their canonical form, with their comments.

    PATH is a file, a folder, or - for standard input, whose canonical form goes to standard output. Steps
    stand on one line where they fit, keys in the order of docs/scenario-format.md. What a file says does not
    change. A file that cannot be read does not keep the others from being formatted.
    """
    if paths == ("-",):
        return _format_input(only_check, diff)
    if "-" in paths:
        raise UsageError("- is standard input, which is formatted alone; leave out the other PATHs")
    files = files_with_parts(paths)
    if not files:
        raise NothingSelected(f"there is no scenario file in {', '.join(paths)}")
    keeps = only_check or diff
    would = "would change" if keeps else "changed"
    changed, failed = 0, []
    for shown, file in files:
        try:
            changes = _format_file(shown, file, diff=diff, keeps=keeps)
        except UsageError as error:
            failed.append(str(error))
            continue
        changed += bool(changes)
        if changes and not diff:
            click.echo(f"{would}  {shown}")
    told = f"{plural(changed, 'file')} {would}" if changed else "nothing to change"
    click.echo(f"{told}, {plural(len(files), 'file')} read", err=True)
    if failed:
        raise UsageError("\n".join(failed))
    return ExitCode.FOUND if keeps and changed else ExitCode.PASSED


def _format_input(only_check: bool, diff: bool) -> ExitCode:
    text, made = _formatted("standard input", sys.stdin.buffer.read())
    shown = _diff("standard input", text, made) if diff else "" if only_check else made
    # As it came: in UTF-8, whatever the terminal has.
    click.echo(shown.encode(), nl=False)
    return ExitCode.FOUND if made != text and (only_check or diff) else ExitCode.PASSED


def _format_file(shown: str, file: Path, *, diff: bool, keeps: bool) -> bool:
    """Format a file, or show how it would change; return whether it does. Raises UsageError."""
    try:
        text, made = _formatted(shown, bytes_of(file))
        if made == text:
            return False
        if diff:
            click.echo(_diff(shown, text, made), nl=False)
        elif not keeps:
            mode = file.stat().st_mode
            write_whole(file, made)
            file.chmod(mode)
    except OSError as error:
        raise UsageError(f"{shown} cannot be formatted: {error.strerror or error}") from None
    return True


def _formatted(shown: str, data: bytes) -> tuple[str, str]:
    """Return a text as it is, and in its canonical form. Raises UsageError."""
    # The loader's tables and the parser are not needed for help.
    from simulator.scenario.formatting import formatted

    if len(data) > BYTES_MAX:
        raise UsageError(f"{shown} is too large: at most {BYTES_MAX:,} bytes are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{shown} is not UTF-8; save it as UTF-8") from None
    return text, formatted(text, shown)


def _diff(name: str, text: str, made: str) -> str:
    lines = difflib.unified_diff(
        text.splitlines(keepends=True), made.splitlines(keepends=True), name, f"{name} (formatted)"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
