"""Keep what is known of a wallet: an account for each player, and the traffic of all of them.

An account has the player's book, and how far the wallet's balance is off. The book continues from the
balance that the wallet shows, right or wrong, and remembers for each id what should have happened. The amount
by which the wallet is off is kept apart, so that a mistake made ten times is found ten times: each call is
judged by whether it changes the present balance rightly.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

from simulator.core.calls import Call, FaultKind, Operation
from simulator.core.findings import Outcome
from simulator.core.money import ZERO, Money, format_money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.judge.blame import Made, Stake, expected, lawful_branch, likely_world
from simulator.judge.late import Key, LateCalls
from simulator.judge.rulings import LeftOff, PlayerStanding
from simulator.law.book import Answered, Book, Ledger, Terms
from simulator.law.likeness import ToldApart
from simulator.law.mistakes import NOTHING_DONE, cuts_by_float
from simulator.law.situations import Situation

TRAIL_STEPS_MAX = 8
UNCONFIRMED_MAX = 8
UNANSWERED_KEPT = 64

NOTES_KEPT = 2_048
"""How many notes are kept: up to three for each call, and more than a burst of several players has."""

NOTES_OF_A_RUN = 16_384
"""The same for a run: beside a read that is made again and again, others send a thousand calls."""

MISSING_KEPT = 4

IDS_KEPT = 8_192
"""How many notes on ids are kept until they are compared."""

BALANCES_KEPT = 4_096
"""How many balances of a player a run keeps, to recognise a read that lags by seconds."""

_CONCURRENT = Situation.CONCURRENT_WRONG

_CHARGED_MORE = (Situation.REPEATED_BET_TAKEN_AGAIN, Situation.SAME_ID_OTHER_AMOUNT_MOVED)


class Trail:
    """The ledger line of a report: a player's balances and calls in order, the oldest left out.

    The text is made only when a line is needed: most calls appear in no report.
    """

    def __init__(self, balance: Money) -> None:
        self._steps: deque[tuple[Made | None, tuple[Money, ...]]] = deque(
            [(None, (balance,))], maxlen=TRAIL_STEPS_MAX + 1
        )

    def note(self, made: Made, balances: tuple[Money, ...]) -> None:
        """Add a call, and the balances that are possible after it."""
        self._steps.append((made, balances[:3]))

    def correct(self, balance: Money) -> None:
        """Put the balance that the wallet has in place of those that were possible."""
        made, _ = self._steps.pop()
        self._steps.append((made, (balance,)))

    def had(self, balance: Money) -> bool:
        """Return whether that was a balance of the player some calls ago."""
        return any(balance in balances for _, balances in self._steps)

    def had_before(self, balance: Money) -> bool:
        """Return whether that was a balance of the player before the one that the latest call met."""
        return any(balance in balances for _, balances in [*self._steps][:-2])

    @property
    def line(self) -> str:
        """Return the line: ``100.00 → bet 10.00 → 90.00``."""
        words: list[str] = []
        for made, balances in self._steps:
            if made is not None:
                amount = made.request.amount
                words.append(made.words if amount is None else f"{made.words} {format_money(amount)}")
            words.append(" or ".join(format_money(balance) for balance in balances))
        return " → ".join(words[-2 * TRAIL_STEPS_MAX - 1 :])


class Passing(Frozen):
    """A money call with its times; `answered_ns` is None while it is in flight."""

    request: WebhookRequest
    sent_ns: int
    answered_ns: int | None

    def ended_before(self, moment_ns: int) -> bool:
        """Return whether the wallet had answered it by then."""
        return self.answered_ns is not None and self.answered_ns < moment_ns


class Traffic:
    """The latest money calls to one wallet. Several threads may note calls at once; `guard` is their lock.

    `of_run`: more of them are kept, and balances and ids of the players, too; a server has no end of these.
    `stored`: a call was seen to take effect, by what came after its own answer. `emptied`: a bet of a whole
    balance was taken. `exact` are the methods whose calls kept a cent that a float would have lost.
    `cents_kept`: a call was seen to move a balance by single cents. `unscaled` are the methods whose calls
    moved a balance by what they asked, and not by a hundred times as much or a hundredth. `missing`, by
    player, are the latest effects that were not there when they were due; `books_late`: some came later.
    """

    def __init__(self, *, of_run: bool = False, guard: AbstractContextManager[object] | None = None) -> None:
        self.stored = False
        self.emptied = False
        self.exact: set[Method] = set()
        self.cents_kept = False
        self.unscaled: set[Method] = set()
        self.books_late = False
        self.missing: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=MISSING_KEPT))
        self._kept: dict[Method, set[int]] = {}
        self._balances: defaultdict[str, set[Money]] | None = None
        self._ids: ToldApart | None = None
        if of_run:
            self._balances, self._ids = defaultdict(set), ToldApart()
        self._calls: deque[Passing] = deque(maxlen=NOTES_OF_A_RUN if of_run else NOTES_KEPT)
        self._noted: deque[tuple[WebhookRequest, bool]] = deque(maxlen=IDS_KEPT)
        self._guard = guard or nullcontext()

    def note(self, request: WebhookRequest | None, sent_ns: int, answered_ns: int | None = None) -> None:
        """Note a call when it is sent, and again when it is answered."""
        if request is not None and request.method.moves_money and request.amount:
            self._calls.append(Passing(request, sent_ns, answered_ns))

    def note_exact(self, method: Method, before: int, effect: int) -> None:
        """Note that a call moved a balance exactly, as a read has shown."""
        if effect % 10:
            self.cents_kept = True
        if effect:
            self.unscaled.add(method)
        if not effect or method in self.exact:
            return
        ways = cuts_by_float(before, effect)
        kept = self._kept.setdefault(method, set())
        kept |= {way for way, moved in enumerate(ways) if moved != effect}
        if len(kept) == len(ways):
            self.exact.add(method)

    def note_sent(self, request: WebhookRequest) -> None:
        """Note the id of a call that was sent, where a run wants to know them."""
        if self._ids is not None and request.transaction_id is not None:
            self._noted.append((request, False))

    def note_effect(self, request: WebhookRequest) -> None:
        """Note that a bet or win was answered, or read, as if it had taken effect."""
        if self._ids is not None and request.method is not Method.REFUND:
            self._noted.append((request, True))

    def confuses(self, request: WebhookRequest) -> bool:
        """Return whether the wallet may have taken a call for another one of that player, by its id.

        Ids are compared only here: most runs never ask, and it takes longer than all else about a call.
        """
        if self._ids is None or request.transaction_id is None:
            return False
        with self._guard:
            while self._noted:
                noted, took_effect = self._noted.popleft()
                note = self._ids.note_effect if took_effect else self._ids.note_sent
                note(_owner(noted), noted.transaction_id or "")
            return self._ids.confuses(_owner(request), request.transaction_id)

    def note_balance(self, player: str, balance: Money) -> None:
        """Note a balance that a player had, where a run wants to know it again."""
        if self._balances is not None and len(self._balances[player]) < BALANCES_KEPT:
            self._balances[player].add(balance)

    def had(self, player: str, balance: Money) -> bool:
        """Return whether that was a balance of the player in this run."""
        return self._balances is not None and balance in self._balances[player]

    def disproved(self, methods: Iterable[Method]) -> frozenset[int]:
        """Return the ways of `cuts_by_float` in which calls of all these methods have not lost a cent."""
        kept = [self._kept.get(method, set()) for method in methods]
        return frozenset(set.intersection(*kept)) if kept else frozenset()

    def of_others(self, player: str, since_ns: int) -> dict[Method, list[int]]:
        """Return the amounts of the calls for other players that were in flight at that moment or later."""
        latest = {each.request: each for each in tuple(self._calls) if each.request.player != player}
        found: dict[Method, list[int]] = {}
        for request, each in latest.items():
            if not each.ended_before(since_ns):
                found.setdefault(request.method, []).append(request.amount or 0)
        return found


class Account:
    """One player's book, and the calls that no balance read has confirmed yet.

    `lost` is why the balance is no longer known; the next balance opens a new book. `another_hand`: the
    balance changed although no call explains it, and no call was answered rightly since. `raced`: some calls
    overlapped. `restarted`: the wallet was restarted since the last read that agreed. `shown_before` is the
    balance that the wallet showed before this account was opened at another one, or before a read showed
    another one. `stated` is the balance that a refused bet stated, where reads show one that would have paid
    for it. `late` are calls from before the book that may still take effect, and `stakes_before` what
    bets from before it took. `known_ns` is when the call or read was sent that last showed the balance of
    the book. `based` is the balance that was read last, or that the book goes on from after a mistake.
    `grounded`: an answer has shown a balance. `lacking` is the mistake of the call that was accused last, and
    the effect that it lacked.
    """

    def __init__(self, player: str, book: Book, traffic: Traffic, shown_before: Money | None = None) -> None:
        balance = book.balances[0]
        self.traffic = traffic
        self.player = player
        self.book = book
        self.lost = ""
        self.trail = Trail(balance)
        self.shown: Money | None = balance
        self.shown_before = shown_before
        self.stated: Money | None = None
        self._latest: Call | None = None
        self._before_latest = balance
        self.difference = ZERO
        self.wrong = 0
        self.since: int | None = None
        self.calls = 0
        self.silent = 0
        self.another_hand = False
        self.raced = False
        self.restarted = False
        self.unconfirmed: deque[Made] = deque(maxlen=UNCONFIRMED_MAX)
        self.unanswered: deque[Made] = deque(maxlen=UNANSWERED_KEPT)
        self.late: LateCalls | None = None
        self.stakes_before: tuple[Stake, ...] = ()
        self.known_ns = 0
        self.based = balance
        self.grounded = False
        self.lacking: tuple[Situation, int] | None = None
        self._wrong_id: str | None = None
        self._excess: dict[tuple[bool, str], int] = {}
        self.found: dict[Key, Situation] = {}
        self._malformed_moved = False

    @property
    def standing(self) -> PlayerStanding:
        """Return where the player stands now."""
        balances = self.book.balances
        law = tuple(Money(balance - self.difference) for balance in balances)
        wallet = balances[0] if len(balances) == 1 else self.shown
        return PlayerStanding(law, wallet, self.difference, self.wrong, self.since)

    @property
    def answered_right(self) -> bool:
        """Return whether the last call was answered with the balance that the book has."""
        if not self.unconfirmed:
            return True
        last = self.unconfirmed[-1].call
        return last.outcome is Outcome.ACCEPTED and last.balance in self.book.balances

    def latest_of(self, call: Call) -> tuple[Call, Money]:
        """Return a call and the balance that it met; instead of a read, the latest call before it."""
        read = call.request.method is Method.BALANCE and call.form.request is not None
        return (self._latest or call) if read else call, self._before_latest

    @property
    def in_question(self) -> list[Made]:
        """Return the calls whose effect no read has confirmed, those without an answer first."""
        confirmed = [each for each in self.unanswered if each not in self.unconfirmed]
        return [*confirmed[-UNCONFIRMED_MAX:], *self.unconfirmed]

    @property
    def methods_in_question(self) -> set[Method]:
        """Return the methods of the calls whose effect no read has confirmed."""
        return {each.request.method for each in self.in_question}

    @property
    def open_amounts(self) -> set[Money | None]:
        """Return the amounts of the calls that no read has confirmed, and of those without an answer."""
        return {each.request.amount for each in (*self.unconfirmed, *self.unanswered)}

    def reopen(self, book: Book) -> None:
        """Continue with a new book; the amount that the wallet is off stays."""
        self.book, self.lost = book, ""
        self.calls = self.silent = 0
        self.unanswered.clear()
        self._excess.clear()
        self.trail = Trail(book.balances[0])
        self._go_on_from(book.balances[0])

    # --- what was right ----------------------------------------------------------------------------

    def remember(self, made: Made) -> None:
        """Note a call whose answer was possible, until a read confirms it."""
        self.calls += 1
        self._latest, self._before_latest = made.call, made.before
        self.unconfirmed.append(made)
        if made.call.outcome is Outcome.UNKNOWN:
            self.unanswered.append(made)
        elif made.call.outcome is Outcome.ACCEPTED and made.call.balance is not None:
            if made.role.row.is_plain:
                self.shown_before = None
                self.traffic.note_effect(made.call.request)
            self.shown = made.call.balance
            self.traffic.note_balance(self.player, self.shown)
            self.grounded = True
            self.known_ns = made.call.exchange.sent_ns
            if made.before > made.call.balance == ZERO and made.request.method is Method.BET:
                self.traffic.emptied = True
            if made.role.row.moves and self.based not in (made.before, made.call.balance):
                self.traffic.stored = True

    def count_silence(self, limit: int | None) -> None:
        """Count a call without an answer; from `limit` of them on the balance is not known any more."""
        self.silent += 1
        if limit is not None and self.silent >= limit:
            self.lost = f"{limit} calls without an answer leave too many possible balances"

    def confirm(self, balance: Money, read: Call | None = None) -> None:
        """Note that a read agreed with everything so far."""
        if read is not None and read.balance == balance:
            self.known_ns = read.exchange.sent_ns
            for made in self.unconfirmed:
                self.traffic.note_exact(made.request.method, made.before, made.effect(self.book))
        self.unconfirmed.clear()
        self.another_hand = self.restarted = False
        if balance != self.based:
            self.traffic.stored = True
        self.shown = self.based = balance

    def note_stated(self, call: Call) -> None:
        """Note the balance that a refused bet states, where reads show one that would have paid for it.

        Only the next answer shows which of the two is right.
        """
        stated, amount = call.stated_balance, call.request.amount
        if call.request.method is Method.BET and stated and amount is not None:
            self.stated = stated if stated < amount <= self.book.balances[0] else None

    # --- what may come late ------------------------------------------------------------------------

    def take_in_late(self, balance: Money, moves: Collection[int], take_in: Callable[[Book], bool]) -> bool:
        """Let late calls have taken effect, if they and then one of `moves` lead to a balance.

        `take_in` tells the book what was answered then; return whether that is possible.
        """
        if self.late is None:
            return False
        gaps = {balance - world.balance - each for world in self.book.with_late_arrivals() for each in moves}
        for gap, keys in self.late.making_up(gaps):
            self.book.shift(gap)
            if take_in(self.book):
                self.late.drop(keys)
                self.trail.correct(balance)
                self.shown_before = self.stated = None
                return True
            self.book.shift(-gap)
        return False

    # --- what was wrong ----------------------------------------------------------------------------

    def puts_right(self, call: Call, balance: Money) -> bool:
        """Return whether a call puts right what its id did wrong before."""
        gaps = {balance - each for each in expected(self.book, call)}
        return any(self.makes_good(call.request, gap) for gap in gaps)

    def makes_good(self, request: WebhookRequest, gap: int) -> bool:
        """Return whether a call that leaves such a gap undoes what its id did wrong before.

        A bet that took less than its amount, where it had to be refused, is undone by its whole amount.
        """
        excess = self._excess.get(_key(request), 0)
        return gap * excess < 0 and abs(gap) in (abs(excess), request.amount)

    def overrule(self, made: Made, balance: Money) -> None:
        """Take in a call as the law has it, and go on from the balance that the wallet has instead."""
        world = likely_world(self.book, made.request, balance)
        branch = lawful_branch(self.book, world, made.call, balance)
        shown = balance if made.call.balance is None else made.call.balance
        answered = Answered(made.call.outcome, shown, balance)
        self.book.overrule(world, made.request, made.role, branch, answered)
        self._off(made.request, balance - world.balance - branch.moves)
        self._go_on_from(balance)

    def take_in_corrected(self, made: Made, balance: Money, offset: Money) -> None:
        """Let the book have had another balance before a call, and take the call in as it was answered."""
        book, call = self.book, made.call
        if offset:
            book.rebase(Money(made.before + offset))
        judged = book.observe(call.request, call.form.kind, call.outcome, call.balance)
        if judged.possible and balance in book.balances:
            book.read(balance)
            self.follow(balance)
        else:
            self.overrule(made, balance)

    def rebase(self, balance: Money, culprit: Made | None) -> None:
        """Continue from a balance that no world has, because of a call that is already in the book."""
        self._off(None if culprit is None else culprit.request, self.book.rebase(balance))
        self._go_on_from(balance)

    def take_in(self, calls: Sequence[Operation], balance: Money, law: Money) -> None:
        """Take in calls that overlapped, and the balance after them, where the law has another.

        Raises TooManyWorlds.
        """
        self.book.absorb(calls, balance)
        self._off(None, balance - law)
        if balance != law:
            # Any of them may have been wrong.
            self.found |= {(each.method, each.transaction_id or ""): _CONCURRENT for each in calls}
        self.trail = Trail(balance)
        self._go_on_from(balance)

    def follow(self, balance: Money, moves: Collection[int] = ()) -> None:
        """Continue from a balance that is not the wallet's fault; the amount that the wallet is off stays.

        `moves` are the effects that the last call may have had, if it was one whose effect is not known.
        """
        if moves:
            self.book.go_on_at(balance, moves)
        else:
            self.book.rebase(balance)
        self._go_on_from(balance)

    def blame(self, call: Call) -> None:
        """Count a call that was found wrong."""
        self.wrong += 1
        self._wrong_id = call.request.transaction_id
        if self.since is None:
            self.since = call.number

    def found_otherwise(self, request: WebhookRequest, situation: Situation) -> bool:
        """Return whether the call, or for a refund its bet, was found wrong before, by another name.

        A malformed call that moved money may have taken the id of a call that then moves nothing.
        """
        id_ = request.transaction_id or ""
        of_bet = self.found.get((Method.BET, id_)) if request.method is Method.REFUND else None
        paid = situation is Situation.REFUSED_BET_REFUND_CREDITED and of_bet is Situation.OVERDRAFT
        self._malformed_moved |= situation is Situation.MALFORMED_MOVED
        if of_bet in _CHARGED_MORE or paid or (self._malformed_moved and situation in NOTHING_DONE.values()):
            return True
        return bool(id_) and self.found.setdefault((request.method, id_), situation) is not situation

    def refused_by_fraction(self, request: WebhookRequest) -> bool:
        """Return whether the whole balance was bet, and could be bet before: less than a cent is missing."""
        return self.traffic.emptied and request.amount == self.book.balances[0]

    def is_twin(self, call: Call) -> bool:
        """Return whether a call is the copy of one found wrong: both were sent at once, and raced."""
        copied = call.exchange.fault == FaultKind.DUPLICATE.value
        return copied and call.request.transaction_id == self._wrong_id

    def _off(self, request: WebhookRequest | None, gap: int) -> None:
        self.difference = Money(self.difference + gap)
        if request is None or request.transaction_id is None or gap == 0:
            return
        key = _key(request)
        excess = self._excess.pop(key, 0) + gap
        if excess:
            self._excess[key] = excess

    def _go_on_from(self, balance: Money) -> None:
        self.trail.correct(balance)
        self.unconfirmed.clear()
        self.shown = self.based = balance
        self.traffic.note_balance(self.player, balance)
        self.shown_before = self.stated = None


_COUNTED_EACH = 1_000


class Accounts:
    """The accounts of all players.

    Beyond a limit of players, or of calls in their books, the account that was unused for longest is closed.
    """

    def __init__(
        self, players_max: int | None, traffic: Traffic, *, calls_kept_max: int | None = None
    ) -> None:
        self.ledger = Ledger()
        self.traffic = traffic
        self.opening_reads: dict[str, int] = {}
        self.past: dict[str, Collection[Money]] = {}
        self._players_max = players_max
        self._calls_kept_max = calls_kept_max
        self._uncounted = 0
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._carried: dict[str, LeftOff] = {}

    def get(self, player: str) -> Account | None:
        """Return a player's account; None for an unknown player."""
        account = self._accounts.get(player)
        if account is not None and self._players_max is not None:
            self._accounts.move_to_end(player)
        return account

    def open(self, player: str, balance: Money, terms: Terms | None, shown_before: Money | None) -> Book:
        """Begin an account, or go on with a new book."""
        book = self.ledger.open(player, balance, terms)
        account = self._accounts.get(player)
        before = self._carried.pop(player, None)
        if account is None:
            account = self._accounts[player] = Account(player, book, self.traffic, shown_before)
            account.known_ns = self.opening_reads.pop(player, 0)
            if before is not None:
                account.difference = before.difference
                account.wrong, account.since = before.wrong, before.since
        else:
            account.reopen(book)
            account.shown_before = shown_before
        if before is not None:
            account.late = LateCalls(before.late) if before.late else None
        while self._players_max is not None and len(self._accounts) > self._players_max:
            self._close_oldest()
        return book

    def note_call(self) -> None:
        """Count a call; once in many, close accounts while their books hold too many."""
        self._uncounted += 1
        if self._calls_kept_max is None or self._uncounted < min(_COUNTED_EACH, self._calls_kept_max):
            return
        self._uncounted = 0
        kept = sum(account.calls for account in self._accounts.values())
        while kept > self._calls_kept_max and len(self._accounts) > 1:
            kept -= self._close_oldest().calls

    def _close_oldest(self) -> Account:
        oldest, account = self._accounts.popitem(last=False)
        self.ledger.close(oldest)
        return account

    def restarted(self) -> None:
        """Note in every account that the wallet was restarted."""
        for account in self._accounts.values():
            account.restarted = True

    def difference(self, player: str) -> Money:
        """Return what a player's wallet has too much; of one without an account, what was carried over."""
        account = self._accounts.get(player)
        return self._carried.get(player, LeftOff()).difference if account is None else account.difference

    def carry_over(self, player: str, before: LeftOff) -> None:
        """Let an account that will be opened go on with what is known from before."""
        self._carried.pop(player, None)
        if before != LeftOff():
            self._carried[player] = before

    def beside(self, account: Account) -> dict[Method, list[int]]:
        """Return the amounts of other players' calls that may have come since the balance was shown."""
        return self.traffic.of_others(account.player, account.known_ns)

    def others(self, account: Account, request: WebhookRequest) -> list[Account]:
        """Return the accounts of the other players whom a call with an id of theirs must leave alone.

        Return all others if the owner of the id is unknown.
        """
        names = self.ledger.other_owners(account.player, request)
        # A copy: other threads of a driver may open accounts meanwhile.
        found = [self._accounts.get(name) for name in names or list(self._accounts)]
        return [each for each in found if each is not None and each is not account and not each.lost]


def _owner(request: WebhookRequest) -> tuple[str, bool]:
    """Return whose ids a call's id belongs to: a refund has that of its bet."""
    return request.player, request.method is Method.WIN


def _key(request: WebhookRequest) -> tuple[bool, str]:
    """Return the key of a stake: a refund has the key of its bet."""
    return request.method is Method.WIN, request.transaction_id or ""
