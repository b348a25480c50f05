"""`betrontech-sim record`: write recorded calls as a scenario file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import click

from simulator.archive.captured import calls_of, is_curl, read_curl, read_har
from simulator.archive.sources import LineSource
from simulator.cli.options import file_names
from simulator.cli.output import write_whole
from simulator.core.call_lines import read_line
from simulator.core.calls import Call, Opening
from simulator.core.json import pairs
from simulator.core.money import Money
from simulator.core.profiles import WireProfile
from simulator.core.secrets import mask_url
from simulator.core.webhooks import Method
from simulator.core.words import did_you_mean_or_valid
from simulator.errors import EndpointUnreachable, ExitCode, NothingSelected, UsageError
from simulator.report.text import plural, visible
from simulator.scenario.kinds import read_money
from simulator.scenario.reader import load_text
from simulator.scenario.recording import Recorded, is_of_a_step, player_record, recorded_text
from simulator.settings.load import wire_profile
from simulator.wire.profiles import BETRONTECH

CALLS_MAX = 100_000
"""A scenario file holds 200,000 steps, and nobody reads half of them."""

CHARACTERS_MAX = 256 * 1024 * 1024
"""A larger archive would take minutes and gigabytes to read."""

_FETCH_S = 30.0

_REFUSAL_BYTES = 10_000


@click.command("record")
@click.argument("source", shell_complete=file_names)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="-",
    help="Write the scenario there.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Write over an existing FILE.")
@click.option(
    "--player", "players", multiple=True, metavar="USER_ID", help="Only this player's calls.  [repeatable]"
)
@click.option(
    "--balance",
    metavar="AMOUNT",
    help="The balance before the first call, where the record does not hold it.",
)
@click.option("--pauses", is_flag=True, help="Wait between calls as long as was waited, up to a minute.")
@click.option(
    "--wire",
    default=BETRONTECH.name,
    metavar="NAME",
    help="The wire profile of the calls.  [default: betrontech]",
)
@click.option(
    "--token",
    envvar="BETRONTECH_SIM_ADMIN_TOKEN",
    metavar="TEXT",
    help="The admin token of a running `serve`; it is sent nowhere else.",
)
def command(
    source: str,
    output: str,
    force: bool,
    players: tuple[str, ...],
    balance: str | None,
    pauses: bool,
    wire: str,
    token: str | None,
) -> ExitCode:
    """Write recorded calls as a scenario that plays them again.

    SOURCE is the URL of a running `serve`, or a file (- is standard input): an export of its console, the
    NDJSON of a run, a HAR archive, or lines of curl. Transaction ids are new in each run. Nothing is expected
    of the answers, since the ledger knows what is right: a right wallet passes, and a wallet that went wrong
    when it was recorded fails again.

    \b
    betrontech-sim record http://127.0.0.1:8080 --player 1000 -o scenarios/played.yaml
    betrontech-sim record run.ndjson -o scenarios/seen.yaml
    """
    profile = wire_profile(wire)
    opening = None if balance is None else _balance(balance)
    if output != "-" and Path(output).exists() and not force:
        raise UsageError(f"{output} exists already; --force writes over it")
    text = _fetched(source, token) if source.startswith(("http://", "https://")) else _read(source)
    records, others = _records(text, source, profile)
    records = _chosen(records, players, source)
    records = [replace(record, otherwise=opening, pauses=pauses) for record in records]
    file = recorded_text(records)
    # What is written must be readable: a bug here must not become a file.
    count = len(load_text(file.encode(), output, _no_other_file))
    _write(output, file)
    calls = sum(len(record.calls) for record in records)
    told = f"{plural(calls, 'call')} as {plural(count, 'scenario')}"
    left = f"; {plural(others, 'other request')} left out" if others else ""
    where = "" if output == "-" else f" in {output}: betrontech-sim run {output}"
    click.echo(f"{told}{left}{where}", err=True)
    return ExitCode.PASSED


def _balance(text: str) -> Money:
    try:
        return read_money(text)
    except ValueError as error:
        raise UsageError(f"--balance: {error}") from None


def _no_other_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def _write(output: str, text: str) -> None:
    if output == "-":
        # A scenario file is UTF-8, whatever the terminal has.
        click.echo(text.encode(), nl=False)
        return
    try:
        write_whole(Path(output), text)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}") from None


# --- where the record comes from ------------------------------------------------------------------


def _read(name: str) -> str:
    """Return the text of a file or of standard input, plain or compressed. Raises UsageError."""
    source = LineSource(name)
    blocks, length = [], 0
    # An archive may be one line.
    for block in source.blocks(CHARACTERS_MAX):
        blocks.append(block)
        length += len(block)
        if length > CHARACTERS_MAX:
            raise UsageError(f"{name}: a record has at most {CHARACTERS_MAX:,} bytes")
    try:
        return b"".join(blocks).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: byte {error.start + 1:,} is not UTF-8; save it as UTF-8") from None


def _fetched(url: str, token: str | None) -> str:
    """Return the journal of a running `serve`, as its console exports it."""
    # Files need no client of HTTP.
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    shown = mask_url(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{shown} is no address: {error}") from None
    if not parts.hostname:
        raise UsageError(f"{shown} names no host; write it like http://127.0.0.1:8080")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, port, timeout=_FETCH_S)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(
            "GET", quote(parts.path.rstrip("/")) + "/_sim/journal/export.ndjson", headers=headers
        )
        reply = connection.getresponse()
        body = reply.read(CHARACTERS_MAX + 1)
    except (OSError, HTTPException) as error:
        raise EndpointUnreachable(
            f"no answer from {shown}: {error}; is `betrontech-sim serve` running?"
        ) from None
    finally:
        connection.close()
    if reply.status == 401:
        raise UsageError(
            f"{shown} wants its admin token: give it with --token, or BETRONTECH_SIM_ADMIN_TOKEN"
        )
    if reply.status == 403:
        # No token helps: the server knows why, as when it is asked under a name that is not its own.
        raise UsageError(f"{shown} refuses its journal: {_said_in(body)}")
    if reply.status != 200:
        raise UsageError(
            f"{shown} answered HTTP {reply.status} to the request for its journal; is it the address of "
            "`betrontech-sim serve`, and not that of your wallet?"
        )
    if len(body) > CHARACTERS_MAX:
        raise UsageError(f"{shown}: a record has at most {CHARACTERS_MAX:,} bytes")
    return body.decode("utf-8", "replace")


def _said_in(body: bytes) -> str:
    """Return the message of a server's refusal, with what it says to do."""
    try:
        found = dict(pairs(body[:_REFUSAL_BYTES].decode()))
    except ValueError:
        found = {}
    told = [each for each in (found.get("message"), found.get("hint")) if isinstance(each, str)]
    return "; ".join(visible(each.rstrip(".")) for each in told) or "HTTP 403"


