"""One attempt to save one source, and what follows from it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from app.domain.attempts import Again, Ended, judge
from app.domain.captures import Capture
from app.domain.catalog import CaptureQueue, ImageCatalog
from app.domain.errors import AppError
from app.domain.images import Image, ImageStatus
from app.domain.metrics import Metrics
from app.domain.ports import Clock
from app.services.saving import ImageSaver, NoLongerOurs, Saved

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0


class CaptureService:
    """Settles claimed captures.

    *on_settled* is told of each attempt's end, with the image if one was stored.
    """

    def __init__(
        self,
        *,
        queue: CaptureQueue,
        images: ImageCatalog,
        saver: ImageSaver,
        clock: Clock,
        jitter: Callable[[], float],
        on_settled: Callable[[Capture, Image | None], Awaitable[None]],
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._queue = queue
        self._images = images
        self._saver = saver
        self._clock = clock
        self._jitter = jitter
        self._on_settled = on_settled
        self._metrics = metrics
        self._sleep = sleep

    async def attempt(self, capture: Capture) -> None:
        """Try once to save the source of *capture*; it ends stored, rejected, lost, or is given back for later."""
        stored = None
        try:
            # Blob before row: a crash in between leaves a file that the next start takes up,
            # never a row whose bytes are missing.
            saved = await self._saver.save(capture)
        except NoLongerOurs:
            log.warning("a capture has changed hands", extra=_named(capture))
        except Exception as failure:
            if not isinstance(failure, AppError):
                log.exception("a capture failed unexpectedly", extra=_named(capture))
            await self._insist(capture, partial(self._settle_failure, capture, failure))
        else:
            # The bytes are here, and their source may not be there again.
            stored = await self._insist(capture, partial(self._settle_stored, capture, saved))
        await self._on_settled(capture, stored)

    async def give_back(self, capture: Capture) -> None:
        """Release a capture that was interrupted, to be taken up again at once."""
        await self._queue.release(capture, at=self._clock(), error="interrupted")

    async def _insist(self, capture: Capture, settle: Callable[[], Awaitable[T]]) -> T:
        """Settle until the catalog takes it."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await settle()
            except AppError as refusal:
                log.warning("an attempt could not be recorded", extra=_named(capture) | {"error": _told(refusal)})
            await self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _settle_stored(self, capture: Capture, saved: Saved) -> Image | None:
        image = await self._queue.settle_stored(capture, facts=saved.facts, digest=saved.digest, at=self._clock())
        if image is not None:
            told = {"size": saved.digest.size, "content_type": saved.facts.content_type}
            log.info("image stored", extra=_named(capture) | told)
            since = capture.produced_at or capture.created_at
            seconds = max(0.0, (self._clock() - since).total_seconds())
            self._metrics.image_stored(size=saved.digest.size, seconds=seconds)
            return image
        # Ours no longer.  If it was deleted meanwhile the file must go; if another holder has it, the file is theirs.
        known = await self._images.find(capture.user, capture.image)
        if known is not None and known.status is ImageStatus.DELETED:
            await self._saver.discard(saved)
        return None

    async def _settle_failure(self, capture: Capture, failure: Exception) -> None:
        now = self._clock()
        match judge(failure, capture, now=now, jitter=self._jitter):
            case Again(at):
                log.warning(
                    "capture will be tried again",
                    extra=_named(capture) | {"error": _told(failure), "seconds": (at - now).total_seconds()},
                )
                if await self._queue.release(capture, at=at, error=_told(failure)):
                    self._metrics.capture_retried(failure.code if isinstance(failure, AppError) else AppError.code)
            case Ended(is_lost, reason, detail):
                level = logging.ERROR if is_lost else logging.WARNING
                log.log(
                    level, "image %s", "lost" if is_lost else "rejected", extra=_named(capture) | {"reason": reason}
                )
                if await self._queue.settle_failed(capture, is_lost=is_lost, reason=reason, detail=detail, at=now):
                    self._metrics.image_ended(ImageStatus.LOST if is_lost else ImageStatus.REJECTED)


def _named(capture: Capture) -> dict[str, object]:
    return {"user_id": str(capture.user), "image_id": str(capture.image), "attempts": capture.attempts}


def _told(failure: Exception) -> str:
    return f"{failure.code}: {failure.detail}" if isinstance(failure, AppError) else type(failure).__name__
