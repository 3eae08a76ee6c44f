"""Pages of a list (`?cursor=&limit=`): a cursor is a place in the list as opaque text."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from aiohttp import web

from app.domain.conversations import SessionPosition
from app.domain.errors import AppError, InvalidInput
from app.domain.ids import ImageId, SessionId
from app.domain.images import ImagePosition

ORDERS = ("oldest", "newest")
"""Which messages can come first."""

_MOST = 200
_LONGEST_NUMBER = 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Position = TypeVar("Position")


def images_page(request: web.Request) -> tuple[ImagePosition | None, int]:
    """Return where a page of images begins, and how long it is."""
    return _page(request, lambda text: ImagePosition(*_named_moment(text, ImageId.parse)))


def sessions_page(request: web.Request) -> tuple[SessionPosition | None, int]:
    """Return where a page of conversations begins, and how long it is."""
    return _page(request, lambda text: SessionPosition(*_named_moment(text, SessionId.parse)))


def messages_page(request: web.Request) -> tuple[int | None, int]:
    """Return after which message a page begins, and how long it is."""
    return _page(request, _number)


def is_newest_first(request: web.Request) -> bool:
    """Tell in which order messages are to come."""
    order = request.query.get("order", ORDERS[0])
    if order not in ORDERS:
        raise InvalidInput(f"order is one of {', '.join(ORDERS)}.", field="order")
    return order != ORDERS[0]


def image_cursor(position: ImagePosition) -> str:
    return _opaque(f"{_microseconds(position.created_at)}:{position.id}")


def session_cursor(position: SessionPosition) -> str:
    return _opaque(f"{_microseconds(position.updated_at)}:{position.id}")


def message_cursor(number: int) -> str:
    return _opaque(str(number))


def _page(request: web.Request, read: Callable[[str], Position]) -> tuple[Position | None, int]:
    limit = request.query.get("limit", "50")
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= len("200") and 1 <= int(limit) <= _MOST):
        raise InvalidInput(f"limit is a whole number from 1 to {_MOST}.", field="limit")
    cursor = request.query.get("cursor")
    return (None if not cursor else _position(cursor, read)), int(limit)


def _position(cursor: str, read: Callable[[str], Position]) -> Position:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        return read(text)
    except (binascii.Error, ValueError, OverflowError, AppError):
        raise InvalidInput("That is not a cursor of ours.", field="cursor") from None


Name = TypeVar("Name")


def _named_moment(text: str, parse: Callable[[str], Name]) -> tuple[datetime, Name]:
    moment, _, name = text.partition(":")
    return _EPOCH + timedelta(microseconds=int(moment)), parse(name)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise ValueError(text)
    return int(text)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _opaque(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
