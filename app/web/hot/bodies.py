"""Bodies in memory, within a budget.

A body is read in whole, by a thread, once however many ask meanwhile.  What is asked for once in a while cannot push
out what is asked for often: the least recently used bodies give way only to one that has been used more than they.
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
        """Bytes in use."""
        return self._used

    def find(self, witness: Witness) -> bytes | None:
        """Return the body, if it is kept.  Whether the file is still there is the caller's to ask."""
        kept = self._kept.get(witness.path)
        if kept is None:
            return None
        if kept.witness.identity != witness.identity:
            self._drop(witness.path)
            return None
        kept.uses += 1
        self._kept.move_to_end(witness.path)
        return kept.body

    def want(self, witness: Witness, uses: int) -> None:
        """Have the body read, if one that was used so often may take the place of others; does not wait for it."""
        if witness.path in self._loading or not self._has_room(witness.size, uses):
            return
        self._loading.add(witness.path)
        loading = asyncio.get_running_loop().run_in_executor(None, _read, witness)
        loading.add_done_callback(lambda done: self._loaded(witness, uses, done))

    def drop(self, path: str) -> None:
        """Forget the body of a file that has gone."""
        if path in self._kept:
            self._drop(path)

    def _loaded(self, witness: Witness, uses: int, done: "asyncio.Future[bytes | None]") -> None:
        self._loading.discard(witness.path)
        failure = None if done.cancelled() else done.exception()
        if failure is not None:
            log.warning("a body could not be read into memory", extra={"error": str(failure)})
        body = None if done.cancelled() or failure is not None else done.result()
        if body is None or witness.path in self._kept:
            return
        while self._used + len(body) + _OVERHEAD > self._budget and self._kept:
            self._drop(next(iter(self._kept)))
        self._kept[witness.path] = _Kept(witness, body, uses)
        self._used += len(body) + _OVERHEAD

    def _has_room(self, size: int, uses: int) -> bool:
        if size > self._budget // _LARGEST_SHARE:
            return False
        missing = self._used + size + _OVERHEAD - self._budget
        for kept in self._kept.values():
            if missing <= 0:
                break
            if kept.uses >= uses:
                # Spared this time; unless it is used again it is worth less and less.
                kept.uses //= 2
                return False
            missing -= len(kept.body) + _OVERHEAD
        return missing <= 0

    def _drop(self, path: str) -> None:
        self._used -= len(self._kept.pop(path).body) + _OVERHEAD


def _read(witness: Witness) -> bytes | None:
    descriptor = witness.open()
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        body = file.read()
    return body if len(body) == witness.size else None
