"""A download as an iOS app makes it: cut off anywhere, resumed with what the first answer said of the resource.

`URLSessionDownloadTask` resumes with `Range: bytes=N-` and `If-Range: <entity tag>`: a 206 goes on, a 200 starts over,
anything else is no image.
"""

import base64
import hashlib
from dataclasses import dataclass, field

from multidict import CIMultiDict

from tests.support.raw import connected, request
from tests.support.service import Service


@dataclass
class Download:
    """One download and what it has so far.  *told* are the statuses it got."""

    path: str
    received: bytearray = field(default_factory=bytearray)
    tag: str | None = None
    digest: str | None = None
    size: int | None = None
    told: list[int] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return self.size == len(self.received)

    @property
    def is_right(self) -> bool:
        """Tell whether what was received is what the service said it would be."""
        digest = hashlib.sha256(self.received).digest()
        said = f"sha-256=:{base64.b64encode(digest).decode()}:"
        return self.is_whole and self.digest == said and self.tag == f'"{digest.hex()}"'

    async def go_on(self, service: Service, *, most: int | None = None) -> None:
        """Ask for what is missing, and drop the connection after *most* bytes of it."""
        resuming = [f"Range: bytes={len(self.received)}-", f"If-Range: {self.tag}"] if self.received else []
        async with connected(service) as line:
            await line.say(request("GET", self.path, *resuming))
            reply = await line.hear(has_body=False)
            self.told.append(reply.status)
            self._take_head(reply.status, reply.headers)
            if reply.status in {200, 206}:
                length = int(reply.headers["Content-Length"])
                self.received += await line.reader.readexactly(length if most is None else min(most, length))

    def _take_head(self, status: int, headers: CIMultiDict[str]) -> None:
        if status == 206:
            # It goes on where we are, in the same bytes; an app that did not check would trust it all the same.
            assert headers["Content-Range"] == f"bytes {len(self.received)}-{(self.size or 0) - 1}/{self.size}"
            assert (headers["ETag"], headers["Repr-Digest"]) == (self.tag, self.digest)
        if status == 200:
            self.received.clear()
            self.tag, self.digest = headers["ETag"], headers["Repr-Digest"]
            self.size = int(headers["Content-Length"])
