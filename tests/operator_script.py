"""Short scripts of webhook calls, and what their end shows, as text that fits in a table.

A script's steps are `METHOD ID AMOUNT`, with `game=` and `user=` where they matter, or one of the words
below. What is shown is the last answer (status and balance, or the HTTP status) and, after the bar, p1's
money in the database; where status 1 tells that money, it stands alone.
"""

import json

from operator_caller import BET, REFUND, WIN, Caller, Fields

METHODS = {"bet": BET, "win": WIN, "refund": REFUND, "cancel": "transaction_cancel"}


def run(caller: Caller, script: str) -> str:
    """Do the script's steps and tell what the last one showed."""
    last = (200, b"")
    for step in script.split("; "):
        match step.split(" "):
            case ["restart" | "block" as word]:
                caller.post({"restart": "/_operator/restart", "block": "/_operator/players/p1/block"}[word])
            case ["read"]:
                last = send(caller, {"method": "user_balance", "user_id": "p1"})
            case ["broken"]:
                last = send(caller, money("bet", "b", "10.00"), cut=1)
            case [word, transaction_id, amount, *more]:
                last = send(caller, money(word, transaction_id, amount, *more))
            case _:
                raise AssertionError(step)
    balance = caller.balance()
    answer = describe(*last)
    return balance if answer == f"1 {balance}" else f"{answer} | {balance}"


def money(word: str, transaction_id: str, amount: str, *more: str) -> Fields:
    """The call of a step; the id `-` is no id."""
    given = dict(pair.split("=", 1) for pair in more)
    fields = {"method": METHODS[word], "user_id": given.get("user", "p1"), "amount": amount}
    fields["game_id"] = given.get("game", "g")
    if transaction_id != "-":
        fields["transaction_id"] = transaction_id
    return fields


def send(caller: Caller, fields: Fields, cut: int = 0) -> tuple[int, bytes]:
    body = json.dumps(fields).encode()
    return caller.send("POST", "/betrontech_api", body[: len(body) - cut])


def describe(http_status: int, body: bytes) -> str:
    if http_status != 200:
        return str(http_status)
    try:
        fields = json.loads(body)
    except ValueError:
        return f"text {body.decode()}"
    return f"{fields.get('status')} {fields.get('balance')}"
