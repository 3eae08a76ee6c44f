"""The queue's API: submit, status, result, cancel."""

import asyncio
import dataclasses
import json
from typing import Any

from aiohttp import ClientSession, web

from devkit.clock import FakeClock
from devkit.fal.fetching import NotFetched, fetched
from devkit.fal.registry import Registry, app_of
from devkit.fal.request import Request
from devkit.fal.webhooks import WebhookSender


def operation(request: web.Request) -> str | None:
    """Return what a call to the queue does: submit, status, result or cancel."""
    if request.method in {"POST", "PUT"}:
        return "submit" if request.method == "POST" else "cancel"
    return "status" if "/status" in request.path else "result"


class QueueApi:
    def __init__(self, registry: Registry, webhooks: WebhookSender, session: ClientSession) -> None:
        self._registry = registry
        self._webhooks = webhooks
        self._session = session
        self._clock: FakeClock = registry.clock

    def routes(self) -> list[web.RouteDef]:
        one = "/{app:.+}/requests/{id}"
        return [
            web.post("/_control/advance", self._advance),
            web.get(one + "/status", self._status),
            web.get(one + "/status/stream", self._stream),
            web.put(one + "/cancel", self._cancel),
            web.get(one, self._result),
            web.post("/{endpoint:.+}", self._submit),
        ]

    async def _submit(self, request: web.Request) -> web.Response:
        endpoint = request.match_info["endpoint"]
        try:
            model_input = json.loads(await request.read())
        except ValueError:
            return _refusal(422, "Invalid JSON")
        if not isinstance(model_input, dict) or "/" not in endpoint:
            return _refusal(404, "Application not found")
        made = await self._make(endpoint, model_input, request.query.get("fal_webhook"))
        self._webhooks.follow(made)
        origin = made.behaviour.foreign_urls or str(request.url.origin())
        return web.json_response({"status": "IN_QUEUE", "queue_position": 0, **_addresses(made, origin)})

    async def _make(self, endpoint: str, model_input: dict[str, Any], webhook: str | None) -> Request:
        behaviour, seed = self._registry.behaviour_of(endpoint), self._registry.new_id()
        if behaviour.fetches:
            try:
                seed = await fetched(model_input, self._session)
            except NotFetched as failure:
                behaviour = dataclasses.replace(behaviour, status=422, detail=failure.detail)
        return self._registry.create(endpoint, model_input, webhook=webhook, behaviour=behaviour, seed=seed)

    async def _status(self, request: web.Request) -> web.Response:
        if (wrong := _wrong_path(request)) is not None:
            return wrong
        found = self._find(request)
        if found is None:
            # As seen: an id that nobody knows is COMPLETED too.
            return web.json_response({"status": "COMPLETED", "logs": None, "metrics": {}})
        document = self._document(found, str(request.url.origin()))
        return web.json_response(document, status=200 if document["status"] == "COMPLETED" else 202)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        found = self._find(request)
        if found is None:
            return _refusal(404, "Request not found")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            document = self._document(found, str(request.url.origin()))
            await response.write(b": ping\n\ndata: " + json.dumps(document).encode() + b"\n\n")
            if document["status"] == "COMPLETED":
                return response
            await asyncio.sleep(0.02)

    async def _result(self, request: web.Request) -> web.Response:
        if (wrong := _wrong_path(request)) is not None:
            return wrong
        found = self._find(request)
        if found is None or found.is_canceled:
            # What a cancelled one is answered with is not documented.
            return _refusal(404, "Request not found")
        if found.status(self._clock()) != "COMPLETED":
            return web.json_response({"detail": "Request is still in progress"}, status=202)
        headers = {"x-fal-request-id": found.id}
        return web.json_response(found.result(), status=found.behaviour.status, headers=headers)

    async def _cancel(self, request: web.Request) -> web.Response:
        found = self._find(request)
        if found is None:
            return web.json_response({"status": "NOT_FOUND"}, status=404)
        if found.status(self._clock()) == "COMPLETED":
            return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)
        found.canceled_at = self._clock()
        return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)

    async def _advance(self, request: web.Request) -> web.Response:
        seconds = (await request.json())["seconds"]
        return web.json_response({"now": self._clock.advance(seconds).isoformat()})

    def _find(self, request: web.Request) -> Request | None:
        found = self._registry.requests.get(request.match_info["id"])
        return found if found is not None and found.app == request.match_info["app"] else None

    def _document(self, found: Request, origin: str) -> dict[str, Any]:
        status = found.status(self._clock())
        document: dict[str, Any] = {"status": status, **_addresses(found, origin)}
        if status == "IN_QUEUE":
            return document | {"queue_position": 0}
        document["logs"] = None
        if status == "COMPLETED":
            document["metrics"] = {"inference_time": 2.1}
            if found.behaviour.error and not found.behaviour.error_in_result:
                document |= {"error": found.behaviour.error, "error_type": found.behaviour.error_type}
        return document


def _addresses(found: Request, origin: str) -> dict[str, str]:
    base = f"{origin}/{found.app}/requests/{found.id}"
    return {
        "request_id": found.id,
        "gateway_request_id": found.id,
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
    }


def _wrong_path(request: web.Request) -> web.Response | None:
    app = request.match_info["app"]
    return None if app == app_of(app) else _refusal(405, "Method Not Allowed")


def _refusal(status: int, detail: str) -> web.Response:
    return web.json_response({"detail": detail}, status=status)
