"""What is a name, what is an address, and what is neither."""

import pytest

from app.adapters.download.hosts import is_address, is_name, is_public_name


@pytest.mark.parametrize(
    "host", ["a", "a.com", "xn--bcher-kva.example.org", "a-b.c", "1.com", "0x7f.com", f"{'a' * 63}.com"]
)
def test_a_name_is_letters_digits_and_inner_hyphens(host: str) -> None:
    assert is_name(host)


@pytest.mark.parametrize(
    "host", ["", ".", "a.", ".a", "a..b", "-a.com", "a-.com", "A.com", "a_b.com", "a b", "b\u00fccher.de"]
)
def test_anything_else_is_no_name(host: str) -> None:
    assert not is_name(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0177.1", "0x7f000001", "0x7f.0x1", "a.0x", "a.1"]
)
def test_what_can_be_read_as_a_number_is_no_name(host: str) -> None:
    assert not is_name(host)


@pytest.mark.parametrize("host", [f"{'a' * 64}.com", f"{'a.' * 126}com"], ids=["label", "name"])
def test_a_name_has_the_lengths_of_the_dns(host: str) -> None:
    assert not is_name(host)


@pytest.mark.parametrize(
    "host", ["metadata", "localhost", "a.localhost", "metadata.google.internal", "a.local", "home.arpa"]
)
def test_a_local_name_is_not_public(host: str) -> None:
    assert is_name(host)
    assert not is_public_name(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fd00::1"])
def test_an_address_has_one_spelling(host: str) -> None:
    assert is_address(host)


@pytest.mark.parametrize("host", ["127.1", "127.0.0.01", "::0001", "FD00::1", "fe80::1%lo", "[::1]", "a.com", ""])
def test_no_other_spelling_is_an_address(host: str) -> None:
    assert not is_address(host)
