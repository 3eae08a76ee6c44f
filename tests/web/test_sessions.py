"""Conversations: listed, read page by page, deleted with the pictures that are only theirs."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from app.domain.ids import UserId
from devkit.ollama import Behaviour, OllamaStandIn
from tests.support.beside_ollama import beside
from tests.support.conversing import messages, said, said_by, sessions, show, start
from tests.support.events import heard
from tests.support.pictures import png
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.uploading import upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "a-service-key-of-some-length"
NOBODYS = f"ses_{'0' * 26}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("sessions")
    async with OllamaStandIn(behaviour=Behaviour(answer="Yes.")) as ollama, beside(folder, ollama) as running:
        yield running


async def test_the_latest_conversation_comes_first_page_by_page(service: Service) -> None:
    ids = [start(await said(service, f"Number {n}", user_id="lists"))["session_id"] for n in range(5)]
    await said(service, "Once more", user_id="lists", session_id=ids[1])
    expected = [ids[1], ids[4], ids[3], ids[2], ids[0]]
    found, cursor = list[str](), ""
    while cursor is not None:
        query = {"user_id": "lists", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = await (await service.http.get("/api/sessions", params=query)).json()
        found += [each["id"] for each in page["sessions"]]
        cursor = page["next_cursor"]

    assert found == expected
    first = (await sessions(service.http, "lists"))[0]
    assert (first["title"], first["messages"]) == ("Number 1", 4)
    assert first["updated_at"] >= first["created_at"]


async def test_messages_come_in_order_page_by_page(service: Service) -> None:
    session = start(await said(service, "One", user_id="reads"))["session_id"]
    for words in ("Two", "Three"):
        await said(service, words, user_id="reads", session_id=session)
    found, cursor = list[int](), ""
    while cursor is not None:
        query = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = await (await service.http.get(f"/api/sessions/{session}/messages", params=query)).json()
        found += [each["number"] for each in page["messages"]]
        cursor = page["next_cursor"]

    assert found == [1, 2, 3, 4, 5, 6]


async def test_a_long_conversation_can_be_opened_at_its_end(service: Service) -> None:
    session = start(await said(service, "One", user_id="ends"))["session_id"]
    for words in ("Two", "Three"):
        await said(service, words, user_id="ends", session_id=session)
    pages, cursor = list[list[int]](), ""
    while cursor is not None:
        query = {"order": "newest", "limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = await (await service.http.get(f"/api/sessions/{session}/messages", params=query)).json()
        pages.append([each["number"] for each in page["messages"]])
        cursor = page["next_cursor"]
    whole = await messages(service.http, session, order="oldest")
    refused = await service.http.get(f"/api/sessions/{session}/messages", params={"order": "random"})

    assert pages == [[6, 5, 4, 3], [2, 1]]
    assert [each["number"] for each in whole] == [1, 2, 3, 4, 5, 6]
    assert (await problem_of(refused, status=422, code="invalid_request"))["field"] == "order"


async def test_a_conversation_can_be_looked_at_by_itself(service: Service) -> None:
    session = start(await said(service, "By itself", user_id="alone"))["session_id"]
    (listed,) = await sessions(service.http, "alone")
    found = await service.http.get(f"/api/sessions/{session}")

    assert (found.status, await found.json()) == (200, listed)
    for nothing in (NOBODYS, "nonsense"):
        await problem_of(await service.http.get(f"/api/sessions/{nothing}"), status=404, code="not_found")


@pytest.mark.parametrize(
    "query", [{"cursor": "nonsense"}, {"cursor": "LTE"}, {"limit": "0"}, {"limit": "201"}, {"limit": "x"}]
)
async def test_a_page_of_nowhere_is_refused(service: Service, query: dict[str, str]) -> None:
    session = start(await said(service, user_id="pages"))["session_id"]
    for path in ("/api/sessions", f"/api/sessions/{session}/messages"):
        answer = await service.http.get(path, params={"user_id": "pages", **query})
        assert (await problem_of(answer, status=422, code="invalid_request"))["field"] in query


async def test_a_deleted_conversation_takes_its_pictures_along_but_not_those_of_others(service: Service) -> None:
    uploaded = await (await upload(service, png(colour="blue"), user="del")).json()
    shown = await heard(await show(service.http, "Look", png(colour="red"), user_id="del"))
    session = start(shown)["session_id"]
    (private,) = (await messages(service.http, session))[0]["images"]
    used = [private["id"], uploaded["id"]]
    await said(service, user_id="del", session_id=session, images=used)
    other = start(await said(service, user_id="del", images=[private["id"]]))["session_id"]

    assert (await service.http.delete(f"/api/sessions/{session}")).status == 204
    assert (await service.http.get(private["url"])).status == 200
    assert (await service.http.delete(f"/api/sessions/{other}")).status == 204
    gone = await problem_of(await service.http.get(private["url"]), status=410, code="image_deleted")

    assert gone["reason"] == "session_deleted"
    assert (await service.http.get(uploaded["url"])).status == 200
    assert await sessions(service.http, "del") == []
    for path in (f"/api/sessions/{session}", f"/api/sessions/{NOBODYS}", "/api/sessions/nonsense"):
        await problem_of(await service.http.delete(path), status=404, code="not_found")


async def test_a_deleted_picture_leaves_its_message_and_says_so(service: Service) -> None:
    session = start(await heard(await show(service.http, "Look", png(colour="red"), user_id="tomb")))["session_id"]
    (image,) = (await messages(service.http, session))[0]["images"]
    assert (await service.http.delete(image["url"])).status == 204
    question, answer = await messages(service.http, session)

    assert (question["content"], question["has_images"], answer["content"]) == ("Look", True, "Yes.")
    assert [(each["id"], each["status"], each["reason"]) for each in question["images"]] == [
        (image["id"], "deleted", "user_request")
    ]
    assert (await said(service, "Go on", user_id="tomb", session_id=session))[-1].name == "done"


async def test_an_erased_owner_has_said_nothing(service: Service) -> None:
    session = start(await heard(await show(service.http, "Look", png(colour="red"), user_id="erase")))["session_id"]
    assert (await service.http.delete("/v1/users/erase")).status == 204

    assert await sessions(service.http, "erase") == []
    await problem_of(await service.http.get(f"/api/sessions/{session}/messages"), status=404, code="not_found")
    assert service.files("erase") == []


async def test_a_token_opens_its_owners_conversations_and_no_others(tmp_path: Path) -> None:
    async with OllamaStandIn() as ollama, beside(tmp_path, ollama, API_KEYS=KEY) as service:

        def client(credential: str) -> ClientSession:
            return ClientSession(service.url, headers={"Authorization": f"Bearer {credential}"})

        tokens = [service.graph.tokens.issue(UserId(user), expires_in=timedelta(hours=1))[0] for user in ("ana", "bob")]
        async with client(tokens[0]) as ana, client(tokens[1]) as bob, client(KEY) as server:
            ids = start(await said_by(ana, user_id=None))
            session, stream = ids["session_id"], ids["stream_id"]
            own = [await messages(each, session) for each in (ana, server)]
            listed = [await (await each.get("/api/sessions")).json() for each in (ana, bob)]
            refused = [
                await bob.get(f"/api/sessions/{session}"),
                await bob.get(f"/api/sessions/{session}/messages"),
                await bob.delete(f"/api/sessions/{session}"),
                await bob.delete(f"/api/stream-message/{stream}"),
                await bob.get("/api/sessions", params={"user_id": "ana"}),
                await bob.post("/api/stream-message", json={"message": "Hello", "session_id": session}),
                await bob.post("/api/stream-message", json={"message": "Hello", "user_id": "ana"}),
            ]
            for answer in refused:
                await problem_of(answer, status=404, code="not_found")
            unnamed = await server.get("/api/sessions")
            named = await said_by(server, user_id="ana", session_id=session)

    assert own[0] == own[1]
    assert [len(each["sessions"]) for each in listed] == [1, 0]
    assert unnamed.status == 422
    assert start(named)["session_id"] == session
