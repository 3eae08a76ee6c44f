"""A reader of Server-Sent Events that goes by WHATWG HTML §9.2.6, strictly where a browser would be silent."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse


@dataclass(frozen=True, slots=True)
class Heard:
    """An event; *name* is `ping` for a comment."""

    name: str
    id: str | None
    data: Any


def parse(block: str) -> Heard:
    """Return what one block, up to its empty line, says."""
    if block.startswith(":"):
        assert "\n" not in block
        return Heard(block.removeprefix(":").strip(), None, None)
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        assert name in {"event", "id", "data"}, line
        assert name not in fields
        fields[name] = value.removeprefix(" ")
    return Heard(fields["event"], fields["id"], json.loads(fields["data"]))


async def hear(response: ClientResponse) -> AsyncIterator[Heard]:
    """Yield what is said, as it comes, pings included."""
    assert response.status == 200, await response.text()
    assert response.content_type == "text/event-stream"
    buffer = b""
    async for chunk in response.content.iter_any():
        buffer += chunk
        while b"\n\n" in buffer:
            block, _, buffer = buffer.partition(b"\n\n")
            yield parse(block.decode())
    assert buffer == b""


async def heard(response: ClientResponse, *, seconds: float = 20) -> list[Heard]:
    """Return all events, once each is found to be numbered."""
    async with asyncio.timeout(seconds):
        found = [event async for event in hear(response) if event.name != "ping"]
    assert [event.id for event in found] == [str(number) for number in range(1, len(found) + 1)]
    return found


def text_of(events: Sequence[Heard]) -> str:
    """Return what the tokens say together."""
    return "".join(event.data["content"] for event in events if event.name == "token")


def names_of(events: Sequence[Heard]) -> list[str]:
    """Return the names of *events*, tokens one after the other as one."""
    names = [event.name for event in events]
    return [name for before, name in zip([None, *names], names, strict=False) if (before, name) != ("token", "token")]
