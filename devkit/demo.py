"""`make demo`: an image is made, kept, deleted by its provider, and still there.  Everything over real sockets."""

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from devkit.replicate import ReplicateStandIn
from devkit.service import service_process


async def demo() -> None:
    """Run the whole story once and print each step."""
    async with ReplicateStandIn() as replicate:
        with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as folder:
            settings = {
                "REPLICATE_BASE_URL": replicate.base_url,
                "REPLICATE_API_TOKEN": replicate.token,
                "ALLOW_PRIVATE_SOURCES": "true",
            }
            async with service_process(Path(folder), **settings) as service, ClientSession() as http:
                _say("A stand-in for Replicate", replicate.base_url)
                _say("Holdfast", f"{service.url}, images in {folder}/images")
                await _story(http, service.url, replicate)


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


async def _generate(http: ClientSession, url: str) -> dict[str, Any]:
    body = {"user_id": "ana", "model": "acme/painter", "input": {"prompt": "a lighthouse in a storm"}}
    async with http.post(f"{url}/v1/images/generate", json=body) as answer:
        answer.raise_for_status()
        image: dict[str, Any] = await answer.json()
        return image


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
