"""Replicate on loopback: the API on one port, its delivery host on another, both over real sockets."""

import base64
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from aiohttp import web

from devkit.clock import FakeClock
from devkit.delivery import DeliveryHost
from devkit.delivery_faults import DeliveryFault
from devkit.faults import Faults
from devkit.journal import Journal
from devkit.replicate.api import PredictionApi
from devkit.replicate.behaviour import Behaviour
from devkit.replicate.catalog import CatalogApi
from devkit.replicate.control import Control
from devkit.replicate.faults import ApiFault, api_faults
from devkit.replicate.files import LARGEST, FilesApi
from devkit.replicate.gate import keys, problems, rates
from devkit.replicate.limits import Bucket
from devkit.replicate.prediction import Prediction
from devkit.replicate.registry import Registry
from devkit.replicate.webhooks import RETRIES, Conduct, Delivery, WebhookSender, webhook_session
from devkit.serving import served
from devkit.tasks import Tasks

_SECRET = "whsec_" + base64.b64encode(b"stand-in webhook secret!").decode()


@dataclass(kw_only=True)
class ReplicateStandIn:
    """An account at Replicate, for as long as the `async with` block runs.

    Behaviours are found by version, by `owner/name`, or by `deployments/owner/name`; else *behaviour* holds.
    """

    token: str = "r8_stand_in"  # noqa: S105 - opens nothing but this
    clock: FakeClock = field(default_factory=lambda: FakeClock(ticking=True))
    behaviour: Behaviour = field(default_factory=Behaviour)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    conduct: Conduct = field(default_factory=Conduct)
    webhook_secret: str = _SECRET
    webhook_retries: tuple[float, ...] = RETRIES
    retention: float = 3600.0
    """Seconds after its end that a prediction keeps its output."""
    page_size: int = 100
    creates_per_minute: int = 600
    enforce_limits: bool = False
    largest_file: int = LARGEST
    host: str = "127.0.0.1"
    port: int = 0
    delivery_port: int = 0
    delivery_url: str = ""
    """What output addresses begin with; the delivery host's own address unless given."""
    seed: int | None = None
    """Makes ids and pictures repeatable."""
    base_url: str = field(init=False, default="")
    """The API's address, without `/v1`."""
    api_faults: Faults[ApiFault] = field(init=False, default_factory=Faults)
    journal: Journal = field(init=False, default_factory=Journal)
    delivery: DeliveryHost = field(init=False)
    _registry: Registry = field(init=False)
    _webhooks: WebhookSender = field(init=False)
    _tasks: Tasks = field(init=False, default_factory=Tasks)
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            randomness = random.Random(self.seed)
            self.delivery = DeliveryHost(self.journal)
            delivery_url = await stack.enter_async_context(
                served(self.delivery.app, host=self.host, port=self.delivery_port)
            )
            self.delivery_url = self.delivery_url or delivery_url
            self._registry = self._new_registry(randomness)
            self._webhooks = WebhookSender(
                clock=self.clock,
                secret=self.webhook_secret,
                conduct=self.conduct,
                retries=self.webhook_retries,
                randomness=randomness,
                session=await stack.enter_async_context(webhook_session()),
                tasks=self._tasks,
            )
            self.base_url = await stack.enter_async_context(
                served(self._app(randomness), host=self.host, port=self.port)
            )
            stack.push_async_callback(self._tasks.aclose)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def delivery_faults(self) -> Faults[DeliveryFault]:
        return self.delivery.faults

    @property
    def webhooks(self) -> list[Delivery]:
        """Every attempt to deliver a webhook, in order."""
        return self._webhooks.deliveries

    @property
    def predictions(self) -> list[Prediction]:
        """Every prediction, newest first."""
        return self._registry.all()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def expire(self) -> None:
        """Remove the outputs of everything that has ended, without moving the clock."""
        self._registry.expire()

    async def arrived(self, count: int = 1) -> None:
        """Wait until *count* predictions were created."""
        await self._registry.arrived(count)

    async def settled(self) -> None:
        """Wait until every webhook is delivered or given up."""
        await self._tasks.settled()

    def _new_registry(self, randomness: random.Random) -> Registry:
        return Registry(
            clock=self.clock,
            delivery=self.delivery,
            delivery_url=self.delivery_url,
            behaviour=self.behaviour,
            behaviours=self.behaviours,
            retention=timedelta(seconds=self.retention),
            page_size=self.page_size,
            randomness=randomness,
        )

    def _app(self, randomness: random.Random) -> web.Application:
        limit = self.enforce_limits
        app = web.Application(
            middlewares=[
                self.journal.middleware("api"),
                problems(),
                rates(
                    Bucket(clock=self.clock, per_minute=self.creates_per_minute, enforced=limit),
                    Bucket(clock=self.clock, per_minute=3000, enforced=limit),
                ),
                keys(self.token),
                api_faults(self.api_faults),
            ],
            client_max_size=2 * LARGEST,
        )
        app.add_routes(PredictionApi(self._registry, self._webhooks).routes())
        app.add_routes(CatalogApi(self._registry.behaviour_of, self.webhook_secret).routes())
        app.add_routes(FilesApi(clock=self.clock, randomness=randomness, largest=self.largest_file).routes())
        app.add_routes(
            Control(
                registry=self._registry,
                behaviours=self.behaviours,
                api_faults=self.api_faults,
                journal=self.journal,
                webhooks=self._webhooks,
            ).routes()
        )
        return app
