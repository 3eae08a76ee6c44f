"""The files API: inputs that are uploaded first, and live for a day."""

import base64
import hashlib
import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from devkit.checksums import md5_hex
from devkit.clock import FakeClock
from devkit.replicate.document import timestamp
from devkit.replicate.problems import Refusal, invalid

LARGEST = 100 * 1000 * 1000
_LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    id: str
    name: str
    content_type: str
    content: bytes
    metadata: dict[str, Any]
    created_at: datetime

    def to_json(self, origin: str) -> dict[str, Any]:
        md5 = md5_hex(self.content)
        return {
            "id": self.id,
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.content),
            "etag": md5,
            "checksums": {"sha256": hashlib.sha256(self.content).hexdigest(), "md5": md5},
            "metadata": self.metadata,
            "created_at": timestamp(self.created_at, 3),
            "expires_at": timestamp(self.created_at + _LIFETIME, 3),
            "urls": {"get": f"{origin}/v1/files/{self.id}"},
        }


class FilesApi:
    def __init__(self, *, clock: FakeClock, randomness: random.Random, largest: int = LARGEST) -> None:
        self._clock = clock
        self._randomness = randomness
        self._largest = largest
        self._files: dict[str, StoredFile] = {}

    def routes(self) -> list[web.RouteDef]:
        one = "/v1/files/{id}"
        return [
            web.post("/v1/files", self._create),
            web.get("/v1/files", self._list),
            web.get(one, self._get),
            web.delete(one, self._delete),
            web.get(one + "/download", self._download),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            raise invalid("The request body must be multipart/form-data.")
        parts = await self._parts(await request.multipart())
        if "content" not in parts:
            raise invalid("Missing content")
        name, content_type, content = parts["content"]
        metadata = json.loads(parts["metadata"][2]) if "metadata" in parts else {}
        file = StoredFile(
            id=base64.urlsafe_b64encode(self._randomness.randbytes(33)).decode(),
            name=name,
            content_type=content_type,
            content=content,
            metadata=metadata,
            created_at=self._clock(),
        )
        self._files[file.id] = file
        return web.json_response(file.to_json(str(request.url.origin())), status=201)

    async def _parts(self, reader: MultipartReader) -> dict[str, tuple[str, str, bytes]]:
        parts: dict[str, tuple[str, str, bytes]] = {}
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise invalid("A part of the body is multipart itself.")
            content_type = part.headers.get("Content-Type", "application/octet-stream")
            parts[part.name or ""] = (part.filename or "file", content_type, await self._read(part))
        return parts

    async def _read(self, part: BodyPartReader) -> bytes:
        content = bytearray()
        while chunk := await part.read_chunk():
            content += chunk
            if len(content) > self._largest:
                raise Refusal(413, "Files must be less than 100MB in size")
        return bytes(content)

    async def _list(self, request: web.Request) -> web.Response:
        origin = str(request.url.origin())
        results = [file.to_json(origin) for file in reversed(self._files.values()) if self._is_alive(file)]
        return web.json_response({"next": None, "previous": None, "results": results})

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._find(request).to_json(str(request.url.origin())))

    async def _delete(self, request: web.Request) -> web.Response:
        del self._files[self._find(request).id]
        return web.Response(status=204)

    async def _download(self, request: web.Request) -> web.Response:
        return web.Response(body=self._find(request).content, content_type="application/octet-stream")

    def _find(self, request: web.Request) -> StoredFile:
        file = self._files.get(request.match_info["id"])
        if file is None or not self._is_alive(file):
            raise Refusal(404, "File not found")
        return file

    def _is_alive(self, file: StoredFile) -> bool:
        return self._clock() < file.created_at + _LIFETIME
