"""Plans carried out over real connections, from real files."""

import ssl
import subprocess
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpServer

from app.web.serving.sender import SMALL, send
from tests.support.blobs import FileBlob
from tests.web.serving.conftest import MakeSite, application
from tests.web.serving.measured import TABLE, TAG
from tests.web.serving.pictures import BIG, DATA, asked, body_of, some_bytes
from tests.web.serving.stores import STORES
from tests.web.serving.wire import connected


@pytest.mark.parametrize("store", STORES)
async def test_every_measured_request_gets_what_it_should_on_one_connection(
    aiohttp_server: AiohttpServer, make_site: MakeSite, store: Callable[[Path], FileBlob]
) -> None:
    site = make_site(DATA)
    site.open = store
    async with connected(await aiohttp_server(application(site.show))) as wire:
        for row in TABLE:
            answer = await wire.ask(row.method, *row.fields)

            assert (row.name, answer.status) == (row.name, row.status)
            assert answer.body == body_of(asked(row.method, *row.fields), DATA)
    assert all(blob.closed.is_set() for blob in site.opened)


@pytest.mark.parametrize("store", STORES)
async def test_a_large_body_comes_whole_and_the_connection_goes_on(
    aiohttp_server: AiohttpServer, make_site: MakeSite, store: Callable[[Path], FileBlob]
) -> None:
    site = make_site(BIG)
    site.open = store
    tag = site.representation.etag
    async with connected(await aiohttp_server(application(site.show))) as wire:
        assert (await wire.ask()).body == BIG
        assert (await wire.ask("GET", ("Range", "bytes=1-"))).body == BIG[1:]
        assert (await wire.ask("HEAD")).headers["Content-Length"] == str(len(BIG))
        assert (await wire.ask("GET", ("If-None-Match", tag))).status == 304
        assert (await wire.ask("GET", ("Range", "bytes=-0"))).status == 416
        assert (await wire.ask("GET", ("If-Match", '"x"'))).status == 412
        assert (await wire.ask()).body == BIG


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, 2 * SMALL, 2 * SMALL + 1])
async def test_a_body_of_any_size_comes_whole_under_its_exact_length(
    aiohttp_server: AiohttpServer, make_site: MakeSite, size: int
) -> None:
    data = some_bytes(size)
    async with connected(await aiohttp_server(application(make_site(data).show))) as wire:
        answer = await wire.ask()

    assert answer.headers["Content-Length"] == str(size)
    assert "Transfer-Encoding" not in answer.headers
    assert answer.body == data


@pytest.mark.parametrize("store", STORES)
async def test_large_parts_arrive_in_their_frames(
    aiohttp_server: AiohttpServer, make_site: MakeSite, store: Callable[[Path], FileBlob]
) -> None:
    site = make_site(BIG)
    site.open = store
    async with connected(await aiohttp_server(application(site.show))) as wire:
        answer = await wire.ask("GET", ("Range", "bytes=0-699999,1000000-1699999"))
        again = await wire.ask()

    assert answer.body.count(BIG[:700_000]) == answer.body.count(BIG[1_000_000:1_700_000]) == 1
    assert len(answer.body) == int(answer.headers["Content-Length"])
    assert again.body == BIG


async def test_small_parts_can_be_read_by_others(aiohttp_server: AiohttpServer, make_site: MakeSite) -> None:
    async with connected(await aiohttp_server(application(make_site(BIG).show))) as wire:
        answer = await wire.ask("GET", ("Range", "bytes=0-9,1000000-1000009"))
    message = message_from_bytes(f"Content-Type: {answer.headers['Content-Type']}\r\n".encode() + answer.body)

    places = [part["Content-Range"] for part in message.walk() if not part.is_multipart()]

    assert places == ["bytes 0-9/2000000", "bytes 1000000-1000009/2000000"]


@pytest.mark.parametrize("data", [DATA, BIG], ids=["small", "large"])
async def test_requests_sent_ahead_are_answered_in_order(
    aiohttp_server: AiohttpServer, make_site: MakeSite, data: bytes
) -> None:
    async with connected(await aiohttp_server(application(make_site(data).show))) as wire:
        await wire.say()
        await wire.say("GET", ("Range", "bytes=5-"))
        await wire.say("HEAD")

        assert (await wire.hear()).body == data
        assert (await wire.hear()).body == data[5:]
        assert (await wire.hear("HEAD")).status == 200


@pytest.mark.parametrize("data", [DATA, BIG], ids=["small", "large"])
async def test_http_1_0_gets_the_exact_length_and_the_end_of_the_connection(
    aiohttp_server: AiohttpServer, make_site: MakeSite, data: bytes
) -> None:
    async with connected(await aiohttp_server(application(make_site(data).show))) as wire:
        answer = await wire.ask(version="1.0")

        assert "Transfer-Encoding" not in answer.headers
        assert answer.body == data
        assert await wire.reader.read() == b""


@pytest.mark.parametrize("data", [DATA, BIG], ids=["small", "large"])
async def test_a_download_cut_on_the_wire_is_resumed_byte_for_byte(
    aiohttp_server: AiohttpServer, make_site: MakeSite, data: bytes
) -> None:
    server = await aiohttp_server(application(make_site(data).show))
    async with connected(server) as wire:
        await wire.say()
        head = await wire.hear_head()
        begun = await wire.reader.readexactly(100_000)
    async with connected(server) as wire:
        rest = await wire.ask("GET", ("Range", "bytes=100000-"), ("If-Range", head.headers["ETag"]))

    assert rest.status == 206
    assert begun + rest.body == data


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subject = ["-subj", "/CN=images.test", "-days", "2", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    return cert, key


async def test_over_tls_a_large_body_comes_whole_too(
    aiohttp_server: AiohttpServer, make_site: MakeSite, certificate: tuple[Path, Path]
) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(*certificate)
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
    server = await aiohttp_server(application(make_site(BIG).show), ssl=server_side)
    async with connected(server, client_side) as wire:
        assert (await wire.ask()).body == BIG
        assert (await wire.ask("GET", ("Range", "bytes=1-"))).body == BIG[1:]


async def test_the_access_log_learns_the_true_size(aiohttp_server: AiohttpServer, make_site: MakeSite) -> None:
    site = make_site(BIG)
    async with connected(await aiohttp_server(application(site.show))) as wire:
        answer = await wire.ask()
    head = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items())

    assert len(BIG) + head < site.answered[0].body_length < len(BIG) + head + 50


async def test_a_plan_without_ranges_needs_no_blob(aiohttp_server: AiohttpServer) -> None:
    async def known(request: web.Request) -> web.StreamResponse:
        return await send(request, asked(request.method, ("If-None-Match", TAG)))

    async with connected(await aiohttp_server(application(known))) as wire:
        assert (await wire.ask()).status == 304
        assert (await wire.ask("HEAD")).status == 304


async def test_a_plan_with_ranges_is_not_sent_without_its_blob(aiohttp_server: AiohttpServer) -> None:
    async def forgetful(request: web.Request) -> web.StreamResponse:
        with pytest.raises(ValueError, match="without its blob"):
            await send(request, asked("GET"))
        return web.Response(status=204)

    async with connected(await aiohttp_server(application(forgetful))) as wire:
        assert (await wire.ask()).status == 204
