"""Asking a model, and what it said."""

from app.domain.chat_models import ChatModels, ChatOrder, Piece, Said, Turn
from app.domain.conversations import Role
from devkit.ollama import SEEING


def order(text: str = "What is it?", *pictures: bytes, model: str = SEEING) -> ChatOrder:
    return ChatOrder(model=model, turns=(Turn(role=Role.USER, content=text, pictures=pictures),))


async def pieces(models: ChatModels, asked: ChatOrder) -> list[Piece]:
    return [piece async for piece in models.answer(asked)]


async def hear(models: ChatModels, asked: ChatOrder, *, into: list[Piece]) -> None:
    """Put what is said *into* a list, which is left with it however the answer ends."""
    async for piece in models.answer(asked):
        into.append(piece)  # noqa: PERF401 - what came before a failure counts


def text_of(said: list[Piece]) -> str:
    return "".join(piece.text for piece in said if isinstance(piece, Said))
