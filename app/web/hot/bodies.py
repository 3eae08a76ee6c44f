"""Bodies in memory, within a budget.

A body is read in whole, by a thread, once however many ask meanwhile; its room is made before.  What is asked for
once in a while cannot push out what is asked for often: a body gives way only to one that has been used more, and
whatever is spared is worth half of what it was, and comes last in the queue.
"""

import asyncio
import logging
import os
from collections import OrderedDict
from dataclasses import dataclass

from app.web.hot.witness import Witness

log = logging.getLogger(__name__)

_OVERHEAD = 1024
"""Bytes a kept body costs beside its own."""
_LARGEST_SHARE = 8


@dataclass(slots=True)
class _Kept:
    witness: Witness
    body: bytes
    uses: int


class Bodies:
    """*budget* is in bytes; 0 keeps nothing.  No body larger than an eighth of it is kept."""

    def __init__(self, *, budget: int) -> None:
        self._budget = budget
        self._used = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._loading: set[str] = set()

    @property
    def used(self) -> int:
        """Bytes in use, or promised to what is being read."""
        return self._used

    def find(self, witness: Witness) -> bytes | None:
        """Return the body, if it is kept, and count that as a use.

        Whether the file is still there is the caller's to ask.
        """
        kept = self._kept.get(witness.path)
        if kept is None:
            return None
        if kept.witness.identity != witness.identity:
            self._drop(witness.path)
            return None
        kept.uses += 1
        self._kept.move_to_end(witness.path)
        return kept.body

    def peek(self, witness: Witness) -> bytes | None:
        """Return the body as `find` does, for a use that has been counted."""
        kept = self._kept.get(witness.path)
        return None if kept is None or kept.witness.identity != witness.identity else kept.body

    def want(self, witness: Witness, uses: int) -> None:
        """Have the body read, if one that was used so often may take the place of others; does not wait for it."""
        path = witness.path
        if path in self._loading or path in self._kept or not self._make_room(witness.size, uses):
            return
        self._loading.add(path)
        self._used += _cost(witness)
        loading = asyncio.get_running_loop().run_in_executor(None, _read, witness)
        loading.add_done_callback(lambda done: self._loaded(witness, uses, done))

    def drop(self, path: str) -> None:
        """Forget the body of a file that has gone."""
        if path in self._kept:
            self._drop(path)

    def _loaded(self, witness: Witness, uses: int, done: "asyncio.Future[bytes | None]") -> None:
        self._loading.remove(witness.path)
        failure = None if done.cancelled() else done.exception()
        if failure is not None:
            log.warning("a body could not be read into memory", extra={"error": str(failure)})
        body = None if done.cancelled() or failure is not None else done.result()
        if body is None:
            self._used -= _cost(witness)
        else:
            self._kept[witness.path] = _Kept(witness, body, uses)

    def _make_room(self, size: int, uses: int) -> bool:
        """Return whether there is room now for one of *size* bytes."""
        if size > self._budget // _LARGEST_SHARE:
            return False
        missing = self._used + size + _OVERHEAD - self._budget
        going = []
        for path, kept in self._kept.items():
            if missing <= 0:
                break
            if kept.uses >= uses:
                kept.uses //= 2
                self._kept.move_to_end(path)
                return False
            going.append(path)
            missing -= _cost(kept.witness)
        if missing > 0:
            return False
        for path in going:
            self._drop(path)
        return True

    def _drop(self, path: str) -> None:
        self._used -= _cost(self._kept.pop(path).witness)


def _cost(witness: Witness) -> int:
    return witness.size + _OVERHEAD


def _read(witness: Witness) -> bytes | None:
    descriptor = witness.open()
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        body = file.read()
    return body if len(body) == witness.size else None
