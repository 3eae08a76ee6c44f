"""What REDbot, a judge nobody here wrote, says of every kind of answer of the running service.

It exits with 0 whatever it finds, so its notes are read.  It sees neither a false `If-Range` nor a wrong 416: those
have tests of their own.  Nor does it tell its linter that a request is a preflight.
"""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.pictures import noise_png
from tests.support.redbot_judge import Case, Verdict, judged
from tests.support.still import PICTURE, host, promise, still

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("redbot")]

IMAGE = "/v1/images/hosted/ana/pic"
JSON = (("Content-Type", "application/json"),)
IMPORT = json.dumps({"user_id": "ana", "url": "data:image/png;base64,AAAA", "wait": 0})
OLD = "Mon, 01 Jan 2024 00:00:00 GMT"
DELIBERATE = {
    "STORE_PUBLIC_UNNECESSARY",  # so it is for most caches; the edge in front of us is told in full
    "CC_CONFLICTING",  # `private, no-store`: an edge that overlooks one of them may heed the other
}
ALLOWED = {
    "a refused body": {"STATUS_BAD_REQUEST"},  # it warns of the status itself
    "an import": {"LOCATION_UNDEFINED"},  # on a 202 it says where the image will be
    "a token": {"CREATED_WITHOUT_LOCATION"},  # a token is made, and is nowhere to be fetched
}

CASES = (
    Case("an image", IMAGE),
    Case("a large image", "/v1/images/hosted/ana/large"),
    Case("its head", IMAGE, "HEAD"),
    Case("a download", IMAGE + "?download=1"),
    Case("a part", IMAGE, fields=(("Range", "bytes=0-9"),), status=206),
    Case("an old part", IMAGE, fields=(("Range", "bytes=0-9"), ("If-Range", '"old"'))),
    Case("a copy at hand", IMAGE, fields=(("If-None-Match", "*"),), status=304),
    Case("a failed condition", IMAGE, fields=(("If-Unmodified-Since", OLD),), status=412),
    Case("beyond the end", IMAGE, fields=(("Range", f"bytes={len(PICTURE)}-"),), status=416),
    Case("a thumbnail", IMAGE + "?w=320"),
    Case("the head of a thumbnail", IMAGE + "?w=320", "HEAD"),
    Case("a part of a thumbnail", IMAGE + "?w=320", fields=(("Range", "bytes=0-9"),), status=206),
    Case("a thumbnail at hand", IMAGE + "?w=320", fields=(("If-None-Match", "*"),), status=304),
    Case("another format", IMAGE + ".webp"),
    Case("a width we do not make", IMAGE + "?w=321", status=422),
    Case("an unknown image", "/v1/images/hosted/ana/none", status=404),
    Case("a deleted image", "/v1/images/hosted/ana/gone", status=410),
    Case("an image on its way", "/v1/images/hosted/ana/later", status=503),
    Case("the wrong method", "/livez", "DELETE", status=405),
    Case("no such path", "/nowhere", status=404),
    Case("a refused body", "/v1/tokens", "POST", JSON, "{", 400),
    Case("a refused field", "/v1/tokens", "POST", JSON, "{}", 422),
    Case("a refused type", "/v1/tokens", "POST", (("Content-Type", "text/plain"),), "{}", 415),
    Case("a token", "/v1/tokens", "POST", JSON, json.dumps({"user_id": "ana"}), 201),
    Case("an import", "/v1/images/import", "POST", JSON, IMPORT, 202),
    Case("a deletion", "/v1/images/hosted/ana/spare", "DELETE", status=204),
    Case("a document", IMAGE + "/info"),
    Case("a list", "/v1/users/ana/images"),
    Case("an archive", "/v1/users/ana/images.zip"),
    Case("the capabilities", "/v1/capabilities"),
    Case("the description", "/openapi.json"),
    Case("the description for people", "/docs"),
    Case("the dashboard", "/dashboard"),
    Case("alive", "/livez"),
    Case("ready", "/readyz"),
    Case("the metrics", "/metrics"),
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def verdicts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Verdict]]:
    async with still(tmp_path_factory.mktemp("judged"), CAPTURE_READ_WAIT="0.05") as service:
        for image in ("pic", "gone", "spare"):
            await host(service, image)
        await host(service, "large", content=noise_png(1_000_000))
        await promise(service, "later")
        await service.http.delete("/v1/images/hosted/ana/gone")
        yield await judged(service.url, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_no_answer_is_found_bad(verdicts: dict[str, Verdict], case: Case) -> None:
    verdict = verdicts[case.name]
    assert (verdict.status, verdict.error) == (case.status, None)
    assert verdict.at("BAD", "WARN") - DELIBERATE - ALLOWED.get(case.name, set()) == set()


async def test_the_judge_would_notice(verdicts: dict[str, Verdict]) -> None:
    async def show(request: web.Request) -> web.Response:
        headers = {"Accept-Ranges": "bytes", "ETag": '"a"', "Cache-Control": "max-age=60"}
        if "Range" not in request.headers:
            return web.Response(body=bytes(range(256)), headers=headers)
        return web.Response(status=206, body=b"other", headers=headers | {"Content-Range": "bytes 0-4/256"})

    app = web.Application()
    app.router.add_get("/", show)
    async with TestServer(app) as server:
        found = await judged(str(server.make_url("")).rstrip("/"), [Case("wrong bytes", "/")])
    assert found["wrong bytes"].at("BAD") != set()
