"""Fetching the pictures an input names, as fal's own toolkit does, and failing in its words."""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

_PATIENCE = ClientTimeout(total=10)
_LARGEST = 50 * 1024 * 1024


def named_in(model_input: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the address of every picture in *model_input*."""
    for name, value in model_input.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text.startswith(("http://", "https://", "data:")):
                yield name, text


class NotFetched(Exception):
    """A picture that could not be had; *detail* is what the model then says."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name)
        message = "Failed to download the file. Please check if the URL is accessible and try again."
        self.detail = [{"loc": ["body", name], "msg": message, "type": "file_download_error", "input": url}]


async def fetched(model_input: dict[str, Any], session: ClientSession) -> str:
    """Return a digest of all the pictures of an input; raise `NotFetched`."""
    digest = hashlib.sha256()
    for name, url in named_in(model_input):
        digest.update(await _fetch(name, url, session))
    return digest.hexdigest()


async def _fetch(name: str, url: str, session: ClientSession) -> bytes:
    if url.startswith("data:"):
        try:
            return base64.b64decode(url.partition(",")[2])
        except binascii.Error:
            raise NotFetched(name, url) from None
    try:
        async with session.get(url, timeout=_PATIENCE) as answer:
            if answer.status != 200:
                raise NotFetched(name, url)
            return await answer.content.read(_LARGEST)
    except (TimeoutError, ClientError):
        raise NotFetched(name, url) from None
