"""fal's own client against the stand-in: what it can read, so can whatever else speaks to fal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import fal_client
import pytest
from aiohttp import ClientSession

from devkit.fal import Behaviour, FalStandIn, Shape


@pytest.fixture
async def fal(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FalStandIn]:
    async with FalStandIn() as stand_in:
        monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{stand_in.queue_url}/")
        monkeypatch.setattr(fal_client.client, "REST_URL", stand_in.rest_url)
        monkeypatch.setattr(fal_client.client, "CDN_URL", stand_in.delivery_url, raising=False)
        yield stand_in


@pytest.fixture
async def client(fal: FalStandIn) -> AsyncIterator[fal_client.AsyncClient]:
    async with closing(fal.key) as opened:
        yield opened


@asynccontextmanager
async def closing(key: str) -> AsyncIterator[fal_client.AsyncClient]:
    """Yield a client; it has no way of its own to close its connections."""
    opened = fal_client.AsyncClient(key=key, default_timeout=10)
    yield opened
    await (await opened._client).aclose()


async def fetched(url: str) -> bytes:
    async with ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200
        return await answer.read()


async def test_a_request_is_submitted_followed_and_read(fal: FalStandIn, client: fal_client.AsyncClient) -> None:
    handle = await client.submit("fal-ai/flux/dev", {"prompt": "a fox", "num_images": 2})
    seen = [type(event).__name__ async for event in handle.iter_events(interval=0.01)]
    result = await handle.get()

    assert seen[-1] == "Completed"
    assert [await fetched(image["url"]) for image in result["images"]] == list(fal.requests[0].contents)
    assert result["seed"] > 2**63


async def test_a_failed_request_raises_what_the_model_said(fal: FalStandIn, client: fal_client.AsyncClient) -> None:
    fal.behaviours["fal-ai/flux"] = Behaviour(
        status=422, detail=[{"loc": ["body", "prompt"], "msg": "no", "type": "x"}]
    )
    handle = await client.submit("fal-ai/flux", {"prompt": ""})

    with pytest.raises(fal_client.FalClientHTTPError) as raised:
        await handle.get()
    assert raised.value.status_code == 422


async def test_a_request_is_cancelled(fal: FalStandIn, client: fal_client.AsyncClient) -> None:
    fal.behaviours["fal-ai/slow"] = Behaviour(running=3600)
    handle = await client.submit("fal-ai/slow", {})
    await handle.cancel()
    assert fal.requests[0].is_canceled


async def test_a_wrong_key_opens_nothing(fal: FalStandIn) -> None:
    async with closing("other") as stranger:
        with pytest.raises(fal_client.FalClientHTTPError) as raised:
            await stranger.submit("fal-ai/flux", {})
    assert raised.value.status_code == 401
    assert fal.requests == []


async def test_an_upload_is_there_to_be_fetched(fal: FalStandIn, client: fal_client.AsyncClient) -> None:
    url = await client.upload(b"a picture", "image/png", file_name="in.png")
    assert await fetched(url) == b"a picture"
    assert [upload.content_type for upload in fal.uploads] == ["image/png"]


async def test_a_film_is_told_like_a_picture(fal: FalStandIn, client: fal_client.AsyncClient) -> None:
    fal.behaviours["fal-ai/film"] = Behaviour(shape=Shape.VIDEO)
    handle = await client.submit("fal-ai/film", {})
    assert (await handle.get())["video"]["content_type"] == "video/mp4"


async def test_a_request_can_be_followed_as_events(fal: FalStandIn, client: fal_client.AsyncClient) -> None:
    handle = await client.submit("fal-ai/flux", {})
    headers = {"Authorization": f"Key {fal.key}"}
    async with ClientSession() as http, http.get(f"{handle.status_url}/stream", headers=headers) as answer:
        told = await answer.text()

    assert told.startswith(": ping")
    assert '"status": "COMPLETED"' in told.splitlines()[-2]


async def test_files_are_gone_after_a_week(fal: FalStandIn, client: fal_client.AsyncClient) -> None:
    result = await (await client.submit("fal-ai/flux", {})).get()
    fal.advance(8 * 24 * 3600)
    async with ClientSession() as http, http.get(result["images"][0]["url"]) as answer:
        assert answer.status == 404
