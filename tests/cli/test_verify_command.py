"""`python -m app verify`: what it says of conversations, and its exit code."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from devkit.clock import FakeClock
from tests.support.command import run
from tests.support.conversations import a_turn, session_id
from tests.support.shown import a_shown_picture
from tests.support.still import still

LONG_AGO = datetime(2024, 5, 1, tzinfo=UTC)


async def chatted(folder: Path) -> None:
    """Leave a conversation, and a picture that no message refers to."""
    async with still(folder, clock=FakeClock(LONG_AGO)) as service:
        for name in ("used", "unused"):
            await a_shown_picture(service, name)
        await service.graph.adapters.conversations.begin(a_turn(images=("used",)))


async def test_a_picture_that_no_message_refers_to_is_named_and_a_repair_removes_it(tmp_path: Path) -> None:
    await chatted(tmp_path)

    done = run(tmp_path, "verify")
    assert (done.code, done.out) == (1, "unused_picture: ana/unused\n2 images, 1 problems, 0 repaired\n")
    done = run(tmp_path, "verify", "--repair", "--json")
    assert done.code == 0
    assert done.json()["findings"] == [{"finding": "unused_picture", "key": "ana/unused"}]
    assert (done.json()["repaired"], done.json()["clean"]) == (1, True)
    assert [path.name for path in (tmp_path / "images" / "ana").iterdir()] == ["used.png"]
    assert run(tmp_path, "verify").code == 0


async def test_what_cannot_be_repaired_is_named_and_the_command_fails(tmp_path: Path) -> None:
    await chatted(tmp_path)
    with sqlite3.connect(tmp_path / "holdfast.db") as connection:
        connection.execute("UPDATE messages SET number = 7 WHERE number = 2")

    done = run(tmp_path, "verify", "--repair", "--json")
    assert done.code == 1
    assert done.json()["findings"][0] == {"finding": "gap_in_messages", "key": str(session_id())}
    assert (done.json()["repaired"], done.json()["clean"]) == (1, False)
