"""A transfer that breaks off goes on where it stopped, and only ever with the same image."""

import base64
import hashlib
import random

import pytest

from app.adapters.download.downloader import HttpDownloader
from app.domain.errors import SourceGone, SourceUnavailable
from tests.support.origin import Answer, Origin
from tests.support.staging import FileStaging

BODY = random.Random(2).randbytes(600_000)
OTHER = random.Random(3).randbytes(500_000)
MD5 = base64.b64encode(hashlib.md5(BODY, usedforsecurity=False).digest()).decode()


def an_answer(body: bytes = BODY, *, etag: str = '"one"', cut_after: int | None = None) -> Answer:
    return Answer(body=body, headers={"ETag": etag}, takes_ranges=True, cut_after=cut_after)


async def fetch(downloader: HttpDownloader, url: str, staging: FileStaging) -> None:
    await downloader.fetch(downloader.admit(url), staging)


async def test_only_the_rest_is_asked_for(downloader: HttpDownloader, origin: Origin, staging: FileStaging) -> None:
    await fetch(downloader, origin.answer("/a", an_answer(cut_after=300_000), an_answer()), staging)
    again = origin.seen[1].headers
    assert (again["Range"], again["If-Range"]) == ("bytes=300000-", '"one"')
    assert staging.content == BODY


async def test_it_resumes_three_times_with_growing_pauses(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, pauses: list[float]
) -> None:
    url = origin.answer("/a", *[an_answer(cut_after=100_000)] * 3, an_answer())
    await fetch(downloader, url, staging)
    assert staging.content == BODY
    assert pauses == pytest.approx([0.3, 0.6, 1.2])


async def test_it_does_not_resume_a_fourth_time(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, origin.answer("/a", an_answer(cut_after=1000)), staging)
    assert len(origin.seen) == 4


async def test_a_break_before_the_first_byte_asks_for_everything_again(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    await fetch(downloader, origin.answer("/a", an_answer(cut_after=0), an_answer()), staging)
    assert "Range" not in origin.seen[1].headers
    assert staging.content == BODY


async def test_another_image_in_its_place_starts_over(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a", an_answer(cut_after=300_000), an_answer(OTHER, etag='"two"'))
    await fetch(downloader, url, staging)
    assert (staging.content, staging.restarts) == (OTHER, 1)


async def test_the_announced_md5_spans_a_resume(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    headers = {"ETag": '"one"', "x-goog-hash": f"md5={MD5}"}
    broken = Answer(body=BODY, headers=headers, takes_ranges=True, cut_after=1000)
    await fetch(downloader, origin.answer("/a", broken, an_answer()), staging)
    assert staging.content == BODY


async def test_the_announced_md5_begins_anew_with_a_restart(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    whole = Answer(body=BODY, headers={"x-goog-hash": f"md5={MD5}"})
    url = origin.answer("/a", an_answer(OTHER, etag='"old"', cut_after=1000), whole)
    await fetch(downloader, url, staging)
    assert staging.content == BODY


@pytest.mark.parametrize("etag", ['W/"one"', "one", "", '"a"b"'], ids=["weak", "bare", "none", "broken"])
async def test_without_a_strong_tag_nothing_is_resumed(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, etag: str
) -> None:
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, origin.answer("/a", an_answer(etag=etag, cut_after=1000)), staging)
    assert len(origin.seen) == 1


async def test_without_ranges_nothing_is_resumed(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a", Answer(body=BODY, headers={"ETag": '"one"'}, cut_after=1000))
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, url, staging)
    assert len(origin.seen) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 999-599999/600000"},
        {"Content-Range": "bytes 1001-599999/600000"},
        {"Content-Range": "bytes 1000-599998/599999"},
        {"Content-Range": "bytes 1000-599999/*"},
        {"Content-Range": "bytes */600000"},
        {"Content-Range": "items 1000-599999/600000"},
        {},
        {"Content-Range": "bytes 1000-599999/600000", "ETag": '"two"'},
    ],
    ids=["early", "late", "other total", "no total", "no start", "unit", "nothing", "other tag"],
)
async def test_a_rest_that_does_not_fit_is_not_taken(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging, headers: dict[str, str]
) -> None:
    rest = Answer(status=206, body=BODY[1000:], headers=headers)
    with pytest.raises(SourceUnavailable):
        await fetch(downloader, origin.answer("/a", an_answer(cut_after=1000), rest), staging)
    assert staging.size == 1000


async def test_a_part_of_the_rest_is_resumed_again(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    part = Answer(status=206, body=BODY[1000:2000], headers={"Content-Range": "bytes 1000-1999/600000"})
    await fetch(downloader, origin.answer("/a", an_answer(cut_after=1000), part, an_answer()), staging)
    assert staging.content == BODY


async def test_a_source_that_goes_away_meanwhile_is_gone(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    with pytest.raises(SourceGone):
        await fetch(downloader, origin.answer("/a", an_answer(cut_after=1000), Answer(status=404)), staging)


async def test_a_resume_follows_the_redirect_anew(
    downloader: HttpDownloader, origin: Origin, staging: FileStaging
) -> None:
    origin.answer("/b", an_answer(cut_after=1000), an_answer())
    await fetch(downloader, origin.redirect("/a", "/b"), staging)
    assert origin.targets == ["/a", "/b", "/a", "/b"]
    assert staging.content == BODY
