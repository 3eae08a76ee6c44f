"""A place in a byte string that cannot leave it."""

from app.adapters.imaging.refusals import Reason, refused


class Cursor:
    """Reads forward from *start* to *stop*; asking for more raises the refusal named *short*.

    At the level of the file a shortage means that it is truncated; inside a piece whose length is known to be
    there it means that the piece contradicts itself, and *short* is `corrupt`.
    """

    __slots__ = ("_short", "data", "position", "stop")

    def __init__(
        self, data: bytes, *, start: int = 0, stop: int | None = None, short: Reason = Reason.TRUNCATED
    ) -> None:
        self.data = data
        self.position = start
        self.stop = len(data) if stop is None else stop
        self._short = short

    @property
    def left(self) -> int:
        return self.stop - self.position

    def skip(self, count: int) -> int:
        """Move on by *count* bytes and return where they began."""
        start = self.position
        if count > self.stop - start:
            raise refused(self._short)
        self.position = start + count
        return start

    def take(self, count: int) -> bytes:
        start = self.skip(count)
        return self.data[start : start + count]

    def big(self, count: int) -> int:
        """Read a big-endian number of *count* bytes."""
        return int.from_bytes(self.take(count), "big")

    def little(self, count: int) -> int:
        """Read a little-endian number of *count* bytes."""
        return int.from_bytes(self.take(count), "little")

    def within(self, count: int) -> "Cursor":
        """Return a cursor over the next *count* bytes, and move past them."""
        start = self.skip(count)
        return Cursor(self.data, start=start, stop=self.position, short=Reason.CORRUPT)
