"""Identifiers: what is one, what is not, and that none of them leads anywhere but to its place."""

import string
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.ids import GenerationId, IdFactory, ImageId, UserId, ulid
from app.domain.images import blob_key

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
IMAGE_LETTERS = string.ascii_letters + string.digits + "_-"
USER_LETTERS = IMAGE_LETTERS + ".@+=~"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

image_ids = st.text(IMAGE_LETTERS, min_size=1, max_size=128)
user_ids = st.text(USER_LETTERS, min_size=1, max_size=128).filter(lambda text: not text.startswith("."))
times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (the zone is beside)
entropies = st.binary(min_size=10, max_size=10)


@given(image_ids)
def test_an_image_id_is_what_it_was_parsed_from(text: str) -> None:
    assert str(ImageId.parse(text)) == text


@given(user_ids)
def test_a_user_id_is_what_it_was_parsed_from(text: str) -> None:
    assert str(UserId.parse(text)) == text


@pytest.mark.parametrize("text", ["_a1b2c3", "001234.abcdef0123.0987", "a@b.example", "a+b=c~d-e", "x" * 128])
def test_the_ids_of_apple_and_of_mail_are_user_ids(text: str) -> None:
    assert UserId.parse(text).value == text


STRANGE = ["", "x" * 129, "a/b", "a\\b", "a b", "a\n", "\na", "a\x00", "ä", "a%2fb", "\u0661", "\ud800", "a:b", "a?b"]


@pytest.mark.parametrize("text", [*STRANGE, "a.b", "a@b"], ids=repr)
def test_what_is_no_image_id_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ImageId.parse(text)
    assert refused.value.field == "image_id"


@pytest.mark.parametrize("text", [*STRANGE, ".", "..", ".hidden", ".staging", "./a"], ids=repr)
def test_what_is_no_user_id_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        UserId.parse(text)
    assert refused.value.field == "user_id"


@pytest.mark.parametrize(
    "text",
    ["", "gen_", "gen_" + "0" * 25, "gen_" + "0" * 27, "GEN_" + "0" * 26, "gen_" + "A" * 26, "gen_" + "u" * 26]
    + [f"gen_{'0' * 25}{letter}" for letter in "ilouILOU\n"],
    ids=repr,
)
def test_what_is_no_generation_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        GenerationId.parse(text)


@given(st.text())
def test_any_text_is_an_id_or_a_refusal(text: str) -> None:
    for kind in (ImageId, UserId, GenerationId):
        try:
            assert str(kind.parse(text)) == text
        except InvalidInput:
            continue


@given(user_ids, image_ids, st.sampled_from(["png", "jpg", "webp"]))
def test_a_key_stays_in_its_owners_folder(user: str, image: str, extension: str) -> None:
    key = blob_key(UserId.parse(user), ImageId.parse(image), extension)

    assert PurePosixPath(key).parts == (user, f"{image}.{extension}")
    assert PurePosixPath("/data/images", key).is_relative_to(f"/data/images/{user}")
    assert max(len(part) for part in PurePosixPath(key).parts) < 255


@given(user_ids, user_ids, image_ids, image_ids)
def test_different_images_have_different_keys(user: str, other: str, image: str, another: str) -> None:
    one = blob_key(UserId.parse(user), ImageId.parse(image), "png")
    two = blob_key(UserId.parse(other), ImageId.parse(another), "png")

    assert (one == two) == ((user, image) == (other, another))


@given(image_ids)
def test_an_image_id_needs_no_quoting_in_a_url(text: str) -> None:
    assert quote(text, safe="") == text


@given(times, entropies)
def test_a_ulid_is_its_time_and_its_entropy(at: datetime, entropy: bytes) -> None:
    number = 0
    for letter in ulid(at, entropy):
        number = number * 32 + CROCKFORD.index(letter)

    assert len(ulid(at, entropy)) == 26
    assert number.to_bytes(16, "big")[6:] == entropy
    assert number >> 80 == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(times, times, entropies, entropies)
def test_ulids_are_ordered_by_time(one: datetime, two: datetime, entropy: bytes, other: bytes) -> None:
    if two - one >= timedelta(milliseconds=1):
        assert ulid(one, entropy) < ulid(two, other)


def test_a_ulid_is_spelled_as_its_specification_spells_it() -> None:
    at = datetime.fromtimestamp(1469918176.385, UTC)

    assert ulid(at, b"\x00" * 10)[:10] == "01aryz6s41"
    assert ulid(datetime(1970, 1, 1, tzinfo=UTC), b"\xff" * 10) == "0" * 10 + "z" * 16


def test_new_ids_parse_and_come_from_the_clock_and_the_entropy_given() -> None:
    ids = IdFactory(clock=lambda: NOW, entropy=lambda count: b"\x01" * count)

    image, generation = ids.image(), ids.generation()

    assert ImageId.parse(image.value) == image
    assert image.value == f"img_{ulid(NOW, bytes([1]) * 10)}"
    assert GenerationId.parse(generation.value) == generation
    assert ids.token() == "01" * 16


def test_ids_of_different_entropy_differ() -> None:
    drawn = iter(range(1, 1000))
    ids = IdFactory(clock=lambda: NOW, entropy=lambda count: next(drawn).to_bytes(count, "big"))

    assert len({ids.image() for _ in range(500)}) == 500
