"""Trust comes from the system's store, and from nowhere else."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from app.domain.errors import SourceUnavailable
from tests.adapters.download.conftest import MakeDownloader
from tests.support.staging import FileStaging

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for `localhost` and its key in one file, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    made.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return made


@pytest.fixture
async def port(certificate: Path) -> AsyncIterator[int]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"bytes")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    app = web.Application()
    app.router.add_get("/a", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_certificate_nobody_vouches_for_is_unavailable(
    make_downloader: MakeDownloader, port: int, staging: FileStaging
) -> None:
    downloader = make_downloader("localhost")
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(f"https://localhost:{port}/a"), staging)


async def test_a_certificate_in_the_systems_store_is_trusted(
    make_downloader: MakeDownloader,
    port: int,
    staging: FileStaging,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    downloader = make_downloader("localhost")
    await downloader.fetch(downloader.admit(f"https://localhost:{port}/a"), staging)
    assert staging.content == b"bytes"


async def test_a_certificate_for_another_name_is_unavailable(
    make_downloader: MakeDownloader,
    port: int,
    staging: FileStaging,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    downloader = make_downloader("127.0.0.1")
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(f"https://127.0.0.1:{port}/a"), staging)
