"""The stand-in as a program of its own, moved over HTTP."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from devkit.ollama import SEEING

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def control() -> AsyncIterator[ClientSession]:
    """A session relative to a stand-in in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devkit.ollama", "--port", "0", "--pace", "0"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip().removeprefix("OLLAMA_HOST=")
    async with ClientSession(base_url=address) as session:
        yield session
    process.send_signal(signal.SIGTERM)
    rest, _ = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert f"OLLAMA_MODEL={SEEING}".encode() in rest


async def send(session: ClientSession, path: str, body: Any) -> tuple[int, str]:
    async with session.post(path, json=body) as answer:
        return answer.status, await answer.text()


async def test_it_is_moved_and_asked_over_http(control: ClientSession) -> None:
    question = {"model": SEEING, "messages": [{"role": "user", "content": "Hello"}], "stream": False}
    await send(control, "/_control/behaviour", {"model": SEEING, "tokens": ["Good", " day"]})
    assert '"Good day"' in (await send(control, "/api/chat", question))[1]

    await send(control, "/_control/behaviour", {"model": SEEING, "ending": "error", "ends_after": 0})
    assert (await send(control, "/api/chat", {**question, "stream": True}))[0] == 500
    await send(control, "/_control/faults/api", {"on": "chat", "status": 418, "times": 1})
    assert (await send(control, "/api/chat", question))[0] == 418

    await send(control, "/_control/behaviour", {"model": SEEING, "holds_after": 0})
    held = asyncio.ensure_future(send(control, "/api/chat", question))
    while not held.done():
        await send(control, "/_control/release", {})
    assert (await held)[0] == 200

    await send(control, "/_control/advance", {"seconds": 301})
    async with control.get("/api/ps") as answer:
        assert await answer.json() == {"models": []}
    async with control.get("/_control/chats") as answer:
        chats = (await answer.json())["chats"]
    assert [chat["messages"][0]["content"] for chat in chats] == ["Hello"] * 3
    async with control.get("/_control/requests") as answer:
        assert len([each for each in (await answer.json())["requests"] if each["path"] == "/api/chat"]) == 4

    assert (await send(control, "/_control/behaviour", {"ending": "happily"}))[0] == 422
    assert (await send(control, "/_control/behaviour", {"colour": "red"}))[0] == 422
    assert (await send(control, "/_control/advance", {"seconds": -1}))[0] == 422
