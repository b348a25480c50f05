"""Answers that are the same for everyone: made once as bytes, compressed once, and not sent twice."""

from __future__ import annotations

import gzip
import hashlib

from flask import Request, Response

# Level 1 makes a quarter more bytes, level 9 takes five times as long for hardly fewer.
_GZIP_LEVEL = 6


class Prebuilt:
    """One JSON answer, plain and compressed, each with its ETag."""

    def __init__(self, body: bytes) -> None:
        self._plain = body
        self._compressed = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        self._tag = hashlib.sha256(body).hexdigest()[:20]

    def answer(self, request: Request) -> Response:
        """The answer to this request: 200 with the body in what it accepts, or 304 where it has the body."""
        zipped = accepts_gzip(request.environ.get("HTTP_ACCEPT_ENCODING", ""))
        tag = f'"{self._tag}-gzip"' if zipped else f'"{self._tag}"'
        headers = {"ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": "private, no-cache"}
        if self._is_held(request.environ.get("HTTP_IF_NONE_MATCH", "")):
            return Response(status=304, headers=headers)
        if zipped:
            headers["Content-Encoding"] = "gzip"
        body = self._compressed if zipped else self._plain
        return Response(body, headers=headers, content_type="application/json")

    def _is_held(self, if_none_match: str) -> bool:
        """The comparison is the weak one (RFC 9110): compressed or not, it is the same list."""
        if not if_none_match:
            return False
        tags = {tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")}
        return not tags.isdisjoint({self._tag, f"{self._tag}-gzip", "*"})


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header takes gzip: named, or by *, and not with q=0."""
    for part in accept_encoding.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in {"gzip", "x-gzip", "*"}:
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
