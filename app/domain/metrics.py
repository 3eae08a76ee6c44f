"""What is counted for operators.  Nothing is ever decided by a number that is counted here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.captures import Risk
from app.domain.conversations import MessageStatus
from app.domain.images import ImageStatus
from app.domain.variants import Outcome


class Task(StrEnum):
    """Recurring work that is done once for a whole deployment, and must not stop unseen."""

    SWEEP = "sweep"
    RECONCILE = "reconcile"
    SCRUB = "scrub"
    UPKEEP = "upkeep"


class SuccessLog(Protocol):
    """When each task last succeeded; it outlives the process, and all processes of a deployment share it."""

    async def record(self, task: Task, *, at: datetime) -> None: ...

    async def latest(self) -> Mapping[Task, datetime]:
        """Return the tasks that have ever succeeded, and when they last did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What is not counted but measured, at the moment someone looks; None where it cannot be told."""

    risk: Risk | None
    seconds_to_deadline: float | None
    """To the earliest one of an open capture; negative when it has passed, infinite when there is none."""
    free_bytes: int | None
    is_ready: bool
    successes: Mapping[Task, datetime] | None


@dataclass(frozen=True, slots=True)
class Exposition:
    """All numbers, as a monitoring system reads them."""

    content_type: str
    body: bytes


class Metrics(Protocol):
    """Counts since the process began.  Counting is cheap and never raises."""

    def request_answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.  *route* is a template of the route table, never a path: there are few of them."""

    def request_counter(self, *, method: str, route: str, status: int) -> Callable[[float], None]:
        """Return what counts such requests by their seconds, as `request_answered` does: for who answers very many."""

    def image_stored(self, *, size: int, seconds: float) -> None:
        """Count an image of *size* bytes, stored *seconds* after its provider had made it, or it was asked for."""

    def image_ended(self, status: ImageStatus) -> None:
        """Count an image whose capture has ended without bytes: `rejected` or `lost`."""

    def files_lost(self, count: int) -> None:
        """Count images that were stored, and whose files are gone or broken."""

    def capture_retried(self, code: str) -> None:
        """Count an attempt that will be made again.  *code* is that of a refusal, or `internal`."""

    def images_removed(self, reason: str, count: int) -> None:
        """Count what a sweep has removed; *reason* is one of retention's."""

    def variant_served(self, outcome: Outcome) -> None:
        """Count a variant that was asked for, by how it came about; those served from memory are not seen here."""

    def answer_begun(self) -> None:
        """Count an answer of a model among those under way."""

    def answer_ended(self, status: MessageStatus) -> None:
        """Count an answer that was begun by how it ended."""

    def answer_refused(self) -> None:
        """Count a question that was refused because too many wait."""

    def first_token(self, seconds: float) -> None:
        """Count an answer whose first piece of text came *seconds* after its question."""

    def pictures_taken(self, count: int) -> None:
        """Count pictures that were sent to a chat and are kept."""

    def expose(self, levels: Levels) -> Exposition: ...
