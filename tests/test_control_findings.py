"""What the control API says about a wallet: its causes, how much money, how to fix it, and a verdict."""

from __future__ import annotations

from typing import Any

from control_client import Control, controlled
from simulator.core.languages import Lang
from simulator.serve.console.frame import capital, linked, sentence


def resend_bet(control: Control, times: int, player: str = "1000", amount: str = "10.00") -> list[int]:
    """Bet once and send it again; the numbers of the repeats."""
    control.read(player)
    number = control.bet(amount, player=player)["exchanges"][0]
    return [control.do("POST", f"/journal/{number}/resend")["exchanges"][0] for _ in range(times)]


def causes(control: Control, query: str = "") -> list[dict[str, Any]]:
    """The causes that are listed."""
    found: list[dict[str, Any]] = control.get(f"/findings{query}")["findings"]
    return found


def test_a_cause_is_one_line_with_its_sum_its_fix_and_its_exchanges() -> None:
    with controlled("bet-charged-again") as control:
        repeats = resend_bet(control, 3)
        (found,) = [each for each in causes(control) if each["severity"] == "error"]
        assert (found["cause"], found["rule"], found["count"]) == ("repeated-bet-taken-again", "IDE-01", 3)
        assert found["amount"] == "-30.00"
        assert found["title"]
        assert found["fix"]
        assert [each["number"] for each in found["occurrences"]] == repeats[::-1]
        latest = found["occurrences"][0]
        assert (latest["player"], latest["amount"]) == ("1000", "-10.00")
        assert (latest["expected"], latest["found"]) == (["970.00"], "960.00")


def test_causes_stand_in_the_order_of_reports() -> None:
    """What a call did comes before how answers are written, and before reads that may follow from it."""
    with controlled("bet-charged-again", "status-as-word") as control:
        resend_bet(control, 1)
        found = [each["cause"] for each in causes(control) if each["severity"] == "error"]
        assert found == ["repeated-bet-taken-again", "form:CON-07:status-text"]


def test_causes_are_filtered_by_player_rule_cause_and_number() -> None:
    with controlled("bet-charged-again") as control:
        first = resend_bet(control, 2)
        second = resend_bet(control, 1, player="1001")
        wrong = "repeated-bet-taken-again"

        def counts(query: str) -> dict[str, int]:
            return {each["cause"]: each["count"] for each in causes(control, query)}

        assert counts("")[wrong] == 3
        assert counts("?player=1001")[wrong] == 1
        assert counts(f"?since={first[0]}")[wrong] == 2
        assert counts(f"?since={second[0]}") == {}
        assert counts("?rule=ide-01").keys() == {wrong}
        assert counts("?rule=CON-01") == {}
        assert counts(f"?cause={wrong}") == {wrong: 3}
        assert control.ask("GET", "/findings?since=never")[0] == 422


def test_a_dismissed_cause_comes_back_when_it_is_met_again() -> None:
    with controlled("bet-charged-again") as control:
        (number, *_) = resend_bet(control, 1)
        wrong = "repeated-bet-taken-again"
        control.do("POST", "/findings/dismiss", {"cause": wrong})
        assert wrong not in {each["cause"] for each in causes(control)}
        assert wrong in {each["cause"] for each in causes(control, "?dismissed=true")}
        assert control.get("/verdict")["exit_code"] == 1
        control.do("POST", f"/journal/{number}/resend")
        assert wrong in {each["cause"] for each in causes(control)}
        assert control.ask("POST", "/findings/dismiss", {"cause": "none"})[0] == 404


def test_the_verdict_ends_a_ci_job() -> None:
    """Nothing called is not passed; a right wallet passes; a wrong one fails with its causes."""
    with controlled() as control:
        told = control.get("/verdict")
        assert (told["verdict"], told["exit_code"], told["causes"]) == ("inconclusive", 6, [])
        resend_bet(control, 1)
        told = control.get("/verdict")
        assert (told["verdict"], told["exit_code"]) == ("passed", 0)
    with controlled("bet-charged-again") as control:
        resend_bet(control, 1)
        told = control.get("/verdict")
        assert (told["verdict"], told["exit_code"]) == ("failed", 1)
        assert told["causes"][0]["cause"] == "repeated-bet-taken-again"


