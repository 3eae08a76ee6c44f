"""The chat page in a real browser: a picture is asked about, and the answer is shown as it is said."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.ollama import BLIND, Behaviour, OllamaStandIn
from tests.support.beside_ollama import beside
from tests.support.browser import CHROMIUM, Page
from tests.support.conversing import messages, sessions
from tests.support.pictures import png
from tests.support.service import Service

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
]

KEY = "a-service-key-of-some-length"
PHONE = {"width": 375, "height": 780, "deviceScaleFactor": 1, "mobile": True}
ANSWER = "document.querySelector('.assistant:last-child p')?.textContent"
EMPTIED = """[document.getElementById('said').childElementCount,
  ...['problem', 'stop', 'fresh'].map((id) => document.getElementById(id).hidden)]"""


@pytest_asyncio.fixture(loop_scope="module")
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn() as stand_in:
        yield stand_in


async def look(page: Page, service: Service) -> None:
    await page.open(f"{service.url}/docs")
    await page.run("sessionStorage.clear()")
    await page.open(f"{service.url}/docs/chat")


async def ask(page: Page, question: str, *, picture: Path | None = None, **fields: str) -> None:
    """Fill the form in and send it."""
    if picture is not None:
        document = await page.call("DOM.getDocument")
        found = await page.call("DOM.querySelector", nodeId=document["root"]["nodeId"], selector="[name=images]")
        await page.call("DOM.setFileInputFiles", files=[str(picture)], nodeId=found["nodeId"])
    for name, value in {"message": question, "user": "ana", **fields}.items():
        await page.run(f"void (document.querySelector('#ask [name={name}]').value = {value!r})")
    await page.run("document.getElementById('ask').requestSubmit()")


async def test_a_picture_is_asked_about_and_asked_about_again(
    page: Page, tmp_path: Path, ollama: OllamaStandIn
) -> None:
    picture = tmp_path / "red.png"
    picture.write_bytes(png(64, 48, colour="red"))
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "What is it?", picture=picture)
        await page.until(f"{ANSWER}?.includes('mostly red') && document.querySelector('.done')")
        shown = await page.run("document.querySelector('.user img').naturalWidth")
        ollama.behave(None, Behaviour(answer="<img src=x onerror=alert(1)>"))
        await ask(page, "Again?")
        await page.until("document.querySelectorAll('.done').length === 2")
        said = await page.run(ANSWER)
        (session,) = await sessions(service.http)

        assert shown == 64
        assert said == "<img src=x onerror=alert(1)>"
        assert session["messages"] == 4
        assert len((await messages(service.http, session["id"]))[0]["images"]) == 1


async def test_an_answer_is_shown_as_it_is_said_and_can_be_stopped(
    page: Page, tmp_path: Path, ollama: OllamaStandIn
) -> None:
    ollama.behave(None, Behaviour(answer="One two three four", holds_after=2))
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "Count")
        await page.until(f"{ANSWER} === 'One two' && !document.getElementById('stop').hidden")
        await page.run("document.getElementById('stop').click()")
        told = await page.until("document.querySelector('.done')?.textContent")
        await page.until("document.getElementById('stop').hidden && !document.getElementById('send').disabled")
        (session,) = await sessions(service.http)

        assert "stopped" in told
        assert (await messages(service.http, session["id"]))[1]["status"] == "stopped"


async def test_who_leaves_the_page_stops_the_model(page: Page, tmp_path: Path, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour(answer="One two three four", holds_after=2))
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "Count")
        await page.until(f"{ANSWER} === 'One two'")
        await page.open(f"{service.url}/docs")
        async with asyncio.timeout(2):
            await ollama.left()


async def test_a_new_conversation_ends_the_answer_without_a_word(
    page: Page, tmp_path: Path, ollama: OllamaStandIn
) -> None:
    ollama.behave(None, Behaviour(answer="One two three four", holds_after=2))
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "Count")
        await page.until(f"{ANSWER} === 'One two'")
        await page.run("document.getElementById('fresh').click()")
        await page.until("!document.getElementById('send').disabled")
        left = await page.run(EMPTIED)
        async with asyncio.timeout(2):
            await ollama.left()
        ollama.behave(None, Behaviour())
        await ask(page, "Hello")
        await page.until("document.querySelector('.done')")
        found = await sessions(service.http)

    assert left == [0, True, True, True]
    assert [each["title"] for each in found] == ["Hello", "Count"]


async def test_another_user_begins_a_new_conversation(page: Page, tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "I am Ana")
        await page.until("document.querySelector('.done')")
        await ask(page, "I am Bob", user="bob")
        await page.until(
            "document.querySelector('.user p')?.textContent === 'I am Bob' && document.querySelector('.done')"
        )
        shown = await page.run("document.getElementById('said').innerText")
        found = [[each["title"] for each in await sessions(service.http, user)] for user in ("ana", "bob")]

    assert "Ana" not in shown
    assert found == [["I am Ana"], ["I am Bob"]]


async def test_a_question_can_be_taken_back_before_its_answer_begins(
    page: Page, tmp_path: Path, ollama: OllamaStandIn
) -> None:
    ollama.behave(None, Behaviour(answer="Late.", holds_after=0))
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "Never mind")
        await ollama.arrived()
        await page.run("document.getElementById('stop').click()")
        await page.until("!document.getElementById('send').disabled")
        left = await page.run("[said.childElementCount, problem.hidden, document.querySelector('#ask textarea').value]")
        async with asyncio.timeout(2):
            await ollama.left()

        assert left == [0, True, "Never mind"]
        assert await sessions(service.http) == []


async def test_what_is_no_picture_is_shown_by_its_name(page: Page, tmp_path: Path, ollama: OllamaStandIn) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "Look", picture=text)
        await page.until("document.querySelector('.done')")
        shown = await page.run(
            "[document.querySelectorAll('.said img').length, document.querySelector('.file').innerText]"
        )

    assert shown == [0, "notes.png"]


async def test_what_is_left_out_or_refused_is_said(page: Page, tmp_path: Path, ollama: OllamaStandIn) -> None:
    picture = tmp_path / "red.png"
    picture.write_bytes(png(64, 48, colour="red"))
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "Look", picture=picture, model=BLIND)
        warning = await page.until("document.querySelector('.done') && document.querySelector('.warning').textContent")
        await ask(page, "Look", model="nobody/none")
        problem = await page.until("!problem.hidden && problem.innerText")

    assert "vision_unsupported" in warning
    assert "nobody/none" in problem
    assert "model_not_found" in problem
    page.complaints[:] = [each for each in page.complaints if "404 (Not Found)" not in each]


async def test_a_key_is_asked_for_where_there_are_keys(page: Page, tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, API_KEYS=KEY) as service:
        await look(page, service)
        await ask(page, "Hello")
        told = await page.until("!problem.hidden && problem.innerText")
        await ask(page, "Hello", key=KEY)
        await page.until("document.querySelector('.done')")
        where = await page.run("[location.href, document.cookie, JSON.stringify(localStorage)].join()")

    assert "unauthorized" in told
    assert KEY not in where
    page.complaints[:] = [each for each in page.complaints if "401 (Unauthorized)" not in each]


async def test_the_page_is_not_wider_than_a_phone(page: Page, tmp_path: Path, ollama: OllamaStandIn) -> None:
    await page.call("Emulation.setDeviceMetricsOverride", **PHONE)
    ollama.behave(None, Behaviour(answer="long" * 200))
    async with beside(tmp_path, ollama) as service:
        await look(page, service)
        await ask(page, "word" * 100)
        await page.until("document.querySelector('.done')")

        assert await page.run("document.documentElement.scrollWidth") == 375
