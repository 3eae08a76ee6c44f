"""Carries out a cleaning: copies what is kept of one file into another, a slice at a time."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from app.adapters.imaging.cleaning.pieces import Piece, Span, Zeros
from app.domain.errors import StorageUnavailable
from app.domain.ports import Staging

_SLICE = 256 * 1024


async def rewrite(path: Path, pieces: list[Piece], into: Staging) -> None:
    """Write the file that *pieces* of *path* make into *into*; raise `StorageUnavailable` when it cannot be read."""
    try:
        source = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as exc:
        raise _unreadable() from exc
    try:
        for piece in pieces:
            async for chunk in _bytes(source, piece):
                await into.write(chunk)
    finally:
        os.close(source)


async def _bytes(source: int, piece: Piece) -> AsyncIterator[bytes]:
    match piece:
        case Span(start, stop):
            for position in range(start, stop, _SLICE):
                yield await _read(source, min(_SLICE, stop - position), position)
        case Zeros(size):
            for position in range(0, size, _SLICE):
                yield bytes(min(_SLICE, size - position))
        case _:
            yield piece


async def _read(source: int, size: int, position: int) -> bytes:
    try:
        chunk = await asyncio.to_thread(os.pread, source, size, position)
    except OSError as exc:
        raise _unreadable() from exc
    if len(chunk) != size:
        raise _unreadable()
    return chunk


def _unreadable() -> StorageUnavailable:
    return StorageUnavailable("The picture cannot be read.", retry_after=5)
