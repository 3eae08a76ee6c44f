"""`cleanup`: a dry run says exactly what would go and changes nothing; the run removes just that."""

import os
import pty
import subprocess
import sys
import termios
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devkit.clock import FakeClock
from tests.support.command import environment_of, run
from tests.support.processes import service_process
from tests.support.service import Service
from tests.support.still import PICTURE, host, still

DAYS = 86400


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """Fill a store with three old images and a fresh one."""
    await fill(tmp_path, old=3)
    return tmp_path


async def fill(folder: Path, *, old: int, fresh: int = 1) -> None:
    clock = FakeClock(datetime.now(UTC) - timedelta(days=100))
    async with still(folder, clock=clock) as service:
        for number in range(old):
            await host(service, f"old-{number}")
            clock.advance(60)
        clock.advance(100 * DAYS - 3600)
        for number in range(fresh):
            await host(service, f"fresh-{number}")


def names(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "images" / "ana").iterdir()}


async def answers(service: Service) -> dict[str, int]:
    images = (f"old-{number}" for number in range(3))
    return {name: (await service.http.get(f"/v1/images/hosted/ana/{name}")).status for name in (*images, "fresh-0")}


def test_a_dry_run_says_exactly_what_would_go_and_why(store: Path) -> None:
    done = run(store, "cleanup", "--dry-run", "--json")
    plan = done.json()
    assert done.code == 0
    assert [removal["id"] for removal in plan["removals"]] == ["old-0", "old-1", "old-2"]
    for removal in plan["removals"]:
        assert (removal["user_id"], removal["bytes"], removal["reason"]) == ("ana", len(PICTURE), "expired")
        assert "older than 90 days" in removal["why"]
    assert plan["totals"]["expired"] == {"images": 3, "bytes": 3 * len(PICTURE)}
    assert (plan["capped"], plan["clock"]) == (False, None)


async def test_a_dry_run_changes_nothing(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (store / "images").rglob("*") if path.is_file()}
    assert run(store, "cleanup", "--dry-run").code == 0
    assert run(store, "cleanup", "--dry-run", "--json").json()["totals"]["expired"]["images"] == 3
    after = {path: path.stat().st_mtime_ns for path in (store / "images").rglob("*") if path.is_file()}
    assert after == before
    async with still(store) as service:
        assert set((await answers(service)).values()) == {200}


def test_people_read_it_in_words(store: Path) -> None:
    lines = run(store, "cleanup", "--dry-run").out.splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"ana/old-{number} ") for number, line in enumerate(lines[:3]))
    assert "expired: older than 90 days" in lines[0]
    assert lines[-1].startswith(f"3 images, {3 * len(PICTURE)} bytes would go")


async def test_the_run_removes_what_the_dry_run_said(store: Path) -> None:
    planned = run(store, "cleanup", "--dry-run", "--json").json()
    done = run(store, "cleanup", "--json")
    assert done.code == 0
    assert done.json()["removed"] == planned["totals"]
    assert (done.json()["failed"], done.json()["skipped"]) == (0, None)
    assert names(store) == {"fresh-0"}
    async with still(store) as service:
        gone = await service.http.get("/v1/images/hosted/ana/old-0")
        assert (gone.status, (await gone.json(content_type=None))["reason"]) == (410, "expired")
        assert (await answers(service))["fresh-0"] == 200


def test_a_second_run_finds_nothing(store: Path) -> None:
    run(store, "cleanup")
    done = run(store, "cleanup")
    assert done.code == 0
    assert done.out == "removed: 0 expired, 0 over_limit, 0 space; failed: 0\n"


def test_settings_are_tried_before_they_are_set(store: Path) -> None:
    kept = run(store, "cleanup", "--dry-run", "--json", IMAGE_MAX_AGE_DAYS="0").json()
    young = run(store, "cleanup", "--dry-run", "--json", IMAGE_MIN_AGE_HOURS="100000").json()
    limited = run(store, "cleanup", "--dry-run", "--json", IMAGE_MAX_AGE_DAYS="0", IMAGE_PER_USER_LIMIT="2").json()
    assert kept["removals"] == []
    assert (young["removals"], young["protected"]["images"]) == ([], 3)
    assert [(gone["id"], gone["reason"]) for gone in limited["removals"]] == [
        ("old-0", "over_limit"),
        ("old-1", "over_limit"),
    ]


async def test_a_suspect_clock_is_an_exit_code_and_an_operator_can_vouch_for_it(tmp_path: Path) -> None:
    await fill(tmp_path, old=2, fresh=0)
    planned, refused = run(tmp_path, "cleanup", "--dry-run"), run(tmp_path, "cleanup", "--json")
    assert (planned.code, refused.code) == (1, 1)
    assert "a sweep would remove nothing now: the clock says" in planned.out
    assert (refused.json()["skipped"], names(tmp_path)) == ("clock_suspect", {"old-0", "old-1"})
    assert run(tmp_path, "cleanup", "--confirm-clock").code == 0
    assert names(tmp_path) == set()


async def test_it_works_beside_a_running_server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = environment_of(store, {"PORT": "0", "CLEANUP_INTERVAL_HOURS": "1000", "IMAGE_MAX_AGE_DAYS": "0"})
    async with service_process(settings, tmp_path_factory.mktemp("log") / "log") as server:
        url = "/v1/images/hosted/ana/old-0"
        assert (await server.http.get(url)).status == 200
        assert run(store, "cleanup").code == 0
        gone = await server.http.get(url)
        assert (gone.status, (await gone.json(content_type=None))["reason"]) == (410, "expired")
        assert (await server.http.get("/v1/images/hosted/ana/fresh-0")).status == 200


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """Return what a person sees."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        [sys.executable, "-m", "app", *arguments],
        env=environment_of(folder, {"LOG_LEVEL": "error"}),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:
            pass  # the other end is closed
        assert process.wait() == 0
    os.close(ours)
    return seen.decode()


def test_on_a_terminal_there_is_a_bar(store: Path) -> None:
    assert "3/3" in on_a_terminal(store, "cleanup")


def test_without_a_terminal_there_is_none(store: Path) -> None:
    assert "3/3" not in run(store, "cleanup").err
