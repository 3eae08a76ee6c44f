"""Pictures on the stand-in's delivery host, as some model of somebody's has left them there."""

from datetime import UTC, datetime

from devkit.delivery import Deliverable
from devkit.replicate import ReplicateStandIn
from tests.support import pictures

_MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)


def put(replicate: ReplicateStandIn, path: str = "/a/out-0.png", content: bytes | None = None) -> str:
    """Put *content*, or else some PNG, at *path* and return its URL."""
    file = Deliverable(
        content=pictures.png() if content is None else content,
        content_type="image/png",
        modified=_MODIFIED,
        is_alive=lambda: True,
    )
    replicate.delivery.put(path, file)
    return replicate.delivery_url + path
