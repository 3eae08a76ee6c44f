"""How clients differ in sending the same message: nulls and empty names, lists by other names, files without one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientResponse

from app.domain.images import ImageSource
from devkit.ollama import OllamaStandIn
from tests.support import pictures
from tests.support.beside_ollama import beside
from tests.support.conversing import SAY, messages, start, warnings
from tests.support.events import heard
from tests.support.problems import problem_of
from tests.support.raw import connected, request
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.uploading import BOUNDARY, form, part, post_json, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
FILES = {
    "png": pictures.png(40, 30),
    "jpeg": pictures.jpeg(40, 30),
    "webp": pictures.webp(40, 30),
    "gif": pictures.gif(40, 30),
    "avif": pictures.avif(40, 30),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def talking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Service, OllamaStandIn]]:
    async with OllamaStandIn() as ollama, beside(tmp_path_factory.mktemp("bodies"), ollama) as service:
        yield service, ollama


@pytest.fixture
def ollama(talking: tuple[Service, OllamaStandIn]) -> OllamaStandIn:
    talking[1].chats.clear()
    return talking[1]


@pytest.fixture
def service(talking: tuple[Service, OllamaStandIn], ollama: OllamaStandIn) -> Service:
    return talking[0]


async def send(service: Service, *parts: bytes) -> ClientResponse:
    body = form(part("user_id", b"ana"), part("message", b"Look"), *parts)
    return await service.http.post(SAY, data=body, headers=FORM)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Hello", "images": None, "model": None, "session_id": None},
        {"message": "Hello", "images": [], "model": "", "session_id": ""},
        {"message": None, "images": [data_uri(pictures.png(8, 6))]},
    ],
    ids=["nulls", "empty", "no words"],
)
async def test_what_is_null_or_empty_is_absent(service: Service, body: dict[str, object]) -> None:
    events = await heard(await post_json(service, SAY, {"user_id": "ana", **body}))

    assert (events[0].name, events[-1].name) == ("start", "done")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("says", [(), ("Content-Type: text/plain",)], ids=["no type", "text"])
async def test_a_file_without_a_name_is_a_file(
    service: Service, ollama: OllamaStandIn, kind: str, says: tuple[str, ...]
) -> None:
    events = await heard(await send(service, part("images", FILES[kind], *says)))
    (image,) = (await messages(service.http, start(events)["session_id"]))[0]["images"]

    assert (image["width"], image["height"], image["source"]) == (40, 30, ImageSource.CHAT)
    assert len(ollama.chats[0].pictures) == 1


async def test_a_file_without_a_name_may_come_byte_by_byte(service: Service, ollama: OllamaStandIn) -> None:
    body = form(part("user_id", b"ana"), part("message", b"Look"), part("images", FILES["gif"]))
    head = request("POST", SAY, f"Content-Type: {FORM['Content-Type']}", f"Content-Length: {len(body)}")
    async with connected(service) as line:
        await line.say(head)
        for place in range(0, len(body), 5):
            await line.say(body[place : place + 5])
        await line.reader.readuntil(b"event: done")

    assert len(ollama.chats[0].pictures) == 1


async def test_what_is_neither_text_nor_a_picture_is_left_out_and_the_message_goes_on(service: Service) -> None:
    events = await heard(await send(service, part("images", b"\xff\xfe no picture")))

    assert warnings(events) == ["source_rejected"]
    assert events[-1].name == "done"


async def test_text_that_names_nothing_is_refused_in_words(service: Service) -> None:
    for text in ("not/an/id", "naïve", "é" * 40):
        answer = await send(service, part("images", text.encode()))
        assert (await problem_of(answer, status=422, code="invalid_request"))["field"] == "images"


async def test_a_picture_without_letters_is_none(service: Service, ollama: OllamaStandIn) -> None:
    events = await heard(await send(service, part("images")))

    assert (warnings(events), ollama.chats[0].pictures) == ([], ())


@pytest.mark.parametrize("name", ["images", "images[]", "image"])
async def test_lists_go_by_the_names_that_clients_give_them(service: Service, ollama: OllamaStandIn, name: str) -> None:
    uploaded = await (await upload(service, pictures.png(colour="red"))).json()
    as_file = part(name, pictures.png(colour="blue")).replace(f'"{name}"'.encode(), f'"{name}"; filename="a"'.encode())
    await heard(await send(service, part(name, uploaded["id"].encode()), as_file))

    assert [each.colour for each in ollama.chats[0].pictures] == ["red", "blue"]


async def test_however_they_are_named_there_are_only_so_many(service: Service) -> None:
    files = [part(name, FILES["png"]) for name in ("images", "image", "images[]", "image", "images")]

    assert (await problem_of(await send(service, *files), status=422, code="invalid_request"))["field"] == "images"
