"""The requests of an account, and the files they leave on the delivery host."""

import asyncio
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from devkit.clock import FakeClock
from devkit.delivery import Deliverable, DeliveryHost
from devkit.fal.behaviour import Behaviour
from devkit.fal.request import Request
from devkit.pictures import picture

_FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
_NAMESPACES = {"workflows", "comfy"}


def app_of(endpoint: str) -> str:
    """Return the part of an endpoint below which its requests live."""
    parts = endpoint.split("/")
    return "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])


@dataclass(slots=True, kw_only=True)
class Registry:
    clock: FakeClock
    delivery: DeliveryHost
    delivery_url: str
    behaviour: Behaviour
    behaviours: Mapping[str, Behaviour]
    retention: timedelta
    randomness: random.Random
    requests: dict[str, Request] = field(default_factory=dict)
    _arrival: asyncio.Event = field(default_factory=asyncio.Event)

    def behaviour_of(self, endpoint: str) -> Behaviour:
        return self.behaviours.get(endpoint, self.behaviour)

    def create(
        self, endpoint: str, model_input: dict[str, Any], *, webhook: str | None, behaviour: Behaviour, seed: str
    ) -> Request:
        """Lay out a request; *seed* decides what its pictures look like."""
        contents = behaviour.images
        if contents is None:
            contents = tuple(picture(f"{seed}-{index}") for index in range(behaviour.count(model_input)))
        names = [f"/files/b/{self.new_id()[:8]}/{index}.png" for index in range(len(contents))]
        request = Request(
            id=self.new_id(),
            app=app_of(endpoint),
            endpoint=endpoint,
            input=model_input,
            behaviour=behaviour,
            created_at=self.clock(),
            files=tuple(self.delivery_url + name for name in names),
            contents=tuple(contents),
            retention=self.retention,
            webhook=webhook,
        )
        self.requests[request.id] = request
        self._deliver(request, names)
        self._arrival.set()
        self._arrival = asyncio.Event()
        return request

    async def arrived(self, count: int) -> None:
        """Wait until *count* requests were made."""
        while len(self.requests) < count:
            await self._arrival.wait()

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.randomness.getrandbits(128), version=4))

    def _deliver(self, request: Request, names: Sequence[str]) -> None:
        for name, content in zip(names, request.contents, strict=True):
            self._put(request, name, content, request.behaviour.content_type)
            self._put(request, f"{name}.mp4", _FILM, "video/mp4")

    def _put(self, request: Request, name: str, content: bytes, content_type: str) -> None:
        file = Deliverable(
            content=content,
            content_type=content_type,
            modified=request.ends_at,
            is_alive=partial(self._is_alive, request),
        )
        self.delivery.put(name, file)

    def _is_alive(self, request: Request) -> bool:
        return request.has_output(self.clock())
