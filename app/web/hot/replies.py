"""Answers as bytes: what the plan decides, written down once for all who ask alike."""

from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple, Self

from multidict import CIMultiDict

from app.web.finishing import complete
from app.web.serving.plan import Body, Plan, plan
from app.web.serving.ranges import Span
from app.web.serving.representation import Representation

_FIRST_BYTE = Span(0, 1)


class Reply(NamedTuple):
    """An answer but for its `Date` and its id."""

    status: int
    head: bytes
    body: Body
    length: int

    @classmethod
    def of(cls, decided: Plan, *, is_https: bool) -> Self:
        """Return the answer *decided* is; *is_https* as in `finish`."""
        headers = CIMultiDict(decided.headers)
        complete(headers, is_https=is_https)
        lines = [f"HTTP/1.1 {decided.status} {HTTPStatus(decided.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return cls(decided.status, "\r\n".join(lines).encode() + b"\r\n", decided.body, decided.length)


class PartForm:
    """All answers with one part of an image: the plan's answer with its first byte, and the numbers of another."""

    def __init__(self, shown: Representation, *, now: datetime, cache: str, download: bool, is_https: bool) -> None:
        asked = CIMultiDict(Range="bytes=0-0")
        first = Reply.of(plan("GET", asked, shown, now=now, cache=cache, download=download), is_https=is_https)
        self._status = first.status
        self._size = shown.size
        own = _length_line(_FIRST_BYTE), _range_line(_FIRST_BYTE, shown.size)
        self._before, _, rest = first.head.partition(own[0])
        self._between, _, self._after = rest.partition(own[1])

    def reply(self, span: Span) -> Reply:
        """Return the answer with *span*, which lies in the image."""
        lines = self._before, _length_line(span), self._between, _range_line(span, self._size), self._after
        return Reply(self._status, b"".join(lines), (span,), span.size)


# From the end of the line before to the start of their own end: lines that follow each other do not overlap.
def _length_line(span: Span) -> bytes:
    return b"\nContent-Length: %d\r" % span.size


def _range_line(span: Span, size: int) -> bytes:
    return b"\nContent-Range: bytes %d-%d/%d\r" % (span.start, span.stop - 1, size)
