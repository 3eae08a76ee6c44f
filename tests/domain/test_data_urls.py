"""Data URLs, read without a network."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import data_urls
from app.domain.data_urls import NotBase64, parse, should_use_url
from app.domain.errors import SourceRejected
from app.domain.images import CONTENT_TYPES


def a_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@given(content=st.binary(min_size=1, max_size=300), kind=st.sampled_from(sorted(set(CONTENT_TYPES.values()))))
def test_its_head_and_its_length_say_what_it_is(content: bytes, kind: str) -> None:
    found = parse(a_url(content, kind))

    assert (found.content_type, found.size) == (kind, len(content))
    assert b"".join(data_urls._slices(found.text, found.start)) == content


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(SourceRejected):
        parse(text)


@given(st.text("AQgw+/=-_ \n%\u00e9", min_size=1, max_size=12))
def test_what_is_accepted_is_strict_base64(payload: str) -> None:
    try:
        decoded = b"".join(data_urls._slices(payload, 0))
    except NotBase64:
        return
    assert base64.b64encode(decoded).decode() == payload or decoded == base64.b64decode(payload, validate=True)


@given(content=st.binary(min_size=1, max_size=300), kind=st.sampled_from(["", "audio/wav", "text/plain;a=b", "x"]))
def test_any_type_is_found_by_its_head(content: bytes, kind: str) -> None:
    found = data_urls.find(f" \n{a_url(content, kind)}\t")

    assert found is not None
    assert (found.content_type, found.size) == (kind.partition(";")[0] if "/" in kind else "", len(content))
    assert b"".join(data_urls._slices(found.text, found.start)) == content


@given(st.text(max_size=80) | st.text(";base64,/ a=", max_size=40).map("data:".__add__))
def test_what_is_found_says_base64(text: str) -> None:
    found = data_urls.find(text)
    assert found is None or found.text[: found.start].lower().rstrip(" ,").endswith("base64")


@pytest.mark.parametrize(("size", "is_large"), [(1, False), (256 * 1024, False), (256 * 1024 + 1, True), (10**6, True)])
def test_more_than_256_kib_are_worth_a_url(size: int, *, is_large: bool) -> None:
    assert should_use_url(a_url(bytes(size))) is is_large
    assert should_use_url(a_url(bytes(size)).replace("data:", "DATA:")) is is_large


@pytest.mark.parametrize("text", ["", "https://example.com/" + "a" * 10**6, "x" * 10**6, "data"])
def test_what_is_no_data_url_stays_as_it_is(text: str) -> None:
    assert should_use_url(text) is False
