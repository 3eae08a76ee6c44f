"""Requests that aiohttp's own `FileResponse` was measured with, and what each should get.

Half of them it gets wrong; one of those corrupts a download that a phone resumes.  Here they are a table for the
plan and, word for word, for the wire.
"""

from dataclasses import dataclass

from app.web.serving.ranges import Span
from tests.web.serving.pictures import DATA, EARLIER_DATE, HOSTED_DATE, LATER_DATE, PICTURE

TAG = PICTURE.etag
SIZE = len(DATA)


@dataclass(frozen=True)
class Row:
    """A request and its answer; *parts* are those of the picture, in order."""

    name: str
    method: str
    fields: tuple[tuple[str, str], ...]
    status: int
    parts: tuple[Span, ...]


def row(name: str, status: int, *parts: tuple[int, int], method: str = "GET", **fields: str) -> Row:
    named = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return Row(name, method, named, status, tuple(Span(*part) for part in parts))


FUTURE = "Tue, 03 Nov 2099 08:30:15 GMT"
WHOLE = (0, SIZE)

TABLE = (
    row("a plain GET", 200, WHOLE),
    row("a plain HEAD", 200, method="HEAD"),
    row("the first ten", 206, (0, 10), Range="bytes=0-9"),
    row("the last five", 206, (SIZE - 5, SIZE), Range="bytes=-5"),
    row("If-Range with our tag", 206, (0, 10), Range="bytes=0-9", If_Range=TAG),
    row("If-Range with another tag", 200, WHOLE, Range="bytes=0-9", If_Range='"wrong"'),
    row("If-Range with our tag, weak", 200, WHOLE, Range="bytes=0-9", If_Range=f"W/{TAG}"),
    row("If-Range with an older date", 200, WHOLE, Range="bytes=0-9", If_Range=EARLIER_DATE),
    row("If-Range with our date", 206, (0, 10), Range="bytes=0-9", If_Range=HOSTED_DATE),
    row("If-Range with a later date", 200, WHOLE, Range="bytes=0-9", If_Range=LATER_DATE),
    row("If-Range without Range", 200, WHOLE, If_Range='"wrong"'),
    row("HEAD with Range", 200, method="HEAD", Range="bytes=0-9"),
    row("two ranges close together", 206, (0, 30), Range="bytes=0-9,20-29"),
    row("two ranges far apart", 206, (0, 10), (2000, 2010), Range="bytes=0-9,2000-2009"),
    row("another unit", 200, WHOLE, Range="items=0-5"),
    row("a range backwards", 200, WHOLE, Range="bytes=5-3"),
    row("a range of letters", 200, WHOLE, Range="bytes=abc"),
    row("a range after a space", 200, WHOLE, Range="bytes= 0-9"),
    row("the last none", 416, Range="bytes=-0"),
    row("behind the end", 416, Range=f"bytes={SIZE}-"),
    row("behind the end of something else", 200, WHOLE, Range=f"bytes={SIZE}-", If_Range='"wrong"'),
    row("known tag", 304, If_None_Match=TAG),
    row("known tag, weak", 304, If_None_Match=f"W/{TAG}"),
    row("known tag in a list", 304, If_None_Match=f'"x", {TAG}'),
    row("any tag known", 304, If_None_Match="*"),
    row("known tag and a range", 304, If_None_Match=TAG, Range="bytes=0-9"),
    row("known tag and HEAD", 304, method="HEAD", If_None_Match=TAG),
    row("unknown tag, future date", 200, WHOLE, If_None_Match='"x"', If_Modified_Since=FUTURE),
    row("unknown tag and a range", 206, (0, 10), If_None_Match='"x"', Range="bytes=0-9"),
    row("known date", 304, If_Modified_Since=HOSTED_DATE),
    row("older date", 200, WHOLE, If_Modified_Since=EARLIER_DATE),
    row("another version wanted", 412, If_Match='"x"'),
    row("another version wanted in part", 412, If_Match='"x"', Range="bytes=0-9"),
    row("HEAD of another version", 412, method="HEAD", If_Match='"x"'),
    row("not if changed since", 412, If_Unmodified_Since=EARLIER_DATE),
)
