"""What the encoders say when they fail, and what it means: never that the picture is damaged."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from app.adapters.imaging.encoding import save
from app.domain.errors import SourceRejected


class Unwilling(Image.Image):
    """A picture whose encoder fails with *failure*."""

    failure: Exception

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:  # noqa: A002 - Pillow's own name
        raise self.failure


def unwilling(failure: Exception) -> Image.Image:
    picture = Unwilling()
    picture.failure = failure
    return picture


@pytest.mark.parametrize(
    ("failure", "extension"),
    [(ValueError("encoding error 1"), "webp"), (RuntimeError("Failed to encode image: Out of memory"), "avif")],
    ids=["webp", "avif"],
)
def test_an_encoder_without_memory_says_no_more_than_that(failure: Exception, extension: str) -> None:
    with pytest.raises(MemoryError):
        save(unwilling(failure), extension)


@pytest.mark.parametrize(
    ("said", "reason"),
    [("encoding error 6", "too_many_pixels"), ("encoding error 4", "encoder_failed")],
    ids=["more than the format holds", "a mistake"],
)
def test_what_an_encoder_refuses_is_no_damage(said: str, reason: str) -> None:
    with pytest.raises(SourceRejected) as caught:
        save(unwilling(ValueError(said)), "webp")
    assert caught.value.reason == reason


def test_a_side_no_webp_can_have_is_refused_by_its_encoder() -> None:
    with pytest.raises(SourceRejected) as caught:
        save(Image.new("RGB", (16_384, 1)), "webp")
    assert caught.value.reason == "encoder_failed"


def test_a_picture_keeps_nothing_but_pixels() -> None:
    picture = Image.new("RGB", (4, 3))
    picture.info["comment"] = b"told"
    assert Image.open(BytesIO(save(picture, "jpg"))).info.get("comment") is None
