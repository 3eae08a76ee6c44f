"""Where requests begin among the bytes of a connection: followed along, for the parser cannot be asked."""

import re
from typing import Final

_LONGEST: Final = 4096
"""Bytes of a head that is followed."""
_MOST: Final = 32
"""Requests in one piece; about as many wait to be answered before no more are read."""
_WHOLE = re.compile(
    rb"[A-Z]{1,16} /[!-~]* HTTP/1\.1\r\n"
    rb"(?:(?!(?i:content-length|transfer-encoding|upgrade|expect):)[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e]*\r\n){1,64}\r\n"
)


class Framing:
    """Sure of where requests begin as long as all of them are plain ones without a body; then never again."""

    def __init__(self) -> None:
        self._begun = b""
        self._is_sure = True
        self.is_at_start = True
        """Whether the next byte is surely the first of a request, and the parser holds nothing."""

    @property
    def is_in_head(self) -> bool:
        """Whether the next byte is surely one of a head that has begun."""
        return bool(self._begun)

    def split(self, data: bytes) -> list[bytes]:
        """Take in what came next, and return it in pieces that end where requests do, as far as that is sure."""
        if not (self._is_sure and data):
            return [data]
        heard, start, ends = self._begun + data, 0, [0]
        while len(ends) <= _MOST and is_whole(heard, start, end := _end_of_head(heard, start)):
            start = end
            ends.append(end - len(self._begun))
        self._begun = heard[start:]
        self._is_sure = len(self._begun) <= _LONGEST and _end_of_head(self._begun, 0) < 0
        if not self._is_sure:
            self._begun = b""
        self.is_at_start = self._is_sure and not self._begun
        return [piece for first, last in zip(ends, [*ends[1:], None], strict=True) if (piece := data[first:last])]


def is_whole(data: bytes, start: int = 0, end: int | None = None) -> bool:
    """Tell whether *data* from *start* to *end* is surely one whole request without a body, and nothing else."""
    end = len(data) if end is None else end
    return end - start <= _LONGEST and _WHOLE.fullmatch(data, start, max(start, end)) is not None


def _end_of_head(data: bytes, start: int) -> int:
    """Return where the first head in *data* ends, or something negative if it does not."""
    found = data.find(b"\r\n\r\n", start)
    return found + 4 if found >= 0 else -1
