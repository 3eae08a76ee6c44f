"""Starting where something is wrong: it says what, ends with a failure, and writes nothing."""

import asyncio
from pathlib import Path

from tests.support.asking import keep
from tests.support.command import Finished, run
from tests.support.processes import service_process
from tests.support.service import environment


async def serve(folder: Path) -> Finished:
    """Run a service that is to end by itself."""
    return await asyncio.to_thread(run, folder, "serve", **environment(folder))


def everything(folder: Path) -> dict[str, bytes | None]:
    """Return every path below *folder*, with its bytes if it is a file."""
    found = sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


async def test_a_volume_that_is_not_mounted_stops_the_start_and_is_not_written_to(tmp_path: Path) -> None:
    async with service_process(environment(tmp_path), tmp_path / "log") as service:
        assert (await keep(service, "image")).status == 201
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "images").mkdir()  # what a mount point is without its volume
    before = everything(tmp_path)
    done = await serve(tmp_path)
    after = everything(tmp_path)
    assert done.code == 1
    assert "is the volume mounted?" in done.out.splitlines()[-1]
    assert after == before
