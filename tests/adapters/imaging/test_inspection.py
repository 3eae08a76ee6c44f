"""One inspection from file to facts, in this process: what is reported, and what only a decoder can refuse."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.adapters.imaging.outline import Limits
from app.adapters.imaging.protocol import Message
from app.adapters.imaging.worker import answer, inspect
from app.domain.errors import SourceRejected
from tests.support import hostile_pictures as hostile
from tests.support import pictures


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def facts(file: Path, data: bytes) -> Message:
    file.write_bytes(data)
    return inspect(file, Limits())[0]


def reason(file: Path, data: bytes) -> str:
    with pytest.raises(SourceRejected) as caught:
        facts(file, data)
    return caught.value.reason


@pytest.mark.parametrize(
    ("data", "content_type", "extension"),
    [
        pytest.param(pictures.png(70, 40), "image/png", "png", id="png"),
        pytest.param(pictures.jpeg(70, 40), "image/jpeg", "jpg", id="jpeg"),
        pytest.param(pictures.webp(70, 40), "image/webp", "webp", id="webp"),
        pytest.param(pictures.gif(70, 40), "image/gif", "gif", id="gif"),
        pytest.param(pictures.avif(70, 40), "image/avif", "avif", id="avif"),
    ],
)
def test_the_facts_come_from_the_content(file: Path, data: bytes, content_type: str, extension: str) -> None:
    found = facts(file, data)

    assert len(b64decode(found.pop("thumbhash"), validate=True)) <= 25
    assert found == {
        "content_type": content_type,
        "extension": extension,
        "width": 70,
        "height": 40,
        "frames": 1,
    }


@pytest.mark.parametrize("data", pictures.odd_but_valid().values(), ids=pictures.odd_but_valid().keys())
def test_the_odd_but_valid_are_decoded(file: Path, data: bytes) -> None:
    assert facts(file, data)["frames"] == 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_every_frame_of_an_animation_is_decoded(file: Path, kind: str) -> None:
    assert facts(file, pictures.animated(kind, frames=4))["frames"] == 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_width_and_height_are_as_shown(file: Path, orientation: int) -> None:
    found = facts(file, pictures.jpeg(70, 40, orientation=orientation))

    assert (found["width"], found["height"]) == ((70, 40) if orientation <= 4 else (40, 70))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_thumbhash_is_of_the_picture_as_shown(file: Path, orientation: int) -> None:
    image = Image.new("RGB", (80, 40), "white")
    image.paste("black", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    image.save(buffer, "PNG", exif=exif)
    shown = BytesIO()
    UPRIGHT[orientation](image).save(shown, "PNG")

    assert facts(file, buffer.getvalue())["thumbhash"] == facts(file, shown.getvalue())["thumbhash"]


UPRIGHT = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.rotate(180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.rotate(-90, expand=True),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.rotate(90, expand=True),
}


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_an_impossible_orientation_is_none(file: Path, value: int) -> None:
    assert facts(file, pictures.jpeg(70, 40, orientation=value))["width"] == 70


def test_unreadable_exif_does_not_spoil_a_picture(file: Path) -> None:
    data = pictures.jpeg(70, 40, orientation=6)

    assert facts(file, data.replace(b"Exif\0\0MM", b"Exif\0\0??"))["width"] == 70


def test_sixteen_bits_of_grey_keep_their_brightness(file: Path) -> None:
    dim = pictures.raw_png(8, 8, depth=16, colour_type=0, raw=(b"\0" + b"\x40\0" * 8) * 8)
    same = pictures.raw_png(8, 8, colour_type=0, raw=(b"\0" + b"\x40" * 8) * 8)

    assert facts(file, dim)["thumbhash"] == facts(file, same)["thumbhash"]


def test_the_size_of_a_picture_hardly_changes_its_thumbhash(file: Path) -> None:
    large, small = (b64decode(facts(file, pictures.png(side, side, colour="teal"))["thumbhash"]) for side in (1200, 60))

    assert large == small


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"], ids=lambda kind: kind.decode())
def test_text_that_unpacks_to_128_mebibytes_is_refused(file: Path, kind: bytes) -> None:
    assert reason(file, hostile.text_bomb_png(kind)) == "corrupt"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pictures.raw_png(8, 8, raw=b"\0" * 8), id="png with too few rows"),
        pytest.param(pictures.raw_png(8, 8, raw=(b"\x09" + bytes(24)) * 8), id="png with an unknown filter"),
        pytest.param(pictures.webp(lossless=True)[:40] + bytes(3642), id="webp without pixels"),
    ],
)
def test_what_only_the_decoder_can_tell_is_corrupt(file: Path, data: bytes) -> None:
    assert reason(file, data) == "corrupt"


def test_every_refusal_is_told_with_its_reason(file: Path) -> None:
    file.write_bytes(hostile.HTML)
    operations = {"inspect": lambda _: (inspect(file, Limits())[0], b"")}

    assert answer({"op": "inspect"}, operations)[0] == {
        "refused": {"reason": "not_an_image", "detail": "These bytes are not an image."}
    }


def test_a_file_that_cannot_be_read_is_no_refusal(tmp_path: Path) -> None:
    operations = {"inspect": lambda _: (inspect(tmp_path / "missing", Limits())[0], b"")}

    assert "missing" in answer({"op": "inspect"}, operations)[0]["unreadable"]


def test_a_mistake_of_ours_is_no_refusal() -> None:
    assert "KeyError" in answer({"op": "dance"}, {})[0]["bug"]
