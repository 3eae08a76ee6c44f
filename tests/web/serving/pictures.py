"""The boring fields: bytes that stand for an image, what is known of them, and the moment of every test."""

import hashlib
import random
from datetime import UTC, datetime

from multidict import CIMultiDict

from app.web.serving.headers import Cache, cache_control
from app.web.serving.plan import Plan, plan
from app.web.serving.ranges import Span
from app.web.serving.representation import Representation

HOSTED = datetime(2026, 11, 3, 8, 30, 15, 750_000, tzinfo=UTC)
HOSTED_DATE = "Tue, 03 Nov 2026 08:30:15 GMT"
EARLIER_DATE = "Tue, 03 Nov 2026 08:30:14 GMT"
LATER_DATE = "Tue, 03 Nov 2026 08:30:16 GMT"
NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
PUBLIC = cache_control(Cache.PUBLIC)


def some_bytes(size: int) -> bytes:
    """Return bytes that start as a PNG does; the same for the same size."""
    return (b"\x89PNG\r\n\x1a\n" + random.Random(size).randbytes(size))[:size]


DATA = some_bytes(168_591)
"""As many bytes as the picture in the measured table of aiohttp's `FileResponse`."""

BIG = some_bytes(2_000_000)
"""More than is sent in one write."""


def representation_of(data: bytes, *, last_modified: datetime = HOSTED) -> Representation:
    return Representation(
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        content_type="image/png",
        last_modified=last_modified,
        filename="img_1.png",
    )


PICTURE = representation_of(DATA)


def asked(
    method: str = "GET",
    *fields: tuple[str, str],
    representation: Representation = PICTURE,
    now: datetime = NOW,
    download: bool = False,
) -> Plan:
    """Return the plan for a request with these header fields."""
    headers = CIMultiDict(fields)
    return plan(method, headers, representation, now=now, cache=PUBLIC, download=download)


def header(answer: Plan, name: str) -> str | None:
    """Return the value of a header of *answer*, which may not be there twice."""
    values = CIMultiDict(answer.headers).getall(name, [])
    assert len(values) <= 1
    return values[0] if values else None


def body_of(answer: Plan, data: bytes) -> bytes:
    """Return the body as a sender with *data* would write it."""
    return b"".join(data[piece.start : piece.stop] if isinstance(piece, Span) else piece for piece in answer.body)
