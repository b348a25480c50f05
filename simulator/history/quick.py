"""Follow the calls of a player that do not overlap: each has one place in the order, so no search is needed.

`InTurn` takes the parsed lines of one history as they come. It is sure or silent: a history whose every
answer is the one that the law allows in the only possible state is consistent; anything else (calls that
overlap, a missing answer, a refusal that is not due, a field that is unusual) is for the checker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from simulator.core.calls import CallForm
from simulator.core.findings import Outcome, Phase
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.roles import Applied, Branch, Entry, Role, WalletState, role_of

_FOREVER_NS = 10**29

_TEXT_MAX = 30

_METHODS = {each.value: each for each in Method}

_OUTCOMES = {"accepted": Outcome.ACCEPTED, "refused": Outcome.REFUSED}

_USUAL = frozenset({None, CallForm.CANONICAL.value})

_KNOWN_AMOUNTS_MAX = 100_000

_known_amounts: dict[str, int] = {}


def cents(text: object) -> int | None:
    """Return an amount that is written with two decimals, as nearly all are; None for any other."""
    found = _known_amounts.get(text) if type(text) is str else None
    if found is not None or type(text) is not str:
        return found
    units, point, decimals = text.rpartition(".")
    usual = point and len(decimals) == 2 and len(text) <= _TEXT_MAX and text.isascii()
    if not usual or not (units.isdecimal() and decimals.isdecimal()):
        return None
    if len(_known_amounts) >= _KNOWN_AMOUNTS_MAX:
        _known_amounts.clear()
    found = _known_amounts[text] = int(units + decimals)
    return found


class OneState(WalletState):
    """The one possible state of a wallet whose calls did not overlap and were all answered."""

    __slots__ = ("balance", "bets", "order", "refunds", "wins")

    def __init__(self, balance: int) -> None:
        self.balance = balance
        self.order = 0
        self.bets: dict[str, Entry] = {}
        self.wins: dict[str, Entry] = {}
        self.refunds: dict[str, Entry] = {}

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        """Return what is known of the id under that method."""
        return self._entries(method).get(transaction_id)

    def used_otherwise(self, request: WebhookRequest) -> bool:
        """Return whether the id stands for another call, too."""
        others = self.bets if request.method is Method.WIN else self.wins
        return isinstance(others.get(request.transaction_id or ""), Applied)

    def used_by_another(self, request: WebhookRequest) -> bool:  # noqa: ARG002  # the protocol's
        """Return False: calls whose id another player used are taken to count."""
        return False

    def has_open_bet(self, game: str | None) -> bool:  # noqa: ARG002  # the protocol's
        """Return True: it only matters for refused wins, which are the checker's."""
        return True

    def won_since(self, bet: Applied) -> bool:  # noqa: ARG002  # the protocol's
        """Return False: it only matters for refused refunds, which are the checker's."""
        return False

    def bars(self, request: WebhookRequest) -> bool:  # noqa: ARG002  # the protocol's
        """Return False: the calls of a player who is barred are the checker's."""
        return False

    def _entries(self, method: Method) -> dict[str, Entry]:
        if method is Method.BET:
            return self.bets
        return self.wins if method is Method.WIN else self.refunds

    def takes(self, request: WebhookRequest, outcome: Outcome, shown: int | None) -> bool:
        """Take a call if the law allows its answer, and in one way only; return whether it does."""
        role = role_of(self, request, CallForm.CANONICAL)
        fits = [
            each
            for each in role.row.allows(self, request, self.order)
            if each.outcome is outcome and _shows(each, outcome, shown)
        ]
        if len(fits) != 1 or fits[0].answers is None:
            return False
        branch = fits[0]
        self.order += 1
        self.balance += branch.moves
        if branch.entry is not None:
            self._entries(request.method)[request.transaction_id or ""] = branch.entry
        return True

    def takes_fresh(self, method: Method, id_: str, amount: int, game: str | None, shown: int | None) -> bool:
        """Take an accepted bet or win whose id is new; return False if it is no such call.

        This is `takes` for nearly all calls of a history, without the objects that the law is asked with.
        """
        bets, wins = self.bets, self.wins
        if id_ in bets or id_ in wins or id_ in self.refunds or amount <= 0:
            return False
        balance = self.balance
        if method is Method.BET:
            entries, after = bets, balance + _FRESH_BET_MOVES * amount
        elif method is Method.WIN:
            entries, after = wins, balance + _FRESH_WIN_MOVES * amount
        else:
            return False
        if after < 0 or (shown is not None and shown != after):
            return False
        self.order += 1
        self.balance = after
        entries[id_] = Applied(amount, after, self.order, game)
        return True


