"""Mistakes that could be made in this code, made on purpose.  An instrument counts only if it sees them."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert

from app.adapters.blobs import publishing, staging, volume
from app.adapters.catalog import database
from app.adapters.catalog.captures import SqlCaptures
from app.adapters.catalog.conversations import SqlConversations
from app.adapters.catalog.generations import SqlGenerations
from app.adapters.catalog.images import SqlImages
from app.adapters.catalog.schema import sessions
from app.domain.attempts import Again, Ended, judge
from app.domain.captures import Capture
from app.domain.conversations import NewTurn
from app.domain.generations import Generation
from app.domain.ids import GenerationId, ImageId, StreamId, UserId
from app.domain.images import Digest, Image, ImageFacts, ImageStatus, blob_key
from app.domain.ports import BlobStore
from app.services import capture as capture_module
from app.services.hosting import HostingService
from app.services.reconciling import Reconciler
from app.services.recovery import RecoveryReport, RecoveryService
from app.services.saving import ImageSaver, Saved

_LATE_SECONDS = 0.15
_FEW_ATTEMPTS = 5


def _swap(where: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace *name* of *where* by what *make* makes of it."""
    setattr(where, name, make(getattr(where, name)))


def no_file_fsync() -> None:
    _swap(staging, "_sync", lambda _: lambda descriptor: os.fstat(descriptor).st_size)


def no_folder_fsync() -> None:
    _swap(publishing, "os", lambda real: SimpleNamespace(**vars(real) | {"fsync": lambda _: None}))


def synchronous_normal() -> None:
    _swap(database, "_PRAGMAS", lambda pragmas: tuple(pragma.replace("FULL", "NORMAL") for pragma in pragmas))


def overwrites() -> None:
    def name(staged: Path, final: Path) -> bool:
        staged.replace(final)
        return True

    _swap(publishing, "_name", lambda _: name)


def staging_left() -> None:
    _swap(volume, "sweep", lambda _: lambda _: None)


def fsync_error_ignored() -> None:
    def careless(sync: Callable[[int], int]) -> Callable[[int], int]:
        def ignore(descriptor: int) -> int:
            with suppress(OSError):
                sync(descriptor)
            return os.fstat(descriptor).st_size

        return ignore

    _swap(staging, "_sync", careless)


def row_before_file() -> None:
    held: dict[tuple[UserId, ImageId], tuple[BlobStore, bytes]] = {}
    settle = SqlCaptures.settle_stored

    async def save(self: ImageSaver, capture: Capture) -> Saved:
        async with self._blobs.stage() as file:
            await self._downloader.fetch(self._downloader.admit(capture.fetch_from), file)
            digest = await file.seal()
            facts = await self._inspector.inspect(file.path)
            held[capture.user, capture.image] = (self._blobs, await asyncio.to_thread(file.path.read_bytes))
        return Saved(blob_key(capture.user, capture.image, facts.extension), facts, digest)

    async def settle_stored(
        self: SqlCaptures, capture: Capture, *, facts: ImageFacts, digest: Digest, at: datetime
    ) -> Image | None:
        image = await settle(self, capture, facts=facts, digest=digest, at=at)
        if (capture.user, capture.image) not in held:
            return image  # recovery adopts what lies there
        blobs, content = held.pop((capture.user, capture.image))
        async with blobs.stage() as file:
            await file.write(content)
            await file.seal()
            await blobs.publish(file, blob_key(capture.user, capture.image, facts.extension))
        return image

    _swap(ImageSaver, "save", lambda _: save)
    _swap(SqlCaptures, "settle_stored", lambda _: settle_stored)


