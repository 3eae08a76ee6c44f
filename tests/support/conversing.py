"""How an app talks to a model through the service."""

from collections.abc import AsyncIterator, Mapping
from io import BytesIO
from typing import Any

from aiohttp import ClientResponse, ClientSession, FormData

from tests.support.events import Heard, hear, heard
from tests.support.service import Service

SAY = "/api/stream-message"


async def say(http: ClientSession, message: str | None = "What is it?", **more: Any) -> ClientResponse:
    """Ask in JSON."""
    body = {"user_id": "ana", **({} if message is None else {"message": message}), **more}
    return await http.post(SAY, json={name: value for name, value in body.items() if value is not None})


def form(message: str | None, *files: bytes, kind: str = "image/png", **fields: str) -> FormData:
    """Return a question as a page sends it; each of *files* becomes a picture."""
    made = FormData({"user_id": "ana", **fields, **({} if message is None else {"message": message})})
    # Else a question without pictures would be no multipart.
    made.add_field("_charset_", "utf-8", content_type="text/plain")
    for content in files:
        made.add_field("images", BytesIO(content), filename="IMG_0001.PNG", content_type=kind)
    return made


async def show(http: ClientSession, message: str | None, *files: bytes, **fields: str) -> ClientResponse:
    """Ask with a form."""
    return await http.post(SAY, data=form(message, *files, **fields))


def start(events: list[Heard]) -> Mapping[str, str]:
    assert events[0].name == "start", events
    ids: dict[str, str] = events[0].data
    return ids


def warnings(events: list[Heard]) -> list[str]:
    """Return the codes of what was left out."""
    return [event.data["code"] for event in events if event.name == "warning"]


async def said_by(http: ClientSession, message: str | None = "What is it?", **more: Any) -> list[Heard]:
    """Ask in JSON, and return the whole answer."""
    return await heard(await say(http, message, **more))


async def said(service: Service, message: str | None = "What is it?", **more: Any) -> list[Heard]:
    """Do the same, of a service that runs here."""
    return await said_by(service.http, message, **more)


async def messages(http: ClientSession, session: str, **query: str) -> list[dict[str, Any]]:
    """Return a conversation."""
    answer = await http.get(f"/api/sessions/{session}/messages", params=query)
    assert answer.status == 200, await answer.text()
    found: list[dict[str, Any]] = (await answer.json())["messages"]
    return found


async def sessions(http: ClientSession, user: str = "ana") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await (await http.get("/api/sessions", params={"user_id": user})).json())["sessions"]
    return found


async def begun(response: ClientResponse, *, tokens: int = 2) -> tuple[AsyncIterator[Heard], list[Heard]]:
    """Return the rest of an answer of which so many tokens were heard, and what was heard."""
    events, so_far = hear(response), list[Heard]()
    async for event in events:
        so_far.append(event)
        if sum(each.name == "token" for each in so_far) == tokens:
            break
    return events, so_far
