"""`betrontech-sim doctor`: print the checks of `simulator.run.doctor` and exit by what they found."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import settings_command
from simulator.core.languages import Lang
from simulator.core.secrets import NO_SECRETS, Secrets, mask_url
from simulator.errors import ExitCode, UsageError
from simulator.report.languages import ENGLISH, Words, lang_of_locale
from simulator.report.text import visible
from simulator.settings import load_values
from simulator.settings.load import variables, wire_profile
from simulator.settings.rows import CONFIG, Section
from simulator.settings.table import HOW, OUTPUT, TARGET, pick

if TYPE_CHECKING:
    from simulator.core.profiles import WireProfile
    from simulator.run.doctor import Check
    from simulator.wire.target import Target

DOCTOR = Section(
    TARGET.title,
    (
        *pick(
            TARGET.rows,
            *("endpoint", "players", "wire", "headers", "timeout_s"),
            *("allow_hosts", "cacert", "insecure", "proxy"),
        ),
        *pick(HOW.rows, "transaction_id_format", "games"),
        *pick(OUTPUT.rows, "lang"),
        CONFIG,
    ),
)

DEFAULT_PLAYER = "1000"

TIMEOUT_S = 5.0

WIDTH = 100

_BET_REFUSED = "The endpoint works and knows the player, but it refused a bet. Check --wire."

_CLOSING = {
    ExitCode.PASSED: "Your wallet answers. Next: betrontech-sim run judges its money.",
    ExitCode.INCONCLUSIVE: (
        "The endpoint works, but it refused this player. Check the path of --endpoint, and --player."
    ),
    ExitCode.FOUND: "Something answers at this address, but not the way a wallet should.",
    ExitCode.UNREACHABLE: "Your wallet could not be reached.",
}


@settings_command("doctor", DOCTOR)
def command(**flags: Any) -> ExitCode:
    """Check the connection to your wallet step by step.

    The steps are name, connection, TLS, answer, JSON, player, speed and profile. A bet of 0.01 shows whether
    the wire profile fits; it is refunded at once. All other calls are user_balance, which moves no money.

    \b
    betrontech-sim doctor --endpoint http://localhost:9000/betrontech_api
    """
    values = load_values(DOCTOR.rows, flags)
    if "endpoint" not in values:
        raise UsageError("no endpoint is given; add --endpoint URL")
    wire = wire_profile(values.get("wire", "betrontech"))
    click.echo(f"{visible(mask_url(values['endpoint']))}\n")
    code, closing = ExitCode.PASSED, dict(_CLOSING)
    say = Words(values.get("lang") or lang_of_locale(variables()))
    urls = (values["endpoint"], values.get("proxy") or "")
    secrets = Secrets(headers=(*values.get("headers", ()), *wire.headers), urls=urls)
    for check in _checks(values, wire):
        for line in check_lines(check, secrets, say):
            click.echo(line)
        if check.health == "odd" and check.name in ("player", "profile"):
            code = ExitCode.INCONCLUSIVE
            if check.name == "profile":
                closing[code] = _BET_REFUSED
        if check.health == "failed":
            code = ExitCode.FOUND if check.reached else ExitCode.UNREACHABLE
    click.echo("\n" + say(closing[code]))
    return code


def _checks(values: Mapping[str, Any], profile: WireProfile) -> Iterator[Check]:
    # Importing the sender takes most of a start: help and wrong flags do without it.
    from simulator.core.webhooks import IdFormat
    from simulator.run.doctor import diagnose
    from simulator.scenario.limits import Limits
    from simulator.wire.target import in_container, make_target

    def reach() -> Target:
        cacert = values.get("cacert")
        return make_target(
            values["endpoint"],
            allow_hosts=values.get("allow_hosts", ()),
            headers=values.get("headers", ()),
            timeout_s=values.get("timeout_s", TIMEOUT_S),
            connect_timeout_s=values.get("timeout_s", TIMEOUT_S),
            cacert=None if cacert is None else str(cacert),
            insecure=values.get("insecure", False),
            proxy=values.get("proxy"),
        )

    player = next(iter(values.get("players", ())), DEFAULT_PLAYER)
    limits = Limits(ids=values.get("transaction_id_format", IdFormat()), games=values.get("games", ()))
    return diagnose(reach, player, profile, contained=in_container(), bets=True, limits=limits)


HEALTH_WIDTH = {Lang.ENGLISH: 7, Lang.TURKISH: 9, Lang.PORTUGUESE: 8}
"""Columns for what a check came to."""


def check_lines(check: Check, secrets: Secrets = NO_SECRETS, say: Words = ENGLISH) -> list[str]:
    """Return the lines of one check: its health, its name, the result, its duration, and a hint."""
    took = "" if check.took_ns is None else f" ({check.took_ns / 1e6:.1f} ms)"
    head = f"{say(check.health.value):<{HEALTH_WIDTH[say.lang]}} {say(check.name):<11} "
    lines = [f"{head}{visible(secrets.text(say(check.detail)))}{took}"]
    if check.hint:
        indent = " " * len(head)
        lines += textwrap.wrap(
            secrets.text(say(check.hint)), WIDTH, initial_indent=indent, subsequent_indent=indent
        )
    return lines
