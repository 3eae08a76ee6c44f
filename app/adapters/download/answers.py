"""Reads what a source answers: is this an image to take, where does it begin, and when is it worth coming back."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from multidict import MultiMapping

from app.domain.errors import SourceGone, SourceRejected, SourceUnavailable

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_CLIENT_ERRORS = range(400, 500)
_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,  # we asked for the rest of something else
    }
)
_MAX_RETRY_AFTER = 3600.0
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_GOOGLE_MD5 = re.compile(r"(?:^|,)\s*md5=([A-Za-z0-9+/]{22}==)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """The bytes an answer brings.  *size* and *md5* are of the whole image, *start* is where the answer begins."""

    start: int
    size: int | None
    etag: str | None
    """A strong one, and only if the source takes ranges: with it, a broken transfer can be resumed."""
    md5: str | None


def read_entity(status: int, headers: MultiMapping[str], *, max_bytes: int, now: datetime) -> Entity:
    """Return what the answer brings; raise as `Downloader.fetch` does when it is none to take."""
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise refusal_of(status, headers, now=now)
    _require_plain_image(headers)
    start, size = (0, _length(headers)) if status == HTTPStatus.OK else _content_range(headers)
    if size is not None and size > max_bytes:
        raise too_large(max_bytes)
    return Entity(start=start, size=size, etag=_resumable_by(headers), md5=_md5(headers))


def too_large(max_bytes: int) -> SourceRejected:
    return SourceRejected("too_large", f"The image is larger than {max_bytes} bytes.")


def read_retry_after(headers: MultiMapping[str], *, now: datetime) -> float | None:
    """Return the seconds a source asks to be left alone (RFC 9110 10.2.3), at most an hour."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), _MAX_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER)


def refusal_of(status: int, headers: MultiMapping[str], *, now: datetime) -> SourceGone | SourceUnavailable:
    """Return what an answer means that brings nothing."""
    if status in _CLIENT_ERRORS and status not in _AGAIN:
        return SourceGone("The source does not have the image any more.")
    return SourceUnavailable(f"The source answers {status}.", retry_after=read_retry_after(headers, now=now))


def read_size(status: int, headers: MultiMapping[str]) -> int | None:
    """Return the bytes of the whole image, where the answer tells."""
    if status == HTTPStatus.OK:
        return _length(headers)
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    return int(match[3]) if match else None


def _require_plain_image(headers: MultiMapping[str]) -> None:
    """Refuse what cannot be an image.  Other labels prove nothing: real images come as octet-stream too."""
    if headers.get("Content-Encoding", "identity").strip().lower() not in {"identity", ""}:
        raise SourceRejected("encoded", "The source sends the image in a content encoding nobody asked for.")
    if headers.get("Content-Type", "").strip().lower().startswith("text/"):
        raise SourceRejected("not_an_image", "The source sends text, not an image.")


def _length(headers: MultiMapping[str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _content_range(headers: MultiMapping[str]) -> tuple[int, int]:
    """Return start and total of RFC 9110 14.4; one that names no total cannot be trusted to complete anything."""
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None:
        raise SourceUnavailable("The source resumes without saying where.")
    return int(match[1]), int(match[3])


def _resumable_by(headers: MultiMapping[str]) -> str | None:
    etag = headers.get("ETag", "").strip()
    takes_ranges = headers.get("Accept-Ranges", "").strip().lower() == "bytes" or "Content-Range" in headers
    return etag if takes_ranges and _STRONG_ETAG.fullmatch(etag) else None


def _md5(headers: MultiMapping[str]) -> str | None:
    """Return the MD5 Google's storage announces.

    An ETag of 32 hexadecimal digits is not taken for one: some stores put other things there.
    """
    # One header line for each kind of hash, or one line for all.
    match = _GOOGLE_MD5.search(",".join(headers.getall("x-goog-hash", [])))
    try:
        return base64.b64decode(match[1], validate=True).hex() if match else None
    except binascii.Error:
        return None
