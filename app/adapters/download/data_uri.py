"""Images inside the URL: `data:[type];base64,…` (RFC 2397), read strictly.

The type is a label like any other, so it is not looked at.
"""

import re

from app.domain import data_urls
from app.domain.errors import SourceRejected
from app.domain.ports import Staging

_HEAD = re.compile(r"data:[\x21-\x2b\x2d-\x7e]{0,255};base64,", re.IGNORECASE)


def is_data_uri(text: str) -> bool:
    return text[:5].lower() == "data:"


def find_payload(text: str, *, max_bytes: int) -> int:
    """Return where the base64 begins, looking at no more than the head and the length.

    Raise `SourceRejected` when it is not base64, or would decode to more than *max_bytes*.
    """
    head = _HEAD.match(text) if text.isascii() else None
    if head is None or len(text) == head.end():
        raise SourceRejected("not_an_image", "A data URI must hold an image in base64.")
    padding = text.count("=", len(text) - 2)
    if (len(text) - head.end()) * 3 // 4 - padding > max_bytes:
        raise SourceRejected("too_large", f"The image is larger than {max_bytes} bytes.")
    return head.end()


async def decode_into(staging: Staging, text: str, *, start: int) -> None:
    """Decode what follows *start*, slice by slice and off the event loop; raise `SourceRejected`."""
    try:
        await data_urls.decode_into(staging, text, start=start)
    except data_urls.NotBase64:
        raise SourceRejected("not_an_image", "The data URI is not valid base64.") from None
