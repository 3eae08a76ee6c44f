"""Conversations and their pictures stay together, whatever happens to the process or to either of them."""

import shutil
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from app.adapters.backup.folder import FolderBackup
from app.domain.conversations import Conversations, Flaw, Message
from app.domain.ids import MessageId
from app.fleet.channel import Gone
from app.services.conversation_check import ConversationReport
from app.wiring.messages import take_over
from devkit.clock import FakeClock
from tests.support.catalog import ANA, BOB
from tests.support.conversations import a_turn, an_ending, answer_id, session_id, stream_id
from tests.support.service import Service, serving
from tests.support.shown import a_shown_picture, shown
from tests.support.still import still


def conversations(service: Service) -> Conversations:
    return service.graph.adapters.conversations


async def answer(service: Service, turn: int = 1) -> Message:
    found = await conversations(service).find_answer(stream_id(turn))
    assert found is not None
    return found[1]


def later(service: Service, **span: float) -> None:
    service.clock.advance(timedelta(**span).total_seconds())


async def test_an_answer_that_a_process_died_over_has_failed_after_the_next_start(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await conversations(service).begin(a_turn())
        await conversations(service).keep(answer_id(), owner="us", content="a c")

    async with serving(tmp_path) as service:
        ended = await answer(service)
        assert (ended.status, ended.error_code, ended.content) == ("failed", "interrupted", "a c")
        assert ended.ended_at is not None


async def test_what_a_dead_process_of_several_was_saying_has_failed_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await conversations(service).begin(a_turn(1, session=1, owner="dead"))
        await conversations(service).begin(a_turn(2, session=2, owner=service.graph.process_name))
        await take_over(service.graph, Gone("dead", 1))

        assert [(await answer(service, turn)).status for turn in (1, 2)] == ["failed", "streaming"]


async def test_an_erased_owner_has_no_conversations_and_others_keep_theirs(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await a_shown_picture(service, "a")
        await conversations(service).begin(a_turn(1, session=1, images=("a",)))
        await conversations(service).begin(a_turn(2, session=2, user=BOB))
        for _ in range(2):
            assert (await service.http.delete("/v1/users/ana")).status == 204

        assert await conversations(service).find_session(session_id(1)) is None
        assert await conversations(service).find_session(session_id(2)) is not None
        assert await conversations(service).asked_to_stop([stream_id(1), stream_id(2)]) == {stream_id(1)}
        assert service.files() == []


async def test_a_chat_picture_goes_at_its_age_and_its_message_says_so(tmp_path: Path) -> None:
    async with still(tmp_path, IMAGE_RETENTION_DAYS="2", IMAGE_MAX_AGE_DAYS="0") as service:
        await a_shown_picture(service, "a")
        await conversations(service).begin(a_turn(images=("a",)))
        (coming,) = (await service.graph.usage.report(ANA)).upcoming
        later(service, days=2)
        await service.graph.retention.sweep(confirm_clock=True)
        question, _ = await conversations(service).messages(session_id(), after=0, limit=9)

    assert (str(coming.id), coming.reason) == ("a", "expired")
    assert [(image.status, image.reason) for image in question.images] == [("deleted", "expired")]
    assert question.content == "question 1"


async def test_a_chat_pictures_document_says_when_it_goes(tmp_path: Path) -> None:
    async with still(tmp_path, IMAGE_RETENTION_DAYS="2", IMAGE_MAX_AGE_DAYS="90") as service:
        await a_shown_picture(service, "a")
        (document,) = (await (await service.http.get("/v1/users/ana/images")).json())["images"]

    lifetime = datetime.fromisoformat(document["expires_at"]) - datetime.fromisoformat(document["hosted_at"])
    assert lifetime == timedelta(days=2)


async def test_a_chat_picture_without_an_age_stays(tmp_path: Path) -> None:
    async with still(tmp_path, IMAGE_RETENTION_DAYS="0", IMAGE_MAX_AGE_DAYS="2") as service:
        await a_shown_picture(service, "a")
        later(service, days=400)
        await service.graph.retention.sweep(confirm_clock=True)

        assert await shown(service, "a") == [("a", "stored", None)]


async def test_a_picture_that_no_message_refers_to_goes_at_a_start_once_it_is_not_young(tmp_path: Path) -> None:
    clock = FakeClock(ticking=True)
    async with still(tmp_path, clock=clock) as service:
        for name in ("used", "unused"):
            await a_shown_picture(service, name)
        await conversations(service).begin(a_turn(images=("used",)))
        later(service, hours=1)
        await a_shown_picture(service, "young")

    async with serving(tmp_path, clock=clock) as service:
        assert await shown(service, "used", "unused", "young") == [
            ("used", "stored", None),
            ("unused", "deleted", "unused"),
            ("young", "stored", None),
        ]
        assert service.files() == ["used.png", "young.png"]


async def test_a_check_names_what_a_repair_removes_and_leaves_all_else(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await a_shown_picture(service, "unused")
        later(service, hours=2)
        check = service.graph.conversation_check
        unused = Flaw(what="unused_picture", where="ana/unused")

        assert await check.run() == ConversationReport([unused], repaired=0)
        assert await shown(service, "unused") == [("unused", "stored", None)]
        assert await check.run(repair=True) == ConversationReport([unused], repaired=1)
        assert await check.run() == ConversationReport([], repaired=0)


async def test_a_flaw_that_nobody_can_repair_stays_one(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await conversations(service).begin(a_turn())
        with sqlite3.connect(tmp_path / "holdfast.db") as connection:
            connection.execute("DELETE FROM sessions")
        report = await service.graph.conversation_check.run(repair=True)

    assert [flaw.what for flaw in report.flaws] == ["message_without_session"] * 2
    assert not report.is_clean


async def test_a_restored_backup_has_the_conversations(tmp_path: Path) -> None:
    async with still(tmp_path / "first") as service:
        await a_shown_picture(service, "a")
        await conversations(service).begin(a_turn(1, images=("a",)))
        await conversations(service).end(answer_id(1), owner="us", ending=an_ending(counters={"eval_count": 7}))
        await conversations(service).begin(a_turn(2))
        before = await conversations(service).messages(session_id(), after=0, limit=9)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))
    shutil.rmtree(tmp_path / "first")
    shutil.copytree(tmp_path / "backup", tmp_path / "second")

    async with serving(tmp_path / "second") as service:
        after = await conversations(service).messages(session_id(), after=0, limit=9)
        assert after[:3] == before[:3]
        assert (after[3].id, after[3].status) == (MessageId(str(answer_id(2))), "failed")
        assert (await service.graph.conversation_check.run()).is_clean
        assert (await service.http.get("/api/images/a")).status == 200
