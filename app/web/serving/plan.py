"""From a request's headers and the facts of an image to the whole answer, without touching a file or a socket."""

from dataclasses import dataclass
from datetime import datetime

from multidict import MultiMapping

from app.web.serving.conditions import Verdict, allows_range, evaluate, find_single
from app.web.serving.dates import format_http_date
from app.web.serving.headers import (
    PROTECTION,
    SHARING,
    Cache,
    Headers,
    cache_control,
    content_disposition,
)
from app.web.serving.ranges import Span, select
from app.web.serving.refusals import PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE, Refusal
from app.web.serving.representation import Representation

Body = tuple[bytes | Span, ...]
"""What to send, in order: bytes as they are, spans from the blob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An answer, decided.  `Date` and `Connection` are the server's to add, and nothing else is."""

    status: int
    headers: Headers
    body: Body = ()
    refusal: Refusal | None = None

    @property
    def has_body(self) -> bool:
        return bool(self.body)

    @property
    def ranges(self) -> tuple[Span, ...]:
        """The parts of the blob the body is made of; empty when no blob has to be opened."""
        return tuple(piece for piece in self.body if isinstance(piece, Span))

    @property
    def literal(self) -> bytes:
        """What the body has of its own, beside the blob: a problem document, or the heads of parts."""
        return b"".join(piece for piece in self.body if isinstance(piece, bytes))

    @property
    def length(self) -> int:
        """How many bytes the body has."""
        return _length(self.body)


def plan(
    method: str,
    headers: MultiMapping[str],
    representation: Representation,
    *,
    now: datetime,
    cache: str,
    download: bool = False,
) -> Plan:
    """Decide how a GET or HEAD of *representation* is answered: 200, 206, 304, 412 or 416.

    *cache* is the `Cache-Control` of the image, from `cache_control`; refusals never carry it.  *download* asks
    the browser to save rather than to show.
    """
    verdict = evaluate(method, headers, representation, now=now)
    if verdict is Verdict.FAILED:
        return _refuse(PRECONDITION_FAILED, method, representation)
    if verdict is Verdict.NOT_MODIFIED:
        return _not_modified(representation, cache)
    spans = _find_spans(method, headers, representation, now)
    if spans == ():
        return _refuse(RANGE_NOT_SATISFIABLE, method, representation)
    common = _image_headers(representation, now=now, cache=cache, download=download)
    if spans is None:
        return _whole(method, representation, common)
    return _part(representation, common, spans[0]) if len(spans) == 1 else _parts(representation, common, spans)


def _find_spans(
    method: str, headers: MultiMapping[str], representation: Representation, now: datetime
) -> tuple[Span, ...] | None:
    """Return the ranges that apply, or None for the whole; only GET has ranges (RFC 9110 §14.2)."""
    text = find_single(headers, "Range") if method == "GET" else None
    if text is None or not allows_range(headers, representation, now=now):
        return None
    return select(text, representation.size)


def _image_headers(representation: Representation, *, now: datetime, cache: str, download: bool) -> Headers:
    return (
        ("Cache-Control", cache),
        ("ETag", representation.etag),
        ("Last-Modified", format_http_date(representation.modified(now))),
        ("Accept-Ranges", "bytes"),
        ("Repr-Digest", representation.repr_digest),
        ("Content-Disposition", content_disposition(representation.filename, download=download)),
        *PROTECTION,
        *SHARING,
    )


def _whole(method: str, representation: Representation, common: Headers) -> Plan:
    size = representation.size
    own = _content(representation.content_type, size)
    is_sent = method != "HEAD" and size > 0
    return Plan(status=200, headers=own + common, body=(Span(0, size),) if is_sent else ())


def _part(representation: Representation, common: Headers, span: Span) -> Plan:
    own = (*_content(representation.content_type, span.size), ("Content-Range", _content_range(representation, span)))
    return Plan(status=206, headers=own + common, body=(span,))


def _parts(representation: Representation, common: Headers, spans: tuple[Span, ...]) -> Plan:
    # Bytes cannot hold their own SHA-256, so this boundary never occurs in them; and it is the same every time.
    boundary = representation.sha256
    body: list[bytes | Span] = []
    for span in spans:
        body += (_part_head(representation, span, boundary), span)
    body.append(f"\r\n--{boundary}--\r\n".encode())
    own = _content(f"multipart/byteranges; boundary={boundary}", _length(tuple(body)))
    return Plan(status=206, headers=own + common, body=tuple(body))


def _part_head(representation: Representation, span: Span, boundary: str) -> bytes:
    return (
        f"\r\n--{boundary}\r\n"
        f"Content-Type: {representation.content_type}\r\n"
        f"Content-Range: {_content_range(representation, span)}\r\n\r\n"
    ).encode()


def _not_modified(representation: Representation, cache: str) -> Plan:
    """Carry what a cache has to refresh and nothing that describes a body (RFC 9110 §15.4.5)."""
    own = (("Cache-Control", cache), ("ETag", representation.etag))
    return Plan(status=304, headers=(*own, *PROTECTION, *SHARING))


def _refuse(refusal: Refusal, method: str, representation: Representation) -> Plan:
    document = refusal.to_json()
    own: Headers = (
        *_content("application/problem+json", len(document)),
        ("Cache-Control", cache_control(Cache.ERROR)),
        ("ETag", representation.etag),
        ("Accept-Ranges", "bytes"),
    )
    if refusal is RANGE_NOT_SATISFIABLE:
        own += (("Content-Range", f"bytes */{representation.size}"),)
    body = () if method == "HEAD" else (document,)
    return Plan(status=refusal.status, headers=(*own, *PROTECTION, *SHARING), body=body, refusal=refusal)


def _content(content_type: str, length: int) -> Headers:
    return (("Content-Type", content_type), ("Content-Length", str(length)))


def _content_range(representation: Representation, span: Span) -> str:
    return f"bytes {span.start}-{span.stop - 1}/{representation.size}"


def _length(body: Body) -> int:
    return sum(piece.size if isinstance(piece, Span) else len(piece) for piece in body)
