"""fal on loopback: the queue, the REST host and the delivery host, each on a port of its own, over real sockets."""

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.typedefs import Middleware

from devkit.clock import FakeClock
from devkit.delivery import DeliveryHost
from devkit.fal.behaviour import Behaviour
from devkit.fal.keys import JWKS_PATH, SigningKeys, require_key
from devkit.fal.queue import QueueApi
from devkit.fal.queue import operation as queue_operation
from devkit.fal.registry import Registry
from devkit.fal.request import Request
from devkit.fal.storage import PUT_PATH, StorageApi, Upload
from devkit.fal.storage import operation as rest_operation
from devkit.fal.webhooks import RETRIES, Conduct, Delivery, WebhookSender
from devkit.faults import Faults
from devkit.journal import Journal
from devkit.replicate.faults import ApiFault, api_faults
from devkit.serving import served
from devkit.tasks import Tasks

_LARGEST = 100 * 1024 * 1024


@dataclass(kw_only=True)
class FalStandIn:
    """An account at fal, for as long as the `async with` block runs.

    Behaviours are found by the whole endpoint (`fal-ai/flux/dev`); else *behaviour* holds.  Faults are `on` submit,
    status, result, cancel, jwks, upload or put.
    """

    key: str = "stand-in:key"
    clock: FakeClock = field(default_factory=lambda: FakeClock(ticking=True))
    behaviour: Behaviour = field(default_factory=Behaviour)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    conduct: Conduct = field(default_factory=Conduct)
    webhook_retries: tuple[float, ...] = RETRIES
    retention: float = 7 * 24 * 3600.0
    """Seconds after its end that a request's files are there."""
    host: str = "127.0.0.1"
    port: int = 0
    seed: int | None = None
    """Makes ids and pictures repeatable."""
    keys: SigningKeys = field(default_factory=SigningKeys)
    queue_url: str = field(init=False, default="")
    rest_url: str = field(init=False, default="")
    delivery_url: str = field(init=False, default="")
    api_faults: Faults[ApiFault] = field(init=False, default_factory=Faults)
    journal: Journal = field(init=False, default_factory=Journal)
    delivery: DeliveryHost = field(init=False)
    _registry: Registry = field(init=False)
    _webhooks: WebhookSender = field(init=False)
    _storage: StorageApi = field(init=False)
    _tasks: Tasks = field(init=False, default_factory=Tasks)
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(ClientSession(cookie_jar=DummyCookieJar()))
            await self._open_delivery(stack)
            self._webhooks = WebhookSender(
                clock=self.clock,
                keys=self.keys,
                conduct=self.conduct,
                retries=self.webhook_retries,
                session=session,
                tasks=self._tasks,
            )
            queue = self._app("queue", require_key(self.key), api_faults(self.api_faults, name_of=queue_operation))
            queue.add_routes(QueueApi(self._registry, self._webhooks, session).routes())
            self.queue_url = await stack.enter_async_context(served(queue, host=self.host, port=self.port))
            guard = require_key(self.key, open_paths=(JWKS_PATH, PUT_PATH))
            rest = self._app("rest", guard, api_faults(self.api_faults, name_of=rest_operation))
            rest.add_routes(self._storage.routes())
            self.rest_url = await stack.enter_async_context(served(rest, host=self.host))
            stack.push_async_callback(self._tasks.aclose)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def jwks_url(self) -> str:
        return self.rest_url + JWKS_PATH

    @property
    def settings(self) -> dict[str, str]:
        """What a service is told to find this stand-in."""
        return {"FAL_KEY": self.key, "FAL_QUEUE_URL": self.queue_url, "FAL_JWKS_URL": self.jwks_url}

    @property
    def requests(self) -> list[Request]:
        """Every request, oldest first."""
        return list(self._registry.requests.values())

    @property
    def webhooks(self) -> list[Delivery]:
        """Every attempt to deliver a webhook, in order."""
        return self._webhooks.deliveries

    @property
    def uploads(self) -> list[Upload]:
        """Every file in the storage, in order of arrival."""
        return self._storage.uploads

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    async def arrived(self, count: int = 1) -> None:
        """Wait until *count* requests were submitted."""
        await self._registry.arrived(count)

    async def settled(self) -> None:
        """Wait until every webhook is delivered or given up."""
        await self._tasks.settled()

    async def _open_delivery(self, stack: AsyncExitStack) -> None:
        self.delivery = DeliveryHost(self.journal, host="delivery", largest_body=_LARGEST)
        self._registry = Registry(
            clock=self.clock,
            delivery=self.delivery,
            delivery_url="",
            behaviour=self.behaviour,
            behaviours=self.behaviours,
            retention=timedelta(seconds=self.retention),
            randomness=random.Random(self.seed),
        )
        self._storage = StorageApi(
            clock=self.clock, keys=self.keys, registry=self._registry, delivery=self.delivery, delivery_url=""
        )
        self.delivery.app.add_routes(self._storage.cdn_routes())
        self.delivery_url = await stack.enter_async_context(served(self.delivery.app, host=self.host))
        self._registry.delivery_url = self._storage.delivery_url = self.delivery_url

    def _app(self, host: str, *middlewares: Middleware) -> web.Application:
        return web.Application(middlewares=[self.journal.middleware(host), *middlewares], client_max_size=_LARGEST)
