"""Serving until we are asked to stop: listen, say where, drain, leave."""

import argparse
import asyncio
import gc
import logging
import socket
from datetime import timedelta
from typing import cast

from aiohttp import web

from app.cli.announcing import announce
from app.cli.descriptors import room_for
from app.cli.seated import seated
from app.cli.stopping import on_signals
from app.config import Settings
from app.fleet.addresses import CannotListen
from app.fleet.seat import Seat
from app.fleet.shares import share_out
from app.logs import on_loop_error
from app.web.connections import Connections
from app.web.patience import Patience
from app.web.server import Runner
from app.wiring import World, running, wired
from app.wiring.lifecycle import Holdfast

log = logging.getLogger(__name__)

_BACKLOG = 1024
# asyncio takes its backlog also for how often to accept in a row.  Out of descriptors each attempt sets a timer for
# the next, so that with more than one they multiply, until nothing else is done.
_AT_A_TIME = 1
# Of the grace.  A request has a quarter of it, in which its answer must have ended and its reader heard of that.
_ANSWERS_SHARE = 6


async def serve(settings: Settings, options: argparse.Namespace) -> bool:
    """Serve until SIGTERM or SIGINT; True when everything in hand was finished or given back.

    Also until the catalog's disk fails, and then False: what the platform starts anew reads the file anew.
    """
    asyncio.get_running_loop().set_exception_handler(on_loop_error)
    stopping = on_signals()
    seat: Seat | None = options.seat
    for warning in () if seat else settings.warnings:
        log.warning(warning)
    own = share_out(settings, seat) if seat else settings
    async with wired(own, World(seat=seat)) as holdfast, running(holdfast), seated(holdfast, seat) as say_ready:
        _settle_memory()
        runner = await listen(own, holdfast, seat)
        say_ready()
        failed = holdfast.graph.adapters.catalog_failed
        await _first_of(stopping, failed)
        log.info("stopping")
        holdfast.graph.health.stop()
        holdfast.graph.signals.stop()
        await asyncio.gather(runner.cleanup(), holdfast.graph.answers.stop(own.shutdown_grace / _ANSWERS_SHARE))
    log.info("stopped")
    return not failed.is_set()


def _settle_memory() -> None:
    """Have the garbage collector look at what comes from now on, and no more at what was made to start.

    Measured: a full collection stops everybody for 76 ms with it, for 6 without.
    """
    gc.collect()
    gc.freeze()


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def listen(settings: Settings, holdfast: Holdfast, seat: Seat | None = None) -> web.AppRunner:
    """Answer requests at the address of *settings*, or on the sockets of *seat*, until the runner is cleaned up."""
    runner = Runner(
        holdfast.app,
        connections=_connections(settings),
        patience=Patience(
            head=settings.request_head_timeout.total_seconds(), stall=settings.response_stall.total_seconds()
        ),
        # Captures get the rest: they stop after the requests that may be waiting for them.
        shutdown_timeout=_share_of(settings.shutdown_grace),
    )
    await runner.setup()
    try:
        for site in _sites(settings, runner, seat):
            await site.start()
            _lengthen_queue(site)
    except OSError as error:
        await runner.cleanup()
        raise CannotListen(f"HOST and PORT: cannot listen there ({error.strerror or error}).") from error
    if seat is None:
        announce(settings, runner.addresses[0][1])
    return runner


def _sites(settings: Settings, runner: web.AppRunner, seat: Seat | None) -> list[web.BaseSite]:
    if seat is not None:
        return [web.SockSite(runner, socket.socket(fileno=own), backlog=_AT_A_TIME) for own in seat.listening]
    # No host means both families; "::" alone would refuse IPv4.
    return [web.TCPSite(runner, settings.host, settings.port or _any_port(settings.host), backlog=_AT_A_TIME)]


def _connections(settings: Settings) -> Connections:
    most = room_for(settings.max_connections)
    if most < settings.max_connections:
        log.warning("MAX_CONNECTIONS is lowered to %d: the process may open no more files", most)
    # Behind a proxy every connection is the proxy's.
    each = None if settings.client_address_header else settings.max_connections_per_address
    return Connections(most=most, most_per_address=each)


def _lengthen_queue(site: web.BaseSite) -> None:
    """Let as many connections wait to be accepted as the kernel takes, whatever asyncio was told."""
    server = cast(asyncio.Server, site._server)  # noqa: SLF001 (nothing public leads to the sockets)
    for listening in server.sockets:
        with listening.dup() as own:
            own.listen(_BACKLOG)


def _any_port(host: str | None) -> int:
    """Return 0 where one address is bound, so that nobody can take the port first, else one that is free just now."""
    if host not in {None, "localhost"}:
        return 0
    # Left to `bind`, each family would get a port of its own.
    with socket.create_server(("", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _share_of(grace: timedelta) -> float:
    return grace.total_seconds() / 2
