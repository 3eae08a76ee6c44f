"""An answer as it goes over the wire: one JSON object a line, cut up as the behaviour says."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from devkit.clock import FakeClock
from devkit.ollama.behaviour import Behaviour, Ending
from devkit.ollama.chats import Chat, Chats
from devkit.ollama.refusals import refusal

_GARBAGE = b"<html>502 Bad Gateway</html>\n"


@dataclass(slots=True, kw_only=True)
class Answer:
    """What one chat is answered with."""

    request: web.Request
    chat: Chat
    chats: Chats
    behaviour: Behaviour
    clock: FakeClock
    thinking: list[str]
    tokens: list[str]
    reason: str | None
    counters: dict[str, int]
    response: web.StreamResponse | None = None

    async def stream(self) -> web.StreamResponse:
        """Send the answer a piece a line."""
        if self.behaviour.early_head:
            await self._head()
        pieces = [{"content": "", "thinking": each} for each in self.thinking]
        pieces += [{"content": each} for each in self.tokens]
        for piece in pieces[: self.behaviour.ends_after]:
            await self._wait()
            await self._send(self._line(piece, done=False))
            self.chat.said += 1
            self.chats.changed()
        await self._wait()
        return await self._end()

    async def whole(self) -> web.StreamResponse:
        """Send the answer in one object."""
        await self._hold()
        message = {"content": "".join(self.tokens) + self.behaviour.last_words}
        if self.thinking:
            message["thinking"] = "".join(self.thinking)
        return web.json_response(self._object(message, done=True))

    async def _wait(self) -> None:
        await self._hold()
        if self.behaviour.pace and self.chat.said:
            await self.clock.sleep(self.behaviour.pace)

    async def _hold(self) -> None:
        if self.chat.said == self.behaviour.holds_after:
            await self.chat.released.wait()

    async def _end(self) -> web.StreamResponse:
        ending = self.behaviour.ending
        if ending is Ending.ERROR and self.response is None:
            return refusal(500, self.behaviour.error)
        if ending is Ending.ERROR:
            await self._send(json.dumps({"error": self.behaviour.error}).encode() + b"\n")
        if ending is Ending.GARBAGE:
            await self._send(_GARBAGE)
        if ending is Ending.DONE:
            await self._send(self._line({"content": self.behaviour.last_words}, done=True))
        response = await self._head()
        if ending is Ending.DROPPED and self.request.transport is not None:
            self.request.transport.close()
        return response

    async def _head(self) -> web.StreamResponse:
        if self.response is None:
            self.response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
            await self.response.prepare(self.request)
        return self.response

    async def _send(self, line: bytes) -> None:
        response = await self._head()
        step = self.behaviour.bytes_at_once or len(line)
        for start in range(0, len(line), step):
            await response.write(line[start : start + step])
            # Else a client on this loop would read it all at once.
            await asyncio.sleep(0)

    def _line(self, message: dict[str, str], *, done: bool) -> bytes:
        document = self._object(message, done=done)
        if self.behaviour.padding:
            document["padding"] = "x" * self.behaviour.padding
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def _object(self, message: dict[str, str], *, done: bool) -> dict[str, Any]:
        document: dict[str, Any] = {
            "model": self.chat.model,
            "created_at": _moment(self.clock()),
            "message": {"role": "assistant", **message},
            "done": done,
        }
        if done:
            document |= {"done_reason": self.reason} if self.reason else {}
            document |= {name: count for name, count in self.counters.items() if count}
        return document


def _moment(now: datetime) -> str:
    # Nanoseconds, as Go writes them.
    return f"{now:%Y-%m-%dT%H:%M:%S.%f}789Z"
