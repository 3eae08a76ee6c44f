"""What a judge nobody here wrote says about every kind of answer."""

import time

import pytest
from aiohttp.pytest_plugin import AiohttpServer
from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels

from tests.web.serving.conftest import MakeSite, application
from tests.web.serving.measured import TABLE, Row
from tests.web.serving.pictures import DATA
from tests.web.serving.wire import Answer, connected

PREFLIGHT = (
    ("Origin", "https://app.test"),
    ("Access-Control-Request-Method", "GET"),
    ("Access-Control-Request-Headers", "if-none-match, range"),
)


NEEDLESS_PUBLIC = "STORE_PUBLIC_UNNECESSARY"  # so it is for most caches; the edge in front of us is told in full
NO_RANGE = "PARTIAL_WITHOUT_RANGE"  # the judge does not know that several parts must not have it (RFC 9110 §15.3.7.2)


def faults(method: str, fields: tuple[tuple[str, str], ...], answer: Answer) -> set[str]:
    """Return what `httplint` finds bad, or warns of, in *answer* to that request."""
    request = HttpRequestLinter()
    request.process_request_topline(method.encode(), b"/image", b"HTTP/1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in fields])
    linter = HttpResponseLinter(start_time=time.time())
    linter.request = request
    linter.is_head_response = method == "HEAD"
    linter.process_response_topline(b"HTTP/1.1", str(answer.status).encode(), answer.reason.encode())
    linter.process_headers([(name.encode(), value.encode()) for name, value in answer.headers.items()])
    linter.feed_content(answer.body)
    linter.finish_content(complete=True)
    found = {type(note).__name__ for note in linter.notes if note.level in {levels.BAD, levels.WARN}}
    return found - {NEEDLESS_PUBLIC}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_no_answer_is_found_at_fault(aiohttp_server: AiohttpServer, make_site: MakeSite, row: Row) -> None:
    async with connected(await aiohttp_server(application(make_site(DATA).show))) as wire:
        answer = await wire.ask(row.method, *row.fields)

    assert faults(row.method, row.fields, answer) == ({NO_RANGE} if len(row.parts) > 1 else set())


async def test_no_preflight_is_found_at_fault(aiohttp_server: AiohttpServer, make_site: MakeSite) -> None:
    async with connected(await aiohttp_server(application(make_site(DATA).show))) as wire:
        answer = await wire.ask("OPTIONS", *PREFLIGHT)

    assert answer.status == 204
    assert faults("OPTIONS", PREFLIGHT, answer) == set()


@pytest.mark.parametrize("name", ["ETag", "Content-Range", "Cache-Control", "Last-Modified", "Content-Length"])
async def test_the_judge_would_notice(aiohttp_server: AiohttpServer, make_site: MakeSite, name: str) -> None:
    fields = (("Range", "bytes=0-9"),)
    async with connected(await aiohttp_server(application(make_site(DATA).show))) as wire:
        answer = await wire.ask("GET", *fields)
    answer.headers[name] = "max-age=nonsense"

    assert faults("GET", fields, answer) != set()
