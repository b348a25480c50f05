"""Wallets that read amounts, and the bodies they come in, too kindly."""

import re

from simulator.reference_operator.calls import BET, WIN, Call
from simulator.reference_operator.cents import read_cents, write_cents
from simulator.reference_operator.database import Player
from simulator.reference_operator.switches import Kind, defect
from simulator.reference_operator.wallet import Wallet
from simulator.reference_operator.webhook import Webhook

GROUP = "amounts"
LOOSE_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]+)?([eE][0-9])?")
FIELD = re.compile(rb'"(\w+)"\s*:\s*"([^"]*)"')


class NegativeAmounts(Wallet):
    """Minus signs are taken for calls of `method`."""

    method = ""

    def read_amount(self, player: Player, call: Call) -> int:
        amount = call.fields.get("amount")
        if call.method == self.method and isinstance(amount, str) and amount.startswith("-"):
            cents = read_cents(amount[1:])
            if cents is not None:
                return -cents
        return super().read_amount(player, call)


@defect("negative-bet-credited", "A bet of -10.00 adds 10.00 to the balance.", Kind.SEQUENTIAL, GROUP)
class NegativeBetCredited(NegativeAmounts):
    method = BET


@defect("negative-win-debited", "A win of -10.00 takes 10.00 from the balance.", Kind.SEQUENTIAL, GROUP)
class NegativeWinDebited(NegativeAmounts):
    method = WIN


@defect(
    "amounts-read-loosely",
    'Whatever begins like a number is one: "1,00" is 1.00, "1e3" is 1000.00, " 5" is 5.00.',
    Kind.SEQUENTIAL,
    GROUP,
)
class AmountsReadLoosely(Wallet):
    def read_amount(self, player: Player, call: Call) -> int:
        match = LOOSE_NUMBER.match(str(call.fields.get("amount")))
        if match is None or "-" in match[0]:
            return super().read_amount(player, call)
        return round(float(match[0]) * 100)


@defect(
    "commas-dropped-from-amounts",
    'Commas are taken out of amounts: "1,00" is 100.00.',
    Kind.SEQUENTIAL,
    GROUP,
)
class CommasDroppedFromAmounts(Wallet):
    def read_amount(self, player: Player, call: Call) -> int:
        amount = str(call.fields.get("amount")).replace(",", "")
        cents = read_cents(amount if "." in amount else f"{amount}.00")
        return super().read_amount(player, call) if cents is None else cents


@defect(
    "cents-cut-by-float",
    "Amounts pass through a float and are cut to cents: 0.29 becomes 0.28.",
    Kind.SEQUENTIAL,
    GROUP,
)
class CentsCutByFloat(Wallet):
    def read_amount(self, player: Player, call: Call) -> int:
        cents = super().read_amount(player, call)
        return int(float(write_cents(cents)) * 100)


@defect(
    "malformed-json-moves-money",
    "A body that is not JSON is searched for fields, and moves money if it has them.",
    Kind.SEQUENTIAL,
    GROUP,
)
class MalformedJsonMovesMoney(Webhook):
    def read(self, body: bytes) -> Call:
        call = super().read(body)
        if call.method:
            return call
        fields = {name.decode(): value.decode("utf-8", "replace") for name, value in FIELD.findall(body)}
        return Call(fields.get("method", ""), fields)
