"""Each worker's record: a line for every call that is over, and a slot for every call that is on its way.

Before a call is sent it is noted in a slot of a file that is mapped into memory, and the slot is freed once
the line of the call is written: when a worker is killed, the slots in use tell which calls have no answer on
record. At most `LINES_HELD` calls wait to be written, and none is dropped: an error of writing ends the load.
"""

from __future__ import annotations

import marshal
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from errno import ENOSPC
from pathlib import Path
from time import monotonic_ns, time_ns

from simulator.core import json as exact_json
from simulator.core.call_lines import call_object, line_text, read_line
from simulator.core.calls import Call, CallForm, Form, Opening, Reading, UnsentCall, Why
from simulator.core.findings import Outcome, Place
from simulator.core.json import JsonObject
from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, WebhookRequest, WireRequest
from simulator.errors import UsageError

SLOT_BYTES = 2048
"""Room for one call under way; a body that is longer is left out, the call is not."""

SLOTS = 512
"""How many slots a record has at first; it gets as many again whenever all are in use."""

LINES_HELD = 16
"""So many calls that are over are written together."""

_LENGTH_BYTES = 4

LINES, SLOTS_ENDING, PART = ".ndjson", ".under-way", ".part"


class Recorder:
    """Writes one worker's record: `recorded` counts the lines of calls."""

    def __init__(self, folder: Path, name: str) -> None:
        """Raise UsageError where no file can be written."""
        self.file = folder / f"{name}{LINES}"
        self.recorded = 0
        try:
            self._lines = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            self._slots_file = self.file.with_suffix(SLOTS_ENDING).open("w+b")
            _make_room(self._slots_file.fileno(), SLOT_BYTES * SLOTS)
            self._slots = mmap.mmap(self._slots_file.fileno(), SLOT_BYTES * SLOTS)
        except OSError as error:
            raise UsageError(f"{folder}: calls cannot be recorded there: {error.strerror}") from None
        self._held: list[str] = []
        self._over: list[int] = []
        self._free = list(range(SLOTS - 1, -1, -1))
        clock: JsonObject = {"worker": name, "monotonic_ns": monotonic_ns(), "unix_ns": time_ns()}
        self._write(line_text("worker", clock))

    def under_way(self, unsent: UnsentCall) -> int:
        """Note a call that is about to be sent, and return the number of its slot."""
        request, why = unsent.request, unsent.why
        noted = marshal.dumps(
            (
                monotonic_ns(),
                None
                if request is None
                else (
                    request.method.value,
                    request.player,
                    None if request.amount is None else int(request.amount),
                    request.transaction_id,
                    request.game_id,
                ),
                unsent.form.kind.value,
                (why.scenario_id, why.purpose, why.label, why.place.line if why.place else None),
                unsent.wire.body if len(unsent.wire.body) < SLOT_BYTES // 2 else b"",
            )
        )
        slot = self._free.pop() if self._free else self._more()
        at = slot * SLOT_BYTES
        self._slots[at : at + _LENGTH_BYTES + len(noted)] = len(noted).to_bytes(_LENGTH_BYTES) + noted
        return slot

    def over(self, slot: int, calls: Sequence[Call]) -> None:
        """Record a call that is over: a duplicate has two exchanges. Raises UsageError on a full disk."""
        for call in calls:
            self._held.append(line_text("exchange", call_object(call)))
        self._over.append(slot)
        if len(self._over) >= LINES_HELD:
            self.flush()

    def flush(self) -> None:
        """Write the lines that are held, and free their slots."""
        if not self._over:
            return
        self._write("".join(self._held))
        self.recorded += len(self._held)
        self._held.clear()
        for slot in self._over:
            at = slot * SLOT_BYTES
            self._slots[at : at + _LENGTH_BYTES] = b"\0" * _LENGTH_BYTES
        self._free += self._over
        self._over.clear()

    def close(self) -> None:
        """Write what is held, close the files, and remove that of the slots if none is in use."""
        self.flush()
        in_use = len(self._slots) // SLOT_BYTES - len(self._free)
        self._slots.close()
        self._slots_file.close()
        os.close(self._lines)
        if not in_use:
            self.file.with_suffix(SLOTS_ENDING).unlink()

    def _more(self) -> int:
        count = len(self._slots) // SLOT_BYTES
        try:
            _make_room(self._slots_file.fileno(), 2 * count * SLOT_BYTES)
            self._slots.resize(2 * count * SLOT_BYTES)
        except OSError as error:
            raise UsageError(f"{self.file}: a call cannot be recorded: {error.strerror}") from None
        self._free.extend(range(2 * count - 1, count, -1))
        return count

    def _write(self, line: str) -> None:
        data = line.encode("utf-8", "surrogatepass")
        try:
            while data:
                # A short write leaves the rest of a line to the next.
                data = data[os.write(self._lines, data) :]
        except OSError as error:
            raise UsageError(f"{self.file}: a call cannot be recorded: {error.strerror}") from None


