"""The commands for authors of scenarios, none of which sends anything.

`list` and `check` read scenarios, `explain` prints rules, `init` and `schema` write files to begin with.
`check --show` prints what `scenario.dry_run` follows.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import click

from simulator.core.calls import NO_ANSWER, CallForm, FaultKind, FaultSpec
from simulator.core.findings import Level
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
from simulator.core.webhooks import Method
from simulator.errors import ExitCode, NothingSelected, UsageError
from simulator.law.rules import Rule, checks, rule, rule_of, rules
from simulator.law.situations import Situation
from simulator.report.coverage import Covered, coverage
from simulator.report.languages import REPORTS, lang_of_locale, texts_in
from simulator.report.text import display_width, plural, visible
from simulator.scenario.dry_run import RUN, DryCall, DryRun
from simulator.scenario.files import Loaded, load_scenarios, select
from simulator.scenario.script import draws
from simulator.settings.load import variables
from simulator.settings.wire import wire_profile
from simulator.wire.profiles import BETRONTECH

_TITLE_WIDTH = 64


@click.command("list")
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...")
@click.option("-k", "--keyword", default="", metavar="WORDS", help="Words of id, name or tags; and, or, not.")
@click.option(
    "-t", "--tag", "tags", multiple=True, metavar="TAG", help="Only scenarios with this tag.  [repeatable]"
)
@click.option(
    "--level", type=click.Choice([level.value for level in Level]), help="Only what is at least so binding."
)
@click.option("--coverage", "by_check", is_flag=True, help="The catalogue of checks, with what covers each.")
def list_command(
    paths: tuple[str, ...], keyword: str, tags: tuple[str, ...], level: str | None, by_check: bool
) -> ExitCode:
    """List the scenarios that a run with the same PATHs and filters would play.

    Without PATHs the bundled suite.
    """
    scenarios = select(load_scenarios(paths), keyword, tags, Level(level) if level else None)
    lines = _checks(coverage(scenarios)) if by_check else _scenarios(scenarios)
    click.echo("\n".join(lines))
    return ExitCode.PASSED


def _scenarios(scenarios: Sequence[Scenario]) -> list[str]:
    lines = []
    for each in scenarios:
        about = [each.level.value, " ".join(each.covers), *(f"#{tag}" for tag in each.tags)]
        lines += [each.id, f"    {each.name}", f"    {'  '.join(filter(None, about))}"]
    return [*lines, "", plural(len(scenarios), "scenario")]


def _checks(rows: Sequence[Covered]) -> list[str]:
    lines: list[str] = []
    group = ""
    for row in rows:
        if row.rule.group != group:
            group = row.rule.group
            lines.append("")
        what = f"{row.rule.id}  {row.rule.level.value:<10}  {row.rule.title:<{_TITLE_WIDTH}}"
        more = f" (+{len(row.files) - 1})" if len(row.files) > 1 else ""
        lines.append(f"{what}  {row.files[0]}{more}" if row.files else f"{what}  open: {row.reason}")
    covered = sum(bool(row.files) for row in rows)
    return [*lines[1:], "", f"{covered} of {len(rows)} checks covered, {len(rows) - covered} open"]


# --- check ----------------------------------------------------------------------------------------

SHOWN_MAX = 1_000
"""So many calls of each scenario are shown: a reader needs no more, and a `repeat` can make millions."""

BALANCES_MAX = 3
"""So many possible balances are listed."""

SEED = 1
"""What amounts are drawn from where no seed is given."""


@click.command(name="check")
@click.argument("paths", nargs=-1, metavar="[PATH[:LINE]]...")
@click.option("--show", is_flag=True, help="Print the calls that a run would make: a dry run.")
@click.option("-v", "--verbose", is_flag=True, help="With --show: the body of each request, too.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    metavar="NUMBER",
    help=f"With --show: draw amounts as a run with this seed does.  [default: {SEED}]",
)
@click.option("--wire", metavar="NAME", help="With --show: the wire profile.  [default: betrontech]")
def check(paths: tuple[str, ...], show: bool, verbose: bool, seed: int | None, wire: str | None) -> ExitCode:
    """Check scenario files and report every mistake; nothing is sent.

    PATH is a scenario file or a folder of them; without PATHs, the bundled suite is checked.
    A claim that no right wallet can meet is a mistake, too.
    """
    given = {"--verbose": verbose, "--seed": seed is not None, "--wire": wire is not None}
    alone = [flag for flag, is_given in given.items() if is_given and not show]
    if alone:
        raise UsageError(f"{alone[0]} changes what --show prints; add --show")
    profile = wire_profile(wire or BETRONTECH.name)
    loaded = Loaded(paths)
    if not loaded.files:
        raise NothingSelected(f"there is no scenario file in {', '.join(paths)}")
    for problem in loaded.problems:
        click.echo(f"{problem}\n")
    if loaded.problems:
        places = {problem.place.file for problem in loaded.problems}
        click.echo(f"{plural(len(loaded.problems), 'problem')} in {plural(len(places), 'file')}")
        return ExitCode.USAGE
    if show:
        for scenario in loaded.scenarios:
            click.echo("\n".join(_shown(scenario, SEED if seed is None else seed, profile, verbose)) + "\n")
        click.echo(
            f"Nothing was sent. Ids begin with {RUN} here, and with other text in every run; "
            f"amounts are drawn as with --seed {SEED if seed is None else seed}."
        )
        return ExitCode.PASSED
    click.echo(
        f"{plural(len(loaded.scenarios), 'scenario')} in {plural(len(loaded.files), 'file')}, all valid"
    )
    return ExitCode.PASSED


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


# --- explain --------------------------------------------------------------------------------------

_INDENT = "  "

_WIDTH_MAX = 100


@click.command("explain")
@click.argument("names", nargs=-1, metavar="[RULE]...")
@click.option(
    "--lang",
    type=click.Choice([lang.value for lang in Lang]),
    help="The language.  [default: that of your locale, or en]",
)
def explain_command(names: tuple[str, ...], lang: str | None) -> ExitCode:
    """Explain rules, as a finding names them; without any, list all.

    \b
    betrontech-sim explain IDE-01
    betrontech-sim explain REF
    betrontech-sim explain lost-update        the cause of a finding, as the JSON report names it
    """
    language = Lang(lang) if lang else lang_of_locale(variables())
    every = rules(language)
    if not names:
        _list(list(every.values()), language)
        return ExitCode.PASSED
    for index, name in enumerate(names):
        group = [each for each in every.values() if each.group == name.upper()]
        if group:
            _list(group, language)
            continue
        rule_id = _rule_of_cause(name)
        shown = explained(rule(rule_id, language), tested_by(rule_id.strip().upper()), language)
        click.echo(("\n" if index else "") + shown)
    return ExitCode.PASSED


def _rule_of_cause(name: str) -> str:
    """Return the rule under which a cause is reported; a name that is no cause as it is."""
    if name.startswith("form:"):
        return name.split(":")[1]
    cause = name.partition(":")[0]
    if cause == NO_ANSWER:
        # Reports name it as a matter of form, whatever the call was.
        return "CON-18"
    return rule_of(Situation(cause), method=Method.BET) if cause in set(Situation) else name


def explained(found: Rule, files: tuple[str, ...], language: Lang = Lang.ENGLISH) -> str:
    """Return one rule as text; `files` are the scenario files that test it."""
    texts = texts_in(REPORTS, language)
    parts = [
        f"{found.id}  {found.title}",
        f"{texts['explain_level']}: {found.level.value}",
        _section(texts["explain_meaning"], found.meaning),
        _section(texts["explain_why"], found.why),
        _section(texts["explain_source"], found.source),
        _section(texts["explain_fix"], found.fix),
    ]
    if files:
        runs = (f"{_INDENT}betrontech-sim run {file}" for file in files)
        parts.append("\n".join([texts["explain_tested"], *runs]))
    elif found.no_scenario:
        reason = texts["explain_no_scenario"].format(reason=found.no_scenario)
        parts.append(_section(texts["explain_tested"], reason))
    return "\n\n".join(["\n".join(parts[:2]), *parts[2:]])


def tested_by(rule_id: str) -> tuple[str, ...]:
    """Return the files of the bundled suite that cover a check."""
    return next((each.files for each in coverage(load_scenarios(())) if each.rule.id == rule_id), ())


def _list(listed: list[Rule], language: Lang) -> None:
    for each in listed:
        click.echo(f"{each.id}  {each.level.value:<10}  {each.title}")
    if len(listed) > len(checks()):
        click.echo("\n" + texts_in(REPORTS, language)["explain_hint"])


def _section(title: str, text: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    lines = textwrap.wrap(text, max(width, 40), initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join([title, *lines])


# --- init -----------------------------------------------------------------------------------------

_STARTERS = Path(__file__).parent / "starters"

# Starter → where it goes in the current folder.
FILES = {
    "betrontech-sim.yaml": Path("betrontech-sim.yaml"),
    "first.yaml": Path("scenarios", "first.yaml"),
}

_NEXT = """
Next:
  1. betrontech-sim operator --port 9000        a wallet to try against, in another terminal
  2. betrontech-sim run scenarios/first.yaml    the first scenario
  3. betrontech-sim run                         the bundled suite
Then put your own endpoint and a test player into betrontech-sim.yaml."""


@click.command("init")
def init_command() -> ExitCode:
    """Write a commented configuration and a first scenario here.

    Existing files are left unchanged.
    """
    for starter, target in FILES.items():
        click.echo(_written(_STARTERS / starter, target))
    click.echo(_NEXT)
    return ExitCode.PASSED


def _written(starter: Path, target: Path) -> str:
    in_the_way = next((each for each in target.parents if each.exists() and not each.is_dir()), None)
    if in_the_way is not None:
        raise UsageError(f"{target} cannot be written: {in_the_way} is a file, not a folder")
    if target.is_dir():
        raise UsageError(f"{target} cannot be written: there is a folder of that name")
    try:
        if target.exists():
            return f"kept     {target}  (already exists)"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(starter.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    return f"written  {target}"


# --- schema ---------------------------------------------------------------------------------------


@click.command(name="schema")
def schema() -> None:
    """Print the JSON Schema (2020-12) of scenario files, for editors.

    \b
    betrontech-sim schema > scenario.schema.json
    and as a file's first line: # yaml-language-server: $schema=scenario.schema.json
    """
    # Help answers without the loader's tables.
    from simulator.scenario.schema import scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2, ensure_ascii=False))
