"""What is secret, and how it is masked: by the name of a header, field or parameter, or by its known value.

Everything that is shown, recorded or logged is masked here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MASK = "***"

Headers = tuple[tuple[str, str], ...]

KNOWN_LENGTH_MIN = 6
"""A shorter value is found in other texts by chance; it is masked only where it was sent."""

# Compiled when something is first shown, and kept by `re`.
_NAME = r"(?i)auth|signature|token|secret|key|cookie|password|session|credential"

_WORD = rf"[\w.-]*(?:{_NAME.removeprefix('(?i)')})[\w.-]*"

_FIELD = rf'(?i)("{_WORD}"\s*:\s*)"(?:[^"\\]|\\.)*"?'

_QUERY = r"(?s)(?<=\?)[^#]+"

_PARAMETER = r"([^&=]*)=[^&]+"

_LOGIN = r"(?<=//)([^/?#]*)@"

_SCHEME = r"(?i)(Basic|Bearer|Digest|Token)\s+(?=\S)"

_GAME_TOKEN = r"(/play/+)[^/\"?]+"

# An amount, or another number of that size, is found in answers by chance, too.
_AMOUNT = r"[+-]?[0-9]{1,9}([.,][0-9]{1,4})?"

_ROUNDS = 200_000
"""How slow it is to try passwords against the digest of a URL."""

_OPEN_HEADERS = frozenset({"user-agent", "cache-control", "pragma", "connection", "date", "expect", "via"})


def is_open(name: str) -> bool:
    """Return whether a header that was configured says nothing worth hiding, such as Accept."""
    lower = name.lower()
    return lower in _OPEN_HEADERS or lower == "accept" or lower.startswith(("accept-", "content-"))


def mask_headers(headers: Headers, secret: Iterable[str] = ()) -> Headers:
    """Return the headers with `***` for what gives access, by their names, and for those named `secret`."""
    named = {name.lower() for name in secret if not is_open(name)}
    return tuple(
        (name, mask_value(value) if name.lower() in named or re.search(_NAME, name) else value)
        for name, value in headers
    )


def mask_value(value: str) -> str:
    """Return `***` for a header's value, after its scheme if it has one; an empty value hides nothing."""
    scheme = re.match(_SCHEME, value)
    return f"{scheme[1]} {MASK}" if scheme else MASK if value else ""


def mask_url(url: str) -> str:
    """Return the URL with `***` for a login in it, and for each value in its query."""
    masked = re.sub(_LOGIN, f"{MASK}@", url)
    return re.sub(_QUERY, lambda query: re.sub(_PARAMETER, rf"\1={MASK}", query[0]), masked)


def digest_url(url: str) -> str:
    """Return the URL without its secrets, and with a digest of it all if it has any."""
    masked = mask_url(url)
    if masked == url:
        return url
    # Imported here because few URLs hold a secret.
    import hashlib

    digest = hashlib.pbkdf2_hmac("sha256", url.encode(), masked.encode(), _ROUNDS)
    return f"{masked} {digest.hex()}"


def mask_fields(text: str) -> str:
    """Return JSON text with `***` for the values of fields whose names say that they are secret."""
    return re.sub(_FIELD, rf'\1"{MASK}"', text)


def mask_parameters(parameters: Headers) -> Headers:
    """Return the parameters of a query with `***` for the values that their names say are secret."""
    return tuple((name, MASK if value and re.search(_NAME, name) else value) for name, value in parameters)


def mask_game_urls(text: str) -> str:
    """Return a text with `***` for the token in each game URL or its path, which lets anyone play."""
    return re.sub(_GAME_TOKEN, rf"\1{MASK}", text)


def mask_known(text: str, *known: Secrets) -> str:
    """Return the text with `***` for every value that any of these know."""
    for secrets in known:
        text = secrets.text(text)
    return text


