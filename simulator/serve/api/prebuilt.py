"""Prebuilt answers, which are the same for all agents: encoded once, compressed once, with an ETag."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Response
from werkzeug.datastructures import Headers

# Level 1 makes a quarter more bytes, level 9 takes five times as long for hardly fewer.
_GZIP_LEVEL = 6


class _Ready(Response):
    """An answer with complete headers, which Werkzeug would check and copy at every call."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:  # noqa: ARG002  # Werkzeug's
        """Return the headers as they are."""
        return self.headers


class _Variant(NamedTuple):
    """A body with its headers, which all answers share, and the headers of an answer without the body."""

    body: bytes
    headers: Headers
    headers_alone: list[tuple[str, str]]

    @classmethod
    def of(cls, body: bytes, headers: list[tuple[str, str]], *content: tuple[str, str]) -> _Variant:
        """Return the variant, with the headers about the body added."""
        about = [("Content-Type", "application/json"), *content, ("Content-Length", str(len(body)))]
        return cls(body, Headers([*headers, *about]), headers)


class Prebuilt:
    """One JSON answer, plain and compressed, each with its ETag."""

    def __init__(self, body: bytes) -> None:
        digest = hashlib.sha256(body).hexdigest()[:20]
        self._tags = frozenset({digest, f"{digest}-gzip", "*"})
        common = [("Vary", "Accept-Encoding"), ("Cache-Control", "private, no-cache")]
        plain = [*common, ("ETag", f'"{digest}"')]
        zipped = [*common, ("ETag", f'"{digest}-gzip"')]
        small = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        self._plain = _Variant.of(body, plain)
        self._zipped = _Variant.of(small, zipped, ("Content-Encoding", "gzip"))

    def answer(self, environ: Mapping[str, Any]) -> Response:
        """Return 200 with the body in an encoding that the request accepts, or 304 if its ETag matches."""
        variant = self._zipped if accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")) else self._plain
        held = environ.get("HTTP_IF_NONE_MATCH")
        if held is not None and self._is_held(held):
            return Response(status=304, headers=variant.headers_alone)
        # A list, because Werkzeug would count and set the length of bytes again.
        return _Ready([variant.body], headers=variant.headers)

    def _is_held(self, if_none_match: str) -> bool:
        """Return whether the header names the answer, compressed or not: the weak comparison of RFC 9110."""
        tags = {tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")}
        return not self._tags.isdisjoint(tags)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header accepts gzip, by name or by *, and not with q=0."""
    for part in accept_encoding.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in {"gzip", "x-gzip", "*"}:
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
