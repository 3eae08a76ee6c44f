"""What is remembered of images by their targets: for a while, and no more than has its place."""

from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from app.domain.ids import ImageId, UserId
from app.web.hot import images as module
from app.web.hot.heads import HeadReader
from app.web.hot.images import HotImage, HotImages
from app.web.hot.replies import Reply
from app.web.hot.witness import Witness
from app.web.serving.plan import plan
from app.web.serving.representation import Representation
from devkit.clock import FakeClock

NOW = datetime(2026, 1, 2, tzinfo=UTC)
READER = HeadReader(address_header=None)


def an_image(size: int = 9000) -> HotImage:
    shown = Representation(
        size=size,
        sha256="ab" * 32,
        content_type="image/png",
        last_modified=datetime(2026, 1, 1, tzinfo=UTC),
        filename="a",
    )
    witness = Witness("/nowhere", (0, 0, size, 0))
    return HotImage(
        user=UserId("ana"), image=ImageId("pic"), shown=shown, cache="public", download=False, witness=witness
    )


def reply(image: HotImage, *fields: str, method: str = "GET") -> Reply:
    lines = [f"{method} /v1/images/hosted/ana/pic HTTP/1.1", "Host: a.example", *fields, "", ""]
    head = READER.find("\r\n".join(lines).encode())
    assert head is not None
    return image.reply(head, now=NOW, is_https=False)


@pytest.mark.parametrize(
    "fields", [[], ["Range: bytes=0-9,999-"], ['If-None-Match: "a"']], ids=["plain", "parts", "tag"]
)
def test_an_answer_is_made_once(fields: list[str]) -> None:
    image = an_image()
    assert reply(image, *fields) is reply(image, *fields)


@pytest.mark.parametrize(
    "field",
    ["If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT", "Range: bytes=" + "0" * 600 + "-9"],
    ids=["of the time of day", "too long to come again"],
)
def test_some_answers_are_made_anew(field: str) -> None:
    image = an_image()
    assert reply(image, field) == reply(image, field)
    assert reply(image, field) is not reply(image, field)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "text",
    [
        "0-0",
        "0-9",
        "5-5",
        "10-",
        "0-",
        "-1",
        "-99999",
        "8999-",
        "8999-8999",
        "9000-",
        "9-5",
        "0-99999",
        "0-0,",
        "-0",
        "x",
    ],
)
def test_each_part_is_answered_as_planned(method: str, text: str) -> None:
    image, fields = an_image(), CIMultiDict(Range=f"bytes={text}")
    decided = plan(method, fields, image.shown, now=NOW, cache=image.cache, download=image.download)
    for _ in range(2):
        assert reply(image, f"Range: bytes={text}", method=method) == Reply.of(decided, is_https=False)


def test_a_part_of_nothing_is_nothing() -> None:
    image = an_image(size=0)
    assert (reply(image, "Range: bytes=0-0").status, reply(image, "Range: bytes=-1").length) == (200, 0)


def test_strangers_make_no_image_remember_much() -> None:
    image = an_image()
    for number in range(100):
        reply(image, f"Range: bytes={number}-{number},8999-")
    assert len(image._replies) <= 8


def test_a_target_is_known_for_a_while() -> None:
    clock = FakeClock()
    images, image = HotImages(monotonic=clock.monotonic), an_image()
    images.remember(b"/a", image)
    clock.advance(14.9)
    assert images.find(b"/a") is image
    clock.advance(0.1)
    assert images.find(b"/a") is None


def test_the_target_asked_for_least_recently_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    images = HotImages(monotonic=FakeClock().monotonic)
    images.remember(b"/a", an_image())
    images.remember(b"/b", an_image())
    images.find(b"/a")
    images.remember(b"/c", an_image())
    assert [images.find(target) is not None for target in (b"/a", b"/b", b"/c")] == [True, False, True]


def test_uses_are_counted() -> None:
    images, image = HotImages(monotonic=FakeClock().monotonic), an_image()
    images.remember(b"/a", image)
    for _ in range(3):
        images.find(b"/a")
    assert image.uses == 3