class Secrets:
    """The secret values that are known, which are masked wherever a text repeats them.

    They are the values of `headers`, the logins and queries of `urls`, and other `texts`; each as it is, and
    as JSON, HTML and a URL write it. Shorter ones than `length_min`, and plain amounts, are not among them.
    `any_known` is false if there is nothing to mask.
    """

    def __init__(
        self,
        *,
        headers: Headers = (),
        urls: Iterable[str] = (),
        texts: Iterable[str] = (),
        length_min: int = KNOWN_LENGTH_MIN,
    ) -> None:
        known = set(texts)
        for name, value in headers:
            if not is_open(name):
                known.update(_of_header(value))
        for url in urls:
            known.update(_of_url(url))
        kept = {text for text in known if len(text) >= length_min and re.fullmatch(_AMOUNT, text) is None}
        self._names = frozenset(name.lower() for name, _ in headers if not is_open(name))
        forms = sorted({form for text in kept for form in _forms(text)}, key=len, reverse=True)
        # Most runs have no secret, and compile nothing.
        self._pattern = re.compile("|".join(map(re.escape, forms))) if forms else None
        self.any_known = bool(forms or self._names)
        spelled = sorted({spelling for form in forms for spelling in _bytes(form)}, key=len, reverse=True)
        self._in_bytes = re.compile(b"|".join(map(re.escape, spelled))) if spelled else None

    def text(self, text: str) -> str:
        """Return the text with `***` for every known value."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def body(self, body: bytes) -> bytes:
        """Return a body with `***` for every known value."""
        return body if self._in_bytes is None else self._in_bytes.sub(MASK.encode(), body)

    def are_in(self, body: bytes) -> bool:
        """Return whether a body holds a known value."""
        return self._in_bytes is not None and self._in_bytes.search(body) is not None

    def are_among(self, headers: Headers) -> bool:
        """Return whether a header may hold a secret, by its name or its value."""
        text = "\n".join([f"{name}\n{value}" for name, value in headers])
        if re.search(_NAME, text) or (self._pattern is not None and self._pattern.search(text)):
            return True
        return any(name.lower() in self._names for name, _ in headers)

    def headers(self, headers: Headers) -> Headers:
        """Return headers with `***` for known values, for those of a configured name, and by their names."""
        return tuple((name, self.text(value)) for name, value in mask_headers(headers, self._names))


NO_SECRETS = Secrets()


def _of_header(value: str) -> Iterator[str]:
    """Yield the part after the scheme, what that encodes, and a value as a whole if that part is short."""
    credentials = re.sub(_SCHEME, "", value)
    yield credentials if len(credentials) >= KNOWN_LENGTH_MIN else value
    if re.match(r"(?i)basic\s", value):
        yield from _of_login(_decoded(credentials))


def _of_url(url: str) -> Iterator[str]:
    """Yield login and query values of a URL, as they are written and as they are meant."""
    # Most settings have neither.
    from urllib.parse import unquote, unquote_plus

    for login in re.findall(_LOGIN, url):
        yield from _of_login(login)
        yield from _of_login(unquote(login))
    for query in re.findall(_QUERY, url):
        for parameter in query.split("&"):
            value = parameter.partition("=")[2] or parameter
            yield from (value, unquote_plus(value))


def _of_login(login: str) -> Iterator[str]:
    """Yield `user:password`, and the password."""
    yield login
    yield login.partition(":")[2]


def _decoded(text: str) -> str:
    # As above.
    from base64 import b64decode

    try:
        return b64decode(text, validate=True).decode("utf-8")
    except ValueError:
        return ""


def _forms(text: str) -> Iterator[str]:
    """Yield a value as it is, and as JSON, HTML and a URL write it."""
    # As above.
    import html
    import json
    from urllib.parse import quote, quote_plus

    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    # PHP escapes slashes in JSON.
    yield json.dumps(text)[1:-1].replace("/", "\\/")
    yield html.escape(text)
    yield quote(text, safe="")
    yield quote_plus(text)


def _bytes(text: str) -> Iterator[bytes]:
    """Yield a value in the encodings in which it may be sent and answered."""
    yield text.encode("utf-8", "surrogateescape")
    try:
        yield text.encode("latin-1")
    except UnicodeEncodeError:
        return
