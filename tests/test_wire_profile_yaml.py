"""Wire profiles written in YAML: what they change, and how a mistake in one is told."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import simulate
from simulator.core.calls import CallForm
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.errors import ConfigurationError, ExitCode, UsageError
from simulator.judge.replies import read_reply
from simulator.scenario.profile_file import load_profile
from simulator.settings.load import wire_profile
from simulator.wire.forms import form_of
from simulator.wire.profiles import BETRONTECH, DRAKON
from simulator.wire.writing import read_request, spoken, write

BET = WebhookRequest(Method.BET, "1000", Money(1050), "T1", "SLOT_001")
GUIDE = Path(__file__).parents[1] / "docs" / "wire-profiles.md"
JSON = (("Content-Type", "application/json"),)


def blocks(kind: str) -> list[str]:
    """The code blocks of that kind in the guide."""
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


def problems(text: str) -> str:
    """What loading the text complains of."""
    with pytest.raises(ConfigurationError) as raised:
        load_profile(text, "acme.yaml")
    assert raised.value.exit_code is ExitCode.USAGE
    return str(raised.value)


def test_the_guides_first_profile_sends_the_bet_that_the_guide_shows() -> None:
    """The document is run."""
    profile = load_profile(blocks("yaml")[0], "acme.yaml")
    assert write(BET, profile).body.decode() == blocks("json")[0].strip()
    assert write(BET, profile).headers == (
        ("X-Operator", "acme"),
        ("Authorization", "Bearer not-a-real-token"),
    )
    assert (profile.name, profile.path) == ("acme", "/wallet/callback")
    assert read_request(write(BET, profile).body, "", profile) == BET


def test_the_guides_second_profile_has_one_method_for_bets_and_wins() -> None:
    """A constant field tells them apart, in both directions; a field has another name in one of them."""
    profile = load_profile(blocks("yaml")[1], "one-method.yaml")
    win = replace(BET, method=Method.WIN)
    assert write(win, profile).body.decode() == blocks("json")[1].strip()
    assert json.loads(write(BET, profile).body)["type"] == "bet"
    for request in (BET, win):
        assert read_request(write(request, profile).body, "", profile) == request
        canonical = form_of(write(request, profile), profile, {"SLOT_001"})
        assert (canonical.kind, canonical.request) == (CallForm.CANONICAL, request)
        spoken_as = json.loads(spoken(write(request, BETRONTECH).body, profile))
        assert spoken_as == json.loads(write(request, profile).body)
    other = write(win, profile).body.replace(b'"type":"win"', b'"type":"bonus"')
    assert read_request(other, "", profile) is None


def test_answers_may_be_documented_without_a_status_and_without_a_balance() -> None:
    """`absent` is no field's name."""
    text = "name: a\nreply: {status: absent, without_balance: [refund, transaction_win]}\n"
    reply = load_profile(text, "a.yaml").reply
    assert (reply.status, reply.status_absent) == ("status", True)
    assert reply.without_balance == {Method.REFUND, Method.WIN}


def test_the_guides_third_profile_lists_its_own_fields() -> None:
    """In the order of the file; the other methods stay as they are."""
    profile = load_profile(blocks("yaml")[2], "terse.yaml")
    assert list(json.loads(write(BET, profile).body).items()) == [
        ("method", "transaction_bet"),
        ("who", "1000"),
        ("stake", "10.50"),
        ("tx", "T1"),
        ("at", "SLOT_001"),
        ("round", "T1"),
        ("channel", "web"),
    ]
    assert read_request(write(BET, profile).body, "", profile) == BET
    win = WebhookRequest(Method.WIN, "1000", Money(1), "T2", "SLOT_001")
    assert write(win, profile).body == write(win, BETRONTECH).body


def test_the_guide_names_every_key_and_word() -> None:
    """A key that the guide forgets would be found by nobody."""
    from simulator.core.profiles import Source
    from simulator.scenario.profile_file import PROFILE, REPLY

    text = GUIDE.read_text("utf-8")
    for word in (*(field.name for field in PROFILE.fields), *Source):
        assert f"`{word}`" in text
    for word in (field.name for field in REPLY.fields):
        assert f"  {word}: " in text


