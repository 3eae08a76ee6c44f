"""A conversation as Ollama takes it: JSON, with pictures as base64 inside."""

import asyncio
import binascii
import io
import json

from app.domain.chat_models import ChatOrder, Turn
from app.domain.errors import ModelNotFound

_LONGEST_NAME = 255
_SMALL_BYTES = 64 * 1024


def checked_name(model: str) -> str:
    """Return *model* if it can be the name of one; raise `ModelNotFound`, without repeating it."""
    if not model.isprintable() or not 0 < len(model.strip()) <= _LONGEST_NAME:
        raise ModelNotFound("There is no model of that name.", field="model")
    return model


async def body_of(order: ChatOrder) -> io.BytesIO:
    """Return what to send; a large one is made off the event loop."""
    size = sum(len(turn.content) + sum(map(len, turn.pictures)) for turn in order.turns)
    return _body(order) if size <= _SMALL_BYTES else await asyncio.to_thread(_body, order)


def _body(order: ChatOrder) -> io.BytesIO:
    # Written piece by piece: as one document, megabytes of base64 would be searched for quotes, and copied twice.
    body = io.BytesIO()
    # Told to think, a model that cannot refuses; told not to, none does.
    head = {"model": order.model, "stream": True, "think": False}
    body.write(json.dumps(head)[:-1].encode() + b', "messages": [')
    for index, turn in enumerate(order.turns):
        body.write(b", " if index else b"")
        _write(body, turn)
    body.write(b"]}")
    body.seek(0)
    return body


def _write(body: io.BytesIO, turn: Turn) -> None:
    body.write(json.dumps({"role": turn.role.value, "content": turn.content})[:-1].encode())
    if turn.pictures:
        body.write(b', "images": [')
        for index, picture in enumerate(turn.pictures):
            body.write(b', "' if index else b'"')
            body.write(binascii.b2a_base64(picture, newline=False))
            body.write(b'"')
        body.write(b"]")
    body.write(b"}")
