"""Files in a model's input, on their way to its provider.

Large ones do not travel inside the request: they are hosted for as long as the generation lasts, or put into the
provider's own storage.  What a generation is known by, its fingerprint included, is the input as it came.
"""

import asyncio
import base64
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from app.domain import data_urls
from app.domain.data_urls import DataUrl
from app.domain.errors import AppError, InvalidInput, SourceRejected, StorageFull, TooLarge
from app.domain.generations import Generation, Order
from app.domain.ids import GenerationId
from app.domain.ports import InputStorage
from app.services.addresses import swapped
from app.services.own_images import OwnImages
from app.services.temporary import TemporaryImages

log = logging.getLogger(__name__)

_MOST_INLINE = 10_000_000
"""Characters of data URLs in one request: what Replicate's own clients send at most."""
_MOST_FILES = 128
"""Data URLs that are looked into for one request: each costs a file, and a decode."""
_DEEPEST = 32


class InputService:
    """*base_url* is None where no provider can fetch from here.  *storages* are those of the providers by name."""

    def __init__(
        self,
        *,
        temporary: TemporaryImages,
        own: OwnImages,
        base_url: str | None,
        storages: Mapping[str, InputStorage],
    ) -> None:
        self._temporary = temporary
        self._own = own
        self._base_url = base_url
        self._storages = storages

    async def is_ready(self, order: Order, provider: str) -> bool:
        """Whether *order* holds nothing that is judged, or swapped for an address, on its way to *provider*."""
        return await asyncio.to_thread(self._is_ready, order, provider)

    async def ready(self, order: Order, generation: Generation) -> Order:
        """Return *order* as it goes to the provider, with addresses in place of large files.

        Raise `SourceRejected` for one that is broken, `TooLarge`, and what hosting or the provider's storage raises.
        """
        texts, files = await asyncio.to_thread(_read, order.input)
        provider = generation.provider
        _require_bounded(text for text in texts if text not in files or not self._is_swapped(files[text], provider))
        swaps: dict[str, str] = {}
        for text, place in texts.items():
            with _blaming(place):
                address = await self._address(text, files.get(text), generation)
            if address is not None:
                swaps[text] = address
        if not swaps:
            return order
        return replace(order, input=await asyncio.to_thread(swapped, order.input, swaps))

    async def release(self, generation: GenerationId) -> None:
        """Delete what was hosted for a generation; never fails, since the next tidying finds what is left."""
        try:
            await self._temporary.delete_for(generation)
        except AppError as refusal:
            log.warning("inputs are left", extra={"generation_id": str(generation), "error": refusal.code})

    def _is_ready(self, order: Order, provider: str) -> bool:
        try:
            texts, files = _read(order.input)
        except AppError:
            return False
        if provider in self._storages:
            return not texts
        return not files and _inline(texts) <= _MOST_INLINE

    def _is_swapped(self, file: DataUrl, provider: str) -> bool:
        return provider in self._storages or (file.is_large and self._base_url is not None)

    async def _address(self, text: str, file: DataUrl | None, generation: Generation) -> str | None:
        """Return what stands for *text* in the request; None for itself."""
        if file is None:
            return None if data_urls.is_data_url(text) else await self._own_stored(text, generation)
        storage = self._storages.get(generation.provider)
        if storage is not None:
            kind = await self._temporary.judge(file)
            data = await asyncio.to_thread(base64.b64decode, file.text[file.start :])
            return await storage.keep(data, content_type=kind.content_type)
        if file.is_large and self._base_url is not None:
            hosted = await self._temporary.host_input(
                file, owner=generation.user, base_url=self._base_url, generation=generation.id
            )
            return hosted.url
        if file.is_image:
            await self._temporary.judge(file)
        return None

    async def _own_stored(self, url: str, generation: Generation) -> str | None:
        storage = self._storages.get(generation.provider)
        content = None if storage is None else await self._own.find(url, generation.user)
        if storage is None or content is None:
            return None
        return await storage.keep(content.data, content_type=content.content_type)


def _read(model_input: object) -> tuple[dict[str, str], dict[str, DataUrl]]:
    """Return each data URL and address with the first place it has, and what those data URLs hold that are ours.

    Raise `SourceRejected`, or `InvalidInput` for too many of them.
    """
    texts: dict[str, str] = {}
    files: dict[str, DataUrl] = {}
    for text, place in _candidates(model_input, "input"):
        if texts.setdefault(text, place) != place:
            continue
        with _blaming(place):
            file = _find_file(text)
        if file is not None:
            files[text] = file
        if len(files) > _MOST_FILES:
            raise InvalidInput(f"There are more than {_MOST_FILES} files in data URLs.", field="input")
    return texts, files


def _candidates(value: object, place: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield each data URL and each address in an input, with its place."""
    if isinstance(value, str):
        if data_urls.is_data_url(value) or value.startswith(("https://", "http://")):
            yield value, place
    elif depth < _DEEPEST and isinstance(value, Mapping | list):
        for name, child in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _candidates(child, f"{place}.{name}", depth + 1)


def _find_file(text: str) -> DataUrl | None:
    """Return what of *text* is our business: a picture of a type we take, or anything large in base64.

    The rest is between the app and its model.  What calls itself an image must be one that we take, or small: raise
    `SourceRejected`.
    """
    if not data_urls.declared_type(text).startswith("image/"):
        found = data_urls.find(text)
        return found if found is not None and found.is_large else None
    try:
        return data_urls.parse(text.strip())
    except SourceRejected as refusal:
        if refusal.reason == "type_not_allowed" and not data_urls.should_use_url(text):
            return None
        raise


@contextmanager
def _blaming(place: str) -> Iterator[None]:
    try:
        yield
    except (SourceRejected, TooLarge, StorageFull) as refusal:
        refusal.field, refusal.detail = place, f"{place}: {refusal.detail}"
        raise


def _inline(texts: Iterable[str]) -> int:
    return sum(len(text) for text in texts if data_urls.is_data_url(text))


def _require_bounded(texts: Iterable[str]) -> None:
    if _inline(texts) > _MOST_INLINE:
        detail = f"More than {_MOST_INLINE} characters of data URLs cannot be sent to a provider from here."
        raise TooLarge(detail, field="input")
