"""The life of the service.  Start-up reads downward, shutdown upward; the web and the command line share it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from aiohttp import web

from app.adapters.blobs.instance import only_instance
from app.background import every
from app.config import Settings
from app.domain.errors import StorageUnavailable
from app.services.capture_runner import LEASE
from app.web.application import application
from app.wiring.adapters import World, opened
from app.wiring.graph import Graph
from app.wiring.messages import connect, release
from app.wiring.surface import lane, options, services

log = logging.getLogger(__name__)

_FLUSH_EVERY = timedelta(seconds=30)
_POLL_EVERY = timedelta(seconds=1)
_LOOK_EVERY = timedelta(milliseconds=500)
_COUNT_EVERY = timedelta(milliseconds=100)
_RECONCILE_EVERY = timedelta(seconds=15)
_DAILY_IF_DUE = timedelta(hours=1)
"""How often what is done daily is asked whether a day has passed: an interval of a day would begin at each start."""

_FIRST_SWEEP_AFTER = timedelta(seconds=5)
_TIDY_EVERY = timedelta(days=1)
_TAKEOVER_PATIENCE_SECONDS = 20.0

_Work = tuple[timedelta, Callable[[], Awaitable[object]], str, timedelta]
"""How often, what, its name, and when first."""


@dataclass(frozen=True, slots=True)
class Holdfast:
    """The whole service, at rest: `app` answers requests, `running` keeps the clockwork going."""

    graph: Graph
    app: web.Application


@asynccontextmanager
async def wired(settings: Settings, world: World | None = None) -> AsyncIterator[Holdfast]:
    """Yield the service over an open store; close everything after the block."""
    world = world or World()
    async with opened(settings, world) as adapters:
        graph = Graph(settings, world, adapters)
        async with aclosing(graph.variants):
            try:
                yield Holdfast(graph, application(services(graph), options(graph), lane(graph)))
            finally:
                await graph.answers.stop(timedelta())


@asynccontextmanager
async def running(holdfast: Holdfast) -> AsyncIterator[None]:
    """Capture, poll, reconcile and sweep for the length of the block, as the only instance on this volume.

    Of several processes one does what is to be done once; the others, started when it is ready, capture beside it.
    At its end what is in hand gets the rest of the grace, the last access times are written, nothing is left behind.
    """
    graph = holdfast.graph
    async with AsyncExitStack() as stack:
        connect(graph)
        if graph.is_keeper:
            await _take_over(graph, stack)
            await graph.recovery.require_volume()
            await graph.rounds.recover()
            # Whoever held these is gone: we are the only instance.
            await release(graph, None)
        stack.push_async_callback(graph.access_times.close)
        await _start_clockwork(graph, stack)
        yield


async def _take_over(graph: Graph, stack: AsyncExitStack) -> None:
    """Become the only instance here, once the one before us has ended; raise `StorageUnavailable` if it stays.

    In a deploy it is told to stop when we are started, and has its grace.
    """
    seat = graph.world.seat
    hold = partial(only_instance, graph.settings.data_dir, lock=seat.lock if seat else None)
    try:
        await stack.enter_async_context(hold(patience=0))
    except StorageUnavailable as refusal:
        log.warning("waiting for the volume: %s", refusal.detail)
        await stack.enter_async_context(hold(patience=_TAKEOVER_PATIENCE_SECONDS))


async def _start_clockwork(graph: Graph, stack: AsyncExitStack) -> None:
    runner = asyncio.create_task(graph.runner.run(), name="captures")
    stack.push_async_callback(_stop, graph, runner)
    stack.push_async_callback(graph.launcher.stop, graph.settings.shutdown_grace / 8)
    for interval, work, name, first_after in (*_everywhere(graph), *(_once(graph) if graph.is_keeper else ())):
        await stack.enter_async_context(every(interval, work, name=name, first_after=first_after))


def _everywhere(graph: Graph) -> Iterator[_Work]:
    """Yield what each process does for itself."""
    yield LEASE / 3, graph.runner.renew, "leases", LEASE / 3
    yield _LOOK_EVERY, graph.answers.look, "answers", _LOOK_EVERY
    yield _FLUSH_EVERY, graph.access_times.flush, "access times", _FLUSH_EVERY
    if graph.world.seat is not None:
        yield _COUNT_EVERY, graph.limiter.pass_on, "rates", _COUNT_EVERY


def _once(graph: Graph) -> Iterator[_Work]:
    """Yield what one process does for the whole deployment."""
    yield from (
        (_POLL_EVERY, graph.jobs.poll_due, "polls", timedelta()),
        (_RECONCILE_EVERY, graph.rounds.reconcile, "reconciler", timedelta()),
        (_RECONCILE_EVERY, graph.comparison.compare, "provider's list", timedelta()),
        (_DAILY_IF_DUE, graph.rounds.scrub, "scrub", _DAILY_IF_DUE),
        (_DAILY_IF_DUE, graph.rounds.upkeep, "upkeep", _DAILY_IF_DUE),
        (graph.settings.cleanup_interval, graph.rounds.sweep, "retention", _first_sweep(graph.settings)),
        (_TIDY_EVERY, graph.variants.tidy, "variants", _FIRST_SWEEP_AFTER),
        (_DAILY_IF_DUE, graph.temporary.tidy, "temporary images", timedelta()),
    )


def _first_sweep(settings: Settings) -> timedelta:
    return min(_FIRST_SWEEP_AFTER, settings.cleanup_interval)


async def _stop(graph: Graph, runner: "asyncio.Task[None]") -> None:
    await graph.runner.stop(graph.settings.shutdown_grace / 4)
    await runner