# --- what it holds --------------------------------------------------------------------------------


def _records(text: str, source: str, profile: WireProfile) -> tuple[list[Recorded], int]:
    """Return the records in a text, and how many requests in it are no webhooks."""
    archived = read_har(text, source) if text.lstrip().startswith("{") else None
    if archived is None and not text.lstrip().startswith("{") and is_curl(text):
        archived = read_curl(text, source)
    if archived is None:
        return list(_by_opening(_lines(text, source), profile)), 0
    calls, others = calls_of(archived, profile)
    if not calls:
        found = plural(len(archived), "request")
        hint = "" if profile is not BETRONTECH else "; --wire names another form of webhooks"
        raise NothingSelected(f"{source}: none of its {found} is a webhook to a wallet{hint}")
    return list(_by_opening(calls, profile)), others


def _lines(text: str, source: str) -> Iterator[Opening | Call]:
    for number, line in enumerate(text.split("\n"), start=1):
        found = read_line(line, f"{source}:{number}", details=True)
        if found is not None:
            yield found


@dataclass
class _Group:
    """The calls of one scenario to be: those of a scenario that was run, or of one player."""

    key: tuple[str, str]
    calls: list[Call] = field(default_factory=list)
    openings: dict[str, Money] = field(default_factory=dict)


def _by_opening(items: Iterable[Opening | Call], profile: WireProfile) -> Iterator[Recorded]:
    """Yield the records by their beginnings; an opening after a player's calls begins another."""
    groups: list[_Group] = []
    latest: dict[tuple[str, str, str], _Group] = {}
    last: tuple[str, str, str] | None = None
    for item in items:
        if isinstance(item, Opening):
            key = _key(item.agent, item.scenario_id, item.player)
            group = latest.get(key)
            if group is None or any(_is_after_an_opening(call, item.player) for call in group.calls):
                groups.append(group := _Group(key[:2]))
                latest[key] = group
            if item.balance is None:
                group.openings.pop(item.player, None)
            else:
                group.openings[item.player] = item.balance
            continue
        why = item.why
        if item.player is None and why.scenario_id is None and last is not None:
            # Bytes that name no player belong to whom the calls before them do.
            key = last
        else:
            key = _key(why.agent, why.scenario_id, item.player or "")
        last = key
        if key not in latest:
            groups.append(_Group(key[:2]))
            latest[key] = groups[-1]
        if is_of_a_step(item):
            latest[key].calls.append(item)
    for group in groups:
        if group.calls:
            yield _recorded(group, profile)


def _is_after_an_opening(call: Call, player: str) -> bool:
    # A read of the details may come before the first balance is known.
    return call.player == player and call.request.method is not Method.DETAILS


def _key(agent: str | None, scenario: str | None, player: str) -> tuple[str, str, str]:
    """Return what a call belongs to: a player of an agent, a scenario with all its players, or a player."""
    if agent is not None:
        return "player", agent, player
    return ("scenario", scenario, "") if scenario is not None else ("player", "", player)


def _recorded(group: _Group, profile: WireProfile) -> Recorded:
    kind, name = group.key
    if kind == "scenario":
        return Recorded(f"As recorded: {name}", group.calls, group.openings, None, profile)
    player = next((call.player for call in group.calls if call.player is not None), "")
    return player_record(name, player, group.calls, group.openings.get(player), profile)


def _chosen(records: Sequence[Recorded], players: Sequence[str], source: str) -> list[Recorded]:
    """Return the records in which one of these players plays. Raises NothingSelected, UsageError."""
    if not records:
        raise NothingSelected(
            f"{source} holds no call of a player: expected the URL of `serve`, an NDJSON of calls, a "
            "HAR archive, or lines of curl"
        )
    chosen = [
        record for record in records if not players or any(call.player in players for call in record.calls)
    ]
    if not chosen:
        known = dict.fromkeys(call.player for record in records for call in record.calls if call.player)
        hint = did_you_mean_or_valid(players[0], list(known))
        raise NothingSelected(f"{source} holds no call of player {' or '.join(players)}{hint}")
    count = sum(len(record.calls) for record in chosen)
    if count > CALLS_MAX:
        raise UsageError(
            f"{source} holds {count:,} calls; at most {CALLS_MAX:,} are written: name a --player"
        )
    return chosen
