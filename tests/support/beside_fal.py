"""The real service beside a stand-in fal."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from devkit.fal import FalStandIn
from tests.support.ports import free_port
from tests.support.service import Service, serving

MODEL = "fal-ai/flux/dev"


def beside(folder: Path, fal: FalStandIn, **changes: str) -> AbstractAsyncContextManager[Service]:
    """Return a service that hears of its jobs by asking."""
    return serving(folder, clock=fal.clock, **{**fal.settings, "SHUTDOWN_GRACE_SECONDS": "0", **changes})


def reachable(folder: Path, fal: FalStandIn, **changes: str) -> AbstractAsyncContextManager[Service]:
    """Return a service that fal can call, and fetch from."""
    port = str(free_port())
    return beside(folder, fal, PORT=port, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}", **changes)
