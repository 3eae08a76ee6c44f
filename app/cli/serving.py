"""Serving until we are asked to stop: listen, say where, drain, leave."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from datetime import timedelta

from aiohttp import web
from yarl import URL

from app.cli.descriptors import room_for
from app.config import Settings
from app.logs import on_loop_error
from app.web.connections import Connections
from app.web.patience import Patience
from app.web.server import Runner
from app.wiring import running, wired
from app.wiring.lifecycle import Holdfast

log = logging.getLogger(__name__)

_BACKLOG = 1024


class CannotListen(Exception):
    """The address is taken, or not this machine's."""


async def serve(settings: Settings, _: argparse.Namespace) -> bool:
    """Serve until SIGTERM or SIGINT; True when everything in hand was finished or given back.

    Also until the catalog's disk fails, and then False: what the platform starts anew reads the file anew.
    """
    asyncio.get_running_loop().set_exception_handler(on_loop_error)
    stopping = _on_signals()
    for warning in settings.warnings:
        log.warning(warning)
    async with wired(settings) as holdfast, running(holdfast):
        runner = await listen(settings, holdfast)
        failed = holdfast.graph.adapters.catalog_failed
        await _first_of(stopping, failed)
        log.info("stopping")
        holdfast.graph.health.stop()
        holdfast.graph.signals.stop()
        await runner.cleanup()
    log.info("stopped")
    return not failed.is_set()


def _on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def listen(settings: Settings, holdfast: Holdfast) -> web.AppRunner:
    """Answer requests at the address of *settings* until the runner is cleaned up."""
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
        # No host means both families; "::" alone would refuse IPv4.
        site = web.TCPSite(runner, settings.host, settings.port or _any_port(settings.host), backlog=_BACKLOG)
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise CannotListen(f"HOST and PORT: cannot listen there ({error.strerror or error}).") from error
    _announce(settings, runner)
    return runner


def _connections(settings: Settings) -> Connections:
    most = room_for(settings.max_connections)
    if most < settings.max_connections:
        log.warning("MAX_CONNECTIONS is lowered to %d: the process may open no more files", most)
    # Behind a proxy every connection is the proxy's.
    each = None if settings.client_address_header else settings.max_connections_per_address
    return Connections(most=most, most_per_address=each)


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


def _announce(settings: Settings, runner: web.AppRunner) -> None:
    port = runner.addresses[0][1]
    here = settings.public_base_url or str(URL.build(scheme="http", host=settings.host or "localhost", port=port))
    log.info("listening on %s", here, extra={"port": port, "images": str(settings.image_storage_path)})
    if sys.stderr.isatty():
        sys.stderr.write(
            f"\n  Holdfast is at {here} (images in {settings.image_storage_path}).\n"
            f"  Try:  curl {here}/readyz\n"
            f"        curl {here}/v1/images/import -H 'Content-Type: application/json' \\\n"
            '             -d \'{"user_id": "ana", "url": "https://replicate.delivery/…/out-0.png"}\'\n'
            "  Or see it all, with a provider that forgets: make demo\n\n"
        )
