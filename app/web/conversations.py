"""Conversations as documents."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from app.domain.conversations import Message, Session, SessionPosition
from app.domain.instants import rfc3339
from app.web.paging import message_cursor, session_cursor
from app.web.render import image_document


def sessions_document(sessions: Sequence[Session], following: SessionPosition | None) -> dict[str, Any]:
    return {
        "sessions": [session_document(each) for each in sessions],
        "next_cursor": session_cursor(following) if following else None,
    }


def messages_document(request: web.Request, messages: Sequence[Message], following: int | None) -> dict[str, Any]:
    return {
        "messages": [_message(request, each) for each in messages],
        "next_cursor": None if following is None else message_cursor(following),
    }


def session_document(session: Session) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "title": session.title,
        "created_at": rfc3339(session.created_at),
        "updated_at": rfc3339(session.updated_at),
        "messages": session.messages,
    }


def _message(request: web.Request, message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "number": message.number,
        "role": message.role.value,
        "content": message.content,
        "status": message.status.value,
        "has_images": message.has_images,
        "images": [image_document(request, image) for image in message.images],
        "model": message.model,
        "error_code": message.error_code,
        "created_at": rfc3339(message.created_at),
        "ended_at": rfc3339(message.ended_at) if message.ended_at else None,
        "stream_id": str(message.stream) if message.stream else None,
        "counters": dict(message.counters),
    }
