"""nginx in front: whatever it lets through is one request for both, or somebody gets somebody else's answer."""

import asyncio
import logging
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.ports import free_port
from tests.support.raw import Line
from tests.support.still import still
from tests.web.test_server_framing import GET, NEXT, REFUSED, SOUND, UPGRADES, answers, mutated

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("nginx"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format told '$request_method $request_uri $upstream_status';
  access_log {folder}/access.log told;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream service {{ server 127.0.0.1:{service}; keepalive 2; }}
  server {{
    listen 127.0.0.1:{port}; client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s;
    location / {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_request_buffering off; proxy_next_upstream off;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Front:
    """nginx, and the file it writes down what it asked the service for."""

    port: int
    log: Path

    async def asked(self, data: bytes) -> list[int]:
        """Send *data* to nginx and return the statuses of what comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(10):
                writer.write(data)
                return await answers(Line(reader, writer))
        finally:
            writer.transport.abort()

    def passed_on(self) -> list[str]:
        """Return the requests that reached the service, as nginx saw them."""
        lines = [line.split(" ") for line in self.log.read_text(errors="replace").splitlines()]
        return [" ".join(line[:-1]) for line in lines if line[-1] != "-"]

    async def passed_on_since(self, before: int, *, expected: int) -> int:
        """Return how many more requests were passed on; they are written down a moment after they are answered."""
        for _ in range(100):
            if len(self.passed_on()) - before >= expected:
                break
            await asyncio.sleep(0.01)
        return len(self.passed_on()) - before


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    async with still(folder, REQUEST_BODY_SECONDS="0.3", MAX_CONNECTIONS_PER_ADDRESS="0") as service:
        port = free_port()
        text = CONFIG.format(folder=folder, service=service.url.rpartition(":")[2], port=port)
        (folder / "nginx.conf").write_text(text)
        process = await asyncio.create_subprocess_exec(
            *(str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"))
        )
        try:
            await until_open(port)
            yield Front(port, folder / "access.log")
        finally:
            process.terminate()
            await process.wait()


async def until_open(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


def seen(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many requests the service has seen, those it could not read included."""
    messages = [(record.name, record.getMessage()) for record in caplog.records]
    return sum(name == "app.access" or message == "malformed request" for name, message in messages)


def told(data: bytes) -> bytes:
    """Return *data* asking for something the access log tells of at any level."""
    return data.replace(b"/livez", b"/v1/capabilities") + NEXT


CASES = REFUSED | {name: data for name, (data, _) in SOUND.items()} | {n: GET + more for n, more in UPGRADES.items()}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
async def test_both_see_the_same_number_of_requests(
    front: Front, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = len(front.passed_on())
    await front.asked(told(data))
    assert seen(caplog) == await front.passed_on_since(before, expected=seen(caplog))


async def test_so_they_do_of_anything_mutated(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    chance = random.Random(1)
    before = len(front.passed_on())
    for _ in range(200):
        await front.asked(told(mutated(chance)))
    assert seen(caplog) == await front.passed_on_since(before, expected=seen(caplog))


async def test_afterwards_everybody_still_gets_their_own_answer(front: Front) -> None:
    for path, status in (("/v1/capabilities", 200), ("/nowhere", 404), ("/v1/users/a/images", 200)) * 5:
        data = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        assert await front.asked(data) == [status]
