"""What the programs that read JUnit XML ask of it, as one check.

The strictest that we know is the schema of Jenkins' xUnit plugin: an attribute that it does not list makes it
turn the whole file down. `ATTRIBUTES` and `CHILDREN` are what it lists of all that the report writes.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from report_stories import told
from simulator.report.events import Event

REQUIRED = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "properties": set[str](),
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "system-out": set[str](),
}
ATTRIBUTES = {**REQUIRED, "testsuite": REQUIRED["testsuite"] | {"timestamp"}}
FULL = {
    **ATTRIBUTES,
    "testsuites": REQUIRED["testsuites"] | {"skipped", "timestamp"},
    "testcase": REQUIRED["testcase"] | {"file", "line"},
}
CHILDREN = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"properties (testcase )*",
    "properties": r"(property )+",
    "testcase": r"((failure|error|skipped) )?(system-out )?",
}
"""The children of an element in their order, each name followed by a space; all others have none."""


def junit(events: list[Event], kind: str = "junit") -> ElementTree.Element:
    """The whole report, its structure checked."""
    root = ElementTree.fromstring(told(kind, events))
    assert_junit(root, full=kind == "junit-full")
    return root


def properties_of(suite: ElementTree.Element) -> dict[str, str]:
    """What is known about a suite, by name."""
    return {prop.get("name", ""): prop.get("value", "") for prop in suite.iter("property")}


def assert_junit(root: ElementTree.Element, *, full: bool = False) -> None:
    """What the JUnit schemas of CI servers ask for: elements in order, attributes, times, honest counts."""
    assert root.tag == "testsuites"
    for element in root.iter():
        known = (FULL if full else ATTRIBUTES)[element.tag]
        assert REQUIRED[element.tag] <= set(element.attrib) <= known
        assert re.fullmatch(CHILDREN.get(element.tag, ""), "".join(f"{child.tag} " for child in element))
        if "time" in known:
            assert re.fullmatch(r"\d+\.\d{3}", element.get("time", ""))
    names = [suite.get("name") for suite in root]
    assert names
    assert len(names) == len(set(names))
    for element in (root, *root):
        assert int(element.get("tests", "-1")) == len(list(element.iter("testcase")))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if attribute in element.attrib:
                assert int(element.get(attribute, "-1")) == len(list(element.iter(tag)))
