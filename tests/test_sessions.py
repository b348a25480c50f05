"""Game sessions: whose URL leads where, until when, and what no forged URL reaches."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.languages import Lang
from simulator.serve import accounts as sessions
from simulator.serve.accounts import (
    LIFETIME_S,
    Agent,
    Agents,
    EndedSession,
    Launch,
    SessionFile,
    SessionKind,
    SessionStore,
    UnknownSession,
)
from simulator.serve.catalogue import Game, make_catalogue
from simulator.wire.profiles import BETRONTECH

AGENT = Agent("demo", "demo-token", "demo-secret", BETRONTECH)
LAUNCH = Launch(
    AGENT, "1000", "A Player", Game(1, "Gates of Olympus", "pragmatic"), Lang.ENGLISH, SessionKind.DEMO
)
KEY = b"k" * 32


class Wallet:
    """A delivery that is never called here: it can nothing."""


class Time:
    """A clock that stands until it is set."""

    now_s = 1_000_000.0


def open_wallet(_: Agent) -> Any:
    return Wallet()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(time: Time) -> SessionStore:
    return SessionStore(KEY, lambda: time.now_s, open_wallet)


def test_a_session_is_found_by_its_token_until_it_ends(store: SessionStore, time: Time) -> None:
    """To the last second, and not one later, and then it is called over."""
    session = store.open(LAUNCH)
    time.now_s += LIFETIME_S - 1
    assert store.find(session.token) is session
    time.now_s += 1
    with pytest.raises(EndedSession):
        store.find(session.token)


def test_sessions_of_each_agent_are_counted_from_one(store: SessionStore) -> None:
    """The number is part of a spin's seed, so other agents' launches do not move it."""
    other = replace(LAUNCH, agent=replace(AGENT, code="other"))
    opened = [store.open(launch) for launch in (LAUNCH, other, LAUNCH, other, LAUNCH)]
    assert [session.id for session in opened] == ["demo-1", "other-1", "demo-2", "other-2", "demo-3"]
    assert store.all() == tuple(opened)


def test_charged_sessions_and_only_they_hold_a_delivery(store: SessionStore) -> None:
    """A session of either kind cannot even be made otherwise."""
    demo, charged = store.open(LAUNCH), store.open(replace(LAUNCH, kind=SessionKind.CHARGED))
    assert demo.delivery is None
    assert isinstance(charged.delivery, Wallet)
    with pytest.raises(AssertionError):
        replace(demo, delivery=open_wallet(AGENT))
    with pytest.raises(AssertionError):
        replace(charged, delivery=None)


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    """Whatever stands in a URL, only what was given out leads anywhere."""
    store = SessionStore(KEY, lambda: 0.0, open_wallet)
    store.open(LAUNCH)
    with pytest.raises(UnknownSession):
        store.find(text)


@given(st.data())
def test_a_token_with_one_letter_changed_leads_nowhere(data: st.DataObject) -> None:
    """Secret, expiry and signature are all held fast by the signature."""
    store = SessionStore(KEY, lambda: 0.0, open_wallet)
    token = store.open(LAUNCH).token
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda each: each != token[place]))
    with pytest.raises(UnknownSession):
        store.find(token[:place] + letter + token[place + 1 :])


def test_a_token_of_another_server_leads_nowhere(store: SessionStore) -> None:
    """Another key signs another token."""
    foreign = SessionStore(b"x" * 32, lambda: 1_000_000.0, open_wallet).open(LAUNCH)
    with pytest.raises(UnknownSession):
        store.find(foreign.token)


def test_a_session_can_be_ended_and_is_still_listed(store: SessionStore) -> None:
    """Ended by hand it is over at once; who asks for one that never was is told so."""
    session = store.open(LAUNCH)
    store.end(session.id)
    with pytest.raises(EndedSession):
        store.find(session.token)
    assert [each.id for each in store.all()] == [session.id]
    with pytest.raises(KeyError):
        store.end("demo-99")


def test_cleared_sessions_are_gone_and_numbers_begin_anew(store: SessionStore) -> None:
    """After a reset a token that was right is not known any more."""
    session = store.open(LAUNCH)
    store.clear()
    assert store.all() == ()
    with pytest.raises(UnknownSession):
        store.find(session.token)
    assert store.open(LAUNCH).number == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def kept(folder: Path, time: Time) -> tuple[SessionStore, SessionFile]:
    """A store over that folder, as a server that starts makes it."""
    book = SessionFile(folder)
    store = SessionStore(KEY, lambda: time.now_s, open_wallet, book)
    store.restore(book.sessions(Agents([AGENT]), make_catalogue(1, 3), open_wallet), book.counts)
    return store, book


def test_sessions_that_were_written_down_are_played_on(folder: Path, time: Time) -> None:
    """A restart with the same key keeps game URLs alive, and numbers go on after theirs."""
    before, _ = kept(folder, time)
    charged = replace(LAUNCH, kind=SessionKind.CHARGED, user_name="Üye\n", lang=Lang.TURKISH)
    opened = [before.open(LAUNCH), before.open(charged)]
    after, _ = kept(folder, time)
    assert [after.find(session.token).launch for session in opened] == [LAUNCH, charged]
    assert [(each.id, each.expires_s) for each in after.all()] == [(s.id, s.expires_s) for s in opened]
    assert after.open(LAUNCH).id == "demo-3"
    assert stat.S_IMODE((folder / "sessions.ndjson").stat().st_mode) == 0o600


def test_what_is_ended_or_cleared_stays_so_after_a_restart(folder: Path, time: Time) -> None:
    """The file says what the store says."""
    before, _ = kept(folder, time)
    session = before.open(LAUNCH)
    before.end(session.id)
    after, _ = kept(folder, time)
    with pytest.raises(EndedSession):
        after.find(session.token)
    after.clear()
    assert kept(folder, time)[0].all() == ()


def test_lines_that_are_no_sessions_are_passed_over(folder: Path, time: Time) -> None:
    """A line cut short by a kill, one of an agent or a game that is gone, and one of somebody else."""
    store, book = kept(folder, time)
    session = store.open(LAUNCH)
    whole = (folder / "sessions.ndjson").read_bytes()
    strange = [
        whole.replace(b'"demo"', b'"gone"'),
        whole.replace(b"SLOT_001", b"SLOT_999"),
        whole.replace(b"DEMO", b"REAL"),
        whole.replace(b'"number": 1', b'"number": null'),
        b"[]\n",
        b"\xff\n",
        whole[:40],
    ]
    (folder / "sessions.ndjson").write_bytes(b"".join([*strange[:3], whole, *strange[3:]]))
    found = book.sessions(Agents([AGENT]), make_catalogue(1, 3), open_wallet)
    assert [each.token for each in found] == [session.token]


def test_another_start_hides_sessions_and_never_erases_them(folder: Path, time: Time) -> None:
    """One without their agent or their game; a start with both has them again, and new numbers go on."""
    store, _ = kept(folder, time)
    session = store.open(LAUNCH)
    for agents, games in ((Agents([replace(AGENT, code="other")]), 3), (Agents([AGENT]), 0)):
        book = SessionFile(folder)
        other = SessionStore(KEY, lambda: time.now_s, open_wallet, book)
        other.restore(book.sessions(agents, make_catalogue(1, games), open_wallet), book.counts)
        book.rewrite(other.all())
        assert other.all() == ()
        assert other.open(LAUNCH).id == "demo-2"
        book.rewrite(())
    again, _ = kept(folder, time)
    assert again.find(session.token).id == session.id == "demo-1"


def test_a_deeply_nested_line_is_left_out_and_named(
    folder: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    store, _ = kept(folder, time)
    session = store.open(LAUNCH)
    with (folder / "sessions.ndjson").open("ab") as file:
        file.write(b"[" * 100_000 + b"\n")
    again, _ = kept(folder, time)
    assert [each.token for each in again.all()] == [session.token]
    assert "sessions.ndjson:2 is no session" in caplog.text


def test_the_store_is_bounded(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load test's launches do not fill the memory: the oldest sessions go first."""
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 3)
    opened = [store.open(LAUNCH) for _ in range(5)]
    assert store.all() == tuple(opened[2:])
    with pytest.raises(UnknownSession):
        store.find(opened[0].token)
    assert store.find(opened[4].token) is opened[4]
