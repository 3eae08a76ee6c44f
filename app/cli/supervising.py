"""Serving with several processes: this one only watches over them, and imports little."""

import argparse
import asyncio
import logging
import secrets
from functools import partial

from app.cli.announcing import announce
from app.cli.stopping import on_signals
from app.config import Settings
from app.fleet.deployment import opened
from app.fleet.supervisor import Supervisor
from app.logs import on_loop_error, take_turns

log = logging.getLogger(__name__)

_OWNER_BYTES = 16


async def supervise(settings: Settings, _: argparse.Namespace) -> bool:
    """Run the processes until SIGTERM or SIGINT; True when everything in hand was finished or given back."""
    asyncio.get_running_loop().set_exception_handler(on_loop_error)
    stopping = on_signals()
    for warning in settings.warnings:
        log.warning(warning)
    with opened(settings, Settings.texts(), new_owner=partial(secrets.token_hex, _OWNER_BYTES)) as deployment:
        take_turns(deployment.turns)
        supervisor = Supervisor(
            count=settings.workers,
            start=deployment.start,
            grace=settings.shutdown_grace,
            on_ready=partial(announce, settings, deployment.port),
            on_stop=deployment.stop_listening,
        )
        is_well = await supervisor.run(stopping)
    log.info("stopped")
    return is_well