def _make_room(file: int, size: int) -> None:
    """Give a file blocks on the disk: a page of a mapped file without them kills who writes to it."""
    os.ftruncate(file, size)
    try:
        os.posix_fallocate(file, 0, size)
    except (AttributeError, OSError) as error:
        # Not every system, nor every kind of file system, can do it.
        if isinstance(error, OSError) and error.errno == ENOSPC:
            raise


# --- what a worker that was killed has left -------------------------------------------------------


class Mended(Frozen):
    """What was found in the record of a worker that did not end it: calls without an answer."""

    unanswered: int


def mend(file: Path) -> Mended:
    """Complete the record of a worker that was killed: the calls under way become calls without an answer."""
    slots = file.with_suffix(SLOTS_ENDING)
    if not slots.exists():
        return Mended(0)
    last = [read_line(line, "") for line in _last_lines(file)]
    left = [call for call in _calls_in(slots.read_bytes()) if not _is_among(call, last)]
    with file.open("ab") as lines:
        for call in left:
            lines.write(line_text("exchange", call_object(call)).encode("utf-8", "surrogatepass"))
    slots.unlink()
    return Mended(len(left))


def _last_lines(file: Path) -> list[str]:
    """Return the lines that were written together last, after cutting off one that is not whole."""
    with file.open("r+b") as lines:
        size = lines.seek(0, os.SEEK_END)
        start = max(0, size - (1 << 20))
        lines.seek(start)
        tail = lines.read()
        whole = tail.rfind(b"\n") + 1
        lines.truncate(start + whole)
        lines_whole = tail[:whole].decode("utf-8", "surrogatepass").splitlines()
        return lines_whole[1 if start else 0 :][-2 * LINES_HELD :]


def _calls_in(slots: bytes) -> Iterator[Call]:
    killed = NoReply(NoReplyKind.INJECTED, "the worker that sent the call was killed before an answer came")
    for at in range(0, len(slots), SLOT_BYTES):
        size = int.from_bytes(slots[at : at + _LENGTH_BYTES])
        if not size:
            continue
        noted = slots[at + _LENGTH_BYTES : at + _LENGTH_BYTES + size]
        sent_ns, asked, kind, (scenario, purpose, label, line), body = marshal.loads(noted)
        request = None
        if asked is not None:
            method, player, amount, transaction_id, game = asked
            money = None if amount is None else Money(amount)
            request = WebhookRequest(Method(method), player, money, transaction_id, game)
        exchange = Exchange(request, WireRequest(body), killed, sent_ns, None)
        place = None if line is None else Place("", line)
        why = Why(scenario, purpose, label, place)
        yield Call(exchange, Reading(Outcome.UNKNOWN), Form(CallForm(kind), request), why)


_PLAYER = re.compile(rb'\{"type":"exchange","player":("(?:[^"\\]|\\.)*")')


def players_in(file: Path) -> set[str]:
    """Return the players whose calls are in a record."""
    with file.open("rb") as lines:
        found = {match[1] for line in lines if (match := _PLAYER.match(line))}
    return {str(exact_json.parse(each.decode()).value) for each in found}


def _is_among(call: Call, recorded: Iterable[Opening | Call | None]) -> bool:
    """Return whether the call has its line: it may be written with its slot still in use."""
    request, sent_ns = call.exchange.request, call.exchange.sent_ns
    return any(
        isinstance(each, Call) and each.exchange.request == request and each.exchange.sent_ns >= sent_ns
        for each in recorded
    )
