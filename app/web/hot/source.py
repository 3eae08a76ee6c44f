"""Where the bytes of an answer come from while it is being sent."""

import os

from app.web.hot.bodies import Bodies
from app.web.hot.witness import Witness


class Source:
    """One image's bytes: out of memory as long as they are kept there, else of its file.

    Memory is never held on to, however long somebody takes: what is kept is the cache's decision alone.
    """

    __slots__ = ("_bodies", "_descriptor", "_witness")

    def __init__(self, witness: Witness, bodies: Bodies) -> None:
        self._witness = witness
        self._bodies = bodies
        self._descriptor: int | None = None

    def open(self) -> bool:
        """Open the file, so that its bytes stay readable even if it is deleted; False if that has happened already."""
        if self._descriptor is None:
            self._descriptor = self._witness.open()
        return self._descriptor is not None

    def body(self) -> bytes | None:
        """Return the bytes, if they are in memory."""
        return self._bodies.peek(self._witness)

    def file(self) -> int:
        """Return the descriptor of the open file; raise `OSError` if there is none."""
        if not self.open() or self._descriptor is None:
            raise FileNotFoundError(self._witness.path)
        return self._descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
