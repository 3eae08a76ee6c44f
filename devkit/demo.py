"""`make demo`: an image is made, kept, deleted by its provider, and still there; another is uploaded and edited.

At last a model is asked what it sees.  Everything over real sockets.
"""

import asyncio
import hashlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, FormData

from devkit.fal import Behaviour, FalStandIn
from devkit.ollama import Behaviour as Manner
from devkit.ollama import OllamaStandIn
from devkit.pictures import picture
from devkit.replicate import ReplicateStandIn
from devkit.service import service_process


async def demo() -> None:
    """Run the whole story once and print each step."""
    async with (
        ReplicateStandIn() as replicate,
        FalStandIn(behaviour=Behaviour(fetches=True)) as fal,
        OllamaStandIn(behaviour=Manner(pace=0.08)) as ollama,
    ):
        with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as folder:
            settings = {
                "REPLICATE_BASE_URL": replicate.base_url,
                "REPLICATE_API_TOKEN": replicate.token,
                "ALLOW_PRIVATE_SOURCES": "true",
                **fal.settings,
                **ollama.settings,
                **_address(),
            }
            async with service_process(Path(folder), **settings) as service, ClientSession() as http:
                _say("A stand-in for Replicate", replicate.base_url)
                _say("A stand-in for fal", fal.queue_url)
                _say("A stand-in for Ollama", ollama.base_url)
                _say("Holdfast", f"{service.url}, images in {folder}/images")
                await _story(http, service.url, replicate)
                edited = await _editing(http, service.url, fal)
                await _talking(http, service.url, ollama, edited)


def _address() -> dict[str, str]:
    """Return a port of our own, and the address providers reach us at: only a known one can be given to them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return {"PORT": str(port), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}


async def _story(http: ClientSession, url: str, replicate: ReplicateStandIn) -> None:
    _step("1. The app asks for a picture: POST /v1/images/generate")
    image = await _generate(http, url)
    for name in ("status", "url", "replicate_url", "sha256"):
        _say(name, str(image[name]))

    _step("2. The stable URL serves what the provider made, byte for byte")
    made = await _get(http, image["replicate_url"])
    kept = await _get(http, image["url"])
    _say("at the provider", _told(made))
    _say("at Holdfast", _told(kept))

    _step("3. Two hours pass: the provider deletes its copy")
    replicate.advance(2 * 3600)
    _say("at the provider", _told(await _get(http, image["replicate_url"])))

    _step("4. The phone comes online and syncs, from the URL it was given")
    late = await _get(http, image["url"])
    _say("at Holdfast", _told(late))
    _say("Cache-Control", late[1]["Cache-Control"])

    if late[2] != made[2]:
        raise SystemExit("the bytes are not the same: this demo has found a bug")
    _step("Same bytes, same URL, and nothing left at the provider.")


async def _editing(http: ClientSession, url: str, fal: FalStandIn) -> str:
    _step("5. Somebody uploads a picture: POST /api/uploads/image")
    uploaded = await _upload(http, url)
    for name in ("id", "url", "mime"):
        _say(name, str(uploaded[name]))

    _step("6. A model at fal edits it: POST /api/generate, with its URL")
    body = {"user_id": "ana", "model": "fal-ai/flux/dev/image-to-image", "imageUrl": uploaded["url"], "wait": 30}
    edited = await _post(http, f"{url}/api/generate", {**body, "input": {"prompt": "the same at night"}})
    _say("fal was asked for", fal.requests[-1].endpoint)
    _say("and fetched", fal.requests[-1].input["image_url"])
    _say("status", edited["status"])

    _step("7. Eight days pass; fal's copy is gone, ours is not")
    fal.advance(8 * 24 * 3600)
    _say("at fal", _told(await _get(http, edited["images"][0]["replicate_url"])))
    kept = await _get(http, edited["url"])
    _say("at Holdfast", _told(kept))
    if kept[2] != fal.requests[-1].contents[0]:
        raise SystemExit("the edited image is not what fal made: this demo has found a bug")
    return str(edited["images"][0]["id"])


async def _talking(http: ClientSession, url: str, ollama: OllamaStandIn, image: str) -> None:
    _step("8. Somebody asks about it: POST /api/stream-message")
    body = {"user_id": "ana", "message": "What do you see?", "images": [image]}
    answer = ""
    async for name, event in _events(http, f"{url}/api/stream-message", body):
        if name == "token":
            print(event["content"] if answer else f"   {'says':<26}{event['content']}", end="", flush=True)
            answer += event["content"]
        elif name == "done":
            print()
            _say("done", f"{event['model']}, {event['eval_count']} tokens")
        else:
            _say(name, ", ".join(f"{key} {value}" for key, value in event.items()))
    _say("and has looked at", str(ollama.chats[-1].pictures[0]))
    if "256 x 256" not in answer:
        raise SystemExit("the answer is about another picture: this demo has found a bug")


async def _events(http: ClientSession, url: str, body: dict[str, Any]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield the Server-Sent Events of an answer as they come."""
    async with http.post(url, json=body) as answer:
        answer.raise_for_status()
        name = ""
        async for line in answer.content:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


async def _upload(http: ClientSession, url: str) -> dict[str, Any]:
    form = FormData()
    form.add_field("user_id", "ana")
    form.add_field("file", picture("a harbour"), filename="IMG_0001.png", content_type="image/png")
    async with http.post(f"{url}/api/uploads/image", data=form) as answer:
        answer.raise_for_status()
        found: dict[str, Any] = await answer.json()
        return found


async def _post(http: ClientSession, url: str, body: dict[str, Any]) -> dict[str, Any]:
    async with http.post(url, json=body) as answer:
        answer.raise_for_status()
        found: dict[str, Any] = await answer.json()
        return found


async def _generate(http: ClientSession, url: str) -> dict[str, Any]:
    body = {"user_id": "ana", "model": "acme/painter", "input": {"prompt": "a lighthouse in a storm"}}
    return await _post(http, f"{url}/v1/images/generate", body)


async def _get(http: ClientSession, url: str) -> tuple[int, dict[str, str], bytes]:
    async with http.get(url) as answer:
        return answer.status, dict(answer.headers), await answer.read()


def _told(answer: tuple[int, dict[str, str], bytes]) -> str:
    status, headers, body = answer
    if status != 200:
        return f"{status}"
    return f"{status}, {len(body)} bytes of {headers['Content-Type']}, SHA-256 {hashlib.sha256(body).hexdigest()[:16]}…"


def _step(words: str) -> None:
    print(f"\n{words}")


def _say(name: str, value: str) -> None:
    print(f"   {name:<26}{value}")


if __name__ == "__main__":
    asyncio.run(demo())
