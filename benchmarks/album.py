"""The pictures everybody serves: painted from a seed, stored through the real service, read by the peers as files."""

import asyncio
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout
from PIL import Image, ImageChops

from benchmarks.origin import import_image, origin
from devkit.service import service_process

LARGE = 2 * 2**20
"""Bytes of every large picture: all the same, so that the sum of a round tells whether one was short."""

SMALL = 17 * 1024
USER = "bench"

_SIDE = 1024
_SCENES = 12
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture: where Holdfast serves it, the file the peers serve, and what its bytes must be."""

    path: str
    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Album:
    """A folder with a volume in it.  *small* is a WebP of 17 KB, *large* are PNGs of 2 MB, all different."""

    folder: Path
    small: Picture
    large: tuple[Picture, ...]

    @property
    def root(self) -> Path:
        """The folder that `Picture.file` is relative to."""
        return self.folder / "images"


async def store(folder: Path, *, large: int) -> Album:
    """Paint the pictures and let the service import them; it has stopped when this returns."""
    painted = await asyncio.to_thread(lambda: [small_picture(0), *large_pictures(large)])
    bodies = {f"{number}.{'png' if number else 'webp'}": body for number, body in enumerate(painted)}
    allowed = {"ALLOW_PRIVATE_SOURCES": "true", "SOURCE_HOST_ALLOWLIST": "127.0.0.1", "RATE_LIMIT_WRITES": ""}
    async with (
        origin(bodies.__getitem__) as source,
        service_process(folder, **allowed) as service,
        ClientSession(timeout=ClientTimeout(total=300)) as http,
    ):
        turn = asyncio.Semaphore(8)

        async def one(name: str, body: bytes) -> Picture:
            async with turn:
                document = await import_image(http, service.url, f"{source}/{name}", user=USER)
            path = document["url"].removeprefix(service.url)
            file = f"{USER}/{document['id']}.{name.rpartition('.')[2]}"
            return Picture(path, file, len(body), sha256(body).hexdigest())

        small, *rest = await asyncio.gather(*(one(name, body) for name, body in bodies.items()))
    return Album(folder, small, tuple(rest))


def small_picture(seed: int) -> bytes:
    """Return a WebP of about 17 KB, 640 pixels wide."""
    image = _scene(seed).resize((640, 640), Image.Resampling.LANCZOS)
    tries = [_webp(image, quality) for quality in range(20, 60, 4)]
    return min(tries, key=lambda body: abs(len(body) - SMALL))


def large_pictures(count: int) -> Iterator[bytes]:
    """Yield *count* PNGs of exactly 2 MiB, 1024 pixels wide: a few scenes, each file with a comment of its own."""
    scenes = [_png(_scene(seed)) for seed in range(min(count, _SCENES))]
    for number in range(count):
        yield _commented(scenes[number % len(scenes)], seed=number)


def _scene(seed: int) -> Image.Image:
    """Return soft colours with some detail and grain, which compress as a photograph does."""
    chance = random.Random(seed)

    def field(side: int) -> Image.Image:
        small = Image.frombytes("RGB", (side, side), chance.randbytes(3 * side * side))
        return small.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)

    grain = Image.effect_noise((_SIDE, _SIDE), 6).convert("RGB")
    return ImageChops.add(Image.blend(field(6), field(60), 0.4), grain, scale=1, offset=-128)


def _webp(image: Image.Image, quality: int) -> bytes:
    target = BytesIO()
    image.save(target, "WEBP", quality=quality)
    return target.getvalue()


def _png(image: Image.Image) -> bytes:
    target = BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def _commented(png: bytes, *, seed: int) -> bytes:
    """Return *png* with a comment that makes it exactly `LARGE` bytes long, and different for every *seed*."""
    body, left = png.removesuffix(_END), LARGE - len(png) - 12
    if left < 100:
        raise ValueError(f"a scene takes {len(png)} bytes, which leaves no room for a comment")
    text = b"Comment\0" + random.Random(seed).randbytes(16).hex().encode()
    chunk = b"tEXt" + text.ljust(left, b" ")
    return body + struct.pack(">I", left) + chunk + struct.pack(">I", zlib.crc32(chunk)) + _END
