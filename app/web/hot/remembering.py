"""How an answer that was made the long way gets to be known in the fast lane."""

from aiohttp import web

from app.domain.images import Image
from app.domain.ports import Blob
from app.web.hot.images import HotImage
from app.web.hot.witness import find_witness
from app.web.keys import LANE
from app.web.serving.representation import Representation


def remember(
    request: web.Request, image: Image, shown: Representation, blob: Blob, *, cache: str, download: bool
) -> None:
    """Let the next ones who ask for the same target have *shown*, the bytes of *blob*, the short way."""
    # Another server than ours, such as a test's, hears nothing of the bytes.
    heard: bytes = getattr(request.protocol, "heard", b"")
    witness = find_witness(blob)
    if LANE not in request.app or not heard or witness is None:
        return
    hot = HotImage(user=image.user, image=image.id, shown=shown, cache=cache, download=download, witness=witness)
    request.app[LANE].remember(heard, hot)
