"""What SQLite in particular does with conversations: across processes, by its indexes, and when tampered with."""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from app.adapters.catalog import turns
from app.adapters.catalog.database import Database
from app.domain.conversations import Flaw, SessionPosition
from app.domain.ids import ImageId
from tests.adapters.catalog.conftest import catalog_over
from tests.adapters.catalog.test_sqlite_queries import Watch
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog
from tests.support.conversations import a_picture, a_turn, an_ending, answer_id, said, session_id, stream_id

OTHER = """
import asyncio, pathlib, sys
from app.adapters.catalog.database import Database
from tests.adapters.catalog.conftest import catalog_over
from tests.support.conversations import a_turn, session_id

async def main():
    database = Database(pathlib.Path(sys.argv[1]))
    catalog = catalog_over(database)
    await catalog.conversations.find_session(session_id())
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(100, 120):
        await catalog.conversations.begin(a_turn(number))
    await database.aclose()

asyncio.run(main())
"""


@pytest.fixture
def watch(database: Database, path: Path) -> Watch:
    watch = Watch(path)
    for engine in database._engines():
        event.listen(engine.sync_engine, "before_cursor_execute", watch.note)
    return watch


@contextmanager
def careless(path: Path) -> Iterator[sqlite3.Connection]:
    """Change the database as a shell on it does, which watches over no foreign keys."""
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


async def talked(catalog: Catalog) -> None:
    """Have two conversations about three pictures."""
    for name in ("a", "b"):
        await a_picture(catalog, name)
    await a_picture(catalog, "c", user=BOB)
    await catalog.conversations.begin(a_turn(1, session=1, images=("a", "b")))
    await catalog.conversations.begin(a_turn(2, session=2, user=BOB, images=("c",)))


async def test_two_processes_number_a_conversation_without_gaps(catalog: Catalog, path: Path) -> None:
    await catalog.conversations.begin(a_turn(1))
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", OTHER, str(path), stdin=pipe, stdout=pipe)
    assert other.stdin is not None
    assert other.stdout is not None
    await other.stdout.readline()

    other.stdin.write(b"talk\n")
    for number in range(2, 22):
        await catalog.conversations.begin(a_turn(number))

    assert await other.wait() == 0
    assert [number for number, *_ in await said(catalog)] == list(range(1, 83))
    assert await catalog.conversations.flaws(9) == []


async def test_a_restart_finds_what_was_said_and_ends_what_was_not_finished(catalog: Catalog, path: Path) -> None:
    await talked(catalog)
    await catalog.conversations.end(answer_id(1), owner="us", ending=an_ending())
    await catalog.conversations.keep(answer_id(2), owner="us", content="a d")
    database = Database(path)
    restarted = catalog_over(database)

    assert await restarted.conversations.end_abandoned(owner=None, at=NOW) == 1
    assert (await said(restarted, 1))[1] == (2, "assistant", "complete", "a cat")
    assert (await said(restarted, 2))[1] == (2, "assistant", "failed", "a d")
    assert not await catalog.conversations.keep(answer_id(2), owner="us", content="a dog")
    await database.aclose()


