"""A call as one line for a shell, and headers without their secrets."""

from __future__ import annotations

import re

from simulator.core.webhooks import WireRequest

MASK = "***"

Headers = tuple[tuple[str, str], ...]

# Compiled when a header is first shown, and kept by `re`.
_SECRET_NAME = r"(?i)auth|signature|token|secret|key|cookie|password|session|credential"
_SCHEME = r"(?i)(Basic|Bearer|Digest|Token)\s+(?=\S)"
_SAFE_WORD = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
# A program's arguments are bounded (128 KiB each on Linux); a builtin's are not.
_ARGUMENT_BYTES_MAX = 65_536


def curl_line(endpoint: str, wire: WireRequest, headers: Headers = (), *, masked: bool = True) -> str:
    """A line that sends the same method, headers and body with curl, from any POSIX shell.

    `headers` are the target's; the request's own beat them. Unless `masked` is False, secrets among them
    are `***` and stand for what the reader has to fill in.
    """
    fields = merged_headers(headers, wire.headers)
    fields = mask_headers(fields) if masked else fields
    named = {name.lower() for name, _ in fields}
    if "content-type" not in named:
        # curl would call any body a form.
        fields = (("Content-Type", wire.content_type), *fields)
    words = ["curl", "-s", "-X", wire.http_method, endpoint]
    if any(sign in endpoint for sign in "[]{}"):
        words.insert(2, "-g")
    for name, value in fields:
        # An empty header is written with ";", one that curl should leave out with ":" alone.
        empty = f"{name}:" if name == "Content-Type" else f"{name};"
        words += ["-H", f"{name}: {value}" if value else empty]
    if len(wire.body) >= 1_000_000 and "expect" not in named:
        words += ["-H", "Expect:"]
    return _with_body(" ".join(_quoted(word) for word in words), wire.body, wire.http_method)


def merged_headers(beaten: Headers, by: Headers) -> Headers:
    """Both, without those of the first that the second names too; names compare without case."""
    names = {name.lower() for name, _ in by}
    return (*(field for field in beaten if field[0].lower() not in names), *by)


def mask_headers(headers: Headers) -> Headers:
    """The headers with `***` for what gives access: authorization, cookies, keys, tokens, signatures."""
    return tuple(
        (name, _masked(value) if re.search(_SECRET_NAME, name) else value) for name, value in headers
    )


def _masked(value: str) -> str:
    scheme = re.match(_SCHEME, value)
    return f"{scheme[1]} {MASK}" if scheme else MASK if value else ""


def _with_body(command: str, body: bytes, http_method: str) -> str:
    if not body:
        return command if http_method in ("GET", "HEAD") else f"{command} -d ''"
    text = _text(body)
    if text is None:
        return f"printf {_quoted(_octal(body))} | {command} --data-binary @-"
    if len(body) > _ARGUMENT_BYTES_MAX:
        return f"printf %s {_quoted(text)} | {command} --data-binary @-"
    # -d reads a file where its value begins with @.
    return f"{command} {'--data-raw' if text.startswith('@') else '-d'} {_quoted(text)}"


def _text(body: bytes) -> str | None:
    """The body as text that survives a terminal and a clipboard; None if it is not such."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # Line breaks and marks that turn the direction around would tear the line apart or hide in it.
    return text if text.isprintable() else None


def _octal(body: bytes) -> str:
    """A format for printf that writes these bytes; three digits each, so that no digit runs on."""
    # A format that begins with - would be an option.
    plain = set(range(0x20, 0x7F)) - set(b"%\\'-")
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in body)


def _quoted(word: str) -> str:
    """One word for a POSIX shell."""
    if _SAFE_WORD.fullmatch(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"
