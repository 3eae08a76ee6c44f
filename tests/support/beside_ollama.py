"""The real service beside a stand-in Ollama."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from devkit.ollama import OllamaStandIn
from tests.support.service import Service, serving


def beside(folder: Path, ollama: OllamaStandIn, **changes: str) -> AbstractAsyncContextManager[Service]:
    """Return a service that talks to the stand-in, on a clock of its own."""
    return serving(folder, **{**ollama.settings, "SHUTDOWN_GRACE_SECONDS": "0", **changes})
