"""What a cleaned file is made of: parts of the original, a few bytes of ours, and zeros where something lay."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the original from *start* up to, not including, *stop*."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Zeros:
    """As many zeros; in their place, so that nothing behind them moves."""

    size: int


Piece = Span | Zeros | bytes


def size_of(pieces: Iterable[Piece]) -> int:
    return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces)


def merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the same bytes in fewer pieces: spans that touch become one."""
    last: Span | None = None
    for piece in pieces:
        if last is not None and isinstance(piece, Span) and piece.start == last.stop:
            last = Span(last.start, piece.stop)
            continue
        if last is not None:
            yield last
        last = piece if isinstance(piece, Span) else None
        if last is None:
            yield piece
    if last is not None:
        yield last


def joined(data: bytes, pieces: Iterable[Piece]) -> bytes:
    """Return the file that *pieces* of *data* make."""
    return b"".join(_bytes(data, piece) for piece in pieces)


def to_json(pieces: Iterable[Piece]) -> list[Any]:
    """Return *pieces* as a message can carry them: `[start, stop]`, a number of zeros, or base64."""
    return [_to_json(piece) for piece in pieces]


def parse(message: list[Any]) -> list[Piece]:
    """Return what `to_json` was given."""
    return [_parse(item) for item in message]


def _bytes(data: bytes, piece: Piece) -> bytes:
    match piece:
        case Span(start, stop):
            return data[start:stop]
        case Zeros(size):
            return bytes(size)
        case _:
            return piece


def _to_json(piece: Piece) -> Any:
    match piece:
        case Span(start, stop):
            return [start, stop]
        case Zeros(size):
            return size
        case _:
            return b64encode(piece).decode()


def _parse(item: Any) -> Piece:
    match item:
        case [start, stop]:
            return Span(start, stop)
        case int():
            return Zeros(item)
        case _:
            return b64decode(item)
