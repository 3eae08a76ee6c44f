"""A downloader in front of a real loopback origin, and one that has nowhere to go."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.download.downloader import HttpDownloader
from app.adapters.download.guard import Resolve
from app.adapters.download.limits import FetchLimits, Timing
from app.adapters.download.policy import SourcePolicy
from tests.support.origin import Origin, running_origin
from tests.support.staging import FileStaging

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

MakeDownloader = Callable[..., HttpDownloader]


@pytest.fixture
def staging(tmp_path: Path) -> FileStaging:
    return FileStaging(tmp_path / "staged")


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with running_origin() as origin:
        yield origin


@pytest.fixture
def pauses() -> list[float]:
    """Return the seconds a downloader wanted to sleep."""
    return []


@pytest.fixture
async def make_downloader(pauses: list[float]) -> AsyncIterator[MakeDownloader]:
    """Build downloaders that are closed when the test ends; limits by keyword."""
    made: list[HttpDownloader] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    def make(
        *allowed: str,
        policy: SourcePolicy | None = None,
        resolve: Resolve | None = None,
        monotonic: Callable[[], float] = lambda: 0.0,
        **limits: float,
    ) -> HttpDownloader:
        downloader = HttpDownloader(
            policy=policy or SourcePolicy(allowed_hosts=allowed, allow_private=True),
            limits=FetchLimits(**{"max_bytes": 4_000_000, "connect_timeout": 5, **limits}),
            timing=Timing(clock=lambda: NOW, monotonic=monotonic, jitter=lambda: 0.5, sleep=sleep),
            resolve=resolve,
        )
        made.append(downloader)
        return downloader

    yield make
    for downloader in made:
        await downloader.aclose()


@pytest.fixture
def downloader(make_downloader: MakeDownloader, origin: Origin) -> HttpDownloader:
    return make_downloader(origin.host)


@pytest.fixture
async def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Record what would be dialled, and dial nothing: a guard that fails has nowhere to go."""
    attempts: list[tuple[str, int]] = []

    async def refuse(_: object, address: tuple[str, int]) -> None:
        attempts.append((address[0], address[1]))
        raise ConnectionRefusedError(111, "nowhere to go")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", refuse)
    return attempts


@pytest.fixture
def answering() -> Callable[[Sequence[str]], Resolve]:
    """Make a name service that gives these answers to every question."""

    def make(addresses: Sequence[str]) -> Resolve:
        def resolve(_host: str, _port: int) -> Awaitable[Sequence[str]]:
            future = asyncio.get_running_loop().create_future()
            future.set_result(addresses)
            return future

        return resolve

    return make
