"""What a URL asks for: the original, or which rendering of it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.ids import ImageId, UserId
from app.domain.images import CONTENT_TYPES, Image, ImageFacts, ImageSource, ImageStatus
from app.domain.variants import TARGETS, Rendering, Wanted, find_rendering

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def an_image(extension: str = "png", *, url: str = "png", width: int = 1000) -> Image:
    facts = ImageFacts(
        content_type=CONTENT_TYPES[extension],
        extension=extension,
        width=width,
        height=500,
        frames=1,
        thumbhash="",
    )
    return Image(
        user=UserId("ana"),
        id=ImageId("pic"),
        url_extension=url,
        status=ImageStatus.STORED,
        source=ImageSource.IMPORTED,
        created_at=NOW,
        facts=facts,
    )


@pytest.mark.parametrize(
    ("true", "url", "asked"),
    [
        ("png", "png", None),
        ("png", "png", "png"),
        ("webp", "png", "png"),
        ("webp", "png", "webp"),
        ("jpg", "png", "jpeg"),
        ("jpg", "jpeg", "jpg"),
        ("webp", "jpeg", "jpeg"),
        ("gif", "png", "gif"),
        ("png", "gif", "gif"),
        ("avif", "png", None),
    ],
)
@pytest.mark.parametrize("width", [None, 1000, 1080])
def test_the_original_is_what_is_asked_for(true: str, url: str, asked: str | None, width: int | None) -> None:
    assert find_rendering(an_image(true, url=url), Wanted(extension=asked, width=width)) is None


@pytest.mark.parametrize(
    ("true", "asked", "made"),
    [("png", "webp", "webp"), ("png", "jpeg", "jpg"), ("gif", "webp", "webp"), ("jpg", "avif", "avif")],
)
@pytest.mark.parametrize(("width", "narrowed"), [(None, None), (320, 320), (1000, None), (1080, None)])
def test_another_format_is_made_never_wider_than_the_original(
    true: str, asked: str, made: str, width: int | None, narrowed: int | None
) -> None:
    found = find_rendering(an_image(true), Wanted(extension=asked, width=width))
    assert found == Rendering(extension=made, width=narrowed)


@pytest.mark.parametrize(
    ("true", "url", "asked", "made"),
    [
        ("png", "png", None, "png"),
        ("webp", "png", "png", "webp"),
        ("jpg", "jpeg", "jpeg", "jpg"),
        ("avif", "png", None, "avif"),
        ("gif", "gif", "gif", "webp"),
        ("gif", "gif", None, "webp"),
    ],
)
def test_a_width_alone_keeps_the_format_if_it_can_be_made(true: str, url: str, asked: str | None, made: str) -> None:
    found = find_rendering(an_image(true, url=url), Wanted(extension=asked, width=320))
    assert found == Rendering(extension=made, width=320)


def test_the_extension_of_the_url_is_the_original_even_where_it_is_a_format_of_renderings() -> None:
    image = an_image("webp", url="png")
    assert find_rendering(image, Wanted(extension="png")) is None
    assert find_rendering(image, Wanted(extension="jpg")) == Rendering(extension="jpg")


@pytest.mark.parametrize("width", [None, 320])
def test_nothing_is_converted_to_gif(width: int | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        find_rendering(an_image("png"), Wanted(extension="gif", width=width))
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("rendering", "size", "made"),
    [
        (Rendering(extension="png"), (1000, 500), (1000, 500)),
        (Rendering(extension="png", width=320), (1000, 500), (320, 160)),
        (Rendering(extension="png", width=320), (320, 500), (320, 500)),
        (Rendering(extension="png", width=320), (100, 500), (100, 500)),
        (Rendering(extension="png", width=160), (1000, 1), (160, 1)),
        (Rendering(extension="webp"), (16_384, 8), (16_383, 8)),
        (Rendering(extension="webp"), (8, 16_384), (8, 16_383)),
        (Rendering(extension="avif"), (16_384, 8), (16_384, 8)),
    ],
)
def test_sizes_are_in_proportion(rendering: Rendering, size: tuple[int, int], made: tuple[int, int]) -> None:
    assert rendering.size(*size) == made


@given(
    extension=st.sampled_from(sorted(TARGETS)),
    wanted=st.none() | st.integers(1, 4000),
    width=st.integers(1, 16_384),
    height=st.integers(1, 16_384),
)
def test_nothing_is_ever_enlarged_or_distorted(extension: str, wanted: int | None, width: int, height: int) -> None:
    across, down = Rendering(extension=extension, width=wanted).size(width, height)
    assert 1 <= across <= min(width, wanted or width)
    assert 1 <= down <= height
    assert abs(across * height - down * width) <= max(width, height)