async def test_a_turn_that_is_cut_short_leaves_nothing(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    await talked(catalog)
    with monkeypatch.context() as broken:
        broken.setattr(turns, "_links", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await catalog.conversations.begin(a_turn(3, session=1, images=("a",), at=NOW + SECOND))

    await catalog.conversations.begin(a_turn(4, session=1))
    assert [number for number, *_ in await said(catalog)] == [1, 2, 3, 4]
    assert await catalog.conversations.find_answer(stream_id(3)) is None


async def test_everything_that_belongs_to_a_conversation_goes_with_it(catalog: Catalog, path: Path) -> None:
    await talked(catalog)
    await catalog.conversations.delete_session(session_id(1), user=ANA)
    await catalog.conversations.forget_owner(BOB)

    with closing(sqlite3.connect(path)) as connection:
        left = "SELECT id FROM sessions UNION SELECT id FROM messages UNION SELECT message_id FROM message_images"
        assert connection.execute(left).fetchall() == []


async def test_reading_and_saying_scan_nothing(catalog: Catalog, watch: Watch) -> None:
    await talked(catalog)
    conversations = catalog.conversations
    await conversations.find_session(session_id())
    await conversations.messages(session_id(), after=0, limit=50)
    await conversations.latest(session_id(), limit=20)
    await conversations.keep(answer_id(), owner="us", content="a")
    await conversations.ask_to_stop(stream_id(), at=NOW)
    await conversations.asked_to_stop([stream_id(1), stream_id(2)])
    await conversations.find_answer(stream_id())
    await conversations.end(answer_id(), owner="us", ending=an_ending())
    await conversations.find_owner(ImageId("a"))
    await conversations.delete_session(session_id(), user=ANA)
    await conversations.forget_owner(BOB)

    assert watch.scans() == []


async def test_what_is_asked_each_half_second_goes_along_one_index(catalog: Catalog, watch: Watch) -> None:
    await catalog.conversations.asked_to_stop([stream_id()])

    (step,) = watch.plans()
    assert "USING INDEX messages_stream (stream_id=?)" in step


async def test_a_page_of_conversations_is_read_in_order_from_its_place(catalog: Catalog, watch: Watch) -> None:
    await catalog.conversations.sessions(ANA, after=None, limit=50)
    await catalog.conversations.sessions(ANA, after=SessionPosition(NOW, session_id()), limit=50)

    assert watch.scans() == watch.sorts() == []
    assert any("sessions_latest (user_id=? AND (updated_at,id)<(?,?))" in step for step in watch.plans())
    assert any("COVERING INDEX messages_in_order (session_id=?)" in step for step in watch.plans())


async def test_messages_are_read_in_order_however_many_pictures_they_have(catalog: Catalog, watch: Watch) -> None:
    await talked(catalog)
    watch.clear()
    await catalog.conversations.messages(session_id(), after=0, limit=50)

    assert [step.split("  [")[0] for step in watch.plans()] == [
        "SEARCH messages USING INDEX messages_in_order (session_id=? AND number>?)",
        "SEARCH message_images USING INDEX sqlite_autoindex_message_images_1 (message_id=?)",
        "SEARCH images USING INDEX sqlite_autoindex_images_1 (user_id=? AND id=?)",
    ]


async def test_what_is_abandoned_is_found_among_what_is_being_said(catalog: Catalog, watch: Watch) -> None:
    await catalog.conversations.end_abandoned(owner=None, at=NOW)
    await catalog.conversations.end_abandoned(owner="us", at=NOW)

    assert all("USING INDEX messages_streaming" in step for step in watch.plans())


async def test_unused_pictures_are_looked_for_among_those_of_chats_alone(catalog: Catalog, watch: Watch) -> None:
    await catalog.conversations.unused_images(before=NOW, limit=9)

    assert "USING INDEX images_chat" in watch.plans()[0]
    assert any("INDEX message_images_image (user_id=? AND image_id=?)" in step for step in watch.plans())


async def test_the_words_themselves_are_not_gone_through_for_flaws(catalog: Catalog, watch: Watch) -> None:
    await catalog.conversations.flaws(9)

    assert not any(step.startswith("SCAN messages  ") for step in watch.scans())


TAMPERED = {
    "message_without_session": (
        "DELETE FROM sessions WHERE id LIKE '%1'",
        [f"{session_id(1)} 1", f"{session_id(1)} 2"],
    ),
    "picture_of_no_message": ("DELETE FROM messages WHERE id LIKE '%3'", [f"{a_turn(2).question} bob c"]),
    "picture_without_image": ("DELETE FROM images WHERE id = 'b'", [f"{a_turn(1).question} ana b"]),
    "picture_of_another_owner": (
        "UPDATE sessions SET user_id = 'ana' WHERE id LIKE '%2'",
        [f"{a_turn(2).question} bob c"],
    ),
    "session_without_messages": ("DELETE FROM messages WHERE session_id LIKE '%2'", [str(session_id(2))]),
    "session_updated_before_created": (
        "UPDATE sessions SET updated_at = 0 WHERE id LIKE '%1'",
        [str(session_id(1))],
    ),
    "gap_in_messages": ("UPDATE messages SET number = 3 WHERE id LIKE '%2'", [str(session_id(1))]),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_what_does_not_fit_together_is_told(catalog: Catalog, path: Path, what: str) -> None:
    await talked(catalog)
    statement, places = TAMPERED[what]
    with careless(path) as connection:
        connection.execute(statement)

    found = await catalog.conversations.flaws(100)
    assert [flaw for flaw in found if flaw.what == what] == [Flaw(what=what, where=place) for place in places]


async def test_every_reference_that_sqlite_finds_broken_is_told(catalog: Catalog, path: Path) -> None:
    await talked(catalog)
    with careless(path) as connection:
        connection.execute("DELETE FROM sessions")
        connection.execute("DELETE FROM images")
        connection.execute("DELETE FROM messages WHERE id LIKE '%1'")
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()

    found = await catalog.conversations.flaws(100)
    kinds = ("message_without_session", "picture_of_no_message", "picture_without_image")
    assert len([flaw for flaw in found if flaw.what in kinds]) == len(broken) == 8


async def test_no_more_flaws_are_told_than_were_asked_for(catalog: Catalog, path: Path) -> None:
    await talked(catalog)
    with careless(path) as connection:
        connection.execute("DELETE FROM sessions")

    assert len(await catalog.conversations.flaws(3)) == 3
