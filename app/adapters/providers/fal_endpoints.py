"""Models at fal, and where their requests live.

A request is submitted to the whole endpoint (`fal-ai/flux/dev`), but asked for below the app alone
(`fal-ai/flux/requests/…`): any other path is answered with 405.
"""

import re
from dataclasses import dataclass
from typing import Self

from app.domain.errors import InvalidInput

_NAMESPACES = frozenset({"workflows", "comfy"})
_SEGMENT = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")
_NUMBERED = re.compile(r"([0-9]+)-([A-Za-z0-9-]+)")
_MOST_SEGMENTS = 10


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model: its *app* (`owner/alias`, in a namespace or not) and the whole *path*, as safe segments of a URL."""

    app: tuple[str, ...]
    path: tuple[str, ...]

    @classmethod
    def parse(cls, model: str) -> Self:
        """Return the endpoint spelled `owner/alias`, `owner/alias/sub/path`, or in the older way `123-alias`."""
        numbered = _NUMBERED.fullmatch(model)
        path = numbered.groups() if numbered else tuple(model.split("/"))
        length = 3 if path[0] in _NAMESPACES else 2
        is_sound = length <= len(path) <= _MOST_SEGMENTS and all(map(_SEGMENT.fullmatch, path))
        if not is_sound or "requests" in path[:length]:
            raise InvalidInput("A model of fal is named owner/alias or owner/alias/sub/path.", field="model")
        return cls(app=path[:length], path=path)

    def request(self, request_id: str, *more: str) -> tuple[str, ...]:
        """Return the path of a request, or of what is below it."""
        return (*self.app, "requests", request_id, *more)
