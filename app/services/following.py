"""Waiting for a job: woken by its webhook, polling as the safety net."""

from datetime import timedelta

from app.domain.generations import Generation, Job
from app.domain.ports import Monotonic
from app.services.jobs import JobService
from app.services.signals import Signals

_FIRST_POLL_SECONDS = 0.25
_SLOWEST_POLL_SECONDS = 5.0
_GROWTH = 1.5
_LEAST_PATIENCE_SECONDS = 2.0


class Follower:
    def __init__(self, *, jobs: JobService, signals: Signals, monotonic: Monotonic) -> None:
        self._jobs = jobs
        self._signals = signals
        self._monotonic = monotonic

    async def follow(self, generation: Generation, *, until: float) -> tuple[Generation, Job | None]:
        """Return *generation* once it has ended, or at *until* (monotonic) as it is then; and the last poll's job."""
        seconds, seen = _FIRST_POLL_SECONDS, None
        while not generation.status.is_terminal and (left := until - self._monotonic()) > 0:
            if self._signals.is_stopped:
                break
            generation = await self._listen(generation, min(seconds, left))
            if not generation.status.is_terminal:
                seen = await self._poll(generation, until, seconds) or seen
                generation = await self._jobs.find(generation.id)
            seconds = min(seconds * _GROWTH, _SLOWEST_POLL_SECONDS)
        return generation, seen

    async def _listen(self, generation: Generation, seconds: float) -> Generation:
        return await self._signals.wait(
            generation.id,
            lambda: self._jobs.find(generation.id),
            done=lambda seen: seen.status.is_terminal,
            seconds=seconds,
        )

    async def _poll(self, generation: Generation, until: float, seconds: float) -> Job | None:
        # A provider that does not answer must keep nobody past the end of the wait, nor from hearing its webhook.
        patience = min(max(seconds, _LEAST_PATIENCE_SECONDS), until - self._monotonic())
        if patience <= 0:
            return None
        return await self._jobs.poll(generation, patience=timedelta(seconds=patience))
