"""What in quarantine is of no use to anybody, and which clock may say that something is old."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageSource, ImageStatus
from app.domain.upkeep import QUARANTINE_LIFE, SetAside, is_clock_trusted, is_disposable

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


def an_entry(age: timedelta) -> SetAside:
    return SetAside(name="ana/one.png.n1", key="ana/one.png", size=1, since=NOW - age)


def an_image(status: ImageStatus) -> Image:
    return Image(
        user=UserId("ana"),
        id=ImageId("one"),
        url_extension="png",
        status=status,
        source=ImageSource.IMPORTED,
        created_at=NOW,
    )


def test_what_was_deleted_goes_at_once() -> None:
    assert is_disposable(an_entry(timedelta()), an_image(ImageStatus.DELETED), now=NOW)


def test_what_lies_in_the_store_as_well_goes_in_time() -> None:
    image = an_image(ImageStatus.STORED)
    assert not is_disposable(an_entry(QUARANTINE_LIFE), image, now=NOW)
    assert is_disposable(an_entry(QUARANTINE_LIFE + INSTANT), image, now=NOW)


@pytest.mark.parametrize("status", [ImageStatus.LOST, ImageStatus.REJECTED, ImageStatus.CAPTURING], ids=str)
def test_what_may_be_the_only_copy_stays(status: ImageStatus) -> None:
    assert not is_disposable(an_entry(9999 * DAY), an_image(status), now=NOW)


def test_what_no_row_explains_stays() -> None:
    assert not is_disposable(an_entry(9999 * DAY), None, now=NOW)


@pytest.mark.parametrize(
    ("seen", "is_trusted"),
    [
        (Sighting(NOW, is_suspect=False), True),
        (Sighting(NOW - 2 * DAY, is_suspect=False), True),
        (Sighting(NOW - 2 * DAY - INSTANT, is_suspect=False), False),
        (Sighting(NOW + DAY, is_suspect=False), False),
        (Sighting(NOW, is_suspect=True), False),
        (None, False),
    ],
    ids=["now", "lately", "long ago", "in the future", "suspect", "never"],
)
def test_a_clock_is_trusted_while_a_sweep_has_lately_believed_it(seen: Sighting | None, *, is_trusted: bool) -> None:
    assert is_clock_trusted(seen, now=NOW, max_gap=2 * DAY) == is_trusted
