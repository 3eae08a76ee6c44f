"""The headers of images and of what is said in their place, and the one table of who may keep an answer."""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Final

Headers = tuple[tuple[str, str], ...]

YEAR: Final = timedelta(days=365)
EDGE_MAX_AGE: Final = timedelta(days=1)


class Cache(Enum):
    """The kinds of answer, by who may keep them."""

    PUBLIC = auto()  # a stored image at a public URL
    SIGNED = auto()  # a stored image at a signed URL
    PRIVATE = auto()  # shown to its owner only; and all that is said about an image in signed mode
    OWNED = auto()  # a picture of a chat, shown to its owner: asked for anew each time, its bytes kept
    TEMPORARY = auto()  # a temporary image, which is gone once its caller says so
    GONE = auto()  # 410 at a public URL
    MISSING = auto()  # 404
    CAPTURING = auto()  # the redirect or the 503 while the bytes are on their way
    ERROR = auto()  # every other refusal


# The edge in front of us keeps `image/*` for hours when nothing is said, so everything says something.  A deletion
# reaches a shared cache within `s-maxage`; `immutable` spares phones the revalidation of bytes that cannot change.
_CACHE_CONTROL: Final[Mapping[Cache, str]] = {
    Cache.PUBLIC: "public, max-age=31536000, immutable, s-maxage={seconds}, stale-if-error=604800",
    Cache.SIGNED: "private, max-age={seconds}",
    Cache.PRIVATE: "private, no-store",
    Cache.OWNED: "private, no-cache",
    Cache.TEMPORARY: "no-store",
    Cache.GONE: "max-age=300",
    Cache.MISSING: "no-store",
    Cache.CAPTURING: "no-store",
    Cache.ERROR: "no-store",
}

PROTECTION: Final[Headers] = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; sandbox",
    ),
    ("Referrer-Policy", "no-referrer"),
)
"""Bytes a stranger made must stay a picture, wherever they are opened."""

_EXPOSED: Final = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
    "Retry-After",
)

SHARING: Final[Headers] = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", ", ".join(_EXPOSED)),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Timing-Allow-Origin", "*"),
)
"""Any page may show and read an image; no cookie or credential is ever involved.  Errors need it too."""

_PREFLIGHT: Final[Headers] = (
    ("Allow", "DELETE, GET, HEAD, OPTIONS"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, X-API-Key, Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since",
    ),
    ("Access-Control-Max-Age", "86400"),
)


def cache_control(cache: Cache, age: timedelta = EDGE_MAX_AGE) -> str:
    """Return the `Cache-Control` of an answer of this kind.

    *age* is how long a shared cache may keep a `PUBLIC` image, or how long the link of a `SIGNED` one still
    lives; it is cut to whole seconds between none and a year.  Other kinds overlook it.
    """
    seconds = int(min(max(age, timedelta(0)), YEAR).total_seconds())
    return _CACHE_CONTROL[cache].format(seconds=seconds)


def content_disposition(filename: str, *, download: bool) -> str:
    """Return how a browser should treat the image: show it, or save it under *filename*."""
    return f'{"attachment" if download else "inline"}; filename="{filename}"'


def preflight() -> Headers:
    """Return the headers of the 204 that answers `OPTIONS` on an image URL, with or without an `Origin`."""
    return (*_PREFLIGHT, ("Cache-Control", cache_control(Cache.ERROR)))
