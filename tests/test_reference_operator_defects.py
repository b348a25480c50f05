"""Every defect that needs no race shows in a few calls, and the same calls show nothing on the right wallet.

Scripts and what they show are explained in operator_script. p1 and p2 begin with 100.00.
"""

import pytest

from operator_caller import in_process
from operator_script import METHODS, money, run, send
from simulator.reference_operator import DEFECTS, DefectKind, OperatorSettings

LONG = "n" * 24, "n" * 64, "n" * 128
SHOWN = [
    # idempotency
    ("bet-charged-again", "bet b 10.00; bet b 10.00", "90.00", "80.00"),
    ("win-paid-twice", "win w 10.00; win w 10.00", "110.00", "120.00"),
    ("refund-paid-twice", "bet b 10.00; refund b 10.00; refund b 10.00", "100.00", "110.00"),
    ("win-with-bet-id-swallowed", "bet t 10.00; win t 5.00", "95.00", "90.00"),
    ("repeat-with-other-amount-applied", "bet b 10.00; bet b 5.00", "90.00", "85.00"),
    ("repeat-with-other-game-applied", "win w 10.00; win w 10.00 game=h", "110.00", "120.00"),
    ("repeat-adjusts-amount", "bet b 10.00; bet b 15.00", "90.00", "85.00"),
    ("repeat-changes-stake", "bet b 10.00; bet b 5.00; refund b 10.00", "100.00", "95.00"),
    ("refused-bet-remembered", "bet b 150.00; win w 50.00; bet b 150.00", "0.00", "150.00"),
    ("repeat-answers-500", "win w 10.00; win w 10.00", "110.00", "500 | 110.00"),
    ("answer-of-another-player", "bet b 10.00; bet b 1.00 user=p2", "1 99.00 | 90.00", "90.00"),
    # identity
    ("ids-fold-case", "bet B 1.00; bet b 1.00", "98.00", "99.00"),
    ("ids-cut-at-24", f"bet {LONG[0]}1 1.00; bet {LONG[0]}2 1.00", "98.00", "99.00"),
    ("ids-cut-at-64", f"bet {LONG[1]}1 1.00; bet {LONG[1]}2 1.00", "98.00", "99.00"),
    ("ids-cut-at-128", f"bet {LONG[2]}1 1.00; bet {LONG[2]}2 1.00", "98.00", "99.00"),
    ("ids-as-numbers", "bet 1 1.00; bet 01 1.00", "98.00", "99.00"),
    ("ids-trimmed", "bet b 1.00; bet b\u00a0 1.00", "98.00", "99.00"),
    ("ids-ignore-accents", "bet cafe 1.00; bet café 1.00", "98.00", "99.00"),
    ("unknown-player-created", "win w 5.00 user=p9", "0 None | 100.00", "1 5.00 | 100.00"),
    ("user-id-wide-characters", "bet b 1.00 user=\uff50\uff11", "0 None | 100.00", "99.00"),
    ("user-id-invisible-ignored", "bet b 1.00 user=p1\u00ad", "0 None | 100.00", "99.00"),
    ("sql-injection", "win w 5.00 user='OR'1'='1", "0 None | 100.00", "105.00"),
    ("missing-id-charged", "bet - 10.00; bet - 10.00", "0 100.00 | 100.00", "80.00"),
    ("blocked-player-may-bet", "block; bet b 10.00", "0 100.00 | 100.00", "90.00"),
    ("blocked-player-win-refused", "block; win w 10.00", "110.00", "0 100.00 | 100.00"),
    ("blocked-player-refund-refused", "bet b 9.00; block; refund b 9.00", "100.00", "0 91.00 | 91.00"),
    # refunds
    ("refund-swallowed-as-duplicate", "bet b 10.00; refund b 10.00", "100.00", "90.00"),
    ("unknown-refund-credited", "refund b 10.00", "100.00", "110.00"),
    ("refund-credits-sent-amount", "bet b 10.00; refund b 500.00", "100.00", "590.00"),
    ("refund-of-refused-bet-credited", "bet b 150.00; refund b 150.00", "100.00", "250.00"),
    ("refund-debits", "bet b 10.00; refund b 10.00", "100.00", "80.00"),
    ("refund-restores-balance", "bet b 9.00; win w 1.00; refund b 9.00", "101.00", "100.00"),
    ("refund-takes-win-back", "bet b 9.00; win w 1.00; refund b 9.00", "101.00", "100.00"),
    ("refund-pays-last-stake", "bet b 9.00; bet c 1.00; refund b 9.00", "99.00", "91.00"),
    ("refund-pays-whoever-asks", "bet b 9.00; refund b 9.00 user=p2", "1 100.00 | 91.00", "1 109.00 | 91.00"),
    ("refund-by-stranger-pays-owner", "bet b 9.00; refund b 9.00 user=p2", "1 100.00 | 91.00", "100.00"),
    ("refund-without-tombstone", "refund b 10.00; bet b 10.00", "100.00", "90.00"),
    ("refund-of-win-credited", "win w 10.00; refund w 10.00", "110.00", "120.00"),
    ("refund-deletes-bet", "bet b 10.00; refund b 10.00; bet b 10.00", "100.00", "90.00"),
    ("partial-refunds-add-up", "bet b 9.00; refund b 7.00; refund b 8.00", "100.00", "106.00"),
    ("only-last-bet-refundable", "bet b 9.00; bet c 1.00; refund b 9.00", "99.00", "0 90.00 | 90.00"),
    # funds
    ("insufficient-funds-accepted", "bet b 150.00", "0 100.00 | 100.00", "-50.00"),
    ("overdraft-to-zero", "bet b 150.00", "0 100.00 | 100.00", "0.00"),
    ("insufficient-answered-success", "bet b 150.00", "0 100.00 | 100.00", "100.00"),
    ("insufficient-refused-but-charged", "bet b 150.00", "0 100.00 | 100.00", "0 -50.00 | -50.00"),
    ("insufficient-answers-500", "bet b 150.00", "0 100.00 | 100.00", "500 | 100.00"),
    ("last-cent-refused", "bet b 100.00", "0.00", "0 100.00 | 100.00"),
    ("locked-after-refusal", "bet b 150.00; bet c 10.00", "90.00", "0 100.00 | 100.00"),
    # amounts
    ("negative-bet-credited", "bet b -10.00", "0 100.00 | 100.00", "110.00"),
    ("negative-win-debited", "win w -10.00", "0 100.00 | 100.00", "90.00"),
    ("amounts-read-loosely", "win w 1e3", "0 100.00 | 100.00", "1100.00"),
    ("amounts-read-loosely", "win w 1,00", "0 100.00 | 100.00", "101.00"),
    ("commas-dropped-from-amounts", "win w 1,00", "0 100.00 | 100.00", "200.00"),
    ("nan-destroys-balance", "win w NaN", "0 100.00 | 100.00", "1 nan | 100.00"),
    ("cents-cut-by-float", "bet b 0.29", "99.71", "99.72"),
    ("unknown-method-refunds", "bet b 9.00; cancel b 9.00", "0 None | 91.00", "100.00"),
    ("malformed-json-moves-money", "broken", "0 None | 100.00", "90.00"),
    # arithmetic
    ("win-loses-its-cents", "win w 2.40", "102.40", "102.00"),
    ("win-appended-to-balance", "win w 50.00", "150.00", "10050.00"),
    ("balance-column-overflow", "win w 1234567.89", "1234667.89", "999999.99"),
    ("large-win-capped", "win w 12345.00", "12445.00", "10100.00"),
    ("drift", "; ".join(f"bet b{n} 0.01" for n in range(100)), "99.00", "98.99"),
    ("win-credited-net", "bet b 10.00; win w 25.00", "115.00", "105.00"),
    ("float-balance", "bet a 0.10; bet b 0.10; bet c 0.10", "99.70", "1 99.70000000000002 | 99.70"),
    # rounds
    ("second-win-swallowed", "bet b 9.00; win w 1.00; win x 1.00", "93.00", "92.00"),
    ("lobby-switch-loses-win", "bet b 9.00; bet c 9.00 game=h; win w 1.00", "83.00", "0 82.00 | 82.00"),
    (
        "late-win-refused",
        "bet b 9.00; bet c 1.00 game=h; bet d 1.00 game=h; bet e 1.00 game=h; win w 1.00",
        "89.00",
        "0 88.00 | 88.00",
    ),
    ("zero-win-closes-round", "bet b 9.00; win w 0.00; win x 1.00", "92.00", "91.00"),
    ("win-paid-to-last-bettor", "bet b 9.00 user=p2; win w 1.00", "101.00", "1 101.00 | 100.00"),
    ("balance-of-last-bettor", "bet b 9.00 user=p2; read", "100.00", "1 91.00 | 100.00"),
    (
        "one-refund-a-game",
        "bet b 9.00; bet c 1.00; refund b 9.00; refund c 1.00",
        "100.00",
        "99.00",
    ),
    ("win-after-refund-charges-stake", "bet b 9.00; refund b 9.00; win w 10.00", "110.00", "101.00"),
    # answers
    ("bet-charged-then-500", "bet b 10.00", "90.00", "500 | 90.00"),
    ("win-paid-then-500", "win w 10.00", "110.00", "500 | 110.00"),
    ("refund-paid-then-500", "bet b 10.00; refund b 10.00", "100.00", "500 | 100.00"),
    ("bet-charged-sometimes-500", "; ".join(f"bet b{n} 1.00" for n in range(36)), "64.00", "500 | 64.00"),
    ("bet-charged-then-refused", "bet b 10.00", "90.00", "0 90.00 | 90.00"),
    ("win-reply-cut-short", "win w 10.00", "110.00", 'text {"status": 1, "balance":  | 110.00'),
    ("bet-answered-not-charged", "bet b 10.00", "90.00", "1 90.00 | 100.00"),
    ("win-answered-not-paid", "win w 10.00", "110.00", "1 110.00 | 100.00"),
    ("stale-balance-after-bet", "bet b 10.00", "90.00", "1 100.00 | 90.00"),
    ("balance-cached", "read; bet b 10.00; read", "90.00", "1 100.00 | 90.00"),
    ("replica-lag", "bet b 10.00; read", "90.00", "1 100.00 | 90.00"),
    # form
    ("no-status", "bet b 10.00", "90.00", "None 90.00 | 90.00"),
    ("status-as-word", "bet b 10.00", "90.00", "success 90.00 | 90.00"),
    ("no-balance", "bet b 10.00", "90.00", "1 None | 90.00"),
    ("wrapped-in-data", "bet b 10.00", "90.00", "None None | 90.00"),
    ("refund-reply-empty", "bet b 10.00; refund b 10.00", "100.00", "text  | 100.00"),
    ("reply-ok", "bet b 10.00", "90.00", "text OK | 90.00"),
    ("thousands-separators", "win w 1134.56", "1234.56", "1 1,234.56 | 1234.56"),
    ("comma-decimals", "bet b 9.50", "90.50", "1 90,50 | 90.50"),
    ("four-decimals", "bet b 9.50", "90.50", "1 90.5000 | 90.50"),
    ("currency-in-balance", "bet b 9.50", "90.50", "1 90.50 TRY | 90.50"),
    ("balance-in-cents", "bet b 9.50", "90.50", "1 9050 | 90.50"),
    # durability
    ("bet-ids-lost-at-restart", "bet b 10.00; restart; bet b 10.00", "90.00", "80.00"),
    ("credit-ids-lost-at-restart", "win w 1.00; restart; win w 1.00", "101.00", "102.00"),
    (
        "ids-bounded",
        "; ".join(f"bet b{n} 1.00" for n in [*range(11), 0]),
        "89.00",
        "88.00",
    ),
    (
        "ids-bounded-at-500",
        "; ".join(f"bet b{n} 0.01" for n in [*range(501), 0]),
        "94.99",
        "94.98",
    ),
    (
        "tombstones-bounded",
        "refund b 9.00; " + "; ".join(f"win w{n} 0.01" for n in range(11)) + "; bet b 9.00",
        "100.11",
        "91.11",
    ),
    ("tombstones-lost-at-restart", "refund b 9.00; restart; bet b 9.00", "100.00", "91.00"),
    ("last-effect-lost-at-restart", "win v 1.00; win w 9.00; restart; read", "110.00", "101.00"),
    ("unsaved-balance-lost-at-restart", "win w 9.00; restart; read", "109.00", "100.00"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "script", "right", "wrong"), SHOWN, ids=[f"{row[0]}-{row[1][:20]}" for row in SHOWN]
)
def test_a_defect_shows_where_the_right_wallet_does_not(
    name: str, script: str, right: str, wrong: str
) -> None:
    """The same calls on both: the right wallet answers rightly, the defective one as its sentence says."""
    for defects, expected in ((), right), ((name,), wrong):
        with in_process(OperatorSettings(players=0, defects=defects)) as caller:
            caller.seed("p2")
            assert run(caller, script) == expected


