"""Being asked to stop."""

import asyncio
import signal


def on_signals() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set from now on."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
