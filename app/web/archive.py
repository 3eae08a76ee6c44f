"""All originals of an owner as one ZIP, streamed: nothing is held but the chunk under way and the list of names.

Images do not compress, so they are stored as they are; sizes and checksums follow each one (data descriptors), since
they are only known once its bytes have passed.
"""

import io
import logging
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from aiohttp import hdrs, web

from app.domain.errors import ImageDeleted, ImageUnavailable, NotFound, StillCapturing, StorageUnavailable
from app.domain.ids import UserId
from app.domain.images import Image, ImageStatus
from app.services.hosting import HostingService, Stored
from app.web.keys import SERVICES
from app.web.serving.headers import PROTECTION, Cache, cache_control, content_disposition

log = logging.getLogger(__name__)

_PER_PAGE = 200

Chunks = AsyncIterator[bytes]


class _Pipe(io.RawIOBase):
    """A file that `zipfile` writes to and cannot seek in; what was written is taken out again."""

    def __init__(self) -> None:
        super().__init__()
        self._pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pending += data
        return memoryview(data).nbytes

    def take(self) -> bytes:
        taken, self._pending = bytes(self._pending), bytearray()
        return taken


async def send_archive(request: web.Request, user: UserId) -> web.StreamResponse:
    """Answer with `<user>.zip`, which is either whole or cut off; what was deleted meanwhile is left out."""
    headers = dict(PROTECTION) | {
        hdrs.CACHE_CONTROL: cache_control(Cache.PRIVATE),
        hdrs.CONTENT_DISPOSITION: content_disposition(f"{user}.zip", download=True),
        hdrs.CONTENT_TYPE: "application/zip",
    }
    response = web.StreamResponse(headers=headers)
    if request.method == hdrs.METH_HEAD:
        await response.prepare(request)
        return response
    async with aclosing(_archive(request.app[SERVICES].hosting, user)) as chunks:
        # Before the head is out, a store that fails can still be answered as a refusal.
        first = await anext(chunks)
        await _pour(request, response, first, chunks)
    return response


async def _pour(request: web.Request, response: web.StreamResponse, first: bytes, rest: Chunks) -> None:
    is_whole = False
    try:
        await response.prepare(request)
        await response.write(first)
        async for chunk in rest:
            await response.write(chunk)
        await response.write_eof()
        is_whole = True
    except ConnectionError:
        log.info("client left before the end", extra={"path": request.path})
    except Exception:
        log.exception("archive cut short", extra={"path": request.path})
    finally:
        # Also when cancelled: the head is out, and only a cut tells the client that this is not all.
        if not is_whole:
            response.force_close()
            if request.transport is not None:
                request.transport.abort()


async def _archive(hosting: HostingService, user: UserId) -> AsyncGenerator[bytes, None]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        async with aclosing(_stored(hosting, user)) as images:
            async for image in images:
                async with aclosing(_entry(hosting, image, archive, pipe)) as chunks:
                    async for chunk in chunks:
                        yield chunk
    yield pipe.take()


async def _entry(
    hosting: HostingService, image: Image, archive: zipfile.ZipFile, pipe: _Pipe
) -> AsyncGenerator[bytes, None]:
    found = await _find(hosting, image)
    if found is None:
        return
    async with aclosing(found.blob):
        if found.image.digest is None or found.blob.size != found.image.digest.size:
            raise StorageUnavailable("The bytes of this image are not all there.")
        with archive.open(_member(found.image), "w") as member:
            async for chunk in found.blob.chunks(0, found.blob.size):
                member.write(chunk)
                yield pipe.take()


async def _find(hosting: HostingService, image: Image) -> Stored | None:
    """Return the image's bytes, or None when it is no longer stored since it was listed."""
    try:
        found = await hosting.read(image.user, image.id)
    except (NotFound, ImageDeleted, ImageUnavailable, StillCapturing):
        return None
    return found if isinstance(found, Stored) else None


async def _stored(hosting: HostingService, user: UserId) -> AsyncGenerator[Image, None]:
    after = None
    while True:
        page, after = await hosting.page(user, after=after, limit=_PER_PAGE)
        for image in page:
            if image.status is ImageStatus.STORED:
                yield image
        if after is None:
            return


def _member(image: Image) -> zipfile.ZipInfo:
    when = image.hosted_at or image.created_at
    member = zipfile.ZipInfo(image.key.rpartition("/")[2], when.timetuple()[:6])
    member.external_attr = 0o644 << 16
    # Told beforehand, so that an entry past 2 GiB gets room for its size (ZIP64).
    member.file_size = image.digest.size if image.digest else 0
    return member
