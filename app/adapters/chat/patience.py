"""How long an answer may take: until it begins, between its pieces, and in all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from app.domain.errors import ModelStalled

_TOO_LONG = "The model took too long for its answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    load: timedelta
    """Until the first piece: a model of forty gigabytes is read from a disk first."""
    stall: timedelta
    """Between two pieces."""
    answer: timedelta
    """From the question to the last piece."""


class Waiting:
    """The patience with one answer.  What a slow reader takes between two pieces counts towards the whole only."""

    def __init__(self, patience: Patience) -> None:
        self._clock = asyncio.get_running_loop().time
        self._stall = patience.stall.total_seconds()
        self._first = self._clock() + patience.load.total_seconds()
        self._end = self._clock() + patience.answer.total_seconds()
        self._has_begun = False

    def has_begun(self) -> None:
        """Say that the first piece was there."""
        self._has_begun = True

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Give up waiting for the next piece in time; raise `ModelStalled`."""
        now = self._clock()
        # What is there without waiting is never too late for a timeout.
        if now >= self._end:
            raise ModelStalled(_TOO_LONG)
        patient = now + self._stall if self._has_begun else self._first
        try:
            async with asyncio.timeout_at(min(patient, self._end)):
                yield
        except TimeoutError as exc:
            raise self._stalled(patient) from exc

    def _stalled(self, patient: float) -> ModelStalled:
        if self._end <= patient:
            return ModelStalled(_TOO_LONG)
        if self._has_begun:
            return ModelStalled("The model went silent in the middle of its answer.")
        return ModelStalled("The model did not begin to answer in time.")
