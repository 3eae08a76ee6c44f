"""Settings that bound the whole deployment, divided among its processes."""

from app.config import Settings
from app.fleet.seat import Seat

_DIVIDED = ("capture_concurrency", "decode_workers", "decode_queue_limit", "max_connections")


def share_out(settings: Settings, seat: Seat) -> Settings:
    """Return what of *settings* the process on *seat* may use."""
    parts = {name: seat.share_of(getattr(settings, name)) for name in _DIVIDED}
    each = settings.max_connections_per_address
    return settings.model_copy(update=parts | {"max_connections_per_address": each and seat.share_of(each)})
