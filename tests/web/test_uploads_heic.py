"""What phones photograph in: decoded by libheif, hosted as a PNG of the same pixels."""

import asyncio
import shutil
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageOps

from devkit.replicate import ReplicateStandIn
from tests.support import pictures
from tests.support.delivered import put
from tests.support.heifs import claiming, deep, heic, seen, sequence, telling, wide_profile
from tests.support.metadata import SECRET, chunk_names
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.uploading import UPLOAD, assert_nothing_is_left, upload

# What exiftool says of any PNG.
GROUPS = {"ExifTool", "System", "File", "PNG", "Composite"}


async def served(service: Service, content: bytes, kind: str | None = "image/heic") -> bytes:
    """Return what is served of an upload."""
    answer = await upload(service, content, kind)
    assert answer.status == 201, await answer.text()
    return await (await service.http.get((await answer.json())["url"])).read()


def opened(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as found:
        found.load()
        return found


async def test_an_upload_from_a_phone_becomes_a_png(service: Service) -> None:
    image = await (await upload(service, heic(pictures.picture(70, 52)), "image/heic")).json()
    answer = await service.http.get(image["url"])

    assert image.keys() == {"id", "url", "width", "height", "size", "mime"}
    assert (image["width"], image["height"], image["mime"]) == (70, 52, "image/png")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert len(await answer.read()) == image["size"]
    assert service.files() == [f"{image['id']}.png"]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
async def test_its_pixels_are_those_libheif_decodes(service: Service, mode: str) -> None:
    picture = pictures.picture(75, 43).convert(mode)
    if mode == "RGBA":
        picture.putalpha(pictures.picture(75, 43, seed=1).convert("L"))
    content = heic(picture)
    found = opened(await served(service, content))

    assert (found.mode, found.size) == (mode, (75, 43))
    assert found.tobytes() == bytes(seen(content).data)


async def test_premultiplied_colours_are_told_apart_from_their_alpha(service: Service) -> None:
    buffer, samples = BytesIO(), bytes((100, 50, 0, 128)) * 64 * 64
    pillow_heif.encode("RGBa", (64, 64), samples, buffer, quality=-1, chroma=444, matrix_coefficients=0)
    found = opened(await served(service, buffer.getvalue()))

    assert found.mode == "RGBA"
    assert found.getpixel((9, 9)) == pytest.approx((199, 100, 0, 128), abs=3)


@pytest.mark.parametrize("mode", ["RGB;16", "RGBA;16"])
async def test_ten_bits_a_sample_stay_ten(service: Service, mode: str) -> None:
    content = deep(64, 40, mode=mode)
    body = await served(service, content)
    samples = bytes(seen(content).data)

    assert body[24] == 16
    assert "sBIT" in chunk_names(body)
    assert raw_samples(body, channels=len(mode) - 3) == samples


def raw_samples(png: bytes, *, channels: int) -> bytes:
    """Return what lies in a PNG of 16 bits and of "up" filters only, little-endian."""
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    at, packed = 8, b""
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        packed += png[at + 8 : at + 8 + size] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + size
    data, row = zlib.decompress(packed), width * channels * 2
    above, found = bytes(row), bytearray()
    for start in range(0, height * (row + 1), row + 1):
        assert data[start] == 2
        above = bytes((one + two) % 256 for one, two in zip(data[start + 1 : start + 1 + row], above, strict=True))
        found += b"".join(above[index : index + 2][::-1] for index in range(0, row, 2))
    return bytes(found)


@pytest.mark.parametrize("orientation", range(2, 9))
async def test_a_turned_picture_is_upright_and_turned_once(service: Service, orientation: int) -> None:
    content = telling(pictures.picture(80, 48), orientation=orientation)
    image = await (await upload(service, content, "image/heic")).json()
    found = opened(await (await service.http.get(image["url"])).read())

    assert found.size == (image["width"], image["height"]) == ((48, 80) if orientation > 4 else (80, 48))
    assert found.tobytes() == ImageOps.exif_transpose(found).tobytes() == bytes(seen(content).data)


async def test_what_is_served_says_nothing_more(service: Service) -> None:
    content = telling(orientation=6, icc_profile=wide_profile()) + SECRET
    body = await served(service, content)

    assert SECRET in content
    assert SECRET not in body
    assert chunk_names(body)[:2] == ["IHDR", "iCCP"]
    assert set(chunk_names(body)) == {"IHDR", "iCCP", "IDAT", "IEND"}


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
async def test_exiftool_finds_nothing_either(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "served"
    path.write_bytes(await served(service, telling(orientation=8)))
    command = ["exiftool", "-a", "-G1", "-s", str(path)]
    found = (await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)).stdout.decode()

    assert {line[1:].partition("]")[0] for line in found.splitlines()} <= GROUPS
    assert SECRET.decode() not in found


async def test_its_colour_profile_stays(service: Service) -> None:
    profile = wide_profile()
    found = opened(await served(service, heic(icc_profile=profile)))

    assert found.info["icc_profile"] == profile


async def test_what_is_no_colour_profile_goes(service: Service) -> None:
    assert "iCCP" not in chunk_names(await served(service, heic(icc_profile=SECRET * 10)))


@pytest.mark.parametrize(
    ("points", "told"),
    [((12, 13), bytes((12, 13, 0, 1))), ((9, 16), bytes((9, 16, 0, 1))), ((1, 13), None), ((2, 2), None)],
    ids=["Display P3", "HDR", "sRGB", "unspecified"],
)
async def test_colours_named_by_number_stay_so(service: Service, points: tuple[int, int], told: bytes | None) -> None:
    body = await served(service, heic(color_primaries=points[0], transfer_characteristics=points[1]))
    at = body.find(b"cICP")

    assert (None if at < 0 else body[at + 4 : at + 8]) == told


async def test_of_several_pictures_the_primary_one_is_kept(service: Service) -> None:
    burst = pillow_heif.from_pillow(pictures.picture(64, 64, colour="red"))
    burst.add_from_pillow(pictures.picture(96, 64, colour="blue"))
    buffer = BytesIO()
    burst.save(buffer, primary_index=1)
    found = opened(await served(service, buffer.getvalue()))

    assert (found.size, found.getpixel((5, 5))[2] > 200) == ((96, 64), True)


async def test_a_picture_in_tiles_is_one(service: Service) -> None:
    content = heic(pictures.picture(300, 200), tile_size=64)
    found = opened(await served(service, content))

    assert found.size == (300, 200)
    assert found.tobytes() == bytes(seen(content).data)


@pytest.mark.parametrize("brand", [b"hevc", b"hevx", b"msf1"], ids=bytes.decode)
async def test_of_a_sequence_its_still_picture_is_kept(service: Service, brand: bytes) -> None:
    still = heic(pictures.picture(96, 64))

    assert await served(service, sequence(still, brand=brand), None) == await served(service, still)


async def test_a_sequence_without_a_still_picture_is_refused(service: Service) -> None:
    content = b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc\0\0\0\x08moov\0\0\0\x08mdat"
    problem = await problem_of(await upload(service, content), status=422, code="source_rejected")

    assert (problem["reason"], "still" in problem["detail"]) == ("unsupported_format", True)


@pytest.mark.parametrize("kind", ["image/heic", "image/heif", "image/HEIC", "application/octet-stream", None])
async def test_it_may_be_declared_as_what_it_is(service: Service, kind: str | None) -> None:
    assert (await upload(service, heic(), kind)).status == 201


async def test_a_body_that_is_the_picture_is_fine_too(service: Service) -> None:
    answer = await service.http.post(UPLOAD + "?user_id=ana", data=heic(), headers={"Content-Type": "image/heic"})

    assert (answer.status, (await answer.json())["mime"]) == (201, "image/png")


@pytest.mark.parametrize(
    ("kind", "content"),
    [("image/png", heic()), ("image/avif", heic()), ("image/heic", pictures.png()), ("image/heic", pictures.avif())],
    ids=["heic as png", "heic as avif", "png as heic", "avif as heic"],
)
async def test_it_must_not_be_declared_as_what_it_becomes(service: Service, kind: str, content: bytes) -> None:
    await problem_of(await upload(service, content, kind), status=415, code="content_type_mismatch")

    await assert_nothing_is_left(service)


WHOLE = telling()
REFUSED = {
    "half": (WHOLE[: len(WHOLE) // 2], "truncated"),
    "all but a byte": (WHOLE[:-1], "truncated"),
    "the head": (WHOLE[:64], "truncated"),
    "a claim of 20,000 a side": (claiming(heic(), 20_000, 20_000), "too_many_pixels"),
    "a claim of another size": (claiming(heic(), 640, 640), "corrupt"),
    "no width": (claiming(heic(), 0, 64), "zero_size"),
    "another codec": (heic().replace(b"hvc1", b"unci"), "unsupported_format"),
    "AVIF by another name": (pictures.avif().replace(b"avif", b"heic", 2), "unsupported_format"),
    "HTML behind a brand": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic<html><script>" + bytes(64), "truncated"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_is_none_is_refused_with_why(service: Service, content: bytes, reason: str) -> None:
    problem = await problem_of(await upload(service, content), status=422, code="source_rejected")

    assert problem["reason"] == reason
    await assert_nothing_is_left(service)


async def test_no_beginning_of_one_is_taken(service: Service) -> None:
    content = heic()
    for length in range(12, len(content), len(content) // 25):
        await problem_of(await upload(service, content[:length]), status=422, code="source_rejected")

    await assert_nothing_is_left(service)


@pytest.mark.parametrize("side", [1, 299, 400, 900], ids=str)
async def test_a_lie_about_its_size_is_damage(service: Service, side: int) -> None:
    content = claiming(heic(pictures.picture(800, 800)), side, side, in_truth=(800, 800))
    problem = await problem_of(await upload(service, content), status=422, code="source_rejected")

    assert (problem["reason"], problem["detail"]) == ("corrupt", "The image is damaged.")


async def test_too_little_memory_for_any_is_told_as_that(tmp_path: Path) -> None:
    async with serving(tmp_path, DECODE_MEMORY_MB="64") as service:
        answer = await upload(service, heic(pictures.picture(300, 200)))
        problem = await problem_of(answer, status=422, code="source_rejected")

        assert problem["reason"] == "out_of_memory"
        await assert_nothing_is_left(service)


async def test_a_png_that_would_grow_too_large_is_refused(tmp_path: Path) -> None:
    content = heic(pictures.picture(2600, 2000), quality=50)
    async with serving(tmp_path, ASSET_MAX_IMAGE_MB="0.05") as service:
        problem = await problem_of(await upload(service, content), status=422, code="source_rejected")

        assert (len(content) < 50_000, problem["reason"]) == (True, "too_many_pixels")
        assert "JPEG" in problem["detail"]
        await assert_nothing_is_left(service)


async def test_what_is_fetched_from_elsewhere_is_no_upload(service: Service, replicate: ReplicateStandIn) -> None:
    answer = await service.import_url(put(replicate, content=heic()))
    problem = await problem_of(answer, status=422, code="source_rejected")

    assert "HEIC" in problem["detail"]


async def test_apps_are_told_that_it_is_taken(service: Service) -> None:
    told = await (await service.http.get("/v1/capabilities")).json()

    assert set(told["upload_formats"]) == {*told["formats"], "image/heic"}


async def test_without_the_extra_it_is_refused_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pillow_heif.py").write_text("raise ImportError('blocked')")
    monkeypatch.syspath_prepend(tmp_path)  # where a worker looks first, too
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    async with serving(tmp_path) as service:
        told = await (await service.http.get("/v1/capabilities")).json()
        problem = await problem_of(await upload(service, heic(), "image/heic"), status=422, code="source_rejected")

        assert "image/heic" not in told["upload_formats"]
        assert (problem["reason"], "ask the phone for a JPEG" in problem["detail"]) == ("unsupported_format", True)
        assert (await upload(service, pictures.png(), "image/png")).status == 201
        assert len(service.files()) == 1
