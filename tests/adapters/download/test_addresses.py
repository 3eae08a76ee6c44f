"""The classifier against the books, with the edges on both sides."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.download.addresses import is_local, is_public
from tests.adapters.download.hostile import FORBIDDEN_ADDRESSES, WRAPPERS

PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255"),
    *("172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0"),
    *("198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0"),
    *("223.255.255.255", "64:ff9c::1", "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00:1450:4001::200e"),
    *("2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2600::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_neighbour_of_a_reserved_network_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_a_reserved_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@given(payload=st.ip_addresses(v=4))
def test_a_wrapper_is_refused_whatever_it_carries(wrap, payload: ipaddress.IPv4Address) -> None:  # noqa: ANN001  # a lambda
    assert not is_public(wrap(payload))


@given(st.ip_addresses())
def test_what_is_public_is_global_unicast(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not any((address.is_multicast, address.is_private, address.is_loopback, address.is_link_local))
        assert address.version == 6 or not address.is_reserved


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433", "8.8.8.8 ", "8.8.8.8/32", "08.8.8.8"])
def test_what_is_no_canonical_address_is_not_public(text: str) -> None:
    assert not is_public(text)


@given(st.text())
def test_no_text_is_both_readable_and_unjudged(text: str) -> None:
    assert is_public(text) in {True, False}
    assert not (is_public(text) and is_local(text))


@pytest.mark.parametrize("zone", ["%lo", "%1", "%25eth0"])
def test_an_address_with_a_zone_is_neither_public_nor_local(zone: str) -> None:
    assert not is_public(f"2606:4700:4700::1111{zone}")
    assert not is_local(f"::1{zone}")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "::1", "fd12::1"])
def test_development_may_reach_this_machine_and_its_network(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "100.100.100.200", "0.0.0.0", "::", "fe80::1", "::ffff:127.0.0.1", "224.0.0.1"],  # noqa: S104  # judged, not bound
)
def test_development_may_not_reach_metadata_or_wrapped_addresses(address: str) -> None:
    assert not is_local(address)
    assert not is_public(address)
