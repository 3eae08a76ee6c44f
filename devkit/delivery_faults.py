"""What can go wrong while a file is delivered."""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

_DRIP_BYTES = 64
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFault:
    """One wrong answer; without any member set it is a right one."""

    path: str = ""
    """Only for paths that contain this."""
    status: int | None = None
    """Answer with this and no file."""
    redirect_to: str | None = None
    content_type: str | None = None
    """Label the file so, whatever it is."""
    cut_after: int | None = None
    """Announce the whole file, drop the connection after so many bytes of it."""
    drip: float | None = None
    """Send 64 bytes, wait so many seconds, and so on."""
    padding: int = 0
    """Append so many zero bytes."""
    unannounced: bool = False
    """Send no Content-Length."""
    gzip: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def fits(self, path: str) -> bool:
        return self.path in path

    def answer(self) -> web.Response | None:
        """Return the answer that replaces the file, if this fault is of that kind."""
        if self.redirect_to is not None:
            return web.Response(status=self.status or 302, headers={"Location": self.redirect_to})
        if self.status is not None:
            return web.Response(status=self.status, text="Something went wrong.", headers=self.headers)
        return None


def altered(content: bytes, headers: dict[str, str], fault: DeliveryFault) -> bytes:
    """Return *content* as the fault has it, and change *headers* to match."""
    content += b"\0" * fault.padding
    if fault.content_type is not None:
        headers["Content-Type"] = fault.content_type
    if fault.gzip:
        headers["Content-Encoding"] = "gzip"
        content = gzip.compress(content)
    headers.update(fault.headers)
    return content


async def send(
    request: web.Request, content: bytes, *, status: int, headers: Mapping[str, str], fault: DeliveryFault
) -> web.StreamResponse:
    """Send *content*, at the pace and to the point the fault says."""
    response = web.StreamResponse(status=status, headers=headers)
    if not fault.unannounced:
        response.content_length = len(content)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    step = _CHUNK_BYTES if fault.drip is None else _DRIP_BYTES
    stop = len(content) if fault.cut_after is None else fault.cut_after
    for start in range(0, stop, step):
        await response.write(content[start : min(start + step, stop)])
        await asyncio.sleep(fault.drip or 0)
    if fault.cut_after is not None and request.transport is not None:
        # What is still buffered goes out before the connection closes.
        request.transport.close()
    return response
