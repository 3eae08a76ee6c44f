"""The bound on what an app may attach to an image."""

import json
from typing import Any

from aiohttp import web

from app.domain.errors import InvalidInput
from app.web.keys import OPTIONS


def checked_metadata(request: web.Request, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return *metadata* if it is within the bound; raise `InvalidInput`."""
    most = request.app[OPTIONS].max_metadata
    if len(json.dumps(metadata, separators=(",", ":"))) > most:
        raise InvalidInput(f"metadata is larger than {most} bytes of JSON.", field="metadata")
    return metadata
