"""`betrontech-sim judge` reads histories from anywhere: what it takes, and what it says of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import simulate
from simulator.core.call_lines import BadLine
from simulator.history.files import Histories, JudgedHistory
from simulator.judge.recorded import as_played
from simulator.law.situations import Situation

OPENING: dict[str, object] = {"type": "opening", "player": "p1", "balance": "100.00"}
BET: dict[str, object] = {
    "type": "exchange", "player": "p1", "method": "transaction_bet", "transaction_id": "b1",
    "amount": "10.00", "game_id": "g", "sent_ns": 1, "answered_ns": 9, "outcome": "accepted",
    "balance": "90.00",
}  # fmt: skip


def judged(*lines: dict[str, object] | str) -> list[JudgedHistory]:
    """The verdicts on these lines."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return list(Histories("calls.ndjson").judge(texts))


@pytest.mark.parametrize(
    "lines",
    [
        (OPENING, BET),
        (OPENING, "", "\r\n", BET),
        (OPENING, {"type": "step", "player": 7}, {"no": "type"}, BET),
        ({**OPENING, "currency": "TRY"}, {**BET, "trace": [1, None]}),
        (OPENING, {**BET, "balance": None}),
        ({**OPENING, "balance": 100}, {**BET, "balance": 90.0, "amount": 10}),
        (OPENING, {**BET, "answered_ns": 1}),
        (OPENING, {**BET, "sent_ns": 1_759_999_999_999_999_998, "answered_ns": 1_759_999_999_999_999_999}),
        (OPENING, {**BET, "answered_ns": None, "outcome": "unknown", "balance": None}),
    ],
    ids=[
        "plain",
        "blank-lines",
        "other-types",
        "other-keys",
        "no-balance",
        "numbers",
        "no-time",
        "epoch",
        "open",
    ],
)
def test_lines_from_elsewhere_are_taken(lines: tuple[dict[str, object] | str, ...]) -> None:
    """Blank lines, other types and keys, JSON numbers, wall clocks and calls without an answer."""
    assert [each.rank for each in judged(*lines)] == [0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"player": "p2"}, 'player: expected an opening line before it, found a call of "p2"'),
        ({"player": 7}, "player: expected a text, found 7"),
        ({"agent": 7}, "agent: expected a text, or null, found 7"),
        ({"method": "bet"}, 'method: expected one of account_details, user_balance, .*, found "bet"'),
        ({"amount": None}, "amount: expected the amount of the bet, .*, found null"),
        ({"transaction_id": None}, "transaction_id: expected the id of the bet, .*, found null"),
        ({"transaction_id": 7}, "transaction_id: expected a text, or null, found 7"),
        ({"sent_ns": None}, "sent_ns: expected a whole number of nanoseconds, found null"),
        ({"answered_ns": 0}, "answered_ns: expected nothing earlier than sent_ns \\(1\\), found 0"),
        ({"answered_ns": 9.5}, "answered_ns: expected a whole number of nanoseconds .*, found 9.5"),
        ({"answered_ns": 10**40}, "answered_ns: expected .* at most 30 digits, found 1000"),
        ({"outcome": "acepted"}, 'outcome: .*, found "acepted"; did you mean "accepted"'),
        ({"balance": "90,00"}, 'balance: expected an amount like "100.00", or null, found "90,00"'),
        ({"balance": 90.001}, "balance: .*, found 90.001; .* has 3 decimals"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_line_that_cannot_be_is_told_with_its_place(changed: dict[str, object], message: str) -> None:
    """File, line, key, what was expected and what was found."""
    with pytest.raises(BadLine, match=rf"^calls\.ndjson:2: {message}"):
        judged(OPENING, {**BET, **changed})


@pytest.mark.parametrize(
    "text", ["hello", "[1]", '{"type":', '{"type":"exchange","balance":NaN}', "[" * 5000]
)
def test_a_line_that_is_no_object_is_told_with_its_place(text: str) -> None:
    """Neither a crash nor a line that is passed over."""
    with pytest.raises(BadLine, match=r"^calls\.ndjson:2: expected a JSON object, found "):
        judged(OPENING, text)


def test_a_malformed_call_may_lack_its_amount() -> None:
    """Where the line says so: it may not move money then."""
    bet = {**BET, "amount": None, "form": "malformed", "outcome": "refused", "balance": None}
    assert [each.rank for each in judged(OPENING, bet)] == [0]


def test_an_opening_begins_a_history_anew() -> None:
    """Each segment is judged by itself, from the balance and the place of its opening."""
    lost = {**BET, "transaction_id": "b2", "balance": "50.00"}
    found = judged(OPENING, BET, {**OPENING, "balance": "50.00"}, lost)
    assert [(each.place, each.calls, each.rank) for each in found] == [
        ("calls.ndjson:1", 1, 0),
        ("calls.ndjson:3", 1, 3),
    ]


def test_thousands_of_players_are_judged_in_one_go(tmp_path: Path) -> None:
    """From a file with the marks that Windows leaves, through the installed script, with a report."""
    lines = []
    for number in range(2_000):
        player = f"p{number}"
        lines += [
            json.dumps({**OPENING, "player": player}),
            json.dumps({**BET, "player": player, "transaction_id": player}),
        ]
    lines.append(
        json.dumps({**BET, "player": "p7", "transaction_id": "b2", "sent_ns": 20, "answered_ns": 21})
    )
    (tmp_path / "calls.ndjson").write_text("\ufeff" + "\r\n".join(lines), "utf-8", newline="")
    done = simulate("judge", "calls.ndjson", "--report", "json:verdicts.json", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "2,000 players, 2,001 calls: 1,999 consistent, 1 inconsistent" in done.stdout
    players = json.loads((tmp_path / "verdicts.json").read_text("utf-8"))["players"]
    assert [name for name, each in players.items() if each["money"] == "wrong"] == ["p7"]


def test_ids_that_players_share_are_told(tmp_path: Path) -> None:
    """They weaken the verdict: a right wallet may take the second player's call for a repeat."""
    lines = [OPENING, BET, {**OPENING, "player": "p2"}, {**BET, "player": "p2", "balance": "100.00"}]
    (tmp_path / "calls.ndjson").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    done = simulate("judge", "calls.ndjson", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "note: 1 call was taken as ignored" in done.stdout


def calls_of(player: str, start: int, *answers: str) -> list[dict[str, object]]:
    """Bet b1 of 10.00, when that is over b2 of 20.00, and then a read of the last balance."""
    lines: list[dict[str, object]] = []
    for place, (amount, balance) in enumerate(zip(("10.00", "20.00"), answers, strict=True)):
        sent = start + 4 * place
        bet = {**BET, "player": player, "transaction_id": f"b{place + 1}", "amount": amount}
        lines.append({**bet, "balance": balance, "sent_ns": sent, "answered_ns": sent + 1})
    read = {"method": "user_balance", "transaction_id": None, "amount": None}
    return [*lines, {**lines[-1], **read, "sent_ns": start + 10, "answered_ns": start + 11}]


@pytest.mark.parametrize("first", ["swallowed", "counted"])
def test_a_lost_bet_is_none_because_another_player_used_its_id(first: str) -> None:
    """Ids may count once for all players or once for each; what one player shows holds for the other."""
    openings = [{**OPENING, "player": player} for player in ("p1", "p2", "p3")]
    swallowed = calls_of("p2", 100, "100.00", "100.00")
    counted = calls_of("p3", 200, "90.00", "70.00")
    lines = [*openings, *calls_of("p1", 1, "90.00", "70.00"), *swallowed]
    found = {each.player: each.rank for each in judged(*lines, *(counted if first == "counted" else []))}
    assert found == ({"p1": 0, "p2": 0} if first == "swallowed" else {"p1": 0, "p2": 3, "p3": 0})


def test_players_of_two_agents_do_not_mix(tmp_path: Path) -> None:
    """The same user id and the same transaction id at two agents are two players and two bets."""
    lines = [OPENING, BET, {**OPENING, "agent": "a1"}, {**BET, "agent": "a1"}]
    assert [(each.agent, each.player, each.rank, each.shared) for each in judged(*lines)] == [
        ("", "p1", 0, 0),
        ("a1", "p1", 0, 0),
    ]
    lost = {**BET, "agent": "a1", "transaction_id": "b2", "sent_ns": 20, "answered_ns": 29}
    (tmp_path / "calls.ndjson").write_text("\n".join(map(json.dumps, [*lines, lost])), "utf-8")
    done = simulate("judge", "calls.ndjson", folder=tmp_path)
    assert "p1 of agent a1: inconsistent, money wrong (calls.ndjson:3, 2 calls)" in done.stdout
    done = simulate("judge", "calls.ndjson", "--report", "json:-", folder=tmp_path)
    players = json.loads(done.stdout)["players"]
    assert {name: (each.get("agent"), each["money"]) for name, each in players.items()} == {
        "p1": (None, "right"),
        "a1/p1": ("a1", "wrong"),
    }


def test_refunds_that_all_came_to_nothing_are_named_as_one_mistake() -> None:
    """Three bets, all refunded at once, and none of the money came back."""
    bets = [
        {
            **BET,
            "transaction_id": f"b{n}",
            "amount": f"{n}.00",
            "balance": None,
            "sent_ns": 10 * n,
            "answered_ns": 10 * n + 1,
        }
        for n in (1, 2, 4)
    ]
    refunds = [{**each, "method": "refund", "sent_ns": 100, "answered_ns": 120} for each in bets]
    read = {**BET, "method": "user_balance", "transaction_id": None, "amount": None}
    lines = [OPENING, *bets, *refunds, {**read, "sent_ns": 200, "answered_ns": 201, "balance": "93.00"}]
    [found] = judged(*lines)
    assert found.verdict.situation is Situation.REFUND_NOT_CREDITED
    assert found.verdict.explanation.startswith("None of the refunds took effect")


def test_what_another_players_refund_moved_is_named_by_that_refund() -> None:
    """The owner of the bet gets money for which no call of their own asks."""
    second = {**BET, "player": "p2"}
    refund = {
        **second, "method": "refund", "game_id": None, "sent_ns": 11, "answered_ns": 19, "balance": "100.00"
    }  # fmt: skip
    read = {
        "type": "exchange", "player": "p1", "method": "user_balance", "sent_ns": 21, "answered_ns": 29,
        "outcome": "accepted", "balance": "100.00",
    }  # fmt: skip
    found = [as_played(each) for each in judged(OPENING, BET, {**OPENING, "player": "p2"}, refund, read)]
    (wrong,) = [each for each in found if each.rank == 3]
    assert (wrong.player, wrong.rule) == ("p1", "REF-08")
    assert wrong.verdict.situation is Situation.FOREIGN_REFUND_MOVED


def test_a_missing_answer_is_named_and_is_an_error_only_if_that_is_wanted(tmp_path: Path) -> None:
    """HTTP 500 may hide an effect; the money is judged without it."""
    bet = {**BET, "outcome": "unknown", "balance": None, "http": 500}
    file = tmp_path / "calls.ndjson"

    def judge(line: dict[str, object], *flags: str) -> tuple[int, str]:
        file.write_text(f"{json.dumps(OPENING)}\n{json.dumps(line)}\n")
        done = simulate("judge", str(file), *flags, folder=tmp_path)
        return done.returncode, done.stdout

    code, out = judge(bet)
    assert code == 0
    assert "warning[CON-03] p1: HTTP 500 instead of the documented answer" in out
    assert judge(bet, "--strict")[0] == 1
    assert judge({**bet, "fault": "lost_reply"}, "--strict")[0] == 0


def test_bytes_that_are_no_webhook_are_accused_of_the_balance_that_they_moved() -> None:
    """Between two reads only broken JSON was sent; an unmoved balance accuses nobody, nor do other agents."""
    broken: dict[str, object] = {
        "type": "exchange", "player": None, "method": None, "form": "malformed", "sent_ns": 11,
        "answered_ns": 19, "outcome": "unknown", "request": '{"method":', "http": 200,
    }  # fmt: skip
    read = {
        "type": "exchange", "player": "p1", "method": "user_balance", "sent_ns": 21, "answered_ns": 29,
        "outcome": "accepted", "balance": "95.00",
    }  # fmt: skip
    [wrong] = map(as_played, judged(OPENING, BET, broken, read))
    assert (wrong.verdict.situation, wrong.line) == (Situation.MALFORMED_MOVED, 3)
    [right] = map(as_played, judged(OPENING, BET, broken, {**read, "balance": "90.00"}))
    assert right.rank == 0
    [other] = map(as_played, judged(OPENING, BET, {**broken, "agent": "a2"}, read))
    assert other.verdict.situation is not Situation.MALFORMED_MOVED


def test_a_player_who_does_not_exist_must_not_be_accepted() -> None:
    """No opening is needed; a refusal is right, and an id that resembles another player's is named so."""
    bet = {**BET, "player": "p1abc", "account": "unknown", "balance": "80.00"}
    refused = {**bet, "outcome": "refused", "balance": None}
    assert [each.rank for each in judged(OPENING, BET, refused)] == [0, 0]
    found = {each.player: each for each in judged(OPENING, BET, bet, {**bet, "player": "q"})}
    assert found["p1"].rank == 0
    assert found["p1abc"].verdict.situation is Situation.SAME_PLAYER_ID
    assert (found["q"].verdict.situation, found["q"].line) == (Situation.UNKNOWN_PLAYER_ACCEPTED, 4)


def test_a_bet_beyond_a_limit_is_refused() -> None:
    """As the run knows that sent it; accepted, it is wrong although the money adds up."""
    bet: dict[str, object] = {**BET, "account": "limited"}
    [right] = map(as_played, judged(OPENING, {**bet, "outcome": "refused", "balance": None}))
    assert right.rank == 0
    [wrong] = map(as_played, judged(OPENING, bet))
    assert wrong.verdict.situation is Situation.LIMIT_IGNORED


def test_a_blocked_player_is_refused_bets_and_paid_wins() -> None:
    """An accepted bet is wrong although the money adds up; its refusal is right, that of a win is not."""
    bet: dict[str, object] = {**BET, "account": "blocked"}
    [taken] = map(as_played, judged(OPENING, bet))
    assert (taken.verdict.situation, taken.rank) == (Situation.BLOCKED_PLAYER_WRONG, 3)
    refused: dict[str, object] = {**bet, "outcome": "refused", "balance": None}
    [right] = map(as_played, judged(OPENING, refused))
    assert right.rank == 0
    win = {**bet, "transaction_id": "b0", "sent_ns": -8, "answered_ns": -1, "account": None}
    unpaid = {
        **refused,
        "method": "transaction_win",
        "transaction_id": "w1",
        "sent_ns": 11,
        "answered_ns": 19,
    }
    [owed] = map(as_played, judged(OPENING, win, unpaid))
    assert owed.verdict.situation is Situation.WIN_REFUSED


@pytest.mark.parametrize(
    ("stated", "balance", "situation"),
    [
        ("40.00", "10.00", Situation.READ_CONTRADICTS),
        ("40.00", "70.00", None),
        ("90.00", "10.00", Situation.BET_WRONG_AMOUNT),
        (None, "10.00", Situation.BET_WRONG_AMOUNT),
    ],
    ids=["goes-on-from-the-stated", "goes-on-from-the-read", "could-pay", "states-none"],
)
def test_a_refused_bet_that_states_too_little_puts_the_reads_in_doubt(
    stated: str | None, balance: str, situation: Situation | None
) -> None:
    """A refusal of 60.00 at 100.00 states 40.00: the next answer shows whether that or the read is right."""
    refused: dict[str, object] = {
        **BET, "transaction_id": "b0", "amount": "60.00", "form": "optional", "sent_ns": -9,
        "answered_ns": -8, "outcome": "refused", "balance": None, "stated_balance": stated,
    }  # fmt: skip
    read: dict[str, object] = {
        **BET, "method": "user_balance", "transaction_id": None, "amount": None, "balance": "100.00",
        "sent_ns": -5, "answered_ns": -4,
    }  # fmt: skip
    bet: dict[str, object] = {**BET, "amount": "30.00", "balance": balance}
    [found] = map(as_played, judged(OPENING, refused, read, bet))
    assert found.verdict.situation is situation
