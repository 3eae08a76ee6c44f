"""What a model is reminded of: the end of the conversation, as far as it fits."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.domain.chat_models import Turn
from app.domain.conversations import Message, MessageStatus, Role
from app.domain.errors import AppError
from app.domain.images import Image, ImageStatus

log = logging.getLogger(__name__)

_UNSEEN = "[A picture that is not shown any more.]"
_SAID = frozenset({MessageStatus.COMPLETE, MessageStatus.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How much of a conversation is sent along: messages, characters of them, and pictures, the latest of each."""

    messages: int
    characters: int
    pictures: int


Show = Callable[[Image], Awaitable[bytes]]


def remembered(messages: Sequence[Message], memory: Memory) -> list[Message]:
    """Return those of *messages*, in order, that are worth repeating: the latest without a gap, as far as they fit.

    An answer that failed, is empty or is still being said is none.  The first is a question, as models expect.
    """
    left, kept = memory.characters, list[Message]()
    for message in reversed(messages[-memory.messages :] if memory.messages else ()):
        if not _says_something(message):
            continue
        left -= len(message.content)
        if left < 0:
            break
        kept.append(message)
    while kept and kept[-1].role is Role.ASSISTANT:
        kept.pop()
    return kept[::-1]


async def recalled(messages: Sequence[Message], *, pictures: int, show: Show) -> list[Turn]:
    """Return *messages* as turns, with the latest *pictures* of them as far as they are still here."""
    turns: list[Turn] = []
    for message in reversed(messages):
        shown = await _shown(message.images, pictures, show)
        pictures -= len(shown)
        content = message.content or ("" if shown else _UNSEEN)
        turns.append(Turn(role=message.role, content=content, pictures=shown))
    return turns[::-1]


def shows_pictures(messages: Sequence[Message], memory: Memory) -> bool:
    """Tell whether a model that sees would be shown any picture of *messages*."""
    stored = (image.status is ImageStatus.STORED for message in messages for image in message.images)
    return memory.pictures > 0 and any(stored)


def joined(turns: Sequence[Turn]) -> list[Turn]:
    """Return *turns* so that both sides take turns: the templates of many models refuse anything else."""
    taken: list[Turn] = []
    for turn in turns:
        if taken and taken[-1].role is turn.role:
            before = taken.pop()
            content = "\n\n".join(filter(None, (before.content, turn.content)))
            turn = Turn(role=turn.role, content=content, pictures=[*before.pictures, *turn.pictures])  # noqa: PLW2901
        taken.append(turn)
    return taken


def _says_something(message: Message) -> bool:
    if message.role is Role.USER:
        return bool(message.content or message.images)
    return message.status in _SAID and bool(message.content)


async def _shown(images: Sequence[Image], most: int, show: Show) -> list[bytes]:
    """Return the latest *most* of *images*, in order, that can be shown."""
    shown: list[bytes] = []
    for image in reversed(images):
        if len(shown) < most and image.status is ImageStatus.STORED:
            try:
                shown.append(await show(image))
            except AppError as refusal:
                named = {"user_id": str(image.user), "image_id": str(image.id)}
                log.info("an earlier picture is left out", extra=named | {"error": refusal.code})
    return shown[::-1]
