"""The JSON in a reply's body, and what stands in its way: BOM, notices, HTML, charsets, twin keys."""

from __future__ import annotations

import re

from simulator.core.exact_json import NotJson, parse
from simulator.core.reading.deviation import Deviations, shown
from simulator.core.reading.meaning import Call
from simulator.core.scenario import JsonValue
from simulator.core.webhooks import Reply

_BOM = b"\xef\xbb\xbf"
_JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.ASCII | re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.ASCII | re.IGNORECASE)
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|br|b>|div|pre|script|!--|\?xml)", re.IGNORECASE)
_UTF8_NAMES = frozenset({"utf-8", "utf8", "us-ascii"})


def declares_json(headers: tuple[tuple[str, str], ...]) -> bool:
    """Whether the reply's content type is the plain one, so that there is nothing to remark on."""
    for name, value in headers:
        if name == "Content-Type" or name.lower() == "content-type":
            return value == "application/json" or _content_type_remark(value) is None
    return False


def note_content_type(reply: Reply, deviations: Deviations) -> None:
    """CON-08 of a body that is JSON: what its header says of it."""
    value = reply.header("content-type")
    remark = ("content-type-missing", "there is no Content-Type header") if value is None else None
    remark = remark or _content_type_remark(value or "")
    if remark is not None:
        form, what = remark
        deviations.warning("CON-08", form, f"{what}; expected application/json")


def _content_type_remark(value: str) -> tuple[str, str] | None:
    kind, _, parameters = value.partition(";")
    if _JSON_TYPE.fullmatch(kind.strip()) is None:
        return "content-type", f"the Content-Type is {shown(value)}"
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1].lower() not in _UTF8_NAMES:
        return "charset", f"the charset is {shown(charset[1])}, JSON is UTF-8"
    return None


def json_of(call: Call) -> JsonValue:
    """The JSON value of a body; a BOM before it and keys that stand twice are noted.

    Raises NotJson for what no JSON parser reads.
    """
    body = call.reply.body
    if body.startswith(_BOM):
        call.deviations.warning(
            "CON-08", "bom", "a byte order mark stands before the JSON; many parsers refuse it"
        )
        body = body[len(_BOM) :]
    parsed = parse(_text(body))
    if parsed.twice:
        _note_twins(call, parsed.twice)
    return parsed.value


def _note_twins(call: Call, twice: frozenset[str]) -> None:
    names = call.profile.reply
    decisive = sorted(name for name in (names.status, names.balance, names.identity) if name in twice)
    key = shown(decisive[0] if decisive else min(twice))
    message = f'"{key}" stands twice with different values, and parsers disagree on which counts'
    if decisive:
        call.deviations.error("CON-08", "twin-keys", message)
    else:
        call.deviations.warning("CON-08", "twin-keys", message)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"byte {error.start} is not UTF-8") from None


def why_not_json(body: bytes, error: NotJson) -> tuple[str, str]:
    """The form and the sentence for a body that is not JSON: what a developer would look for first."""
    if not body.strip():
        return "empty-body", "the body is empty"
    text = body[:65536].decode("utf-8", "replace")
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if _HTML.match(text) and start < 0:
        return "html", f'the body is HTML: "{shown(text.strip())}"'
    if start > 0 and _ends_as_json(text[start:]):
        return "text-before-json", f'text stands before the JSON: "{shown(text[:start].strip())}"'
    if _HTML.match(text):
        return "html", f'the body is HTML: "{shown(text.strip())}"'
    return "not-json", f'the body is not JSON ({error}): "{shown(text.strip())}"'


def _ends_as_json(text: str) -> bool:
    try:
        parse(text)
    except NotJson:
        return False
    return True