@pytest.mark.parametrize("user_id", ["12345abc", "12345.0", " 12345", "0012345"])
def test_a_user_id_is_read_as_a_number(user_id: str) -> None:
    """user-id-read-as-number: an id that only resembles a player's is charged to that player."""
    for defects, balance in ((), "100.00"), (("user-id-read-as-number",), "90.00"):
        with in_process(OperatorSettings(players=0, defects=defects)) as caller:
            caller.seed("12345")
            caller.bet("b", "10.00", user_id=user_id)
            assert caller.balance("12345") == balance


def test_html_stands_before_the_json() -> None:
    """html-before-json: a notice, then the right answer."""
    with in_process(OperatorSettings(players=0, defects=("html-before-json",))) as caller:
        _, body = send(caller, money("bet", "b", "10.00"))
    assert body.startswith(b"<br />\n<b>Notice</b>")
    assert body.endswith(b'{"status": 1, "balance": "90.00"}')


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("details-without-name", "name_jogador", None), ("details-of-another-player", "user_id", "1")],
)
def test_account_details_are_wrong(name: str, field: str, value: str | None) -> None:
    """A missing name, a stranger's id."""
    with in_process(OperatorSettings(players=0, defects=(name,))) as caller:
        assert caller.call("account_details").get(field) == value


