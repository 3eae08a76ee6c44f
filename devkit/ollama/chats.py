"""What the stand-in was asked to talk about, and what became of each answer."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from devkit.ollama.looking import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: str
    content: str
    pictures: tuple[Picture, ...] = ()


@dataclass(slots=True, kw_only=True)
class Chat:
    """One call of `/api/chat` that was let in."""

    model: str
    """By its full name."""
    messages: tuple[Message, ...]
    members: Mapping[str, Any]
    """The rest of what was sent: `think`, `options` …"""
    began_at: datetime
    started_at: datetime | None = None
    """When it was its turn."""
    said: int = 0
    """How many pieces were sent."""
    ended_at: datetime | None = None
    left_at: datetime | None = None
    """When whoever asked closed the connection before the end."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All of them, those of earlier turns too."""
        return tuple(picture for message in self.messages for picture in message.pictures)

    @property
    def question(self) -> str:
        return self.messages[-1].content if self.messages else ""

    @property
    def is_under_way(self) -> bool:
        return self.ended_at is None and self.left_at is None

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [
                {"role": each.role, "content": each.content, "pictures": [str(picture) for picture in each.pictures]}
                for each in self.messages
            ],
            "said": self.said,
            "ended_at": self.ended_at and self.ended_at.isoformat(),
            "left_at": self.left_at and self.left_at.isoformat(),
        }


class Chats:
    """All of them, in order of arrival."""

    def __init__(self) -> None:
        self.all: list[Chat] = []
        self.most_at_once = 0
        self._changed = asyncio.Event()

    def begin(self, chat: Chat) -> None:
        self.all.append(chat)
        self.most_at_once = max(self.most_at_once, sum(each.is_under_way for each in self.all))
        self.changed()

    def release(self) -> None:
        for chat in self.all:
            chat.released.set()

    def changed(self) -> None:
        """Make whoever waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._changed.wait()
