"""`explain` and `list`: what a developer reads at night, and what an author looks up."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import in_process, simulate
from simulator.errors import ExitCode
from simulator.law.rules import checks, rule, rules


def test_explain_tells_what_why_who_how_and_which_scenario(tmp_path: Path) -> None:
    """Everything about a rule on one screen."""
    ended = simulate("explain", "REF-04", folder=tmp_path)
    assert ended.returncode == ExitCode.PASSED
    for text in (rule("REF-04").title, "level: industry", "What it means", "Why it costs money"):
        assert text in ended.stdout
    for text in ("Who asks for it", "How to fix it", "run scenarios/refunds/refund-of-refused-bet.yaml"):
        assert text in ended.stdout


def test_explain_speaks_the_language_of_the_locale_or_the_one_asked_for(tmp_path: Path) -> None:
    """A Brazilian terminal gets Portuguese, and `--lang` says otherwise."""
    brazilian = simulate("explain", "REF-04", folder=tmp_path, LC_ALL="pt_BR.UTF-8")
    assert "o reembolso de uma aposta recusada não paga nada" in brazilian.stdout
    assert "Como corrigir" in brazilian.stdout
    turkish = simulate("explain", "REF-04", "--lang", "tr", folder=tmp_path, LC_ALL="pt_BR.UTF-8")
    assert "reddedilmiş bir bahsin iadesi hiçbir şey ödemez" in turkish.stdout


def test_explain_says_why_no_scenario_tests_a_check(tmp_path: Path) -> None:
    """An open check is told as open."""
    ended = simulate("explain", "DEM-01", folder=tmp_path)
    assert f"no scenario: {rule('DEM-01').no_scenario}" in ended.stdout


def test_explain_alone_lists_every_rule(tmp_path: Path) -> None:
    """The way to find an id."""
    ended = simulate("explain", folder=tmp_path)
    assert ended.returncode == ExitCode.PASSED
    assert all(each.id in ended.stdout and each.title in ended.stdout for each in checks())


def test_explain_of_a_group_lists_its_rules(tmp_path: Path) -> None:
    """`explain REF` narrows the list."""
    ended = simulate("explain", "ref", folder=tmp_path)
    assert [line[:6] for line in ended.stdout.splitlines()] == [
        f"REF-{number:02d}" for number in range(1, 15)
    ]


@pytest.mark.parametrize(
    ("cause", "rule"),
    [("overdraft", "INS-01"), ("form:CON-07:status-text", "CON-07"), ("no-answer:cut", "CON-18")],
)
def test_explain_of_a_cause_explains_its_rule(cause: str, rule: str, tmp_path: Path) -> None:
    """Causes are how the JSON report and the console group findings."""
    ended = simulate("explain", cause, folder=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"{rule}  ")


@pytest.mark.parametrize(("found", "nearest"), [("ERF-04", "REF-04"), ("IDE01", "IDE-01")])
def test_an_unknown_rule_is_a_usage_error_that_names_the_nearest(
    found: str, nearest: str, tmp_path: Path
) -> None:
    """No traceback, no guessing."""
    ended = simulate("explain", found, folder=tmp_path)
    assert ended.returncode == ExitCode.USAGE
    assert f'there is no rule "{found}"; did you mean "{nearest}"?' in ended.stderr


def test_list_tells_id_name_level_checks_and_tags(tmp_path: Path) -> None:
    """What a run would take, and what each is for."""
    ended = simulate("list", "-k", "refund-of-refused-bet", folder=tmp_path)
    assert ended.stdout.splitlines() == [
        "scenarios/refunds/refund-of-refused-bet.yaml",
        "    A refund of a refused bet pays nothing",
        "    industry  REF-04  #smoke",
        "",
        "1 scenario",
    ]


LANGUAGES = {
    "tr": ("demek istediniz", "1 dosyada 1 sorun", "Hata:", "senaryo"),
    "pt-BR": ("passo desconhecido", "1 problema em 1 arquivo", "Erro:", "cenários"),
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_authors_read_check_run_and_list_in_their_language(
    lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By --lang or by the locale: mistakes in a file, an error of usage, and the names of scenarios."""
    (tmp_path / "a.yaml").write_text("name: A\nsteps:\n  - bett: 1.00\n", "utf-8")
    slip, sum_up, error, scenarios = LANGUAGES[lang]
    checked = in_process("check", "a.yaml", "--lang", lang, folder=tmp_path)
    assert checked.returncode == ExitCode.USAGE
    assert slip in checked.stdout
    assert checked.stdout.splitlines()[-1] == sum_up
    flags = ("--endpoint", "http://127.0.0.1:9/", "--player", "1")
    ran = in_process("run", "a.yaml", *flags, f"--lang={lang}", folder=tmp_path)
    assert checked.stdout.startswith(ran.stderr.rstrip())
    monkeypatch.setenv("LC_ALL", f"{lang.replace('-', '_')}.UTF-8")
    assert in_process("run", folder=tmp_path).stderr.startswith(error)
    listed = in_process("list", "--quick", "-t", "refunds", folder=tmp_path).stdout
    assert listed.splitlines()[-1] == f"{len(ids_in(listed))} {scenarios}"


def test_list_filters_as_run_does(tmp_path: Path) -> None:
    """Tag, level and path narrow; a selection that leaves nothing ends as it does in a run."""
    smoke = simulate("list", "-t", "smoke", "--level", "documented", "scenarios/contract", folder=tmp_path)
    assert "scenarios/contract/bet-answer.yaml" in smoke.stdout
    assert "read-your-write" not in smoke.stdout
    assert "refunds/" not in smoke.stdout
    assert simulate("list", "-k", "no-such-word", folder=tmp_path).returncode == ExitCode.NOTHING_SELECTED


def test_list_takes_the_filters_of_a_run(tmp_path: Path) -> None:
    """The quick ones, those of a part, and what the configuration says."""
    (tmp_path / "betrontech-sim.yaml").write_text("tags: [refunds]\n", "utf-8")
    names = [in_process("list", *flags, folder=tmp_path).stdout for flags in SELECTIONS]
    assert set(ids_in(names[0])) > set(ids_in(names[1])) > set()
    assert all("/refunds/" in each for each in ids_in(names[0]))
    assert sorted(ids_in(names[2]) + ids_in(names[3])) == sorted(ids_in(names[0]))
    assert in_process("list", "--shard", "3/2", folder=tmp_path).returncode == ExitCode.USAGE


SELECTIONS = [(), ("--quick",), ("--shard", "1/2"), ("--shard", "2/2")]


def ids_in(listing: str) -> list[str]:
    return [line for line in listing.splitlines() if line.startswith("scenarios/")]


def test_coverage_prints_the_whole_catalogue_with_scenario_or_reason(tmp_path: Path) -> None:
    """Each check on a line of its own, and the sum."""
    ended = simulate("list", "--coverage", folder=tmp_path)
    lines = ended.stdout.splitlines()
    assert [line[:6] for line in lines if line[:6] in rules()] == [each.id for each in checks()]
    assert next(line for line in lines if line.startswith("REF-04")).endswith(
        "scenarios/refunds/refund-of-refused-bet.yaml"
    )
    assert next(line for line in lines if line.startswith("CUR-02")).endswith(
        f"open: {rule('CUR-02').no_scenario}"
    )
    still_open = sum(bool(each.no_scenario) for each in checks())
    assert lines[-1] == f"{len(checks()) - still_open} of {len(checks())} checks covered, {still_open} open"
