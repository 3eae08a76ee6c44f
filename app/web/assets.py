"""What of a user's images is asked for: where they came from, and since when."""

from datetime import datetime

from aiohttp import web

from app.domain.errors import InvalidInput
from app.domain.images import ImageSource
from app.domain.instants import parse_rfc3339

_ASSETS = (ImageSource.UPLOADED, ImageSource.GENERATED, ImageSource.IMPORTED)


def asked_sources(request: web.Request) -> tuple[ImageSource, ...]:
    """Return what `?source=` names, once or several times, separated by commas; else all but what belongs to a chat."""
    named = [name for given in request.query.getall("source", []) for name in given.split(",")]
    try:
        return tuple(ImageSource(name) for name in named) or _ASSETS
    except ValueError:
        known = ", ".join(source.value for source in ImageSource)
        raise InvalidInput(f"source is one or several of {known}.", field="source") from None


def asked_since(request: web.Request) -> datetime | None:
    """Return the moment that `?since=` names."""
    given = request.query.get("since")
    try:
        return None if given is None else parse_rfc3339(given)
    except ValueError:
        raise InvalidInput("since is a time such as 2026-11-21T05:18:00Z (RFC 3339).", field="since") from None
