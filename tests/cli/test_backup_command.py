"""`python -m app backup`: what it says, and its exit code."""

from pathlib import Path

from tests.support.command import run
from tests.support.still import PICTURE, host, still


async def test_the_data_folder_itself_is_refused_and_left_alone(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await host(service)
    database = tmp_path / "holdfast.db"
    before = database.stat().st_ino

    done = run(tmp_path, "backup", str(tmp_path / "images" / ".."))
    assert (done.code, done.out) == (1, "")
    assert "service's own" in done.log[-1]["message"]
    assert database.stat().st_ino == before


async def test_an_image_without_its_bytes_is_named_and_the_command_fails(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    async with still(data) as service:
        await host(service)
        await host(service, "two")
    (data / "images" / "ana" / "pic.png").unlink()
    (data / "images" / "ana" / "two.png").write_bytes(PICTURE[:5])

    done = run(data, "backup", str(folder), "--json")
    assert done.code == 1
    assert (done.json()["missing"], done.json()["damaged"]) == (["ana/pic.png"], ["ana/two.png"])
    lines = run(data, "backup", str(folder)).out.splitlines()
    assert lines[:2] == ["missing: ana/pic.png", "damaged: ana/two.png"]