def _moves_of_one(role: Role, method: Method) -> int:
    """Return by how much the law lets a call of this role move the balance for each cent of its amount."""
    (branch,) = role.row.allows(OneState(1), WebhookRequest(method, "", Money(1), "", None), 0)
    return branch.moves


def _shows(branch: Branch, outcome: Outcome, shown: int | None) -> bool:
    if outcome is Outcome.REFUSED:
        return True
    return shown is None or branch.answers is None or shown in branch.answers


_FRESH_BET_MOVES = _moves_of_one(Role.FRESH_BET, Method.BET)

_FRESH_WIN_MOVES = _moves_of_one(Role.FRESH_WIN, Method.WIN)


class InTurn:
    """One history whose calls have not overlapped so far. `number` is that of its opening's line."""

    __slots__ = ("calls", "number", "opening", "phase", "state", "until")

    def __init__(self, opening: int, number: int) -> None:
        self.opening = opening
        self.state = OneState(opening)
        self.number = number
        self.calls = 0
        self.until = -_FOREVER_NS
        self.phase = Phase.PREFLIGHT

    def takes(self, line: Mapping[str, object], player: str) -> bool:
        """Take the parsed line of a call; return False if the history is for the checker."""
        get = line.get
        sent, answered = get("sent_ns"), get("answered_ns")
        method, outcome = _METHODS.get(get("method")), _OUTCOMES.get(get("outcome"))  # type: ignore[call-overload]
        if (
            type(sent) is not int
            or type(answered) is not int
            or not self.until < sent <= answered < _FOREVER_NS
            or method is None
            or outcome is None
            or _is_unusual(line)
        ):
            return False
        shown = cents(get("balance"))
        if shown is None and get("balance") is not None:
            return False
        if not self._moves(method, line, player, outcome, shown):
            return False
        self.until = answered
        self.calls += 1
        if get("purpose") != Phase.PREFLIGHT:
            self.phase = Phase.STEP
        return True

    def ids(self) -> tuple[Iterable[str], Iterable[str]]:
        """Return the transaction ids of the bets and refunds so far, and those of the wins."""
        state = self.state
        return state.bets.keys() | state.refunds.keys(), state.wins.keys()

    def _moves(
        self, method: Method, line: Mapping[str, object], player: str, outcome: Outcome, shown: int | None
    ) -> bool:
        if not method.moves_money:
            return outcome is Outcome.ACCEPTED and (shown is None or shown == self.state.balance)
        id_, game = line.get("transaction_id"), line.get("game_id")
        amount = cents(line.get("amount"))
        if type(id_) is not str or amount is None or not (game is None or type(game) is str):
            return False
        if outcome is Outcome.REFUSED:
            # Any other refusal may be a dialect, which depends on more than this state holds.
            if method is not Method.BET or amount <= self.state.balance:
                return False
        elif self.state.takes_fresh(method, id_, amount, game, shown):
            return True
        return self.state.takes(WebhookRequest(method, player, Money(amount), id_, game), outcome, shown)


_PLAIN_KEYS = frozenset(
    {
        "type", "player", "agent", "method", "transaction_id", "amount", "sent_ns", "answered_ns", "outcome",
        "balance", "scenario", "purpose", "line", "game_id", "fault", "http", "request", "reply", "no_reply",
    }
)  # fmt: skip
"""Keys that are read above, or that say nothing about an answered call."""


def _is_unusual(line: Mapping[str, object]) -> bool:
    """Return whether the line says something of which only the checker knows what it means."""
    if line.keys() <= _PLAIN_KEYS:
        return False
    label = line.get("label")
    stated = line.get("stated_balance")
    return (
        line.get("form") not in _USUAL
        or line.get("account") is not None
        or not (label is None or type(label) is str)
        or not (stated is None or cents(stated) is not None)
    )
