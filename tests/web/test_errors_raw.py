"""What is no valid HTTP is refused in the same envelope as everything else, and closes the connection."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.problems import assert_problem
from tests.support.raw import connected, exchange, request
from tests.support.service import Service
from tests.support.still import still

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = b"Host: 127.0.0.1\r\n"
LINE = b"GET /livez HTTP/1.1\r\n"
POST = b"POST /v1/tokens HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
MALFORMED = {
    "one word": b"canary\r\n\r\n",
    "binary": b"\x16\x03\x01\x02\x00\x01\x00canary\xff\xfe\r\n\r\n",
    "a lower-case method": b"get /livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"CANARY /livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "no target": b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target without a slash": b"GET canary HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw bytes in the path": b"GET /canary\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw bytes in the query": b"GET /livez?canary=\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "a nul in the path": b"GET /canary\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an over-long target": b"GET /" + b"canary" * 2000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "HTTP/0.9 by name": b"GET /livez HTTP/0.9\r\n" + HOST + b"\r\n",
    "HTTP/2.0": b"GET /livez HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/3.7": b"GET /livez HTTP/3.7\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol": b"GET /livez CANARY/1.1\r\n" + HOST + b"\r\n",
    "no host": LINE + b"\r\n",
    "an empty host": LINE + b"Host:\r\n\r\n",
    "two hosts": LINE + HOST + b"Host: canary.example\r\n\r\n",
    "a host with a path": LINE + b"Host: a/canary\r\n\r\n",
    "a host with a user": LINE + b"Host: canary@127.0.0.1\r\n\r\n",
    "a host with two ports": LINE + b"Host: a:1:2\r\n\r\n",
    "a host with a large port": LINE + b"Host: 127.0.0.1:99999\r\n\r\n",
    "half an IPv6 host": LINE + b"Host: [::1\r\n\r\n",
    "a host with a space": LINE + b"Host: a canary\r\n\r\n",
    "a host with quotes": LINE + b'Host: "><canary>\r\n\r\n',
    "a host of other letters": LINE + "Host: cän\r\n\r\n".encode(),
    "a bad port in the target": b"GET http://127.0.0.1:99999/livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "half an IPv6 target": b"GET http://[::1/livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "a field without a colon": LINE + HOST + b"canary\r\n\r\n",
    "a space before the colon": LINE + HOST + b"Canary : 1\r\n\r\n",
    "a folded field": LINE + HOST + b"A: 1\r\n canary\r\n\r\n",
    "a nul in a field": LINE + HOST + b"A: canary\x00\r\n\r\n",
    "a bare return in a field": LINE + HOST + b"A: 1\rcanary: 2\r\n\r\n",
    "an over-long field": LINE + HOST + b"A: " + b"canary" * 2000 + b"\r\n\r\n",
    "too many fields": LINE + HOST + b"".join(b"A%d: 1\r\n" % number for number in range(500)) + b"\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length that is no number": POST + b"Content-Length: canary\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "length and chunks": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: canary\r\n\r\n{}",
    "chunks twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks, then more": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("raw")) as running:
        yield running


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_requests_are_400_in_our_own_words(service: Service, data: bytes) -> None:
    reply = await exchange(service, data)
    assert_problem(400, reply.headers, reply.json(), code="malformed_request")
    assert reply.version == "HTTP/1.1"
    assert "no-store" in reply.headers["Cache-Control"]
    assert b"canary" not in reply.body.lower()
    assert "Python" not in str(reply.headers)


async def test_a_malformed_request_ends_its_connection(service: Service) -> None:
    async with connected(service) as line:
        await line.say(MALFORMED["length and chunks"] + request("GET", "/livez"))
        assert (await line.hear()).status == 400
        assert await line.is_closed()


async def test_what_came_before_a_malformed_request_is_answered_first(service: Service) -> None:
    async with connected(service) as line:
        await line.say(request("GET", "/livez"))
        assert (await line.hear()).status == 200
        await line.say(MALFORMED["one word"])
        assert (await line.hear()).status == 400


@pytest.mark.parametrize(
    "data", [MALFORMED["one word"], MALFORMED["two hosts"], b"\x16\x03"], ids=["word", "hosts", "tls"]
)
async def test_what_came_in_one_piece_with_a_malformed_request_is_answered_first(service: Service, data: bytes) -> None:
    async with connected(service) as line:
        await line.say(request("GET", "/livez") + request("GET", "/nowhere") + data)
        assert [(await line.hear()).status for _ in range(3)] == [200, 404, 400]
        assert await line.is_closed()


async def test_malformed_requests_leave_no_errors_in_the_log(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for data in MALFORMED.values():
        await exchange(service, data)
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


@pytest.mark.parametrize("path", ["/livez", "/v1/images/hosted/ana/pic", "/nowhere", "*"])
async def test_trace_is_refused(service: Service, path: str) -> None:
    reply = await exchange(service, request("TRACE", path, "X-Secret: canary"))
    assert reply.status in {400, 404, 405}
    assert b"canary" not in reply.body


@pytest.mark.parametrize("target", ["127.0.0.1:443", "evil.example:443"])
async def test_connect_is_refused(service: Service, target: str) -> None:
    reply = await exchange(service, request("CONNECT", target))
    assert 400 <= reply.status < 500
    assert_problem(reply.status, reply.headers, reply.json())


async def test_upgrades_are_not_taken_up(service: Service) -> None:
    data = request("GET", "/livez", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAA")
    assert (await exchange(service, data)).status == 200


async def test_an_old_client_needs_no_host(service: Service) -> None:
    reply = await exchange(service, b"GET /livez HTTP/1.0\r\n\r\n")
    assert (reply.version, reply.status) == ("HTTP/1.0", 200)


async def test_pipelined_requests_are_answered_in_order(service: Service) -> None:
    async with connected(service) as line:
        await line.say(request("GET", "/livez") + request("GET", "/nowhere") + request("GET", "/livez"))
        assert [(await line.hear()).status for _ in range(3)] == [200, 404, 200]
