"""Clients that leave or stall, files that end early, stores that break: nothing false is ever sent."""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpServer

from app.domain.errors import StorageUnavailable
from tests.support.blobs import FileBlob
from tests.web.serving.conftest import MakeSite, Site, application
from tests.web.serving.pictures import BIG, DATA
from tests.web.serving.stores import STORES, Failing, Shrinking
from tests.web.serving.wire import connected

VAST = 32 * 1024 * 1024
"""More bytes than the buffers of a loopback connection can swallow."""


@pytest.fixture
async def complaints() -> list[dict[str, Any]]:
    """Collect what the event loop complains of: exceptions that nobody awaited."""
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    return heard


def vast_site(make_site: MakeSite) -> Site:
    site = make_site(b"")
    os.truncate(site.path, VAST)
    site.representation = replace(site.representation, size=VAST)
    return site


@pytest.mark.parametrize("store", STORES)
async def test_a_client_that_leaves_in_the_middle_leaves_nothing_open_and_no_error(
    aiohttp_server: AiohttpServer,
    make_site: MakeSite,
    store: Callable[[Path], FileBlob],
    caplog: pytest.LogCaptureFixture,
    complaints: list[dict[str, Any]],
) -> None:
    site = vast_site(make_site)
    site.open = store
    server = await aiohttp_server(application(site.show))
    async with connected(server) as wire:
        await wire.say()
        await wire.reader.readexactly(1000)
    async with connected(server) as other:
        await other.ask("HEAD")
    await site.first_closed()

    assert site.opened[0].handle.closed
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert complaints == []


@pytest.mark.parametrize("store", STORES)
async def test_a_client_that_stops_reading_is_cut_off(
    aiohttp_server: AiohttpServer,
    make_site: MakeSite,
    store: Callable[[Path], FileBlob],
    complaints: list[dict[str, Any]],
) -> None:
    site = vast_site(make_site)
    site.open, site.stall = store, 0.1
    async with connected(await aiohttp_server(application(site.show))) as wire:
        await wire.say()
        await wire.hear_head()
        await site.first_closed()

        assert len(await wire.reader.read()) < VAST
    assert complaints == []


async def test_a_client_that_still_owes_reading_an_earlier_answer_is_cut_off_as_quietly(
    aiohttp_server: AiohttpServer, make_site: MakeSite, complaints: list[dict[str, Any]]
) -> None:
    site = vast_site(make_site)
    site.stall = 0.1

    async def behind_an_earlier_answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(bytes(VAST))
        return await site.show(request)

    async with connected(await aiohttp_server(application(behind_an_earlier_answer))) as wire:
        await wire.say()
        await site.first_closed()

        assert len(await wire.reader.read()) < VAST
    assert complaints == []


@pytest.mark.parametrize("is_local", [True, False], ids=["sendfile", "remote"])
async def test_a_file_that_ends_early_ends_the_connection(
    aiohttp_server: AiohttpServer, make_site: MakeSite, caplog: pytest.LogCaptureFixture, *, is_local: bool
) -> None:
    site = make_site(BIG)
    site.open = partial(Shrinking, is_local=is_local)
    async with connected(await aiohttp_server(application(site.show))) as wire:
        await wire.say()
        await wire.hear_head()
        received = await wire.reader.read()

    assert len(received) < len(BIG)
    assert BIG.startswith(received)
    assert site.opened[0].closed.is_set()
    assert "body cut short" in caplog.text


async def test_a_small_file_that_ends_early_is_still_refused(
    aiohttp_server: AiohttpServer, make_site: MakeSite
) -> None:
    site = make_site(DATA)
    site.open = Shrinking
    async with connected(await aiohttp_server(application(site.show))) as wire:
        answer = await wire.ask()

    assert answer.status == 503
    assert isinstance(site.refused[0], StorageUnavailable)
    assert site.opened[0].closed.is_set()


@pytest.mark.parametrize("data", [DATA, BIG], ids=["small", "large"])
async def test_a_file_known_to_be_too_short_is_refused_before_the_first_byte(
    aiohttp_server: AiohttpServer, make_site: MakeSite, data: bytes
) -> None:
    site = make_site(data)
    os.truncate(site.path, len(data) - 1)
    async with connected(await aiohttp_server(application(site.show))) as wire:
        answer = await wire.ask()

    assert answer.status == 503
    assert isinstance(site.refused[0], StorageUnavailable)


async def test_a_store_that_fails_halfway_ends_the_connection_instead_of_answering_twice(
    aiohttp_server: AiohttpServer, make_site: MakeSite
) -> None:
    site = make_site(BIG)
    site.open = Failing
    async with connected(await aiohttp_server(application(site.show))) as wire:
        await wire.say()
        await wire.hear_head()
        received = await wire.reader.read()

    assert len(received) < len(BIG)
    assert BIG.startswith(received)
    assert site.refused == []


async def test_a_store_that_fails_early_is_still_refused(aiohttp_server: AiohttpServer, make_site: MakeSite) -> None:
    site = make_site(DATA)
    site.open = Failing
    async with connected(await aiohttp_server(application(site.show))) as wire:
        assert (await wire.ask()).status == 503


async def test_a_request_given_up_halfway_is_never_answered_twice(
    aiohttp_server: AiohttpServer, make_site: MakeSite
) -> None:
    site = vast_site(make_site)

    async def impatient(request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(0.1):
                return await site.show(request)
        except TimeoutError:
            return web.Response(status=504, text="too late")

    async with connected(await aiohttp_server(application(impatient))) as wire:
        await wire.say()
        await site.first_closed()

        received = await wire.reader.read()
    assert b"too late" not in received
    assert len(received) < VAST
