"""What settings accept and refuse: values, errors with their place, secrets kept, and any input at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings_sources import TARGET, load, message_of
from simulator.core.findings import Level
from simulator.core.money import Money
from simulator.errors import UsageError
from simulator.settings import Probe, ReportKind, ReportTarget, load_run_settings
from simulator.settings.table import ALL, RUN


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- values ----------------------------------------------------------------------------------------

READ = {
    "one player": ("players", ("a@b.example",), ("a@b.example",)),
    "a range": ("players", ("8..11", "9"), ("8", "9", "10", "11")),
    "a range with zeros in front": ("players", ("008..010",), ("008", "009", "010")),
    "seconds without a unit": ("timeout_s", "2.5", 2.5),
    "minutes": ("wait_for_s", "2m", 120.0),
    "a level": ("level", "documented", Level.DOCUMENTED),
    "a probe": ("probe", "never", Probe.NEVER),
    "a report with a colon in its name": (
        "reports",
        ("ndjson:a:b",),
        (ReportTarget(ReportKind.NDJSON, Path("a:b")),),
    ),
    "a header with a colon in its value": ("headers", ("A: b:c",), (("A", "b:c"),)),
    "a policy": (
        "policy",
        ("late_bet=refused", "zero_win = any"),
        {"late_bet": "refused", "zero_win": "any"},
    ),
    "an amount": ("max_bet", "10.5", Money(1050)),
    "no pauses": ("time_scale", "0", 0.0),
}


@pytest.mark.parametrize(("name", "text", "value"), READ.values(), ids=READ.keys())
def test_a_value_is_read(name: str, text: Any, value: Any) -> None:
    """Each kind of value as people write it."""
    assert getattr(load(**{name: text}), name) == value


REFUSED = {
    "a duration": ({"timeout_s": "5x"}, '--timeout: expected a duration like 250ms, 3s or 2m; found "5x"'),
    "no time at all": ({"timeout_s": "0s"}, '--timeout: expected a duration above zero; found "0s"'),
    "a week": ({"wait_for_s": "10000m"}, '--wait-for: expected a day at the most; found "10000m"'),
    "a URL": (
        {"endpoint": "localhost:9000"},
        '--endpoint: expected a URL like http://localhost:9000/betrontech_api; found "localhost:9000"',
    ),
    "a port": (
        {"endpoint": "http://a:99999/"},
        '--endpoint: expected a URL like http://localhost:9000/betrontech_api; found "http://a:99999/"',
    ),
    "jobs": ({"jobs": "0"}, '--jobs: expected auto or a whole number from 1 to 256; found "0"'),
    "a misspelt word": (
        {"probe": "allways"},
        '--probe: expected auto, always or never; found "allways"; did you mean "always"?',
    ),
    "a misspelt report": (
        {"reports": ("junti:a.xml",)},
        "--report: expected junit, junit-full, json, ndjson, html, markdown or gitlab before the colon; "
        'found "junti:a.xml"; did you mean "junit"?',
    ),
    "half a pair": (
        {"policy": ("late_bet",)},
        "--policy: expected a name and its value like late_bet=refused",
    ),
    "a backward range": ({"players": ("9..8",)}, "--player: the range ends before it begins"),
    "too many": ({"players": ("1..10001",)}, "--player: the range has 10001 players, at most 10000"),
    "too many together": ({"players": ("1..6000", "6001..12000")}, "--player: 12000 players are named"),
    "rounded money": ({"max_bet": "1.005"}, '--max-bet: "1.005" has 3 decimals'),
    "an open quote": ({"restart_hook": "a 'b"}, "--restart-hook: a quote is not closed"),
    "a line break": ({"keyword": "a\nb"}, "--keyword: a control character"),
    "a byte that is no text": ({"players": ("\udcff",)}, "--player: a control character or a byte"),
    "an own Host": ({"headers": ("Host: a",)}, "--header: Host belongs to the call itself"),
}


@pytest.mark.parametrize(("flags", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_a_value_that_cannot_be_used_is_named(flags: dict[str, Any], expected: str) -> None:
    """The message has the flag, what was expected and what was found."""
    assert message_of(**flags).startswith(expected)


def test_every_problem_is_told_at_once() -> None:
    """Nobody has to start five times to find five mistakes."""
    text = message_of({"BETRONTECH_SIM_JOBS": "x"}, "strict: maybe\nmaxfail: 1.5", timeout_s="x")
    assert len(text.splitlines()) == 4
    assert "betrontech-sim.yaml:1:9: strict: expected true or false" in text
    assert "betrontech-sim.yaml:2:10: maxfail: expected a whole number" in text


def test_a_weaker_source_is_checked_too() -> None:
    """A broken file does not wait for the day when the flag is left out."""
    assert "betrontech-sim.yaml:1:10: timeout" in message_of(file="timeout: x", timeout_s="3s")


FILE_ERRORS = {
    "misspelt key": ("timeot: 3s", '1:1: unknown key "timeot" in the file; did you mean "timeout"?'),
    "misspelt key in a section": (
        "hooks:\n  sed: a",
        '2:3: unknown key "sed" in "hooks"; did you mean "seed"?',
    ),
    "a section's key outside of it": ("max_bet: 1", 'did you mean "limits.max_bet"?'),
    "flag's name for a list": ("player: 1", '1:1: unknown key "player" in the file; did you mean "players"?'),
    "a key twice": ("jobs: 1\njobs: 2", '2:1: duplicate key "jobs" in the file'),
    "a list for one value": ("jobs: [1]", '1:7: "jobs" takes one N|auto; found a list'),
    "a list of lists": ("tags: [[a]]", '1:7: "tags" takes one or a list of TEXT; found a list'),
    "a value for a section": ("hooks: a", '1:8: "hooks" is a mapping of seed, restart, block; found "a"'),
    "a list for everything": ("- jobs", "1:1: the file is a mapping of keys to values; found a list"),
    "two documents": ("jobs: 1\n---\njobs: 1", "3:1: a configuration file holds one document"),
    "no YAML": ("jobs: [1", "not valid YAML"),
    "an alias to nothing": ("jobs: *a", "not valid YAML"),
    "a key that is a list": ("[a]: b", "1:1: a key is one word; found a list"),
    "a tag": ("jobs: !!int 3", "1:7: the tag"),
}


@pytest.mark.parametrize(("file", "expected"), FILE_ERRORS.values(), ids=FILE_ERRORS.keys())
def test_a_mistake_in_the_file_is_shown_with_its_place(file: str, expected: str) -> None:
    """File, line and column, and the nearest key."""
    text = message_of(file=file)
    assert text.startswith("betrontech-sim.yaml:")
    assert expected in text


def test_a_list_is_called_a_list() -> None:
    """Of more than single values is only what stands where a list of them may."""
    assert message_of(file="jobs: [1]").endswith("found a list")


def test_a_file_that_is_not_there_is_named() -> None:
    """--config with a wrong name says so."""
    assert message_of(config="nowhere.yaml").startswith("the configuration file nowhere.yaml cannot be read")
    assert message_of(config=".").startswith("the configuration file . cannot be read")


def test_a_misspelt_variable_is_an_error() -> None:
    """A typo in the environment does not pass in silence."""
    assert message_of({"BETRONTECH_SIM_TIMOUT": "3s"}) == (
        'BETRONTECH_SIM_TIMOUT: there is no such environment variable; did you mean "BETRONTECH_SIM_TIMEOUT"?'
    )


INJECTED = {
    "BETRONTECH_SIM_PORT": "tcp://10.0.0.7:8080",
    "BETRONTECH_SIM_SERVICE_HOST": "10.0.0.7",
    "BETRONTECH_SIM_SERVICE_PORT": "8080",
    "BETRONTECH_SIM_SERVICE_PORT_HTTP": "8080",
    "BETRONTECH_SIM_PORT_8080_TCP": "tcp://10.0.0.7:8080",
    "BETRONTECH_SIM_PORT_8080_TCP_PROTO": "tcp",
    "BETRONTECH_SIM_PORT_8080_TCP_PORT": "8080",
    "BETRONTECH_SIM_PORT_8080_TCP_ADDR": "10.0.0.7",
    "BETRONTECH_SIM_OPERATOR_PORT": "tcp://10.0.0.8:9000",
    "BETRONTECH_SIM_OPERATOR_SERVICE_HOST": "10.0.0.8",
}


def test_what_kubernetes_injects_is_no_setting() -> None:
    """A service called betrontech-sim describes itself to every container in such variables."""
    assert load(INJECTED, seed="1") == load(seed="1")


def test_missing_endpoint_and_player_say_how_to_give_them() -> None:
    """Flag, variable, key and `init`, in one sentence."""
    for absent, words in {
        "endpoint": ("--endpoint URL", "BETRONTECH_SIM_ENDPOINT", "endpoint:", "betrontech-sim init"),
        "players": ("--player ID", "BETRONTECH_SIM_PLAYER", "players:", "--seed-hook"),
    }.items():
        missing: dict[str, Any] = {absent: None}
        text = message_of(**missing)
        assert all(word in text for word in words)


def test_a_seed_hook_makes_players_needless() -> None:
    """Players that a hook creates need not be listed."""
    assert load(players=None, seed_hook="./make-player").players == ()


def test_contradictions_are_refused() -> None:
    """Two settings that cannot both hold are not silently put in order."""
    assert "--verbose and --quiet" in message_of(verbose=True, quiet=True)
    assert "--insecure" in message_of(insecure=True, cacert="a.pem")
    assert "--fail-fast is --maxfail 1" in message_of(fail_fast=True, maxfail="3")
    assert "--min-bet is above --max-bet" in message_of(min_bet="5", max_bet="2")
    assert '"late_bet" is given twice' in message_of(policy=("late_bet=any", "late_bet=refused"))


def test_a_game_that_is_given_twice_is_refused() -> None:
    """Scenarios that play in two games would play in one, and say nothing of it."""
    assert message_of(games=("a", "b", "a")).startswith(
        '--game: "a" is given twice; expected different games'
    )


# --- secrets ---------------------------------------------------------------------------------------

SECRET = "s3cr3t-s3cr3t"


@pytest.mark.parametrize(
    ("environment", "file", "flags"),
    [
        ({}, "", {"headers": (f"Authorization Bearer {SECRET}",)}),
        ({"BETRONTECH_SIM_HEADER": f"Bearer {SECRET}"}, "", {}),
        ({}, f"headers: {{A B: {SECRET}}}", {}),
        ({}, f"header: {{Authorization: {SECRET}}}", {}),
        ({}, f"headers: [{{a: {SECRET}}}]", {}),
        ({}, "", {"proxy": f"ftp://user:{SECRET}@proxy"}),
        ({}, "", {"endpoint": f"http://user:{SECRET}@wallet/"}),
        ({}, "", {"seed_hook": f"curl -H 'X: {SECRET}"}),
    ],
    ids=["flag", "variable", "file", "misspelt key", "wrong shape", "proxy", "endpoint", "hook"],
)
def test_an_error_never_shows_a_secret(environment: dict[str, str], file: str, flags: dict[str, Any]) -> None:
    """Headers, logins and hooks may hold secrets, and errors end up in CI logs."""
    assert SECRET not in message_of(environment, file, **flags)


def test_settings_printed_by_accident_show_no_secret() -> None:
    """The repr of settings lands in tracebacks and logs."""
    settings = load(headers=(f"A: {SECRET}",), proxy=f"http://u:{SECRET}@p", seed_hook=f"make {SECRET}")
    assert SECRET not in repr(settings)


# --- any input -------------------------------------------------------------------------------------

TEXTS = st.one_of(st.text(), st.text("0123456789.:,=/-[]@ \t\nabhtps", max_size=30))
FLAG_VALUES = st.fixed_dictionaries(
    {},
    optional={
        row.name: st.booleans() if row.is_switch else st.lists(TEXTS).map(tuple) if row.is_list else TEXTS
        for row in RUN
        if row.name != "config"
    },
)
VARIABLES = st.dictionaries(
    st.one_of(
        st.sampled_from([row.variable for row in ALL if row.name != "config"]),
        st.text("ABC_PORTX1").map("BETRONTECH_SIM_".__add__),
    ),
    TEXTS,
    max_size=3,
)


@given(flags=FLAG_VALUES, environment=VARIABLES)
def test_any_text_makes_settings_or_a_usage_error(flags: dict[str, Any], environment: dict[str, str]) -> None:
    """Nothing that can be typed or exported shows a traceback."""
    with suppress(UsageError):
        load_run_settings({**TARGET, **flags}, environment=environment)


KEYS = st.one_of(st.sampled_from([str(row.key) for row in RUN] + ["hooks", "limits"]), st.text(max_size=5))
YAML_TEXTS = st.one_of(
    st.text(),
    st.lists(st.tuples(KEYS, TEXTS), max_size=6).map(
        lambda pairs: "\n".join(f"{key}: {value}" for key, value in pairs)
    ),
)


@given(text=YAML_TEXTS)
def test_any_file_makes_settings_or_a_usage_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No file shows a traceback either."""
    file = tmp_path_factory.mktemp("any") / "config.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(UsageError):
        load_run_settings({**TARGET, "config": str(file)}, environment={})
