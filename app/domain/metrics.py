"""What is counted for operators.  Nothing is ever decided by a number that is counted here."""

from dataclasses import dataclass
from typing import Protocol

from app.domain.images import ImageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What is not counted but measured, at the moment someone looks; None where it cannot be told."""

    captures_open: int | None
    free_bytes: int | None
    is_ready: bool


@dataclass(frozen=True, slots=True)
class Exposition:
    """All numbers, as a monitoring system reads them."""

    content_type: str
    body: bytes


class Metrics(Protocol):
    """Counts since the process began.  Counting is cheap and never raises."""

    def request_answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.  *route* is a template of the route table, never a path: there are few of them."""

    def image_ended(self, status: ImageStatus) -> None:
        """Count an image whose capture has ended: `stored`, `rejected` or `lost`."""

    def expose(self, levels: Levels) -> Exposition: ...
