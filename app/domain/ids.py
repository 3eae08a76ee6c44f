"""Identifiers, parsed once at the edge.  A parsed id is safe as a file name, an object key and a URL segment."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from app.domain.errors import InvalidInput, NotFound

_IMAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_USER_ID = re.compile(r"[A-Za-z0-9_@+=~-][A-Za-z0-9_.@+=~-]{0,127}")
_ULID = "[0-9a-hjkmnp-tv-z]{26}"
_GENERATION_ID = re.compile(rf"gen_{_ULID}")
_SESSION_ID = re.compile(rf"ses_{_ULID}")
_STREAM_ID = re.compile(rf"str_{_ULID}")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class _Id:
    """A text that was read once; ids of different kinds are never equal."""

    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class ImageId(_Id):
    """An image's name within its owner's: 1-128 of `A-Za-z0-9_-`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id spelled by *text*, or raise `InvalidInput`."""
        if not _IMAGE_ID.fullmatch(text):
            raise InvalidInput("An image id is 1-128 of A-Z a-z 0-9 _ -.", field="image_id")
        return cls(text)


@dataclass(frozen=True, slots=True, order=True)
class UserId(_Id):
    """An owner: 1-128 of `A-Za-z0-9_.@+=~-`, not starting with a dot (so never `.` or `..`)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id spelled by *text*, or raise `InvalidInput`."""
        if not _USER_ID.fullmatch(text):
            raise InvalidInput(
                "A user id is 1-128 of A-Z a-z 0-9 _ . @ + = ~ -, not starting with a dot.", field="user_id"
            )
        return cls(text)


@dataclass(frozen=True, slots=True, order=True)
class GenerationId(_Id):
    """`gen_` and a lower-case ULID."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id spelled by *text*, or raise `InvalidInput`."""
        if not _GENERATION_ID.fullmatch(text):
            raise InvalidInput("That is not a generation id.", field="generation_id")
        return cls(text)


@dataclass(frozen=True, slots=True, order=True)
class SessionId(_Id):
    """`ses_` and a lower-case ULID: a conversation."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id spelled by *text*, or raise `NotFound`: what is none names nothing."""
        if not _SESSION_ID.fullmatch(text):
            raise NotFound("There is no such conversation.", field="session_id")
        return cls(text)


@dataclass(frozen=True, slots=True, order=True)
class MessageId(_Id):
    """`msg_` and a lower-case ULID: what was said once."""


@dataclass(frozen=True, slots=True, order=True)
class StreamId(_Id):
    """`str_` and a lower-case ULID: an answer while it is being said."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id spelled by *text*, or raise `NotFound`: what is none names nothing."""
        if not _STREAM_ID.fullmatch(text):
            raise NotFound("There is no such answer.")
        return cls(text)


def ulid(now: datetime, entropy: bytes) -> str:
    """Return the lower-case ULID of *now* (millisecond precision) and ten bytes of *entropy*.

    26 Crockford characters, ordered by time: 48 bits of milliseconds, then 80 bits of entropy.
    """
    # Not by way of a float, which can fall a millisecond short.
    number = ((now - _EPOCH) // _MILLISECOND << 80) | int.from_bytes(entropy[:10], "big")
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


class IdFactory:
    """Makes new ids from a clock and a source of random bytes, both given from outside."""

    def __init__(self, *, clock: Callable[[], datetime], entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._entropy = entropy

    def image(self) -> ImageId:
        return ImageId(f"img_{self._ulid()}")

    def generation(self) -> GenerationId:
        return GenerationId(f"gen_{self._ulid()}")

    def session(self) -> SessionId:
        return SessionId(f"ses_{self._ulid()}")

    def message(self) -> MessageId:
        return MessageId(f"msg_{self._ulid()}")

    def stream(self) -> StreamId:
        return StreamId(f"str_{self._ulid()}")

    def temporary(self) -> str:
        """Return a new UUID4."""
        return str(uuid.UUID(bytes=self._entropy(16), version=4))

    def token(self) -> str:
        """Return an opaque name, such as that of a lease's owner: 32 hexadecimal characters."""
        return self._entropy(16).hex()

    def _ulid(self) -> str:
        return ulid(self._clock(), self._entropy(10))
