"""The guard: nothing but loopback and private networks is called unasked, and what is checked is called."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import EndpointUnreachable, UsageError
from simulator.wire.target import LOCAL_NETWORKS, Resolve, admit, make_target, parse_endpoint, parse_proxy

_URLISH = st.text("abx019.:/@[]%#?\\-_ü~ ", max_size=40)


def leading_to(*addresses: str) -> Resolve:
    """A name server that knows one answer."""

    def resolve(host: str, port: int) -> Sequence[str]:  # noqa: ARG001 - every name leads there
        return addresses

    return resolve


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("http://127.0.0.1:9000/betrontech_api", "http://127.0.0.1:9000/betrontech_api"),
        ("HTTP://LocalHost:80/A", "http://localhost/A"),
        ("https://localhost:443", "https://localhost/"),
        ("http://localhost?a=1", "http://localhost/?a=1"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("http://wallet.localhost./", "http://wallet.localhost/"),
        ("http://bücher.localhost/ä?x=ü", "http://xn--bcher-kva.localhost/%C3%A4?x=%C3%BC"),
        ("http://straße.localhost/", "http://xn--strae-oqa.localhost/"),
        ("http://a_b.localhost/", "http://a_b.localhost/"),
    ],
)
def test_a_good_url_is_called_as_it_reads(url: str, called: str) -> None:
    assert make_target(url).url == called


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("localhost:9000/x", "did you mean http://localhost:9000/x?"),
        ("127.0.0.1:9000", "did you mean http://127.0.0.1:9000?"),
        ("ftp://localhost/", "expected http://"),
        ("http:/localhost/", "expected http://"),
        ("http://", "no host"),
        ("", "expected http://"),
        ("http://localhost:99999/", "up to 65535"),
        ("http://localhost:0/", "port 0"),
        ("http://localhost:80:90/", "cannot be read"),
        ("http://localhost/#top", "what follows # is never sent"),
        ("http://local host/", "no spaces"),
        ("http://localhost/\r\nX: y", "no line breaks"),
        ("http://[::1/", "cannot be read"),
        ("http://a..b/", "not a host name"),
        ("http://-/", "not a host name"),
        ("http://2130706433/", "write the address 2130706433 as 127.0.0.1"),
        ("http://0177.0.0.1/", "as 127.0.0.1"),
        ("http://0x7f.1/", "as 127.0.0.1"),
        ("http://127.1/", "as 127.0.0.1"),
        ("http://0.0.0.0:9000/", "write 127.0.0.1 for this machine"),
        ("http://[::]:9000/", r"write [::1] for this machine"),
        ("http://[fe80::1%25eth0]/", "zone"),
    ],
)
def test_a_bad_url_is_told_what_is_wrong_with_it(url: str, word: str) -> None:
    with pytest.raises(UsageError) as raised:
        make_target(url)
    assert word in str(raised.value)


def test_a_password_in_the_url_is_refused_without_being_repeated() -> None:
    with pytest.raises(UsageError) as raised:
        make_target("http://user:hunter2@localhost/")
    assert "hunter2" not in str(raised.value)
    assert "--header" in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.65.254",
        "100.64.0.1",
        "fd12::1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
    ],
)
def test_loopback_and_private_addresses_need_no_leave(address: str) -> None:
    endpoint = parse_endpoint("http://wallet.test/")
    assert admit(endpoint, resolve=leading_to(address)) == (address,)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
)
def test_any_other_address_needs_the_name_to_be_allowed(address: str) -> None:
    endpoint = parse_endpoint("http://wallet.test/")
    with pytest.raises(UsageError, match=r"neither loopback nor private.*--allow-host wallet\.test"):
        admit(endpoint, ["other.test"], resolve=leading_to(address))
    assert admit(endpoint, ["WALLET.test."], resolve=leading_to(address)) == (address,)


def test_one_foreign_address_among_private_ones_is_enough_to_refuse() -> None:
    with pytest.raises(UsageError, match=r"8\.8\.8\.8"):
        admit(parse_endpoint("http://wallet.test/"), resolve=leading_to("10.0.0.1", "8.8.8.8"))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
        "fe80::a9fe:a9fe%eth0",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_a_clouds_metadata_address_is_refused_even_behind_an_allowed_name(address: str) -> None:
    with pytest.raises(UsageError, match="credentials"):
        admit(parse_endpoint("http://wallet.test/"), ["wallet.test"], resolve=leading_to(address))


def test_link_local_ipv4_needs_leave_although_python_calls_it_private() -> None:
    with pytest.raises(UsageError, match="--allow-host"):
        make_target("http://169.254.1.1/")
    assert make_target("http://169.254.1.1/", allow_hosts=["169.254.1.1"]).addresses == ("169.254.1.1",)


def test_localhost_is_loopback_whatever_a_name_server_says() -> None:
    endpoint = parse_endpoint("http://wallet.localhost/")
    assert admit(endpoint, resolve=leading_to("8.8.8.8")) == ("127.0.0.1", "::1")


def test_a_name_that_does_not_resolve_is_unreachable_and_says_what_to_check() -> None:
    def fails(host: str, port: int) -> Sequence[str]:  # noqa: ARG001 - no name leads anywhere
        raise OSError(-2, "Name or service not known")

    hints = {"host.docker.internal": "host-gateway", "wallet": "container", "wallet.test": "name server"}
    for host, hint in hints.items():
        with pytest.raises(EndpointUnreachable, match=f"{host} does not resolve.*{hint}"):
            admit(parse_endpoint(f"http://{host}/"), resolve=fails)


@given(st.ip_addresses())
def test_what_is_called_unasked_lies_in_a_listed_network_and_nothing_else(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    plain = getattr(address, "ipv4_mapped", None) or address
    try:
        admit(parse_endpoint("http://wallet.test/"), resolve=leading_to(str(address)))
    except UsageError:
        admitted = False
    else:
        admitted = True
    if admitted:
        assert any(plain in network for network in LOCAL_NETWORKS)
        assert str(plain) not in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")


@given(st.text(max_size=40) | st.builds("http://{}".format, _URLISH))
def test_no_text_at_all_makes_anything_but_an_endpoint_or_an_error_for_the_user(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except UsageError:
        return
    assert endpoint.url.isascii()
    assert parse_endpoint(endpoint.url) == endpoint


@pytest.mark.parametrize(
    ("text", "place"),
    [("localhost:3128", "localhost:3128"), ("http://u:p@[::1]:8", "::1:8"), ("h", "h:8080")],
)
def test_a_proxy_reads_with_or_without_its_scheme(text: str, place: str) -> None:
    assert parse_proxy(text).place == place


@pytest.mark.parametrize("text", ["socks5://h:1", "https://h", ":80", "http://h:99999", "", "u:p@"])
def test_a_proxy_that_cannot_be_used_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="proxy"):
        parse_proxy(text)
