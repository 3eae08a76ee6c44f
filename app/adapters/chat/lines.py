"""Bytes that come in any pieces, put together as lines."""


class LineTooLong(Exception):
    """There is no end to a line.  No caller ever sees this."""


class Lines:
    """Takes bytes, cut wherever they were, and returns the lines that are whole; blank ones are left out."""

    def __init__(self, *, longest: int) -> None:
        """Hold no more than *longest* bytes of a line."""
        self._longest = longest
        self._open = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that *data* completes; raise `LineTooLong`."""
        first, *others = data.split(b"\n")
        self._open += first
        whole: list[bytes] = []
        for other in others:
            whole.append(self.rest())
            self._open += other
        if len(self._open) > self._longest or any(len(line) > self._longest for line in whole):
            raise LineTooLong
        return [line for line in whole if line]

    def rest(self) -> bytes:
        """Return, and forget, what has no line end yet."""
        line = bytes(self._open).strip()
        self._open.clear()
        return line
