"""What happens to the bytes of one source, over a real connection."""

import asyncio
import base64
import hashlib
import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.download.downloader import HttpDownloader
from app.adapters.download.guard import Resolve
from app.adapters.download.session import CHUNK
from app.domain.errors import SourceGone, SourceNotAllowed, SourceRejected, SourceUnavailable, StorageFull
from tests.adapters.download.conftest import MakeDownloader
from tests.support.origin import Answer, Origin, raw_origin
from tests.support.staging import FileStaging

BODY = random.Random(1).randbytes(700_000)


async def fetch(downloader: HttpDownloader, url: str, staging: FileStaging) -> None:
    await downloader.fetch(downloader.admit(url), staging)


async def test_every_byte_arrives(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    await fetch(downloader, origin.answer("/a.png", Answer(body=BODY)), staging)
    assert staging.content == BODY


async def test_a_chunked_answer_arrives_whole(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    await fetch(downloader, origin.answer("/a.png", Answer(body=BODY, chunked=True)), staging)
    assert staging.content == BODY


async def test_a_body_is_never_held_whole(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    await fetch(downloader, origin.answer("/a.png", Answer(body=BODY * 5)), staging)
    assert staging.largest_write < 3 * CHUNK


async def test_a_signed_query_is_sent_as_it_was_written(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    origin.answer("/a/b c.png", Answer(body=BODY))
    target = "/a/b%20c.png?X=AK%2F2026%2f&y=%7E+%3D&z"
    await fetch(downloader, origin.url(f"{target}#part"), staging)
    assert origin.targets == [target]


async def test_nothing_about_us_is_sent(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging, answering: Callable[[list[str]], Resolve]
) -> None:
    # By name: cookies of an address would not be kept anyway.
    downloader = make_downloader("good.test", resolve=answering(["127.0.0.1"]))
    url = origin.answer("/a.png", Answer(body=BODY, headers={"Set-Cookie": "id=1; Path=/"}))
    for _ in range(2):
        await fetch(downloader, url.replace("127.0.0.1", "good.test"), staging)
    sent = origin.seen[1].headers
    assert set(sent) == {"Host", "Accept", "Accept-Encoding", "User-Agent", "Connection"}
    assert (sent["Accept-Encoding"], sent["User-Agent"]) == ("identity", "holdfast")


async def test_a_length_over_the_limit_is_refused_before_the_body(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a.png", Answer(headers={"Content-Length": "1001"}, hangs=True))
    with pytest.raises(SourceRejected) as refusal:
        await fetch(make_downloader(origin.host, max_bytes=1000), url, staging)
    assert (refusal.value.reason, staging.size) == ("too_large", 0)


async def test_a_body_of_unknown_length_is_counted(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a.png", Answer(body=b"x" * 1001, chunked=True, hangs=True))
    with pytest.raises(SourceRejected) as refusal:
        await fetch(make_downloader(origin.host, max_bytes=1000), url, staging)
    assert refusal.value.reason == "too_large"


async def test_a_body_of_exactly_the_limit_is_taken(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a.png", Answer(body=b"x" * 1000, chunked=True))
    await fetch(make_downloader(origin.host, max_bytes=1000), url, staging)
    assert staging.size == 1000


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP"])
async def test_a_content_encoding_is_refused(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, encoding: str
) -> None:
    url = origin.answer("/a.png", Answer(body=BODY, headers={"Content-Encoding": encoding}))
    with pytest.raises(SourceRejected) as refusal:
        await fetch(downloader, url, staging)
    assert (refusal.value.reason, staging.size) == ("encoded", 0)


@pytest.mark.parametrize("label", ["text/html", "Text/HTML; charset=utf-8", "text/plain"])
async def test_text_is_no_image(downloader: HttpDownloader, origin: Origin, staging: FileStaging, label: str) -> None:
    url = origin.answer("/a.png", Answer(body=b"<p>secret</p>", headers={"Content-Type": label}))
    with pytest.raises(SourceRejected) as refusal:
        await fetch(downloader, url, staging)
    assert refusal.value.reason == "not_an_image"
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("label", ["application/octet-stream", "video/mp4", "nonsense", "image/png"])
async def test_any_other_label_proves_nothing(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, label: str
) -> None:
    await fetch(downloader, origin.answer("/a", Answer(body=BODY, headers={"Content-Type": label})), staging)
    assert staging.content == BODY


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_a_refusing_source_is_gone(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, status: int
) -> None:
    with pytest.raises(SourceGone):
        await fetch(downloader, origin.answer("/a", Answer(status=status, body=b"secret")), staging)


@pytest.mark.parametrize("status", [202, 204, 206, 304, 300, 408, 416, 425, 429, 500, 502, 503, 504])
async def test_a_troubled_source_may_come_back(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, status: int
) -> None:
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, origin.answer("/a", Answer(status=status)), staging)
    assert staging.size == 0


async def test_a_source_says_when_to_come_back(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a", Answer(status=429, headers={"Retry-After": "17"}))
    with pytest.raises(SourceUnavailable) as refusal:
        await fetch(downloader, url, staging)
    assert refusal.value.retry_after == 17


@pytest.mark.parametrize("chunked", [False, True], ids=["short length", "short chunks"])
async def test_a_body_cut_short_is_no_success(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, *, chunked: bool
) -> None:
    url = origin.answer("/a.png", Answer(body=BODY, cut_after=1000, chunked=chunked))
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, url, staging)
    assert origin.targets == ["/a.png"]


async def test_a_body_that_ends_with_the_connection_is_left_to_the_inspector(
    make_downloader: MakeDownloader, staging: FileStaging
) -> None:
    async with raw_origin(b"HTTP/1.1 200 OK\r\n\r\nbytes") as host:
        await fetch(make_downloader(host), f"http://{host}/a", staging)
    assert staging.content == b"bytes"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x89PNG\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nbytes!",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbytes",
    ],
    ids=["nothing", "no http", "status", "length", "two lengths", "long header", "chunk size"],
)
async def test_a_source_that_speaks_no_sound_http_is_unavailable(
    make_downloader: MakeDownloader, staging: FileStaging, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    caplog.set_level("INFO", logger="app")
    async with raw_origin(answer) as host:
        with pytest.raises(SourceUnavailable) as refusal:
            await fetch(make_downloader(host), f"http://{host}/a?token=secret", staging)
    assert (refusal.value.__cause__, refusal.value.__context__) == (None, None)
    assert [record.message for record in caplog.records] == ["a source broke off"]
    assert not any("secret" in str(vars(record)) for record in caplog.records)


async def test_a_closed_port_is_unavailable(make_downloader: MakeDownloader, staging: FileStaging) -> None:
    async with raw_origin(b"") as host:
        pass
    with pytest.raises(SourceUnavailable):
        await fetch(make_downloader(host), f"http://{host}/a", staging)


async def test_a_silent_source_is_given_up(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a", Answer(headers={"Content-Length": "9"}, hangs=True))
    with pytest.raises(SourceUnavailable):
        await fetch(make_downloader(origin.host, read_timeout=0.05), url, staging)


async def test_one_deadline_spans_everything(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a", Answer(headers={"Content-Length": "9"}, hangs=True))
    with pytest.raises(SourceUnavailable) as refusal:
        await fetch(make_downloader(origin.host, total_timeout=0.05), url, staging)
    assert refusal.value.detail == "The source took too long."


async def test_a_dripping_source_is_given_up(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    ticks = itertools.count(step=6)
    url = origin.answer("/a", Answer(headers={"Content-Length": "9"}, body=b"12", hangs=True))
    downloader = make_downloader(origin.host, monotonic=lambda: float(next(ticks)), rate_window=5)
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, url, staging)


async def test_a_full_disk_is_not_blamed_on_the_source(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: bytes) -> None:
        raise StorageFull("There is no room.")

    monkeypatch.setattr(staging, "write", full)
    with pytest.raises(StorageFull):
        await fetch(downloader, origin.answer("/a", Answer(body=BODY)), staging)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_an_allowed_place_is_followed(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, status: int
) -> None:
    origin.answer("/b", Answer(body=BODY))
    await fetch(downloader, origin.redirect("/a", "/b?s=%2F", status), staging)
    assert staging.content == BODY
    assert origin.targets == ["/a", "/b?s=%2F"]


async def test_three_redirects_are_followed_and_a_fourth_is_not(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    for here, there in itertools.pairwise("01234"):
        origin.redirect(f"/{here}", f"/{there}")
    origin.answer("/4", Answer(body=BODY))
    await fetch(downloader, origin.url("/1"), staging)
    with pytest.raises(SourceNotAllowed):
        await fetch(downloader, origin.url("/0"), staging)
    assert origin.targets == [*("/1", "/2", "/3", "/4"), *("/0", "/1", "/2", "/3")]


async def test_a_redirect_in_a_circle_ends(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    with pytest.raises(SourceNotAllowed):
        await fetch(downloader, origin.redirect("/a", "/a"), staging)
    assert len(origin.seen) == 4


async def test_a_refresh_header_is_ignored(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    url = origin.answer("/a", Answer(body=BODY, headers={"Refresh": "0; url=/b"}))
    await fetch(downloader, url, staging)
    assert origin.targets == ["/a"]


async def test_an_announced_md5_is_verified(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    right = base64.b64encode(hashlib.md5(BODY, usedforsecurity=False).digest()).decode()
    wrong = base64.b64encode(bytes(16)).decode()
    good = origin.answer("/a", Answer(body=BODY, headers={"x-goog-hash": f"crc32c=AAAAAA==, md5={right}"}))
    bad = origin.answer("/b", Answer(body=BODY, headers={"x-goog-hash": f"md5={wrong}"}))
    await fetch(downloader, good, staging)
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, bad, staging)


async def test_only_so_many_fetches_run_at_once(
    make_downloader: MakeDownloader, origin: Origin, tmp_path: Path
) -> None:
    pair = asyncio.Barrier(2)
    writing: list[FileStaging] = []
    most: list[int] = []

    class Meeting(FileStaging):
        async def write(self, chunk: bytes) -> None:
            writing.append(self)
            most.append(len(writing))
            await pair.wait()
            writing.remove(self)
            await super().write(chunk)

    downloader = make_downloader(origin.host, max_fetches=2)
    url = origin.answer("/a", Answer(body=b"small"))
    await asyncio.gather(*(fetch(downloader, url, Meeting(tmp_path / str(n))) for n in range(6)))
    assert max(most) == 2


async def test_closing_twice_is_fine(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    await fetch(downloader, origin.answer("/a.png", Answer(body=BODY)), staging)
    await downloader.aclose()
    await downloader.aclose()
