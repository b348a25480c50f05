"""What the programs that read JUnit XML ask of it, as one check."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from report_stories import (
    told,
)
from simulator.report.events import Event


def junit(events: list[Event]) -> ElementTree.Element:
    """The one suite of the report, its structure checked."""
    root = ElementTree.fromstring(told("junit", events))
    assert_junit(root)
    return root[0]


def assert_junit(root: ElementTree.Element) -> None:
    """What the JUnit schemas of CI servers ask for: elements, required attributes, times, honest counts."""
    assert root.tag == "testsuites"
    assert [suite.tag for suite in root] == ["testsuite"]
    suite = root[0]
    tags = [child.tag for child in suite]
    assert tags[0] == "properties"
    assert set(tags[1:]) <= {"testcase"}
    assert all(prop.get("name") and prop.get("value") is not None for prop in suite[0])
    for case in suite.iter("testcase"):
        assert case.get("name")
        assert case.get("classname")
        assert re.fullmatch(r"\d+\.\d{3}", case.get("time", ""))
        verdicts = [child.tag for child in case if child.tag != "system-out"]
        assert set(verdicts) <= {"failure", "error", "skipped"}
        assert len(verdicts) <= 1
        assert all(
            child.get("type") and child.get("message") is not None for child in case if child.tag in verdicts
        )
    for element in (root, suite):
        assert int(element.get("tests", "-1")) == len(suite.findall("testcase"))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(attribute, "-1")) == len(suite.findall(f"testcase/{tag}"))
