"""Rounds between game and wallet: what goes out, what comes back, and what the journal and the ledger say."""

from __future__ import annotations

import pytest

from serve_play import DOUBLE, LOSS, STAKE, money_at, playing, wallet
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.errors import UsageError
from simulator.serve.by_hand import RoundTrouble
from simulator.serve.calls import NoWebhookUrl
from simulator.serve.delivery import RoundDelivery
from simulator.serve.entries import Filter
from simulator.serve.turns import DemoSession


def methods(delivery: RoundDelivery) -> list[str]:
    """What went out, in order, with the outcome."""
    return [f"{each.request.method} {each.call.outcome}" for each in delivery.journal.earliest()]


def verdicts(delivery: RoundDelivery) -> set[CallVerdict]:
    """Everything that the ledger said."""
    return {each.verdict for each in delivery.journal.earliest()}


def test_a_launch_asks_for_the_account_and_its_balance() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        opening = play.delivery.open_wallet(play.session())
        assert opening.balance == Money(10000)
        assert set(opening.details) == {"email", "name_jogador"}
        assert methods(play.delivery) == ["account_details accepted", "user_balance accepted"]


def test_a_win_follows_its_bet_and_the_page_gets_the_wallets_balance() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert (result.outcome, result.win, result.balance) == (Outcome.ACCEPTED, Money(2000), Money(11000))
        assert result.balance == money_at(server)
        assert not result.pending
        assert methods(play.delivery)[2:] == ["transaction_bet accepted", "transaction_win accepted"]
        assert verdicts(play.delivery) <= {CallVerdict.RIGHT, CallVerdict.UNJUDGED}


def test_a_lost_round_is_its_bet_alone() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        result = play.delivery.play(play.session(), STAKE, drawn=LOSS)
        assert (result.win, result.balance) == (Money(0), Money(9000))
        assert methods(play.delivery) == ["transaction_bet accepted"]


def test_a_refused_bet_ends_the_round_and_says_why() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        result = play.delivery.play(play.session(), Money(10001), drawn=DOUBLE)
        assert (result.outcome, result.win, result.pending) == (Outcome.REFUSED, Money(0), False)
        assert result.problem
        assert money_at(server) == Money(10000)
        assert play.delivery.pending() == []


def test_a_bet_whose_reply_is_lost_is_refunded_and_never_sent_again() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        play.delivery.trouble.disturb_next(play.session().id)
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert (result.outcome, result.refunded, result.pending) == (Outcome.UNKNOWN, True, False)
        assert result.balance == Money(10000) == money_at(server)
        entries = play.delivery.journal.earliest()
        sent = [each.call.exchange for each in entries if each.request.transaction_id == result.bet_id]
        assert [each.request.method for each in sent if each.request] == ["transaction_bet", "refund"]
        assert sent[0].fault == "lost_reply"
        assert CallVerdict.WRONG not in verdicts(play.delivery)


def test_a_win_whose_reply_is_lost_is_sent_again_with_the_same_bytes_until_answered() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        play.delivery.trouble.disturb_next(play.session().id, method=Method.WIN)
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert (result.outcome, result.win, result.pending) == (Outcome.ACCEPTED, Money(2000), True)
        assert play.delivery.drained(10)
        wins = play.delivery.journal.earliest(Filter(method="transaction_win"))
        assert [(each.attempt, each.call.outcome) for each in wins] == [
            (1, Outcome.UNKNOWN),
            (2, Outcome.ACCEPTED),
        ]
        assert wins[0].call.exchange.wire == wins[1].call.exchange.wire
        assert money_at(server) == Money(11000)
        assert CallVerdict.WRONG not in verdicts(play.delivery)


def test_demo_never_reaches_a_wallet() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        demo = play.session(kind="DEMO")
        for attempt in (
            lambda: play.delivery.open_wallet(demo),
            lambda: play.delivery.play(demo, STAKE),
            lambda: play.delivery.by_hand.refund_last_bet(demo),
        ):
            with pytest.raises(DemoSession):
                attempt()
        assert play.delivery.wallet_calls.demo == 0
        assert sum(server.operator.count_calls().values()) == 0
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        assert play.delivery.wallet_calls.charged == 1


def test_an_agent_without_a_webhook_url_says_which_setting_is_missing() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.agents["demo"] = type(play.agents["demo"])()
        with pytest.raises(NoWebhookUrl, match="--webhook-url"):
            play.delivery.play(play.session(), STAKE)
        assert play.delivery.pending() == []


def test_outcomes_follow_from_seed_agent_session_and_round() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        first = [play.delivery.play(play.session(), Money(10)).spin for _ in range(3)]
    with wallet() as server, playing(server.endpoint) as play:
        again = [play.delivery.play(play.session(), Money(10)).spin for _ in range(3)]
        assert first == again == [play.delivery.spin_of(play.session(), number) for number in (1, 2, 3)]


def test_a_stake_must_be_some_money() -> None:
    with (
        wallet() as server,
        playing(server.endpoint) as play,
        pytest.raises(UsageError, match=r"found 0\.00"),
    ):
        play.delivery.play(play.session(), Money(0))


def test_the_refund_of_the_last_bet_gives_it_back_once() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        with pytest.raises(UsageError, match="no bet yet"):
            play.delivery.by_hand.refund_last_bet(play.session())
        play.delivery.play(play.session(), STAKE, drawn=LOSS)
        assert play.delivery.by_hand.refund_last_bet(play.session()).balance == Money(10000)
        play.delivery.by_hand.refund_last_bet(play.session())
        assert money_at(server) == Money(10000)
        assert CallVerdict.WRONG not in verdicts(play.delivery)


def test_the_last_webhook_sent_again_has_the_same_bytes_and_moves_nothing() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        again = play.delivery.by_hand.send_last_again(play.session())
        wins = play.delivery.journal.earliest(Filter(method="transaction_win"))
        assert [each.attempt for each in wins] == [1, 2]
        assert wins[0].call.exchange.wire == wins[1].call.exchange.wire
        assert again.numbers == (wins[1].number,)
        assert money_at(server) == Money(11000)
        assert CallVerdict.WRONG not in verdicts(play.delivery)


def test_a_refund_may_overtake_its_bet() -> None:
    with wallet() as server, playing(server.endpoint) as play:
        play.delivery.open_wallet(play.session())
        play.delivery.trouble.disturb_round(play.session().id, RoundTrouble.REFUND_BEFORE_BET)
        result = play.delivery.play(play.session(), STAKE, drawn=DOUBLE)
        assert methods(play.delivery)[2].startswith("refund")
        assert (result.win, result.refunded) == (Money(0), True)
        assert money_at(server) == Money(10000)
        assert CallVerdict.WRONG not in verdicts(play.delivery)
        assert play.delivery.play(play.session(), STAKE, drawn=DOUBLE).outcome is Outcome.ACCEPTED
