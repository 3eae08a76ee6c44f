"""ThumbHash, held to hashes from the published reference algorithm and to what a reader gets out of one."""

import time

import pytest

from app.adapters.imaging.thumbhash import thumbhash


def even(width: int, height: int, colour: tuple[int, int, int, int]) -> bytes:
    return bytes(colour) * (width * height)


def pattern(width: int, height: int, *, is_opaque: bool) -> bytes:
    return bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (
            x * 255 // (width - 1),
            y * 255 // (height - 1),
            x * y % 256,
            255 if is_opaque else 255 - (x * x + 7 * y) % 200,
        )
    )


def average(code: bytes) -> tuple[float, float, float, float]:
    """Read the average colour back, as a client does."""
    head = int.from_bytes(code[:3], "little")
    light = (head & 63) / 63
    yellow = (head >> 6 & 63) / 31.5 - 1
    red = (head >> 12 & 63) / 31.5 - 1
    b = light - 2 / 3 * yellow
    r = (3 * light - b + red) / 2
    alpha = (code[5] & 15) / 15 if head >> 23 else 1.0
    return r, r - red, b, alpha


@pytest.mark.parametrize(
    ("width", "height", "is_opaque", "expected"),
    [
        pytest.param(40, 30, True, "9d080e1d9a6076777087887688688887e0a00ef878", id="landscape"),
        pytest.param(24, 36, True, "ddf80d1d1a6076708868886888877788f2a20ff878", id="portrait"),
        pytest.param(31, 20, False, "1c098a1390096076708786f3840ff887bcdeffce7a7889", id="with-alpha"),
    ],
)
def test_it_is_what_the_reference_algorithm_makes(width: int, height: int, *, is_opaque: bool, expected: str) -> None:
    assert thumbhash(width, height, pattern(width, height, is_opaque=is_opaque)).hex() == expected


@pytest.mark.parametrize(
    "colour",
    [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (12, 200, 120, 255), (240, 230, 20, 128)],
    ids=["red", "green", "blue", "teal", "half-transparent yellow"],
)
def test_the_average_colour_can_be_read_back(colour: tuple[int, int, int, int]) -> None:
    code = thumbhash(20, 10, even(20, 10, colour))

    assert average(code) == pytest.approx([value / 255 for value in colour], abs=0.05)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (100, 100), (100, 1), (1, 100), (64, 48)], ids=str)
@pytest.mark.parametrize("is_opaque", [True, False], ids=["opaque", "alpha"])
def test_it_never_takes_more_than_25_bytes(width: int, height: int, *, is_opaque: bool) -> None:
    rgba = even(width, height, (9, 99, 199, 255 if is_opaque else 100))

    assert 5 < len(thumbhash(width, height, rgba)) <= 25


def test_only_a_landscape_carries_the_landscape_flag() -> None:
    wide, tall, square = (thumbhash(w, h, even(w, h, (1, 2, 3, 255))) for w, h in [(20, 10), (10, 20), (9, 9)])

    assert [code[4] >> 7 for code in (wide, tall, square)] == [1, 0, 0]


def test_the_shorter_side_tells_the_aspect_ratio() -> None:
    code = thumbhash(70, 40, even(70, 40, (1, 2, 3, 255)))

    assert code[3] & 7 == 4


def test_only_a_picture_with_alpha_carries_the_alpha_flag() -> None:
    opaque, clear = (thumbhash(9, 9, even(9, 9, (1, 2, 3, alpha))) for alpha in (255, 254))

    assert (opaque[2] >> 7, clear[2] >> 7) == (0, 1)


def test_what_is_fully_transparent_has_a_hash_too() -> None:
    assert average(thumbhash(9, 9, even(9, 9, (255, 255, 255, 0))))[3] == 0


def test_an_even_picture_has_no_waves() -> None:
    assert not any(thumbhash(33, 21, even(33, 21, (10, 20, 30, 255)))[5:])


def test_the_largest_picture_takes_less_than_fifty_milliseconds() -> None:
    rgba = pattern(100, 100, is_opaque=False)

    # Of processor time, and the best of three: what else the machine does is not the point.
    assert min(_seconds(rgba) for _ in range(3)) < 0.05


def _seconds(rgba: bytes) -> float:
    start = time.process_time()
    thumbhash(100, 100, rgba)
    return time.process_time() - start


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(101, 1, 404), (0, 1, 0), (2, 2, 15)],
    ids=["too-large", "empty", "too-few-bytes"],
)
def test_what_is_no_small_picture_is_a_mistake(width: int, height: int, size: int) -> None:
    with pytest.raises(ValueError, match="cannot be hashed"):
        thumbhash(width, height, bytes(size))
