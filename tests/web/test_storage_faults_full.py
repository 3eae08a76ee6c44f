"""A real volume, filled by the service itself: it refuses in time, and everything that ends still works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.asking import ask, keep, look
from tests.support.pictures import noise_png
from tests.support.problems import problem_of
from tests.support.processes import ServiceProcess, service_process
from tests.support.service import environment
from tests.support.sources import data_uri
from tests.support.volumes import Volume, ext4

LARGE = data_uri(noise_png(600 * 1024))


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    with ext4(tmp_path / "volume.img", tmp_path / "data", size="24M") as volume:
        yield volume


async def fill(service: ServiceProcess) -> list[str]:
    """Import until it is refused; return what was stored."""
    stored: list[str] = []
    while True:
        name = f"large{len(stored)}"
        answer = await keep(service, name, user_id=f"user{len(stored)}", url=LARGE)
        if answer.status != 201:
            await problem_of(answer, status=507, code="storage_full")
            return stored
        stored.append(name)


async def test_a_volume_that_fills_up_refuses_and_is_emptied_by_deletions(tmp_path: Path, volume: Volume) -> None:
    async with service_process(environment(volume.path), tmp_path / "log") as service:
        stored = await fill(service)
        assert len(stored) > 3
        for number in range(len(stored)):
            url = f"/v1/images/hosted/user{number}/{stored[number]}.png"
            assert await ask(service, url) == 200
            assert await ask(service, url, "DELETE") == 204
        assert (await keep(service, "afterwards")).status == 201
        assert (await look(service, "afterwards"))[0] == 200
    assert list((volume.path / "images" / ".staging").iterdir()) == []
