"""The stand-in as a program of its own, moved over HTTP."""

import asyncio
import base64
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def control() -> AsyncIterator[ClientSession]:
    """A session relative to a stand-in in another process, with its key."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devkit.replicate", "--port", "0", "--token", "r8_other"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip().removeprefix("REPLICATE_BASE_URL=")
    headers = {"Authorization": "Bearer r8_other"}
    async with ClientSession(base_url=address, headers=headers) as session:
        yield session
    process.send_signal(signal.SIGTERM)
    rest, _ = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert b"REPLICATE_API_TOKEN=r8_other" in rest


async def send(session: ClientSession, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with session.post(path, json=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_it_is_moved_and_asked_over_http(control: ClientSession) -> None:
    image = base64.b64encode(b"bytes").decode()
    await send(control, "/_control/behaviour", {"model": "a/b", "images": [image], "shape": "str"})
    _, prediction = await send(control, "/v1/predictions", {"version": "a/b", "input": {}}, Prefer="wait=5")
    async with control.get(prediction["output"]) as answer:
        assert await answer.read() == b"bytes"

    await send(control, "/_control/advance", {"seconds": 3700})
    async with control.get(prediction["output"]) as answer:
        assert answer.status == 404
    async with control.get(f"/v1/predictions/{prediction['id']}") as answer:
        assert (await answer.json())["data_removed"] is True

    _, second = await send(control, "/v1/predictions", {"version": "a/b", "input": {}}, Prefer="wait=5")
    await send(control, "/_control/expire")
    await send(control, "/_control/advance", {"seconds": 1})
    async with control.get(second["output"]) as answer:
        assert answer.status == 404

    await send(control, "/_control/faults/api", {"status": 418, "times": 1})
    async with control.get("/v1/predictions") as answer:
        assert answer.status == 418
    await send(control, "/_control/faults/delivery", {"status": 500})
    async with control.get(second["output"]) as answer:
        assert answer.status == 500

    async with control.get("/_control/requests") as answer:
        seen = (await answer.json())["requests"]
    assert [each["path"] for each in seen if each["method"] == "POST" and "/v1/" in each["path"]] == [
        "/v1/predictions",
        "/v1/predictions",
    ]
    async with control.get("/_control/webhooks") as answer:
        assert await answer.json() == {"webhooks": []}

    assert (await send(control, "/_control/behaviour", {"shape": "round"}))[0] == 422
    assert (await send(control, "/_control/behaviour", {"colour": "red"}))[0] == 422
    assert (await send(control, "/_control/advance", {"seconds": -1}))[0] == 422
