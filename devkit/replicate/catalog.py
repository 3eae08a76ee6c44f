"""The little of models, versions and the webhook secret that clients ask for.  Every model exists."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from devkit.replicate.behaviour import Behaviour, Shape

_VERSION = "5" * 64
_FILE = {"type": "string", "format": "uri"}
_LIST = {"type": "array", "items": _FILE, "title": "Output"}
_OUTPUTS: dict[Shape, dict[str, Any]] = {
    Shape.STRING: {**_FILE, "title": "Output"},
    Shape.LIST: _LIST,
    Shape.GROWING: {**_LIST, "x-cog-array-type": "iterator"},
    Shape.TEXT: {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"},
}


class CatalogApi:
    def __init__(self, behaviour_of: Callable[[str], Behaviour], webhook_secret: str) -> None:
        self._behaviour_of = behaviour_of
        self._webhook_secret = webhook_secret

    def routes(self) -> list[web.RouteDef]:
        model = "/v1/models/{owner}/{name}"
        return [
            web.get(model, self._model),
            web.get(model + "/versions", self._versions),
            web.get(model + "/versions/{version}", self._version),
            web.get("/v1/webhooks/default/secret", self._secret),
        ]

    async def _model(self, request: web.Request) -> web.Response:
        owner, name = request.match_info["owner"], request.match_info["name"]
        return web.json_response(
            {
                "url": f"https://replicate.com/{owner}/{name}",
                "owner": owner,
                "name": name,
                "description": "A stand-in.",
                "visibility": "public",
                "github_url": None,
                "paper_url": None,
                "license_url": None,
                "run_count": 0,
                "cover_image_url": None,
                "default_example": None,
                "latest_version": self._describe(f"{owner}/{name}", _VERSION),
            }
        )

    async def _versions(self, request: web.Request) -> web.Response:
        model = f"{request.match_info['owner']}/{request.match_info['name']}"
        return web.json_response({"next": None, "previous": None, "results": [self._describe(model, _VERSION)]})

    async def _version(self, request: web.Request) -> web.Response:
        model = f"{request.match_info['owner']}/{request.match_info['name']}"
        return web.json_response(self._describe(model, request.match_info["version"]))

    async def _secret(self, _: web.Request) -> web.Response:
        return web.json_response({"key": self._webhook_secret})

    def _describe(self, model: str, version: str) -> dict[str, Any]:
        output = _OUTPUTS.get(self._behaviour_of(model).shape, {"title": "Output"})
        return {
            "id": version,
            "created_at": "2024-04-22T11:15:14.469Z",
            "cog_version": "0.9.4",
            "openapi_schema": {
                "openapi": "3.0.2",
                "components": {"schemas": {"Input": {"type": "object"}, "Output": output}},
            },
        }
