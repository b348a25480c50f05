"""No surviving defect: the bundled suite finds every mistake that the reference operator can be given."""

from __future__ import annotations

import pytest

from campaigns import sampled
from simulator.cli.mutants_cmd import embedded_operator, hunt, name_causes, settings_for
from simulator.core.findings import Severity
from simulator.core.steps import Scenario
from simulator.law.rules import checks
from simulator.law.situations import Situation
from simulator.reference_operator import DEFECTS, DefectKind
from simulator.report.causes import Overview
from simulator.run.suite import run_scenarios
from simulator.scenario.files import load_scenarios

SUITE = load_scenarios(())
CATALOGUE_IDS = {rule.id for rule in checks()}
RACES = [name for name, defect in DEFECTS.items() if defect.kind is DefectKind.RACE]


def scenarios_in(folders: tuple[str, ...]) -> list[Scenario]:
    """Return the scenarios of the suite that are in these folders."""
    return [scenario for scenario in SUITE if scenario.place.file.split("/")[1] in folders]


@pytest.mark.parametrize("name", sampled(DEFECTS))
def test_the_suite_catches_the_defect(name: str) -> None:
    """A wallet with this mistake fails the run, with a finding that names a check of the catalogue."""
    caught = hunt(DEFECTS[name], SUITE)
    assert caught.finding is not None, f"{name} survived"
    assert caught.finding.rule in CATALOGUE_IDS


@pytest.mark.campaign
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", RACES)
def test_a_race_is_caught_whatever_the_seed(name: str, seed: int) -> None:
    """With the run above, three times out of three: luck is no finding."""
    assert hunt(DEFECTS[name], SUITE, seed=seed).finding is not None


def test_there_are_defects_enough_and_each_kind_has_some() -> None:
    """At least fifty, with races and durability among them."""
    assert len(DEFECTS) >= 50
    assert {defect.kind for defect in DEFECTS.values()} == set(DefectKind)
    assert len(RACES) >= 5


@pytest.mark.parametrize(
    "name",
    sampled(
        [
            "insufficient-answered-success",
            "refund-swallowed-as-duplicate",
            "replica-lag",
            "user-id-read-as-number",
            "bet-answered-not-charged",
            "win-answered-not-paid",
            "win-credited-net",
            "cents-cut-by-float",
            "nan-destroys-balance",
        ]
    ),
)
def test_a_defect_is_named_by_its_own_cause_and_no_other(name: str) -> None:
    """What single calls show is no race, a read that lags accuses no money; `make causes` runs all."""
    naming = name_causes(DEFECTS[name], SUITE)
    assert naming.named == (DEFECTS[name].cause,)


@pytest.mark.campaign
@pytest.mark.parametrize(
    "name",
    [
        "lost-update-on-bets",
        "lost-update-on-refunds",
        "lost-update-once-in-50",
        "repeated-refund-race",
        "last-effect-lost-at-restart",
        "unsaved-balance-lost-at-restart",
        "win-paid-twice",
        "second-win-swallowed",
    ],
)
def test_a_race_or_a_restart_is_no_mistake_of_one_call(name: str) -> None:
    """Sums of many calls accuse no amount, and no call before a restart; a call alone is no race."""
    naming = name_causes(DEFECTS[name], SUITE)
    assert (naming.first, naming.wrong) == (DEFECTS[name].cause, ())


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("win-paid-to-last-bettor", ("contract", "money", "rounds")),
        ("balance-of-last-bettor", ("contract", "money")),
        ("unknown-player-created", ("unknown",)),
        ("drift", ("concurrency",)),
    ],
)
def test_one_player_taken_for_another_is_one_cause(name: str, folders: tuple[str, ...]) -> None:
    """Calls for others are no mistake of this player's calls; a failed claim is none beside the law's."""
    naming = name_causes(DEFECTS[name], scenarios_in(folders))
    assert naming.named == (DEFECTS[name].cause,)


@pytest.mark.parametrize(
    ("defects", "causes", "folders"),
    [
        (("bet-answered-not-charged", "large-win-capped"), {"bet-not-taken", "win-wrong-amount"}, ()),
        (("drift", "insufficient-funds-accepted"), {"cent-off", "overdraft"}, ()),
        (
            ("stale-balance-after-bet", "negative-bet-credited"),
            {"answer-balance-wrong", "malformed-moved"},
            ("contract", "hostile-input"),
        ),
        (
            ("bet-answered-not-charged", "refund-paid-twice"),
            {"bet-not-taken", "repeated-refund-credited-again"},
            ("contract", "idempotency", "refunds"),
        ),
        # A win after a refund pays less in a burst, too, and that is no lost update.
        pytest.param(
            ("win-after-refund-charges-stake", "user-id-wide-characters"),
            {"win-wrong-amount", "same-player-id"},
            ("ordering", "unknown", "rounds", "concurrency"),
            marks=pytest.mark.campaign,
        ),
        pytest.param(
            ("large-win-capped", "lost-update-on-wins"),
            {"win-wrong-amount", "lost-update"},
            ("money", "concurrency"),
            marks=pytest.mark.campaign,
        ),
    ],
)
def test_a_second_defect_is_not_taken_for_a_consequence_of_the_first(
    defects: tuple[str, ...], causes: set[str], folders: tuple[str, ...]
) -> None:
    """Only what the first cause explains alone is counted as seen of it, and it hides no other."""
    overview = Overview()
    with embedded_operator(defects=defects) as operator:
        run_scenarios(settings_for(operator), scenarios_in(folders) or SUITE, overview.on)
    overview.finish()
    assert {cause.key for cause in overview.of_severity(Severity.ERROR)} == causes


def test_every_defect_says_what_must_be_named_for_it() -> None:
    """A cause is a situation or a form."""
    for defect in DEFECTS.values():
        for cause in (defect.cause, *defect.also):
            assert cause.startswith(("form:", "no-answer")) or cause in set(Situation), defect.name
