"""Random sessions against right wallets and wrong ones: none is accused of what it does not do.

`python random_sessions.py [SESSIONS [SEED [NAME …]]]` plays so many sessions against the example wallet in
each dialect and with each defect of money, or those that are named, and prints each cause that is not the
defect's own, with the session that shows it; `make random-sessions` runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.core.steps import Parallel, all_steps
from simulator.explore.alone import Ran, errors_of, scenario_of, text_of
from simulator.explore.explorer import means_of
from simulator.explore.grammar import SessionPlan, make_session
from simulator.reference_operator import DEFECTS, DIALECTS, DefectKind
from simulator.run.suite import run_scenarios

SESSIONS = 12
RIGHT = "right"
WRONG = tuple(name for name, each in DEFECTS.items() if each.kind in (DefectKind.SEQUENTIAL, DefectKind.RACE))


@dataclass(frozen=True)
class Played:
    """What random sessions told of one wallet. `own` are the causes that are its defect's."""

    name: str
    own: frozenset[str]
    causes: Sequence[str]
    """The causes of all sessions together, the one that explains most first."""
    others: Sequence[tuple[str, str]]
    """Each session whose first cause is not the wallet's own, as a scenario, with that cause."""
    undecided: Sequence[str]
    """Why sessions were not decided."""

    @property
    def accused(self) -> tuple[str, ...]:
        """The causes that are not the wallet's own."""
        return tuple(cause for cause in self.causes if cause not in self.own)

    @property
    def line(self) -> str:
        """One row of the table."""
        causes = ", ".join(self.causes) or "nothing"
        return f"{'WRONG' if self.accused else 'ok':<6}{self.name:<40}{causes}"


def play(name: str, sessions: int, seed: int, *, in_turn: bool = False) -> Played:
    """Play random sessions against one wallet: `right`, a dialect or a defect.

    `in_turn`: only sessions without calls at once, of which the same seed always shows the same.
    """
    defect, dialect = DEFECTS.get(name), (name,) if name in DIALECTS else ()
    with embedded_operator(
        seed=seed, defects=() if defect is None else (name,), dialects=dialect
    ) as operator:
        settings = settings_for(operator, seed=seed)
        means, chance = means_of(settings), Random(f"{seed} {name}")
        made = (make_session(chance, means) for _ in range(10 * sessions))
        plans = [plan for plan in made if not in_turn or not _overlaps(plan)][:sessions]
        told = Ran()
        by_id = {f"{number}.yaml": plan for number, plan in enumerate(plans)}
        run_scenarios(settings, [scenario_of(plan, id_) for id_, plan in by_id.items()], told.on)
    own: frozenset[str] = frozenset() if defect is None else frozenset({defect.cause, *defect.also})
    others = [
        (text_of(by_id[id_], name), causes[0].key)
        for id_, causes in told.causes.items()
        if causes and causes[0].key not in own
    ]
    causes = [*(each.cause for each in told.preflight), *(each.key for each in errors_of(told.failed))]
    return Played(name, own, causes, others, [each.reason for each in told.undecided])


def _overlaps(plan: SessionPlan) -> bool:
    return any(isinstance(step, Parallel) for step in all_steps(plan.steps))


def main(arguments: Sequence[str]) -> int:
    """Play and print; exit 1 where a cause is not the wallet's own, or a right wallet stays undecided."""
    sessions = int(arguments[0]) if arguments else SESSIONS
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    names: Sequence[str] = arguments[2:] or (RIGHT, *DIALECTS, *WRONG)
    wrong = 0
    for name in names:
        told = play(name, sessions, seed)
        print(told.line, flush=True)
        for text, cause in told.others if told.accused else ():
            print(f"--- {cause}\n{text}")
        for reason in () if name in WRONG else told.undecided:
            print(f"--- not decided: {reason}")
        wrong += bool(told.accused or (told.undecided and name not in WRONG))
    print(f"{sessions} sessions against each of {len(names)} wallets; accused of what is not theirs: {wrong}")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
