"""The host a provider delivers files from: an object store behind a cache, which answers without asking for a key.

Range, If-Range and the headers are those of the real one.  What an expired address answers is nowhere
documented; here it is 404.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial

from aiohttp import web

from devkit.checksums import goog_hash, md5_hex
from devkit.delivery_faults import DeliveryFault, altered, send
from devkit.faults import Faults
from devkit.journal import Journal

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_LARGEST_BODY = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """One file.  It is there while *is_alive* says so."""

    content: bytes
    content_type: str
    modified: datetime
    is_alive: Callable[[], bool]

    @property
    def etag(self) -> str:
        return f'"{md5_hex(self.content)}"'

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": self.content_type,
            "ETag": self.etag,
            "Last-Modified": format_datetime(self.modified.astimezone(UTC), usegmt=True),
            "Accept-Ranges": "bytes",
            "Cache-Control": "public,max-age=3600",
            "Access-Control-Allow-Origin": "*",
            "x-goog-hash": goog_hash(self.content),
            "Server": "UploadServer",
            "Via": "1.1 google",
        }


class DeliveryHost:
    """Files by path, with faults.  Routes that take something may be added until it is served."""

    def __init__(self, journal: Journal, *, host: str = "delivery", largest_body: int = _LARGEST_BODY) -> None:
        self.faults: Faults[DeliveryFault] = Faults()
        self._files: dict[str, Deliverable] = {}
        self.app = web.Application(middlewares=[journal.middleware(host)], client_max_size=largest_body)
        self.app.router.add_get("/{path:.*}", self._serve)

    def put(self, path: str, file: Deliverable) -> None:
        self._files[path] = file

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take(partial(DeliveryFault.fits, path=request.path)) or DeliveryFault()
        if (answer := fault.answer()) is not None:
            return answer
        file = self._files.get(request.path)
        if file is None or not file.is_alive():
            return web.Response(status=404, text="Not Found", headers={"Cache-Control": "private, max-age=0"})
        if request.headers.get("If-None-Match") == file.etag:
            return web.Response(status=304, headers={"ETag": file.etag})
        return await _deliver(request, file, fault)


async def _deliver(request: web.Request, file: Deliverable, fault: DeliveryFault) -> web.StreamResponse:
    headers = file.headers()
    content = altered(file.content, headers, fault)
    wanted = None if fault.gzip else selected(request, file, size=len(content))
    if wanted is None:
        return await send(request, content, status=200, headers=headers, fault=fault)
    if not wanted:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(content)}"
    return await send(request, content[wanted.start : wanted.stop], status=206, headers=headers, fault=fault)


def selected(request: web.Request, file: Deliverable, *, size: int) -> range | None:
    """Return the bytes the request asks for: None for all of them, an empty range if there are none such."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or match.group() == "bytes=-" or not _is_current(request.headers.get("If-Range"), file):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _is_current(validator: str | None, file: Deliverable) -> bool:
    """RFC 9110, section 13.1.5: a strong tag or the exact date."""
    if validator is None or validator.startswith(('"', "W/")):
        return validator in {None, file.etag}
    try:
        return parsedate_to_datetime(validator) == file.modified.replace(microsecond=0)
    except (TypeError, ValueError):
        return False
