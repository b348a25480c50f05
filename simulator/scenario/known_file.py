"""Read the file of known causes that `--accept` names (docs/running.md), and report all its problems at once.

`report/known` writes such a file.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from yaml.nodes import Node, SequenceNode

from simulator.core.findings import KnownCause
from simulator.core.mappings import Wrong
from simulator.core.words import shortened
from simulator.errors import ConfigurationError
from simulator.scenario.kinds import REASON, TEXT, text_of
from simulator.scenario.shapes import Field, NodeKind, Record, YamlFile
from simulator.scenario.yaml import EnoughProblems, ProblemList, bytes_of, compose, decode, is_empty, noun_of

CAUSES_MAX = 1_000


def _read_day(node: Node, _: YamlFile) -> str:
    text = text_of(node, "a day")
    try:
        # Other forms of ISO 8601 do not compare as texts.
        if date.fromisoformat(text).isoformat() != text:
            raise ValueError
    except ValueError:
        raise Wrong(node, f'expected a day like 2027-01-31, found "{shortened(text)}"') from None
    return text


def _read_causes(node: Node, file: YamlFile) -> tuple[KnownCause, ...]:
    if not isinstance(node, SequenceNode):
        raise Wrong(node, f'"known" is a list of causes; found {noun_of(node)}')
    if len(node.value) > CAUSES_MAX:
        raise Wrong(node, f"more than {CAUSES_MAX:,} causes")
    found: dict[str, KnownCause] = {}
    for item in node.value:
        try:
            said = _CAUSE.read(item, file)
        except Wrong as wrong:
            file.problems.note(wrong)
            continue
        if said.get("cause") in found:
            file.problems.add(item, f'the cause "{shortened(said["cause"])}" is in the file already')
        elif said.get("cause") and said.get("reason"):
            found[said["cause"]] = KnownCause(**{name: text or "" for name, text in said.items()})
    return tuple(found.values())


_CAUSE = Record(
    "a known cause",
    [
        Field("cause", TEXT, "The code of the cause, as in the JSON report.", required=True),
        Field("reason", REASON, "Why it is accepted.", required=True),
        Field("what", TEXT, "The cause in a sentence."),
        Field("scenario", TEXT, "The id of the scenario that showed it."),
        Field("expires", NodeKind(_read_day, {}), "The last day on which it is accepted."),
    ],
)

_FILE = Record(
    "a file of known causes",
    [Field("known", NodeKind(_read_causes, {}), "The causes that do not fail a run.", required=True)],
)


def read_known(path: Path) -> tuple[KnownCause, ...]:
    """Return the known causes of a file, in its order. Raises ConfigurationError with every problem found."""
    try:
        data = bytes_of(path)
    except OSError as error:
        raise ConfigurationError(
            f"the file of known causes {path} cannot be read: {error.strerror}"
        ) from None
    text, problems = decode(data, str(path))
    known: tuple[KnownCause, ...] = ()
    with suppress(EnoughProblems):
        if not problems.found:
            known = _known(compose(text, problems), problems)
    if problems.found:
        raise ConfigurationError(problems.without_source())
    return known


def _known(documents: list[Node], problems: ProblemList) -> tuple[KnownCause, ...]:
    if len(documents) != 1 or is_empty(documents[0]):
        if not problems.found:
            problems.add_at(1, 1, 'a file of known causes is one YAML mapping with the key "known"')
        return ()
    try:
        said: dict[str, Any] = _FILE.read(documents[0], YamlFile(problems))
    except Wrong as wrong:
        problems.note(wrong)
        return ()
    known: tuple[KnownCause, ...] | None = said.get("known")
    return known or ()
