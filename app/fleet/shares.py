"""Settings that bound the whole deployment, divided among its processes."""

from app.config import Settings
from app.fleet.seat import Seat

_DIVIDED = (
    "capture_concurrency",
    "decode_workers",
    "decode_queue_limit",
    "variant_workers",
    "variant_queue_limit",
    "image_cache",
    "ollama_concurrency",
    "ollama_queue_limit",
    "max_connections",
    "max_connections_per_address",
)


def share_out(settings: Settings, seat: Seat) -> Settings:
    """Return what of *settings* the process on *seat* may use; what is off, or without bound, stays so."""
    whole = {name: getattr(settings, name) for name in _DIVIDED}
    return settings.model_copy(update={name: value and seat.share_of(value) for name, value in whole.items()})
