"""fal's REST host: the keys of its webhooks, and storage for inputs, by both ways the official clients upload."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import web

from devkit.clock import FakeClock
from devkit.delivery import Deliverable, DeliveryHost
from devkit.fal.keys import JWKS_PATH, SigningKeys
from devkit.fal.registry import Registry

PUT_PATH = "/_put/"
_TOKEN = "stand-in-upload"  # noqa: S105 - opens nothing but this


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file in fal's storage."""

    url: str
    content_type: str
    content: bytes


def operation(request: web.Request) -> str | None:
    """Return what a call to the REST host does: jwks, upload or put."""
    if request.path == JWKS_PATH:
        return "jwks"
    return "put" if request.path.startswith(PUT_PATH) else "upload"


@dataclass(slots=True, kw_only=True)
class StorageApi:
    clock: FakeClock
    keys: SigningKeys
    registry: Registry
    delivery: DeliveryHost
    delivery_url: str
    uploads: list[Upload] = field(default_factory=list)
    _begun: dict[str, str] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(JWKS_PATH, self._jwks),
            web.post("/storage/upload/initiate", self._initiate),
            web.put(PUT_PATH + "{token}/{name}", self._put),
            web.post("/storage/auth/token", self._token),
        ]

    def cdn_routes(self) -> list[web.RouteDef]:
        return [web.post("/files/upload", self._upload)]

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response(self.keys.jwks())

    async def _initiate(self, request: web.Request) -> web.Response:
        wish = json.loads(await request.read())
        if not isinstance(wish, dict) or not {"content_type", "file_name"} <= wish.keys():
            return web.json_response({"detail": "content_type and file_name are required"}, status=422)
        token, name = self.registry.new_id(), wish["file_name"]
        self._begun[token] = wish["content_type"]
        return web.json_response(
            {
                "upload_url": f"{request.url.origin()}{PUT_PATH}{token}/{name}",
                "file_url": self._address(token, name),
            }
        )

    async def _put(self, request: web.Request) -> web.Response:
        token, name = request.match_info["token"], request.match_info["name"]
        if self._begun.get(token) != request.headers.get("Content-Type"):
            return web.json_response({"detail": "no such upload"}, status=403)
        self._keep(self._address(token, name), await request.read(), self._begun.pop(token))
        return web.Response()

    async def _token(self, _: web.Request) -> web.Response:
        expires = self.clock() + timedelta(hours=1)
        return web.json_response(
            {
                "token": _TOKEN,
                "token_type": "Bearer",
                "base_url": self.delivery_url,
                "expires_at": expires.isoformat(),
            }
        )

    async def _upload(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {_TOKEN}":
            return web.json_response({"detail": "Unauthorized"}, status=401)
        url = self._address(self.registry.new_id(), request.headers.get("X-Fal-File-Name", "file"))
        self._keep(url, await request.read(), request.content_type)
        return web.json_response({"access_url": url})

    def _address(self, token: str, name: str) -> str:
        return f"{self.delivery_url}/files/b/{token[:8]}/{name}"

    def _keep(self, url: str, content: bytes, content_type: str) -> None:
        self.uploads.append(Upload(url=url, content_type=content_type, content=content))
        self.delivery.put(
            url.removeprefix(self.delivery_url),
            Deliverable(content=content, content_type=content_type, modified=self.clock(), is_alive=lambda: True),
        )
