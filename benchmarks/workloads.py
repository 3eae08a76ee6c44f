"""What is asked for: five ways in which an app, a CDN and a resumed download read pictures."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

from benchmarks.album import LARGE, Album, Picture
from benchmarks.peers.servers import Server
from benchmarks.probe import Request, WrongAnswer, connected

PART = 64 * 1024
_NOTHING = sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Workload:
    """*ask* says what a server is asked for, one of these at random; every answer is of one status and size."""

    name: str
    title: str
    connections: int
    ask: Callable[[Server, Album], Awaitable[list[Request]]]


async def _small(server: Server, album: Album) -> list[Request]:
    return [_whole(server, album.small)]


async def _large(server: Server, album: Album) -> list[Request]:
    return [_whole(server, album.large[0])]


async def _random(server: Server, album: Album) -> list[Request]:
    return [_whole(server, picture) for picture in album.large]


async def _not_modified(server: Server, album: Album) -> list[Request]:
    path = server.path(album.small)
    async with connected(server.port) as connection:
        answer = await connection.get(path)
    if "etag" not in answer.headers:
        raise WrongAnswer("it has no ETag")
    return [Request(path, 304, 0, _NOTHING, (("If-None-Match", answer.headers["etag"]),))]


async def _ranges(server: Server, album: Album) -> list[Request]:
    picture = album.large[0]
    body = await asyncio.to_thread((album.root / picture.file).read_bytes)
    return [
        Request(
            server.path(picture),
            206,
            PART,
            sha256(body[first : first + PART]).hexdigest(),
            (("Range", f"bytes={first}-{first + PART - 1}"),),
        )
        for first in range(0, LARGE, PART)
    ]


def _whole(server: Server, picture: Picture) -> Request:
    return Request(server.path(picture), 200, picture.size, picture.sha256)


WORKLOADS = (
    Workload("hot-17k", "17 KB WebP, 64 connections", 64, _small),
    Workload("hot-2m", "2 MB PNG, 16 connections", 16, _large),
    Workload("random-2m", "different 2 MB PNGs at random, 16 connections", 16, _random),
    Workload("not-modified", "304 of the 17 KB WebP, 64 connections", 64, _not_modified),
    Workload("range-64k", "64 KB of a 2 MB PNG, 64 connections", 64, _ranges),
)