@pytest.mark.parametrize("base", [BETRONTECH, DRAKON], ids=lambda each: each.name)
def test_a_profile_that_changes_nothing_is_its_base(base: object) -> None:
    """But for the name."""
    assert base in (BETRONTECH, DRAKON)
    shipped = BETRONTECH if base is BETRONTECH else DRAKON
    profile = load_profile(f"name: mine\nextends: {shipped.name}\n", "mine.yaml")
    for method in Method:
        request = WebhookRequest(method, "1", Money(1), "t", "g")
        assert write(request, profile) == write(request, shipped)
    assert profile.reply == shipped.reply
    assert (profile.name, profile.path, profile.headers) == ("mine", shipped.path, ())


def test_a_profiles_reply_names_are_read() -> None:
    """By the quick reader and the slow one; what the profile documents is nothing to remark on."""
    profile = load_profile(
        "name: acme\nreply: {status: durum, balance: bakiye, money: number, true_is_one: true}\n", "acme.yaml"
    )
    for body in (b'{"durum":true,"bakiye":90.5}', b'{"x":0,"durum":1,"bakiye":90.50}'):
        reading = read_reply(BET, Reply(200, JSON, body), profile)
        assert (reading.outcome, reading.balance, reading.deviations) == (Outcome.ACCEPTED, Money(9050), ())
    documented = read_reply(BET, Reply(200, JSON, b'{"status":1,"balance":"90.50"}'), profile)
    assert documented.outcome is Outcome.UNKNOWN


