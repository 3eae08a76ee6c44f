"""The apps of a simulated world: they ask, ask again when nobody answers, or give up and never come back."""

import random
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.catalog import IdempotencyKey
from app.domain.errors import AppError
from app.domain.generations import Order
from app.domain.ids import GenerationId, UserId
from app.services.launching import GenerationRequest
from app.services.sources import Import
from app.wiring.graph import Graph
from benchmarks.reliability.sim_provider import SimJob, SimProvider

_AT_ONCE = timedelta()
_USERS = 200
_PATIENT = 0.8
_CALLS_ITSELF = 0.1
_LONGEST_PAUSE = 300.0


@dataclass(slots=True, kw_only=True)
class Wish:
    """One thing an app wants.  *job* is its own, if it called the provider itself."""

    due: float
    user: UserId
    prompt: str
    is_patient: bool
    calls_itself: bool
    tries: int = 0
    job: SimJob | None = None
    generation: GenerationId | None = None

    @property
    def key(self) -> IdempotencyKey:
        return IdempotencyKey(key=self.prompt, operation="generate", request_sha256="0" * 64)


@dataclass(slots=True, kw_only=True)
class Apps:
    """*waiting* is ordered by when each app asks (again)."""

    provider: SimProvider
    chance: random.Random
    waiting: deque[Wish] = field(default_factory=deque)
    granted: list[Wish] = field(default_factory=list)
    given_up: list[Wish] = field(default_factory=list)

    def expect(self, count: int, *, horizon: float) -> None:
        """Have *count* wishes come up at random within *horizon* seconds."""
        moments = sorted(self.chance.uniform(0, horizon) for _ in range(count))
        for number, due in enumerate(moments):
            self.waiting.append(
                Wish(
                    due=due,
                    user=UserId(f"user{self.chance.randrange(_USERS)}"),
                    prompt=f"prompt {number}",
                    is_patient=self.chance.random() < _PATIENT,
                    calls_itself=self.chance.random() < _CALLS_ITSELF,
                )
            )

    async def ask(self, graph: Graph, now: float) -> None:
        """Let every app that is due ask once.  `Killed` passes: the wish stays where it is."""
        while self.waiting and self.waiting[0].due <= now:
            wish = self.waiting[0]
            try:
                await (self._hand_over(graph, wish) if wish.calls_itself else self._generate(graph, wish))
            except AppError:
                self._again(wish, now)
            else:
                self.waiting.popleft()
                self.granted.append(wish)

    def interrupted(self, now: float) -> None:
        """Tell the apps that are asking that nobody answers."""
        while self.waiting and self.waiting[0].due <= now:
            self._again(self.waiting[0], now)

    async def import_again(self, graph: Graph, job: SimJob, user: UserId) -> None:
        """Host an output by its address too, as an app does that does not trust us yet."""
        index = self.chance.randrange(job.outputs)
        wanted = Import(user=user, url=job.urls()[index], job_id=job.id, output_index=index)
        await graph.imports.import_image(wanted, wait=_AT_ONCE)

    def _again(self, wish: Wish, now: float) -> None:
        self.waiting.remove(wish)
        if not wish.is_patient:
            self.given_up.append(wish)
            return
        wish.tries += 1
        wish.due = now + self.chance.uniform(0.5, 1) * min(2.0 * 2**wish.tries, _LONGEST_PAUSE)
        place = next((at for at, other in enumerate(self.waiting) if other.due > wish.due), len(self.waiting))
        self.waiting.insert(place, wish)

    async def _generate(self, graph: Graph, wish: Wish) -> None:
        request = GenerationRequest(
            user=wish.user,
            provider="replicate",
            order=Order(model="acme/painter", version=None, input={"prompt": wish.prompt}),
            wait=_AT_ONCE,
        )
        view = await graph.generations.generate(request, idempotency_key=wish.key)
        wish.generation = view.generation.id

    async def _hand_over(self, graph: Graph, wish: Wish) -> None:
        if wish.job is None:
            wish.job = self.provider.start({"prompt": wish.prompt}, None)
        view = await graph.adoptions.adopt(wish.user, {"id": wish.job.id}, metadata={}, wait=_AT_ONCE)
        wish.generation = view.generation.id
