"""Signed links: good for one image of one owner until one moment, and not when any part is changed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Unauthorized
from app.domain.ids import ImageId, UserId
from app.services.signing import LinkSigner
from devkit.clock import FakeClock

ANA, ONE = UserId("ana"), ImageId("one")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD, NEW = b"an old key", b"a new key"


def signer_of(*keys: bytes, clock: FakeClock | None = None) -> LinkSigner:
    return LinkSigner(keys=keys, clock=clock or FakeClock(NOW))


def signed(signer: LinkSigner, *, user: UserId = ANA, image: ImageId = ONE) -> tuple[str, str]:
    expires, signature = signer.sign(user, image, expires_in=HOUR)
    return str(int(expires.timestamp())), signature


def test_a_link_is_good_until_it_expires() -> None:
    clock = FakeClock(NOW)
    signer = signer_of(NEW, clock=clock)
    expires, signature = signed(signer)

    assert signer.verify(ANA, ONE, expires=expires, signature=signature) == HOUR
    clock.advance(3599)
    assert signer.verify(ANA, ONE, expires=expires, signature=signature) == timedelta(seconds=1)
    clock.advance(1)
    with pytest.raises(Unauthorized, match="expired"):
        signer.verify(ANA, ONE, expires=expires, signature=signature)


def test_an_expiry_is_in_whole_seconds_and_never_later_than_asked() -> None:
    expires, _ = signer_of(NEW, clock=FakeClock(NOW.replace(microsecond=999_999))).sign(ANA, ONE, expires_in=HOUR)

    assert expires == NOW + HOUR


def test_keys_rotate_without_breaking_links() -> None:
    expires, old = signed(signer_of(OLD))
    between = signer_of(NEW, OLD)
    _, new = signed(between)

    assert between.verify(ANA, ONE, expires=expires, signature=old) == HOUR
    assert signer_of(NEW).verify(ANA, ONE, expires=expires, signature=new) == HOUR
    with pytest.raises(Unauthorized):
        signer_of(NEW).verify(ANA, ONE, expires=expires, signature=old)


@pytest.mark.parametrize(
    ("user", "image"),
    [("bob", "one"), ("ana", "two"), ("ANA", "one"), ("ana", "ONE"), ("an", "aone")],
    ids=["owner", "image", "case of the owner", "case of the image", "another border"],
)
def test_a_link_is_good_for_one_image_of_one_owner(user: str, image: str) -> None:
    signer = signer_of(NEW)
    expires, signature = signed(signer)

    with pytest.raises(Unauthorized):
        signer.verify(UserId(user), ImageId(image), expires=expires, signature=signature)


def test_a_link_cannot_be_made_to_live_longer() -> None:
    signer = signer_of(NEW)
    expires, signature = signed(signer)

    with pytest.raises(Unauthorized):
        signer.verify(ANA, ONE, expires=str(int(expires) + 1), signature=signature)


@pytest.mark.parametrize(
    "expires", ["", "soon", "-1", "+1", "1e9", "1 ", "\u0661\u0662", "²", "0x10", "9" * 13, "9" * 5000], ids=ascii
)
def test_an_expiry_that_is_no_time_is_refused(expires: str) -> None:
    signer = signer_of(NEW)
    _, signature = signed(signer)

    with pytest.raises(Unauthorized):
        signer.verify(ANA, ONE, expires=expires, signature=signature)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", "\udcff", "\x00", "f" * 10_000], ids=ascii)
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    signer = signer_of(NEW, OLD)
    expires, _ = signed(signer)

    with pytest.raises(Unauthorized):
        signer.verify(ANA, ONE, expires=expires, signature=signature)


@given(st.integers(0, 63), st.sampled_from("0123456789abcdefABCDEF"))
def test_a_signature_with_any_letter_changed_is_refused(place: int, letter: str) -> None:
    signer = signer_of(NEW)
    expires, signature = signed(signer)
    changed = signature[:place] + letter + signature[place + 1 :]

    if changed == signature:
        return
    with pytest.raises(Unauthorized):
        signer.verify(ANA, ONE, expires=expires, signature=changed)


def test_a_forged_link_is_called_forged_even_if_it_has_expired() -> None:
    with pytest.raises(Unauthorized, match="not valid"):
        signer_of(NEW).verify(ANA, ONE, expires="1", signature="0" * 64)