def test_a_deviation_of_form_is_a_warning_or_an_error_as_in_a_run_and_no_money() -> None:
    with controlled("status-as-word") as control:
        resend_bet(control, 1)
        told = control.get("/verdict")
        assert all(each["amount"] is None for each in told["causes"])
        assert [each["cause"].partition(":")[0] for each in told["causes"]] == ["form"] * len(told["causes"])


def test_the_findings_page_says_how_much_how_to_fix_it_and_where() -> None:
    with controlled("bet-charged-again") as control:
        repeats = resend_bet(control, 2)
        page = control.api.client.get("/console/findings").get_data(as_text=True)
        for part in ("20.00 too little in all", "How to fix it:", "Errors found in your wallet: "):
            assert part in page
        assert f"/console/exchange/{repeats[-1]}" in page
        assert "No errors found." in control.api.client.get("/console/findings?player=1099").get_data(
            as_text=True
        )


def test_a_wallet_that_refuses_every_call_makes_the_url_and_the_player_suspect() -> None:
    """Nothing is judged then, and findings, verdict and the first page say what to check."""
    with controlled() as control:
        control.read("nobody")
        told = control.get("/verdict")
        assert (told["verdict"], told["exit_code"]) == ("inconclusive", 6)
        assert told["reason"] == "your wallet refused every call; check the webhook URL and the player"
        for path in ("/console/findings", "/console/connect"):
            page = control.api.client.get(path).get_data(as_text=True)
            assert "Your wallet refused every call" in page
            assert "No error has been found" not in page


def test_rules_that_a_fix_names_are_a_click_away() -> None:
    assert linked("As IDE-01, for <wins>. XYZ-99") == (
        'As <a href="/console/rules/IDE-01">IDE-01</a>, for &lt;wins&gt;. XYZ-99'
    )


def test_sentences_of_reports_are_sentences_on_a_page() -> None:
    """They begin with a capital letter of their language, unless a name comes first, and end with a stop."""
    assert sentence("is the path right?", Lang.TURKISH) == "İs the path right?"
    assert sentence("user_balance is cached", Lang.ENGLISH) == "user_balance is cached."
    assert sentence("", Lang.ENGLISH) == ""


def test_a_cause_is_said_in_the_language_that_is_asked_for() -> None:
    """By the query before the browser's language; codes, names and amounts are the same in each."""
    with controlled("bet-charged-again", "status-as-word") as control:
        resend_bet(control, 1)
        english, client = causes(control), control.api.client
        asked = {
            lang: client.get(f"/_sim/findings?lang={lang}", headers={"Accept-Language": "tr"}).get_json()
            for lang in ("tr", "pt-BR", "en")
        }
        accepted = client.get("/_sim/findings", headers={"Accept-Language": "de, pt;q=0.5"}).get_json()
        assert asked["en"]["findings"] == english
        assert accepted == asked["pt-BR"]
        sentences = ("title", "message", "why", "fix")
        for lang in ("tr", "pt-BR"):
            for cause, other in zip(english, asked[lang]["findings"], strict=True):
                assert all(cause[name] != other[name] for name in sentences if cause[name])
                for each in other["occurrences"]:
                    each["message"] = cause["occurrences"][0]["message"]
                assert {**other, **{name: cause[name] for name in sentences}} == cause
        page = client.get("/console/findings", headers={"Accept-Language": "tr"}).get_data(as_text=True)
        title = asked["tr"]["findings"][0]["title"]
        assert capital(title, Lang.TURKISH) in page
        assert english[0]["title"][1:] not in page
        refused = client.post("/_sim/findings/dismiss?lang=tr", json={"cause": "x"}).get_json()
        assert (refused["error"], refused["parameter"]) == ("NOT_FOUND", "cause")
        assert '"x"' in refused["message"]
        assert "there is no" not in refused["message"]
        assert client.get("/_sim/verdict?lang=xx").get_json()["parameter"] == "lang"
