"""Answers that are the same for everyone: made once as bytes, compressed once, and not sent twice."""

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
    """An answer whose headers are complete: Werkzeug would check and copy each of them at every call."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:  # noqa: ARG002  # Werkzeug's
        """As they are."""
        return self.headers


class _Variant(NamedTuple):
    """A body with its headers, which all answers share, and those where it is not sent, which each copies."""

    body: bytes
    headers: Headers
    headers_alone: list[tuple[str, str]]

    @classmethod
    def of(cls, body: bytes, headers: list[tuple[str, str]], *content: tuple[str, str]) -> _Variant:
        """With what the body needs besides."""
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
        """The answer to this request: 200 with the body in what it accepts, or 304 where it has the body."""
        variant = self._zipped if accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")) else self._plain
        held = environ.get("HTTP_IF_NONE_MATCH")
        if held is not None and self._is_held(held):
            return Response(status=304, headers=variant.headers_alone)
        # Not bytes, which would have it count and write down their length again.
        return _Ready([variant.body], headers=variant.headers)

    def _is_held(self, if_none_match: str) -> bool:
        """The comparison is the weak one (RFC 9110): compressed or not, it is the same list."""
        tags = {tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")}
        return not self._tags.isdisjoint(tags)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header takes gzip: named, or by *, and not with q=0."""
    for part in accept_encoding.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in {"gzip", "x-gzip", "*"}:
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
