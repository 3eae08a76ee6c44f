"""A client that goes away, at whatever moment and in whatever way, is no event: one line at most, nobody is woken."""

import asyncio
import base64
import io
import json
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.pictures import noise_png
from tests.support.processes import service_process
from tests.support.raw import exchange, request
from tests.support.service import Service, environment
from tests.support.still import host, promise, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

POST = b"POST /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
JSON = {"Content-Type": "application/json"}
LARGE = "/v1/images/hosted/ana/large"
MOMENTS = {
    "at once": b"",
    "in a head": b"GET /livez HTTP/1.1\r\nHo",
    "before a body": POST + b"Content-Length: 18\r\n\r\n",
    "in a body": POST + b"Content-Length: 18\r\n\r\n{",
    "in a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n12\r\n{",
    "between chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "when told to go on": POST + b"Content-Length: 18\r\nExpect: 100-continue\r\n\r\n",
    "in a body that is refused": POST + b"Content-Length: 99999999\r\n\r\n" + b" " * 5000,
    "before a small answer": request("GET", "/livez"),
    "before many answers": request("GET", "/openapi.json") * 30,
    "while it waits": request("GET", "/v1/images/hosted/ana/later"),
    "before a large answer": request("GET", LARGE),
    "before part of one": request("GET", LARGE, "Range: bytes=1000000-"),
    "before an archive": request("GET", "/v1/users/ana/images.zip"),
    "after nonsense": b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe\r\n\r\n",
}
WAYS = ("closes", "resets", "closes its half first", "reads a little and resets")

each_moment = pytest.mark.parametrize("data", MOMENTS.values(), ids=MOMENTS)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("leaving"), CAPTURE_READ_WAIT="0.05") as running:
        await host(running, "large", content=noise_png(6_000_000))
        await promise(running, "later")
        yield running


def leave(port: int, data: bytes, way: str) -> None:
    """Say *data* to the service and go away; blocks, as a client of its own would."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(data)
        if way == "closes its half first":
            line.shutdown(socket.SHUT_WR)
        if way == "reads a little and resets" and data.startswith(b"GET") and data.endswith(b"\r\n\r\n"):
            line.recv(1000)
        if way.endswith("resets"):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def large_image() -> io.BytesIO:
    """Return the body that imports what the moments ask for."""
    url = "data:image/png;base64," + base64.b64encode(noise_png(6_000_000)).decode()
    return io.BytesIO(json.dumps({"user_id": "ana", "image_id": "large", "url": url}).encode())


@each_moment
@pytest.mark.parametrize("way", WAYS)
async def test_whoever_goes_away_troubles_nobody(
    service: Service, data: bytes, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    await asyncio.to_thread(leave, int(service.url.rpartition(":")[2]), data, way)
    assert (await exchange(service, request("GET", "/livez"))).status == 200

    assert complaints == []
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


async def test_the_log_of_a_real_process_stays_calm(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    async with service_process(environment(tmp_path, LOG_LEVEL="debug"), log) as process:
        imported = await process.http.post("/v1/images/import", data=large_image(), headers=JSON)
        assert imported.status == 201
        for data in MOMENTS.values():
            for way in WAYS:
                await asyncio.to_thread(leave, imported.url.port or 0, data, way)
        assert (await process.http.get("/livez")).status == 200

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["message"] for line in lines if line["level"] == "error"] == []
    told = [line for line in lines if line["logger"].startswith("app.web")]
    assert {line["level"] for line in told} <= {"info", "debug"}
    assert {line["message"] for line in told if "request_id" not in line} <= {"malformed request"}
    assert max(Counter(line["request_id"] for line in told if "request_id" in line).values(), default=0) <= 1
