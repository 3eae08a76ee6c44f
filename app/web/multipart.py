"""`multipart/form-data` (RFC 7578), taken apart as it comes: no sockets here, and never a whole part in memory.

aiohttp's reader decodes parts, descends into parts of parts and counts neither; whoever wants little has to undo much.
What is not needed for a form is refused here: nested parts, encoded parts, more parts than a form has.  That a part
has a file name is told, but not which: nothing may depend on it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from app.web.errors import MalformedBody, UnsupportedMediaType

MAX_PARTS = 16
_MAX_HEAD = 8 * 1024
_MAX_PADDING = 64
_END_OF_HEAD = b"\r\n\r\n"
_DASHES = b"--"
# RFC 2046 5.1.1.
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_NAME = re.compile(r'(?:^|;)[ \t]*name[ \t]*=[ \t]*(?:"([^"]*)"|([^;"\s]+))', re.IGNORECASE)
_FILE_NAME = re.compile(r'(?:^|;)[ \t]*filename\*?[ \t]*=[ \t]*("")?', re.IGNORECASE)
_UNENCODED = frozenset({"7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class Part:
    """The head of a part; what follows until the next one is its content.  *content_type* is what its sender says."""

    name: str
    content_type: str | None
    has_file_name: bool = False
    is_left_empty: bool = False
    """It has a file name of no letters: a field for a file in which none was chosen (HTML §4.10.21.8)."""


class _State(Enum):
    BEFORE = auto()  # the first boundary; what is there is nobody's
    MARKED = auto()  # a boundary was seen: another part, or the end
    HEAD = auto()
    CONTENT = auto()
    AFTER = auto()  # the last boundary


class FormParser:
    """Give it the body with `feed`, in pieces of any size; call `close` when there is no more.

    Raise `MalformedBody` for what is no form, `UnsupportedMediaType` for what a form may be and is not here.
    """

    def __init__(self, boundary: bytes, *, most_parts: int = MAX_PARTS) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise MalformedBody("The multipart body has no valid boundary.")
        self._mark = b"\r\n--" + boundary
        # The first boundary may be the very first line.
        self._buffer = bytearray(b"\r\n")
        self._state = _State.BEFORE
        self._parts = 0
        self._most_parts = most_parts

    def feed(self, data: bytes) -> Iterator[Part | bytes]:
        """Yield the parts that begin in *data*, and the pieces of their contents."""
        self._buffer += data
        while True:
            before = self._state, len(self._buffer)
            yield from self._step()
            if (self._state, len(self._buffer)) == before:
                return

    def close(self) -> None:
        """Raise `MalformedBody` unless the last boundary was seen."""
        if self._state is not _State.AFTER:
            raise MalformedBody("The multipart body ends before its last boundary.")

    def _step(self) -> Iterator[Part | bytes]:
        match self._state:
            case _State.BEFORE:
                self._take_until_mark()
            case _State.CONTENT:
                if content := self._take_until_mark():
                    yield content
            case _State.MARKED:
                self._pass_mark()
            case _State.HEAD:
                if (part := self._take_head()) is not None:
                    yield part
            case _State.AFTER:
                self._buffer.clear()

    def _take_until_mark(self) -> bytes:
        """Take what is certainly before the next boundary."""
        found = self._buffer.find(self._mark)
        if found < 0:
            return self._take(max(0, len(self._buffer) - len(self._mark) + 1))
        self._state = _State.MARKED
        content = self._take(found)
        self._take(len(self._mark))
        return content

    def _pass_mark(self) -> None:
        if len(self._buffer) < len(_DASHES):
            return
        if self._buffer.startswith(_DASHES):
            self._state = _State.AFTER
            return
        line, ending, _ = self._buffer.partition(b"\r\n")
        if line.strip(b" \t\r") or len(line) > _MAX_PADDING:
            raise MalformedBody("The multipart body has a boundary that is none.")
        if ending:
            # The line's end stays: with the next one it ends a head without fields.
            self._take(len(line))
            self._state = _State.HEAD

    def _take_head(self) -> Part | None:
        end = self._buffer.find(_END_OF_HEAD)
        if end > _MAX_HEAD or (end < 0 and len(self._buffer) > _MAX_HEAD):
            raise MalformedBody("The head of a part is too long.")
        if end < 0:
            return None
        self._parts += 1
        if self._parts > self._most_parts:
            raise MalformedBody(f"The form has more than {self._most_parts} parts.")
        head = self._take(end)
        self._take(len(_END_OF_HEAD))
        self._state = _State.CONTENT
        return _part(head)

    def _take(self, count: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:count])
        del self._buffer[:count]
        return taken


def _part(head: bytes) -> Part:
    fields = _fields(head)
    if fields.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Parts with a Content-Encoding are not accepted.")
    if fields.get("content-transfer-encoding", "binary").lower() not in _UNENCODED:
        raise UnsupportedMediaType("Parts with a Content-Transfer-Encoding are not accepted.")
    content_type = fields.get("content-type", "").partition(";")[0].strip().lower()
    if content_type.startswith(("multipart/", "message/")):
        raise UnsupportedMediaType("Parts within parts are not accepted.")
    disposition, _, parameters = fields.get("content-disposition", "").partition(";")
    name = _NAME.search(parameters)
    if disposition.strip().lower() != "form-data" or name is None:
        raise MalformedBody("A part of the form has no name.")
    file_name = _FILE_NAME.search(parameters)
    return Part(
        name=name[1] if name[1] is not None else name[2],
        content_type=content_type or None,
        has_file_name=file_name is not None,
        is_left_empty=file_name is not None and file_name[1] is not None,
    )


def _fields(head: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in head.decode("utf-8", errors="replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if not line:
            continue
        if not colon or not name.isascii() or name.strip() != name or name.lower() in fields:
            raise MalformedBody("The head of a part is not valid.")
        fields[name.lower()] = value.strip()
    return fields
