"""Colours that a file tells by numbers only, all the way: as hosted, as rendered and as the gallery has it."""

from io import BytesIO

import pytest
from PIL import Image, ImageCms

from tests.support.heifs import heic, wide_profile
from tests.support.metadata import chunk_names
from tests.support.service import Service
from tests.support.uploading import upload

SHOWN = Image.new("RGB", (900, 450), (128, 200, 60))
IN_SRGB = (102, 203, 0)  # of Display P3
EXACT = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
BY_NUMBER = {"color_primaries": 12, "transfer_characteristics": 13, **EXACT}


async def hosted(service: Service, **options: object) -> str:
    """Return the address of an upload from a phone."""
    return str((await (await upload(service, heic(SHOWN, **options), "image/heic")).json())["url"])


async def picture(service: Service, url: str) -> Image.Image:
    answer = await service.http.get(url)
    assert answer.status == 200
    found = Image.open(BytesIO(await answer.read()))
    found.load()
    return found


@pytest.mark.parametrize(
    "options", [BY_NUMBER, {"icc_profile": wide_profile(), **EXACT}], ids=["by number", "by profile"]
)
@pytest.mark.parametrize("rendering", ["png?w=160", "webp?w=320"])
async def test_a_rendering_is_in_srgb_however_the_colours_were_told(
    service: Service, options: dict[str, object], rendering: str
) -> None:
    found = await picture(service, f"{(await hosted(service, **options)).removesuffix('png')}{rendering}")

    assert found.convert("RGB").getpixel((50, 50)) == pytest.approx(IN_SRGB, abs=6)


async def test_who_reads_no_numbers_finds_a_profile_beside_them(service: Service) -> None:
    answer = await service.http.get(await hosted(service, **BY_NUMBER))
    body = await answer.read()
    with Image.open(BytesIO(body)) as found:
        profile = ImageCms.ImageCmsProfile(BytesIO(found.info["icc_profile"]))
        seen = ImageCms.profileToProfile(found, profile, ImageCms.createProfile("sRGB"))

    assert chunk_names(body)[:3] == ["IHDR", "cICP", "iCCP"]
    assert seen.getpixel((50, 50)) == pytest.approx(IN_SRGB, abs=3)
