"""Models that Ollama runs, over its own API.

Nothing here is repeated: whoever asked sees an answer grow, and decides for themselves.
"""

import asyncio
import io
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import ClientResponse

from app.adapters.chat.abilities import abilities_in
from app.adapters.chat.connections import Connections, LineReader, read
from app.adapters.chat.orders import body_of, checked_name
from app.adapters.chat.patience import Patience, Waiting
from app.adapters.chat.pieces import SaidError, pieces_in
from app.adapters.chat.refusals import Refusals, unavailable
from app.domain.chat_models import Abilities, ChatOrder, Finished, Piece
from app.domain.errors import ModelFailed, ModelUnavailable

_SHOW_SECONDS = 5.0
_REFUSAL_SECONDS = 5.0
_LARGEST_SHOWN = 8 * 1024 * 1024
_LARGEST_REFUSAL = 64 * 1024


class OllamaModels:
    """*key* goes to *base_url* only; *load*, *stall* and *answer* bound an answer, as `Patience` says."""

    def __init__(
        self, *, base_url: str, key: str | None = None, load: timedelta, stall: timedelta, answer: timedelta
    ) -> None:
        self._connections = Connections(base_url=base_url, key=key)
        self._refusals = Refusals(key=key)
        self._patience = Patience(load=load, stall=stall, answer=answer)

    async def abilities(self, model: str) -> Abilities:
        body = io.BytesIO(json.dumps({"model": checked_name(model)}).encode())
        try:
            async with asyncio.timeout(_SHOW_SECONDS):
                response = await self._connections.post("api/show", body)
                try:
                    await self._check(response, model)
                    shown = await read(response, largest=_LARGEST_SHOWN)
                finally:
                    response.close()
        except TimeoutError as exc:
            raise unavailable("Ollama did not answer in time.") from exc
        # Licences and vocabularies come along.
        return abilities_in(await asyncio.to_thread(_object, shown))

    async def answer(self, order: ChatOrder) -> AsyncGenerator[Piece, None]:
        checked_name(order.model)
        waiting = Waiting(self._patience)
        body = await body_of(order)
        async with waiting.one():
            response = await self._connections.post("api/chat", body)
        # However this ends, the connection does too: that is what makes the model stop.
        try:
            await self._check(response, order.model)
            lines = LineReader(response)
            while True:
                async with waiting.one():
                    line = await lines.next()
                waiting.has_begun()
                for piece in self._pieces(line, order.model):
                    yield piece
                    if isinstance(piece, Finished):
                        return
        finally:
            response.close()

    async def aclose(self) -> None:
        await self._connections.aclose()

    def _pieces(self, line: bytes | None, model: str) -> list[Piece]:
        if line is None:
            raise ModelFailed("The model's answer ended before it was whole.")
        try:
            return pieces_in(line)
        except SaidError as exc:
            raise self._refusals.of_error(exc.error, model) from None

    async def _check(self, response: ClientResponse, model: str) -> None:
        if response.status == HTTPStatus.OK:
            return
        try:
            async with asyncio.timeout(_REFUSAL_SECONDS):
                body = await read(response, largest=_LARGEST_REFUSAL)
        except (TimeoutError, ModelUnavailable):
            body = b""
        raise self._refusals.of_status(response.status, response.headers, body, model=model)


def _object(shown: bytes) -> dict[str, Any]:
    try:
        members = json.loads(shown)
    except (ValueError, RecursionError) as exc:
        raise unavailable("Ollama's answer cannot be read.") from exc
    if not isinstance(members, dict):
        raise unavailable("Ollama's answer cannot be read.")
    return members