SHOWN_ELSEWHERE = {
    "html-before-json",
    "details-without-name",
    "details-of-another-player",
    "bet-charged-then-dropped",
    "user-id-read-as-number",
    "ids-forgotten-soon",
}


def test_every_defect_that_needs_no_race_is_shown() -> None:
    """A defect that nobody has seen may not be one."""
    sequential = {name for name, defect in DEFECTS.items() if defect.kind is not DefectKind.RACE}
    assert sequential - {row[0] for row in SHOWN} == SHOWN_ELSEWHERE


def test_there_are_enough_defects_and_each_is_described() -> None:
    """At least 50, at least 35 of them without races; one sentence each."""
    assert len(DEFECTS) >= 50
    assert sum(defect.kind in (DefectKind.SEQUENTIAL, DefectKind.FORM) for defect in DEFECTS.values()) >= 35
    for name, defect in DEFECTS.items():
        assert defect.name == name
        assert defect.description.endswith(".")
        assert defect.needs in ("", "restart", "block")


@pytest.mark.parametrize("group", sorted({defect.group for defect in DEFECTS.values()}))
def test_all_defects_of_a_group_work_together(group: str) -> None:
    """Switched on at once they still answer every call, and none with an error that no defect is about."""
    read = b'{"method": "user_balance", "user_id": "p1"}'
    names = tuple(name for name, defect in DEFECTS.items() if defect.group == group)
    with in_process(OperatorSettings(players=0, defects=names)) as caller:
        assert caller.send("POST", "/betrontech_api", read)[0] == 200
        for number in range(12):
            for method in METHODS:
                send(caller, money(method, f"t{number // 2}", "1.00"))
        caller.post("/_operator/restart")
        assert caller.send("GET", "/healthz", b"")[0] == 200