def test_renaming_knows_the_references_names_and_the_bases() -> None:
    """`amount` is the amount of every method, whatever the base calls it; `bet` is that one field."""
    profile = load_profile("name: a\nextends: drakon\nrename: {amount: sum, bet: wager}\n", "a.yaml")
    assert json.loads(write(BET, profile).body)["wager"] == 10.5
    win = json.loads(write(WebhookRequest(Method.WIN, "1", Money(1), "t", "g"), profile).body)
    assert {"sum", "wager"} <= set(win)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "acme.yaml:1:1: a wire profile is one YAML mapping; found 0 documents"),
        ("name: a\n---\nname: b\n", "acme.yaml:1:1: a wire profile is one YAML mapping; found 2 documents"),
        ("- a\n", "acme.yaml:1:1: a wire profile is a mapping of name, extends, "),
        ("path: /x\n", 'acme.yaml:1:1: a wire profile needs "name"'),
        ("name:\n", 'acme.yaml:1:1: "name" has no value'),
        ("name: a\npaht: /x\n", 'acme.yaml:2:1: unknown key "paht" in a wire profile; did you mean "path"?'),
        ("name: a\nname: b\n", 'acme.yaml:2:1: duplicate key "name"'),
        ("name: a\nextends: dragon\n", 'unknown word "dragon"; did you mean "drakon"?'),
        ("name: a\npath: x\n", 'acme.yaml:2:7: expected a path that begins with "/", found "x"'),
        ("name: a\nmoney: cents\n", 'unknown word "cents"; valid: string, number'),
        ("name: a\nmoney: either\n", 'unknown word "either"; valid: string, number'),
        ("name: a\nmethods: {transaction_bte: x}\n", 'did you mean "transaction_bet"?'),
        ("name: a\nmethods: {refund: user_balance}\n", '"user_balance" stands for both user_balance and'),
        (
            "name: a\nmethods: {refund: x, transaction_win: x}\n"
            "extra_in: {refund: {t: 1}, transaction_win: {u: 2}}\n",
            'acme.yaml:2:10: "x" stands for both transaction_win and refund, and extra_in does not tell them',
        ),
        ("name: a\nextra_in: {refunds: {t: 1}}\n", 'in "extra_in"; did you mean "refund"?'),
        ("name: a\nrename_in: {refund: {amuont: sum}}\n", '"amuont" in the new names of refund; did'),
        ("name: a\nreply: {without_balance: refund}\n", 'expected a list, found "refund"'),
        ("name: a\nreply: {without_balance: [user_balance]}\n", 'unknown word "user_balance"; valid: '),
        ("name: a\nfields: {refund: {method: metod}}\n", 'unknown word "metod"; did you mean "method"?'),
        ("name: a\nfields: {refund: {method: method}}\n", "refund has no field that holds the player"),
        ("name: a\nfields: {refund: [method]}\n", "2:18: expected a mapping of field names to "),
        ("name: a\nfields: {refund: {x: {valeu: 1}}}\n", 'unknown key "valeu" in a constant field'),
        ("name: a\nrename: {userid: u}\n", 'unknown key "userid" in "rename"; did you mean "user_id"?'),
        ("name: a\nrename: {user_id: method}\n", 'has two fields named "method"'),
        ("name: a\nextra: {user_id: x}\n", "has no field that holds the player"),
        ("name: a\nreply: {statuss: x}\n", 'unknown key "statuss" in "reply"; did you mean "status"?'),
        ("name: a\nreply: {true_is_one: ja}\n", 'expected true or false, found "ja"'),
        ("name: a\nreply: {details: email}\n", 'expected a list, found "email"'),
        ("name: a\nheaders: {Content-Length: 3}\n", '"Content-Length" cannot be set as a header'),
        ("name: a\nheaders: {'X Y': z}\n", '"X Y" cannot be set as a header'),
        ('name: a\nheaders: {X: "a\\r\\nY: b"}\n', "2:14: the value of a header is printable ASCII"),
        ("name: a\nbearer: two words\n", "a bearer token is printable ASCII without spaces"),
        ("name: a\nheaders: {authorization: x}\nbearer: t\n", "there is an Authorization header already"),
        ("name: [\n", "acme.yaml:1:8: not valid YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_the_nearest_word(text: str, expected: str) -> None:
    """A configuration error: exit 4."""
    assert expected in problems(text)


def test_every_mistake_is_told_at_once_and_no_line_is_quoted() -> None:
    """The file may hold a secret."""
    told = problems("name: a\nmony: x\nbearer: secret token\nextra: {a: }\n")
    assert [line.split(": ")[0] for line in told.splitlines()] == [
        "acme.yaml:2:1",
        "acme.yaml:3:9",
        "acme.yaml:4:12",
    ]
    assert "secret" not in told


def test_a_setting_names_a_shipped_profile_or_a_file(tmp_path: Path) -> None:
    """Every way in which that goes wrong is an error with exit 4."""
    file = tmp_path / "acme.yaml"
    file.write_text("name: acme\nextends: drakon\n", "utf-8")
    assert wire_profile("drakon") is DRAKON
    assert wire_profile(str(file)).name == "acme"
    with pytest.raises(UsageError, match=r'"dragon" is not known.*"drakon".*\.yaml file'):
        wire_profile("dragon")
    with pytest.raises(ConfigurationError, match=r"gone\.yaml cannot be read: No such file"):
        wire_profile(str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        wire_profile(str(tmp_path))
    file.write_bytes(b"name: \xff\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8; save the file as UTF-8"):
        wire_profile(str(file))
    with pytest.raises(ConfigurationError, match="its name is no file name"):
        wire_profile("a\0/b.yaml")


def test_a_profile_may_have_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    """The file is read, and what is wrong in it is told by its name in ASCII."""
    name = os.fsdecode(b"own\xff.yaml")
    Path(tmp_path, name).write_text("nam: own\n")
    done = simulate(
        "run", "--endpoint", "http://127.0.0.1:1", "--player", "1", "--wire", name, folder=tmp_path
    )
    assert done.returncode == ExitCode.USAGE
    assert r'own\udcff.yaml:1:1: unknown key "nam"' in done.stderr


@given(st.text(st.sampled_from("name: extdrako\n{}[],-&*!'\"|>#%fieldsmethodreply12\t")) | st.text())
def test_no_text_breaks_the_loader(text: str) -> None:
    """It is a profile or a configuration error."""
    try:
        profile = load_profile(text, "any.yaml")
    except ConfigurationError as error:
        told = str(error)
    else:
        told = "any.yaml:"
        assert read_request(write(BET, profile).body, "", profile) == BET
    assert told.startswith("any.yaml:")
