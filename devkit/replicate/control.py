"""Moving a stand-in that runs in another process: its clock, its models, its faults, and what it has seen."""

import base64
import json
import math
from collections.abc import Callable, MutableMapping
from dataclasses import fields
from typing import Any

from aiohttp import web

from devkit.clock import FakeClock
from devkit.delivery_faults import DeliveryFault
from devkit.faults import Faults
from devkit.journal import Journal
from devkit.replicate.behaviour import Behaviour, Shape, Sync
from devkit.replicate.faults import ApiFault
from devkit.replicate.problems import invalid
from devkit.replicate.registry import Registry
from devkit.replicate.webhooks import WebhookSender


class Control:
    """`/_control/`: no part of the real API, and open to anyone."""

    def __init__(
        self,
        *,
        registry: Registry,
        behaviours: MutableMapping[str, Behaviour],
        api_faults: Faults[ApiFault],
        journal: Journal,
        webhooks: WebhookSender,
    ) -> None:
        self._clock: FakeClock = registry.clock
        self._registry = registry
        self._behaviours = behaviours
        self._api_faults = api_faults
        self._journal = journal
        self._webhooks = webhooks

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_control/advance", self._advance),
            web.post("/_control/expire", self._expire),
            web.post("/_control/behaviour", self._behave),
            web.post("/_control/faults/api", self._break_api),
            web.post("/_control/faults/delivery", self._break_delivery),
            web.get("/_control/requests", self._requests),
            web.get("/_control/webhooks", self._sent),
        ]

    async def _advance(self, request: web.Request) -> web.Response:
        seconds = (await _members(request)).get("seconds")
        if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise invalid("seconds must be a number, and not less than 0")
        return web.json_response({"now": self._clock.advance(seconds).isoformat()})

    async def _expire(self, _: web.Request) -> web.Response:
        self._registry.expire()
        return web.json_response({"now": self._clock().isoformat()})

    async def _behave(self, request: web.Request) -> web.Response:
        members = await _members(request)
        model = members.pop("model", None)
        behaviour = _made(Behaviour, members)
        if model is None:
            self._registry.behaviour = behaviour
        else:
            self._behaviours[model] = behaviour
        return web.json_response({"model": model})

    async def _break_api(self, request: web.Request) -> web.Response:
        members = await _members(request)
        times = members.pop("times", 1)
        self._api_faults.add(_made(ApiFault, members), times=times)
        return web.json_response({"coming": len(self._api_faults)})

    async def _break_delivery(self, request: web.Request) -> web.Response:
        members = await _members(request)
        times = members.pop("times", 1)
        self._registry.delivery.faults.add(_made(DeliveryFault, members), times=times)
        return web.json_response({"coming": len(self._registry.delivery.faults)})

    async def _requests(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": [entry.to_json() for entry in self._journal.entries]})

    async def _sent(self, _: web.Request) -> web.Response:
        return web.json_response({"webhooks": [sent.to_json() for sent in self._webhooks.deliveries]})


async def _members(request: web.Request) -> dict[str, Any]:
    try:
        members = json.loads(await request.read())
    except ValueError:
        raise invalid("The request body is not valid JSON.") from None
    if not isinstance(members, dict):
        raise invalid("The request body must be an object.")
    return members


def _made(kind: type[Any], members: dict[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    if unknown := sorted(members.keys() - known):
        raise invalid(f"{kind.__name__} has no member {unknown[0]}")
    try:
        return kind(**{name: _READ.get(name, _as_it_is)(value) for name, value in members.items()})
    except (TypeError, ValueError) as exc:
        raise invalid(str(exc)) from None


def _pictures(encoded: list[str]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(each) for each in encoded)


def _as_it_is(value: Any) -> Any:
    return value


_READ: dict[str, Callable[[Any], Any]] = {"shape": Shape, "sync": Sync, "images": _pictures}
