"""Keeps captures running: claims what is due, never more at once than allowed, and keeps its leases alive."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from app.domain.captures import Capture, at_risk_by, reserved_slots
from app.domain.catalog import CaptureQueue
from app.domain.errors import AppError
from app.domain.ports import Clock
from app.services.capture import CaptureService

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
"""How long a capture stays ours without a sign of life; another process takes it over after that."""

_LOOK_AGAIN_SECONDS = 1.0


class CaptureRunner:
    """Run `run` as a task.  `stop` ends it: what is in hand gets the grace to finish, the rest is given back.

    Some of *concurrency* is kept for captures at risk: slow sources that have time, however many of them, never hold
    up one that is about to die.  *on_busy* is called when there may be more to do than slots to do it in.
    """

    def __init__(
        self,
        *,
        queue: CaptureQueue,
        captures: CaptureService,
        clock: Clock,
        owner: str,
        concurrency: int,
        on_busy: Callable[[], object] = lambda: None,
    ) -> None:
        self._queue = queue
        self._captures = captures
        self._clock = clock
        self._owner = owner
        self._concurrency = concurrency
        self._on_busy = on_busy
        self._reserved = reserved_slots(concurrency)
        self._wake = asyncio.Event()
        self._stopping = False
        self._held: dict[asyncio.Task[None], Capture] = {}

    def kick(self) -> None:
        """Say that something may be due now."""
        self.wake()
        if self._free() <= self._reserved:
            self._on_busy()

    def wake(self) -> None:
        """Look for what is due, and leave it at that."""
        self._wake.set()

    async def run(self) -> None:
        """Claim and capture until `stop`; a failing catalog is tried again, never the end."""
        while not self._stopping:
            self._wake.clear()
            await self._fill()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await self._wake.wait()

    async def renew(self) -> None:
        """Extend the leases of what is in hand; to be called a few times per `LEASE`."""
        await self._queue.renew(list(self._held.values()), until=self._clock() + LEASE)

    async def stop(self, grace: timedelta) -> None:
        """Claim no more; wait for what is in hand, up to *grace*; give the rest back."""
        self._stopping = True
        self.wake()
        if self._held:
            await asyncio.wait(set(self._held), timeout=grace.total_seconds())
        unfinished = set(self._held)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _fill(self) -> None:
        """Put to work what is due, as far as there are slots for it."""
        ordinary = self._free() - self._reserved
        taken = await self._put_to_work(ordinary)
        if ordinary > 0 and taken == ordinary:
            self._on_busy()
        if ordinary <= 0 or taken == ordinary:
            # Else nothing more is due, whatever its deadline.
            await self._put_to_work(self._free(), dying_by=at_risk_by(self._clock()))

    def _free(self) -> int:
        return self._concurrency - len(self._held)

    async def _put_to_work(self, slots: int, *, dying_by: datetime | None = None) -> int:
        claimed = await self._claim(slots, dying_by) if slots > 0 else []
        for capture in claimed:
            await self._take(capture)
        return len(claimed)

    async def _claim(self, slots: int, dying_by: datetime | None) -> list[Capture]:
        now = self._clock()
        try:
            return await self._queue.claim(owner=self._owner, now=now, lease=LEASE, limit=slots, dying_by=dying_by)
        except AppError as refusal:
            log.warning("captures could not be claimed", extra={"error": refusal.code})
        except Exception:
            log.exception("captures could not be claimed")
        return []

    async def _take(self, capture: Capture) -> None:
        if self._stopping:
            await self._give_back(capture)  # claimed while we were told to stop
            return
        task = asyncio.create_task(self._attempt(capture), name=f"capture {capture.image}")
        self._held[task] = capture
        task.add_done_callback(self._finished)

    async def _attempt(self, capture: Capture) -> None:
        try:
            await self._captures.attempt(capture)
        except asyncio.CancelledError:
            await self._give_back(capture)
            raise
        except Exception:
            # The catalog itself failed: the lease runs out and the capture is claimed again.
            log.exception("a capture could not be settled", extra={"image_id": str(capture.image)})

    async def _give_back(self, capture: Capture) -> None:
        try:
            await self._captures.give_back(capture)
        except Exception:
            log.exception("a capture could not be given back", extra={"image_id": str(capture.image)})

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._held[task]
        self.wake()
