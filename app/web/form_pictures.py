"""The pictures of a message, as a form brings them: files, or texts that name or hold one.

A picture that cannot be taken is no end of the message: its refusal goes on in its place, and the rest of it is read
and let go.
"""

import codecs
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

from app.domain.errors import AppError, InvalidInput, TooLarge
from app.domain.ids import ImageId
from app.services.chat_pictures import GivenData, GivenFile, GivenUp, Picture
from app.services.uploads import Incoming
from app.web.forms import SMALL, text_of
from app.web.multipart import Part

IMAGES: Final = "images"
NAMES: Final = frozenset({IMAGES, "images[]", "image"})
"""What clients call a field that may be there several times: some mark it as a list, some name each by itself."""

_TEXT = "text/plain"
_BASE64_SLACK = 4 / 3
_TELLING: Final = 32
"""So many bytes tell whether something is text: every picture has other bytes among its first ones."""


def named(text: str) -> Picture:
    """Return the picture that *text* names or holds; raise `InvalidInput`."""
    if text[:5].lower() == "data:":
        return GivenData(text)
    try:
        return ImageId.parse(text)
    except InvalidInput:
        raise InvalidInput("A picture is the id of an own image, or a data URL.", field=IMAGES) from None


class ArrivingPicture:
    """One of at most *most* bytes, while it arrives.  *receive* makes room for a file.

    Without a file name and a type other than text's it is a file if it does not begin like text.
    """

    def __init__(self, part: Part, *, receive: Callable[[], Awaitable[Incoming]], most: int) -> None:
        self._part = part
        self._receive = receive
        self._longest_text = int(_BASE64_SLACK * most) + SMALL
        self._is_file = part.has_file_name or part.content_type not in {None, _TEXT}
        self._text = bytearray()
        self._hash = hashlib.sha256()
        self._size = 0
        self._incoming: Incoming | None = None
        self._refusal: AppError | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether none was chosen, or named."""
        return self._size == 0 and (self._part.is_left_empty or not self._is_file)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def begin(self) -> None:
        """Make room for what is sure to be a file."""
        if self._is_file:
            await self._pass_on(b"")

    async def write(self, piece: bytes) -> None:
        """Take the next bytes; raise `TooLarge` for a text."""
        self._hash.update(piece)
        is_telling, self._size = self._size < _TELLING, self._size + len(piece)
        if self._is_file:
            await self._pass_on(piece)
            return
        self._text += piece
        if is_telling and not _is_text(self._text[:_TELLING]):
            self._is_file = True
            await self._pass_on(bytes(self._text))
        elif self._size > self._longest_text:
            raise TooLarge(f"A field is larger than {self._longest_text} bytes.", field=IMAGES)

    def picture(self) -> Picture:
        """Return what came; raise `InvalidInput` for a text that names nothing."""
        if not self._is_file:
            return named(text_of(IMAGES, self._text))
        if self._incoming is None or self._refusal is not None:
            return GivenUp(self._refusal or InvalidInput("There is no picture.", field=IMAGES))
        return GivenFile(self._incoming)

    async def _pass_on(self, piece: bytes) -> None:
        if self._refusal is not None:
            return
        try:
            if self._incoming is None:
                self._incoming = await self._receive()
            await self._incoming.write(piece)
        except AppError as refusal:
            self._refusal = refusal


def _is_text(beginning: bytes | bytearray) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(beginning)  # its last character may be cut
    except UnicodeDecodeError:
        return False
    return all(letter >= " " or letter in "\t\r\n" for letter in text)
