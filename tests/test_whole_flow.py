"""The flow a phone depends on, over real sockets: generate, store, the provider forgets, the URL still serves."""

import hashlib

from devkit.replicate import ReplicateStandIn
from tests.support.service import Service


async def test_an_image_outlives_its_provider(service: Service, replicate: ReplicateStandIn) -> None:
    answer = await service.generate()
    image = await answer.json()
    source = await (await service.http.get(image["replicate_url"])).read()

    replicate.advance(2 * 3600)
    expired = await service.http.get(image["replicate_url"])
    served = await service.http.get(image["url"])

    assert answer.status == 200
    assert image["status"] == "stored"
    assert expired.status == 404
    assert served.status == 200
    assert await served.read() == source
    assert served.headers["ETag"] == f'"{hashlib.sha256(source).hexdigest()}"'
    assert served.headers["Content-Type"] == "image/png"
    assert "immutable" in served.headers["Cache-Control"]


async def test_a_promise_is_kept(service: Service) -> None:
    answer = await service.generate(wait=0)
    promise = await answer.json()

    state = await service.settled(promise["generation_id"])
    served = await service.http.get(promise["url"], allow_redirects=False)

    assert answer.status == 202
    assert state["status"] == "succeeded"
    assert state["url"] == promise["url"]
    assert served.status == 200
