"""Loading scenario texts in tests: a file and those it uses, from memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.core.steps import Scenario, Step
from simulator.scenario.reader import load_text
from simulator.scenario.yaml import Problem, ScenarioFileError

SUITE = Path(__file__).parent.parent / "scenarios"

EVERY_FORM = """\
# Every key and every kind of step, in every form.
name: Every form
description: >
  Folded text,
  over two lines.
tags: [all, "2.0", 7]
level: documented
covers: [IDE-01, REF-03]
player: {balance: 50.00}
players:
  ghost: {exists: false}
  guest: {balance: 0}
  banned: {blocked: true}
  plain:
policy: {zero_bet: refused, refusal_http: 4xx, money_type: any}
needs: [seeding]
skip: not today
xfail: known to fail
steps:
  - details
  - details:
  - details: {player: ghost, expect: refused}
  - balance
  - balance: 50.00
  - balance: {is: 0.00, player: guest, within: 3s, expect: {http: 2xx}}
  - bet: 1
  - bet: 1.5
  - bet: {amount: 2.00, id: b1, game: SLOT_002, fault: lost_reply, within: 250ms}
  - bet: {amount: 2.00, fault: {delay: 500ms}, raw: {amount: 2.0, user_id: "${run}-x", game_id: null}}
  - bet: {amount: 2.00, omit: [amount, game_id]}
  - bet: {amount: 2.00, expect: {outcome: either, balance: 40, http: 200, within: 2m, body: {a: [1]}}}
  - bet: all
  - bet: {amount: all+0.01, expect: refused}
  - bet: {amount: limit+0.01, expect: refused}
  - win: limit
  - bet: {amount: 1.00, player: guest}
  - win: x2.40
  - win: ~5.00
  - win: 0.10..5.00
  - win: {amount: all, id: w1}
  - refund: b1
  - refund: {of: later, amount: 1.00, id: r1}
  - refund: {transaction_id: never-seen, amount: 10.00, omit: amount}
  - bet: {amount: 3.00, id: later}
  - resend: last
  - resend: w1
  - resend: {step: r1, times: 3, amount: 2.00, player: guest, fault: duplicate, expect: either}
  - round: {bet: 1.00}
  - round: {bet: 1.00, win: x2, spins: 3, game: SLOT_003}
  - play: {rounds: 5, stake: 0.20, volatility: high, seed: 7}
  - parallel: [bet: 1.00, win: 1.00, balance]
  - parallel: {steps: [{bet: 1.00}, {resend: b1}], times: 10, in_flight: 4}
  - repeat: {times: 2, steps: [bet: 0.10, {repeat: {times: 2, steps: [win: 0.10]}}]}
  - send: {body: 'not json ${player}', content_type: text/plain, method: PUT, headers: {X-Id: 7}}
  - send: {json: {method: user_balance, user_id: "${player}", n: 1.10}, expect: accepted}
  - send: {method: GET}
  - restart
  - restart:
  - block
  - block: {player: guest}
  - wait: 250ms
  - wait: 1.5s
finally:
  - balance
  - resend: last
"""


def load(text: str, file: str = "x.yaml", **files: str) -> tuple[Scenario, ...]:
    """The scenarios of a text. `files` are those it may use, by path, with `_` for the dot of `.yaml`."""
    others = {path.replace("_yaml", ".yaml").replace("__", "/"): content for path, content in files.items()}

    def read(path: str) -> bytes:
        if path not in others:
            raise FileNotFoundError(2, "No such file or directory", path)
        return others[path].encode()

    return load_text(text.encode(), file, read)


def steps(text: str) -> tuple[Step, ...]:
    """The steps of a scenario whose steps are these lines."""
    return load(f"players: {{other: {{balance: 5.00}}}}\nsteps:\n{_indented(text)}")[0].steps


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.strip().splitlines())


def problems(text: str, file: str = "x.yaml", **files: str) -> tuple[Problem, ...]:
    """The problems of a text that cannot be used."""
    with pytest.raises(ScenarioFileError) as caught:
        load(text, file, **files)
    return caught.value.problems


def step_problems(text: str) -> list[str]:
    """`line:column message` of each problem of a scenario whose steps are these lines, counted from 1."""
    found = problems(f"steps:\n{_indented(text)}")
    return [f"{problem.place.line - 1}:{problem.place.column - 2} {problem.message}" for problem in found]
