"""Conversations for tests: what matters is said, the rest is boring."""

from typing import Any

from app.domain.conversations import Ending, MessageStatus, NewTurn
from app.domain.ids import ImageId, MessageId, SessionId, StreamId, UserId
from app.domain.images import Image, ImageSource
from tests.support.catalog import ANA, NOW, SECOND, Catalog, an_upload


def session_id(number: int = 1) -> SessionId:
    return SessionId(f"ses_{number:026d}")


def stream_id(turn: int = 1) -> StreamId:
    return StreamId(f"str_{turn:026d}")


def answer_id(turn: int = 1) -> MessageId:
    return MessageId(f"msg_{2 * turn:026d}")


def a_turn(number: int = 1, *, session: int = 1, images: tuple[str, ...] = (), **more: Any) -> NewTurn:
    """Return the turn *number* of all; the first one of a conversation has the conversation's number, or says so."""
    made: dict[str, Any] = {
        "user": ANA,
        "session": session_id(session),
        "is_new_session": number == session,
        "title": f"title {number}",
        "question": MessageId(f"msg_{2 * number - 1:026d}"),
        "content": f"question {number}",
        "images": tuple(ImageId(image) for image in images),
        "answer": answer_id(number),
        "stream": stream_id(number),
        "model": "llava",
        "owner": "us",
        "asked_at": NOW,
        "at": NOW,
    }
    return NewTurn(**made | more)


def an_ending(status: MessageStatus = MessageStatus.COMPLETE, content: str = "a cat", **more: Any) -> Ending:
    return Ending(**{"status": status, "content": content, "at": NOW + SECOND} | more)


async def a_picture(catalog: Catalog, name: str, *, user: UserId = ANA, **more: Any) -> Image:
    """Store a picture that was given in a chat."""
    image = an_upload(name, user=user, **{"source": ImageSource.CHAT} | more)
    return (await catalog.images.add(image)).image


async def said(catalog: Catalog, session: int = 1) -> list[tuple[int, str, str, str]]:
    """Return what was said in a conversation: number, role, status and words of each message, in order."""
    messages = await catalog.conversations.messages(session_id(session), after=0, limit=100)
    return [(message.number, str(message.role), str(message.status), message.content) for message in messages]
