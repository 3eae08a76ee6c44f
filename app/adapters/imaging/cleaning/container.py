"""What each format's cleaning has in common, and the smallest EXIF there is."""

import struct
from collections.abc import Iterator
from typing import Protocol

from app.adapters.imaging.cleaning.pieces import Piece

_ORIENTATION = 0x0112
_SHORT = 3


class Container(Protocol):
    """A picture, taken apart as far as its end marker; raises `SourceRejected` when it has none."""

    @property
    def end(self) -> int:
        """Where the picture ends; what follows is foreign."""

    @property
    def may_be_turned(self) -> bool:
        """Whether what will be dropped could say which way up the picture is shown."""

    def pieces(self, orientation: int) -> Iterator[Piece]:
        """Yield the cleaned file.  *orientation* is what its metadata say, 1 to 8, and is kept."""


def is_icc(profile: bytes) -> bool:
    """Tell whether *profile* bears the signature of a colour profile (ICC.1:2022, 7.2.11)."""
    return profile[36:40] == b"acsp"


def tiff(orientation: int) -> bytes:
    """Return a TIFF header with one directory of one entry: the orientation (EXIF 2.32, 4.6.2)."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
