"""A prediction as a function of time.

Nothing happens to a prediction: its whole life is laid out when it is created, and only a cancellation changes it.
So any moment can be asked about, and advancing the clock by an hour needs no work to be done.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from devkit.replicate.behaviour import TERMINAL, Behaviour, Shape

THROTTLE = timedelta(milliseconds=500)
"""Webhooks for `output` and for `logs` come at most this often."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something a webhook tells about."""

    event: str
    moment: datetime


@dataclass(slots=True, kw_only=True)
class Prediction:
    id: str
    model: str
    version: str
    input: dict[str, Any]
    behaviour: Behaviour
    created_at: datetime
    files: tuple[str, ...]
    """The addresses of its outputs on the delivery host."""
    contents: tuple[bytes, ...]
    retention: timedelta
    origin: str
    """The API's own address, as its client spells it."""
    deployment: str | None = None
    source: str = "api"
    deadline: datetime | None = None
    webhook: str | None = None
    events: tuple[str, ...] = ()
    canceled_at: datetime | None = field(default=None)

    @property
    def started_at(self) -> datetime:
        return self.created_at + timedelta(seconds=self.behaviour.starting)

    @property
    def ready_at(self) -> datetime:
        """When the whole output is there."""
        return self.started_at + timedelta(seconds=self.behaviour.processing)

    @property
    def end(self) -> Milestone:
        """The last status and when it comes, with a deadline and a cancellation taken into account."""
        ends = [self._natural_end()]
        if self.deadline is not None:
            ends.append(Milestone("aborted" if self.deadline < self.started_at else "canceled", self.deadline))
        if self.canceled_at is not None:
            ends.append(Milestone("canceled", self.canceled_at))
        return min(ends, key=lambda end: end.moment)

    @property
    def settles_at(self) -> datetime:
        """When a waiting client has something to be told: the output, or an end without one."""
        if self.end.event == "succeeded":
            return self.ready_at
        return self.end.moment

    def status(self, now: datetime) -> str:
        if now >= self.end.moment:
            return self.end.event
        return self.behaviour.running_as if now >= self.started_at else "starting"

    def is_over(self, now: datetime) -> bool:
        return now >= self.end.moment and self.end.event in TERMINAL

    def is_removed(self, now: datetime) -> bool:
        return self.is_over(now) and now >= self.end.moment + self.retention

    def has_output(self, index: int, now: datetime) -> bool:
        """Say whether file *index* can be seen, in the output and on the delivery host."""
        if now >= self.end.moment and self.end.event != "succeeded":
            return False
        return self._output_moment(index) <= now and not self.is_removed(now)

    def milestones(self) -> list[Milestone]:
        """Return what webhooks tell about in order, throttled as the real ones are."""
        end = self.end
        marks = [
            Milestone("start", self.started_at),
            Milestone("logs", self.started_at),
            *(Milestone("output", moment) for moment in self._output_moments()),
            Milestone("logs", self.ready_at),
        ]
        told = _throttled([mark for mark in marks if mark.moment < end.moment])
        return [*told, Milestone("completed", end.moment)] if end.event in TERMINAL else told

    def _natural_end(self) -> Milestone:
        ending = self.behaviour.ending
        if ending == "aborted":
            return Milestone(ending, self.started_at)
        return Milestone(ending, self.ready_at + timedelta(seconds=self.behaviour.finishing))

    def _output_moments(self) -> list[datetime]:
        if self.behaviour.shape is Shape.NULL:
            return []
        return sorted({self._output_moment(index) for index in range(len(self.files))})

    def _output_moment(self, index: int) -> datetime:
        if self.behaviour.shape is not Shape.GROWING:
            return self.ready_at
        share = (index + 1) / len(self.files)
        return self.started_at + timedelta(seconds=self.behaviour.processing * share)


def _throttled(marks: list[Milestone]) -> list[Milestone]:
    told: list[Milestone] = []
    last: dict[str, datetime] = {}
    for mark in marks:
        if mark.event == "start" or mark.event not in last or mark.moment - last[mark.event] >= THROTTLE:
            told.append(mark)
            last[mark.event] = mark.moment
    return told
