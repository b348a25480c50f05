"""The two lists: as documented, prebuilt, compressed for who takes it, and not sent twice."""

from __future__ import annotations

import gzip
import json

import pytest

from api_client import Api, error_of
from simulator.serve.api.prebuilt import accepts_gzip

PROVIDERS, GAMES = "/api/games/provider", "/api/games/all"


@pytest.fixture(scope="module")
def api() -> Api:
    return Api(games=300)


@pytest.fixture(scope="module")
def token(api: Api) -> str:
    return api.token()


def test_providers_are_listed_as_documented(api: Api, token: str) -> None:
    """Compact JSON that begins with the reference's example; ids are numbers."""
    reply = api.get(PROVIDERS, token)
    assert reply.status_code == 200
    assert reply.content_type == "application/json"
    assert reply.data.startswith(
        b'{"status":true,"data":[{"id":1,"name":"Pragmatic Play","slug":"pragmatic"},'
    )
    data = reply.get_json()["data"]
    assert len(data) >= 23
    assert all(type(each["id"]) is int for each in data)


def test_games_are_listed_as_documented(api: Api, token: str) -> None:
    """As many as --games asks for, beginning with the reference's example; each provider is listed."""
    reply = api.get(GAMES, token)
    assert reply.data.startswith(
        b'{"status":true,"data":[{"id":"SLOT_001","name":"Gates of Olympus","provider":"pragmatic"},'
    )
    data = reply.get_json()["data"]
    assert len(data) == 300
    slugs = {each["slug"] for each in api.get(PROVIDERS, token).get_json()["data"]}
    assert {each["provider"] for each in data} <= slugs


def test_the_same_seed_answers_the_same_bytes() -> None:
    """Two servers, one seed: not a byte differs; another seed differs."""
    bodies = [Api(games=300, seed=seed) for seed in (5, 5, 6)]
    one, same, other = (each.get(GAMES).data for each in bodies)
    assert one == same
    assert one != other


@pytest.mark.parametrize("path", [PROVIDERS, GAMES])
def test_gzip_is_for_who_takes_it(api: Api, token: str, path: str) -> None:
    """The compressed body is the plain one; caches are told that both exist."""
    plain = api.get(path, token)
    zipped = api.get(path, token, **{"Accept-Encoding": "gzip, deflate, br"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert len(zipped.data) < len(plain.data)
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != zipped.headers["ETag"]


@pytest.mark.parametrize("path", [PROVIDERS, GAMES])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_unchanged_list_is_not_sent_again(api: Api, token: str, path: str, encoding: str) -> None:
    """If-None-Match with the tag that was answered is 304 without a body, in every way it is written."""
    first = api.get(path, token, **{"Accept-Encoding": encoding})
    tag = first.headers["ETag"]
    for held in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = api.get(path, token, **{"Accept-Encoding": encoding, "If-None-Match": held})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == tag
        assert "Content-Encoding" not in again.headers
    assert api.get(path, token, **{"If-None-Match": '"x"'}).status_code == 200
    whole = api.get(path, token, **{"If-None-Match": "junk", "Accept-Encoding": encoding})
    assert (whole.status_code, dict(whole.headers), whole.data) == (200, dict(first.headers), first.data)


@pytest.mark.parametrize("path", [PROVIDERS, GAMES])
def test_a_held_list_is_no_way_around_the_token(api: Api, path: str) -> None:
    """304 is an answer too: without a token it is 401."""
    assert error_of(api.client.get(path, headers={"If-None-Match": "*"})) == (401, "AUTHORIZATION_MISSING")


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, identity", False),
        ("gzipped", False),
        ("deflate, br", False),
        (",,;;", False),
    ],
)
def test_who_takes_gzip(header: str, takes: bool) -> None:
    """Named and not refused."""
    assert accepts_gzip(header) is takes


@pytest.mark.parametrize("path", [PROVIDERS, GAMES, "/openapi.json", "/healthz", "/readyz"])
def test_head_answers_the_head_alone(api: Api, token: str, path: str) -> None:
    """HEAD says how long the body would be and sends none."""
    whole = api.get(path, token)
    head = api.client.head(path, headers={"Authorization": f"Bearer {token}"})
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.data))


def test_extra_parameters_of_a_list_are_ignored(api: Api, token: str) -> None:
    """Clients send currencies and pages that nobody documented."""
    reply = api.get(f"{GAMES}?currency=TRY&page=2&page=3&x=%ff", token)
    assert len(json.loads(reply.data)["data"]) == 300
