"""Animations: WebP keeps the motion, every other format shows the first frame."""

from io import BytesIO

import pytest
from PIL import Image

from app.adapters.imaging import encoding
from app.adapters.imaging import render as module
from app.adapters.imaging.render import render
from app.domain.errors import SourceRejected
from app.domain.variants import Rendering
from tests.support import pictures

COLOURS = ("red", "lime", "blue")
KINDS = pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])


def moving(kind: str, **options: object) -> bytes:
    """Return red, green and blue for 40, 80 and 120 ms."""
    first, *others = (Image.new("RGB", (64, 48), colour) for colour in COLOURS)
    buffer = BytesIO()
    more = {"speed": 10} if kind == "AVIF" else {}
    first.save(buffer, kind, save_all=True, append_images=others, duration=[40, 80, 120], **more, **options)
    return buffer.getvalue()


def frames(content: bytes) -> list[tuple[tuple[int, ...], int]]:
    """Return the colour in the middle of each frame, and how long it is shown."""
    found = []
    with Image.open(BytesIO(content)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            found.append((image.convert("RGB").getpixel((10, 10)), image.info.get("duration", 0)))
    return found


@KINDS
@pytest.mark.parametrize("width", [None, 32])
def test_webp_keeps_the_motion_and_its_pace(kind: str, width: int | None) -> None:
    content = render(moving(kind), Rendering(extension="webp", width=width))
    found = frames(content)

    assert [duration for _, duration in found] == [40, 80, 120]
    assert [max(range(3), key=colour.__getitem__) for colour, _ in found] == [0, 1, 2]
    assert Image.open(BytesIO(content)).size == ((32, 24) if width else (64, 48))


@KINDS
@pytest.mark.parametrize("extension", ["png", "jpg", "avif"])
def test_elsewhere_the_first_frame_stands_for_it(kind: str, extension: str) -> None:
    ((red, green, blue), _), *others = frames(render(moving(kind), Rendering(extension=extension, width=32)))
    assert (red > 200, green < 60, blue < 60, others) == (True, True, True, [])


@pytest.mark.parametrize(("loop", "told"), [(0, 0), (3, 3), (None, 1)], ids=["for ever", "three times", "once"])
def test_it_repeats_as_often_as_before(loop: int | None, told: int) -> None:
    data = moving("GIF") if loop is None else moving("GIF", loop=loop)
    assert Image.open(BytesIO(render(data, Rendering(extension="webp")))).info["loop"] == told


def test_what_moves_can_be_transparent() -> None:
    clear, dot = Image.new("RGBA", (32, 32)), Image.new("RGBA", (32, 32))
    dot.paste((255, 0, 0, 255), (8, 8, 24, 24))
    buffer = BytesIO()
    dot.save(buffer, "GIF", save_all=True, append_images=[clear], duration=50, disposal=2)
    with Image.open(BytesIO(render(buffer.getvalue(), Rendering(extension="webp", width=16)))) as found:
        assert [found.convert("RGBA").getpixel((x, x))[3] for x in (1, 8)] == [0, 255]


def test_a_picture_for_those_who_cannot_show_motion_is_no_frame_of_it() -> None:
    still, *others = (Image.new("RGB", (16, 16), colour) for colour in ("white", "red", "blue"))
    buffer = BytesIO()
    still.save(buffer, "PNG", save_all=True, append_images=others, default_image=True, duration=50)
    assert len(frames(render(buffer.getvalue(), Rendering(extension="webp")))) == 2
    assert frames(render(buffer.getvalue(), Rendering(extension="png")))[0][0] == (255, 255, 255)


def test_an_animation_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_ANIMATION", 3 * 32 * 24)
    data = pictures.animated("GIF")

    assert len(frames(render(data, Rendering(extension="webp", width=32)))) == 3
    with pytest.raises(SourceRejected) as caught:
        render(data, Rendering(extension="webp", width=33))
    assert caught.value.reason == "too_many_frames"


def test_a_rendering_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MAX_PAYLOAD", 1000)
    with pytest.raises(SourceRejected) as caught:
        render(pictures.noise_png(20_000), Rendering(extension="png"))
    assert caught.value.reason == "too_many_pixels"