def answer_before_commit() -> None:
    early: dict[tuple[UserId, ImageId], Image] = {}
    late: set[asyncio.Task[object]] = set()
    settle, find, images = SqlCaptures.settle_stored, SqlImages.find, SqlGenerations.images

    async def settle_stored(
        self: SqlCaptures, capture: Capture, *, facts: ImageFacts, digest: Digest, at: datetime
    ) -> Image | None:
        async def commit() -> None:
            await asyncio.sleep(_LATE_SECONDS)
            await settle(self, capture, facts=facts, digest=digest, at=at)
            early.clear()

        late.add(asyncio.create_task(commit()))
        found = await find(SqlImages(self._database), capture.user, capture.image)
        if found is not None:
            stored = replace(found, status=ImageStatus.STORED, facts=facts, digest=digest, hosted_at=at)
            early[capture.user, capture.image] = stored
        return early.get((capture.user, capture.image))

    async def find_early(self: SqlImages, user: UserId, image: ImageId) -> Image | None:
        return early.get((user, image)) or await find(self, user, image)

    async def images_early(self: SqlGenerations, generation: GenerationId) -> list[Image]:
        return [early.get((image.user, image.id), image) for image in await images(self, generation)]

    _swap(SqlCaptures, "settle_stored", lambda _: settle_stored)
    _swap(SqlImages, "find", lambda _: find_early)
    _swap(SqlGenerations, "images", lambda _: images_early)


def unlink_before_row() -> None:
    async def delete(self: HostingService, user: UserId, image: ImageId, *, reason: str = "user_request") -> None:
        found = await self._images.find(user, image)
        if found is not None and found.facts is not None:
            await self._blobs.delete(found.key)
        await self._images.mark_deleted(user, image, reason=reason, at=self._clock())
        await self._images.mark_unlinked(user, image)

    _swap(HostingService, "delete", lambda _: delete)


def no_recovery() -> None:
    async def recover(_: RecoveryService) -> RecoveryReport:
        return RecoveryReport()

    _swap(RecoveryService, "recover", lambda _: recover)


def counts_attempts() -> None:
    def give_up(failure: Exception, capture: Capture, *, now: datetime, jitter: Callable[[], float]) -> Again | Ended:
        if capture.attempts >= _FEW_ATTEMPTS:
            return Ended(is_lost=True, reason="too_many_attempts", detail="")
        return judge(failure, capture, now=now, jitter=jitter)

    _swap(capture_module, "judge", lambda _: give_up)


def no_reconciler() -> None:
    async def reconcile(_: Reconciler) -> None: ...

    _swap(Reconciler, "reconcile", lambda _: reconcile)


def forgets_keys() -> None:
    begin = SqlGenerations.begin

    async def forget(self: SqlGenerations, generation: Generation, **_: object) -> Generation:
        return await begin(self, generation)

    _swap(SqlGenerations, "begin", lambda _: forget)


def turn_in_two() -> None:
    begin = SqlConversations.begin

    async def begin_twice(self: SqlConversations, turn: NewTurn, **more: Any) -> StreamId:
        if turn.is_new_session:
            named = {"id": str(turn.session), "user_id": str(turn.user), "title": turn.title}
            async with self._database.write() as connection:
                await connection.execute(insert(sessions).values(created_at=turn.at, updated_at=turn.at, **named))
        return await begin(self, replace(turn, is_new_session=False), **more)

    _swap(SqlConversations, "begin", lambda _: begin_twice)


def answers_left() -> None:
    async def leave(_: SqlConversations, **__: object) -> int:
        return 0

    _swap(SqlConversations, "end_abandoned", lambda _: leave)


PLANTS: dict[str, Callable[[], None]] = {
    plant.__name__: plant
    for plant in (
        no_file_fsync,
        no_folder_fsync,
        row_before_file,
        answer_before_commit,
        synchronous_normal,
        overwrites,
        unlink_before_row,
        staging_left,
        fsync_error_ignored,
        no_recovery,
        counts_attempts,
        no_reconciler,
        forgets_keys,
        turn_in_two,
        answers_left,
    )
}


def plant(name: str | None) -> None:
    """Make the mistake called *name* in this process, for good."""
    if name is not None:
        PLANTS[name]()
