"""`cleanup`: a dry run says exactly what would go and changes nothing; the run removes just that."""

import asyncio
import os
import pty
import subprocess
import sys
import termios
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devkit.clock import FakeClock
from tests.support.command import Finished, environment_of, run
from tests.support.processes import service_process
from tests.support.still import PICTURE, host, still

DAYS = 86400


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


@dataclass(frozen=True)
class Story:
    """Three old images and a fresh one: planned twice, removed, and tried once more."""

    folder: Path
    planned: Finished
    in_words: Finished
    files_before: set[tuple[Path, int]]
    files_after_planning: set[tuple[Path, int]]
    removed: Finished
    again: Finished


def files(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in (folder / "images").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("store")
    asyncio.run(fill(folder, old=3))
    before = files(folder)
    planned, in_words = run(folder, "cleanup", "--dry-run", "--json"), run(folder, "cleanup", "--dry-run")
    after = files(folder)
    removed, again = run(folder, "cleanup", "--json"), run(folder, "cleanup")
    return Story(folder, planned, in_words, before, after, removed, again)


def test_a_dry_run_says_exactly_what_would_go_and_why(story: Story) -> None:
    plan = story.planned.json()
    assert story.planned.code == 0
    assert [removal["id"] for removal in plan["removals"]] == ["old-0", "old-1", "old-2"]
    for removal in plan["removals"]:
        assert (removal["user_id"], removal["bytes"], removal["reason"]) == ("ana", len(PICTURE), "expired")
        assert "older than 90 days" in removal["why"]
    assert plan["totals"]["expired"] == {"images": 3, "bytes": 3 * len(PICTURE)}
    assert (plan["capped"], plan["clock"]) == (False, None)


def test_people_read_it_in_words(story: Story) -> None:
    lines = story.in_words.out.splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"ana/old-{number} ") for number, line in enumerate(lines[:3]))
    assert "expired: older than 90 days" in lines[0]
    assert lines[-1].startswith(f"3 images, {3 * len(PICTURE)} bytes would go")


def test_a_dry_run_changes_nothing(story: Story) -> None:
    assert story.files_after_planning == story.files_before
    assert story.in_words.code == 0


def test_the_run_removes_what_the_dry_run_said(story: Story) -> None:
    done = story.removed.json()
    assert story.removed.code == 0
    assert done["removed"] == story.planned.json()["totals"]
    assert (done["failed"], done["skipped"]) == (0, None)
    assert names(story.folder) == {"fresh-0"}


def test_a_second_run_finds_nothing(story: Story) -> None:
    assert story.again.code == 0
    assert story.again.out == "removed: 0 expired, 0 over_limit, 0 space; failed: 0\n"


async def test_what_was_removed_says_so_ever_after(story: Story) -> None:
    async with still(story.folder) as service:
        gone = await service.http.get("/v1/images/hosted/ana/old-0")
        assert (gone.status, (await gone.json(content_type=None))["reason"]) == (410, "expired")
        assert (await service.http.get("/v1/images/hosted/ana/fresh-0")).status == 200


def test_without_a_terminal_there_is_no_bar(story: Story) -> None:
    assert "removing" not in story.removed.err + story.again.err


async def test_settings_are_tried_before_they_are_set(tmp_path: Path) -> None:
    await fill(tmp_path, old=3)
    young = run(tmp_path, "cleanup", "--dry-run", "--json", IMAGE_MIN_AGE_HOURS="100000").json()
    limited = run(tmp_path, "cleanup", "--dry-run", "--json", IMAGE_MAX_AGE_DAYS="0", IMAGE_PER_USER_LIMIT="2").json()
    assert (young["removals"], young["protected"]["images"]) == ([], 3)
    assert [(gone["id"], gone["reason"]) for gone in limited["removals"]] == [
        ("old-0", "over_limit"),
        ("old-1", "over_limit"),
    ]


async def test_a_suspect_clock_is_an_exit_code_and_an_operator_can_vouch_for_it(tmp_path: Path) -> None:
    await fill(tmp_path, old=2, fresh=0)
    refused = run(tmp_path, "cleanup", "--json")
    assert refused.code == 1
    assert (refused.json()["skipped"], names(tmp_path)) == ("clock_suspect", {"old-0", "old-1"})
    assert run(tmp_path, "cleanup", "--confirm-clock").code == 0
    assert names(tmp_path) == set()


async def test_it_works_beside_a_running_server(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    await fill(tmp_path, old=1)
    settings = environment_of(tmp_path, {"PORT": "0", "CLEANUP_INTERVAL_HOURS": "1000", "IMAGE_MAX_AGE_DAYS": "0"})
    async with service_process(settings, tmp_path_factory.mktemp("log") / "log") as server:
        url = "/v1/images/hosted/ana/old-0"
        assert (await server.http.get(url)).status == 200
        assert run(tmp_path, "cleanup").code == 0
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


async def test_on_a_terminal_there_is_a_bar(tmp_path: Path) -> None:
    await fill(tmp_path, old=3)
    assert "\rremoving: " in await asyncio.to_thread(on_a_terminal, tmp_path, "cleanup")
