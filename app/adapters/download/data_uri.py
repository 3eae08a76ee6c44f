"""Images inside the URL: `data:[type];base64,…` (RFC 2397), read strictly.

The type is a label like any other, so it is not looked at.
"""

import asyncio
import binascii
import re

from app.domain.errors import SourceRejected
from app.domain.ports import Staging

_HEAD = re.compile(r"data:[\x21-\x2b\x2d-\x7e]{0,255};base64,", re.IGNORECASE)
_GROUPS_PER_SLICE = 64 * 1024  # of four characters: 192 KiB decoded


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
    step = 4 * _GROUPS_PER_SLICE
    for offset in range(start, len(text), step):
        is_last = offset + step >= len(text)
        try:
            chunk = await asyncio.to_thread(_decode, text[offset : offset + step], is_last=is_last)
        except ValueError:
            raise SourceRejected("not_an_image", "The data URI is not valid base64.") from None
        await staging.write(chunk)


def _decode(encoded: str, *, is_last: bool) -> bytes:
    """RFC 4648 4, padding required, nothing else between the characters."""
    # binascii would take padding at the end of any slice for the end of the text.
    if not is_last and "=" in encoded:
        raise binascii.Error("padding inside")
    decoded = binascii.a2b_base64(encoded, strict_mode=True)
    # Nor does it mind whole groups of padding after the last one.
    if len(decoded) != len(encoded) / 4 * 3 - encoded.count("="):
        raise binascii.Error("padding after the end")
    return decoded
