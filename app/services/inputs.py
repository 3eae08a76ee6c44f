"""Pictures in a model's input, on their way to its provider.

Large ones do not travel inside the request: they are hosted for as long as the generation lasts, or put into the
provider's own storage.  What a generation is known by, its fingerprint included, is the input as it came.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from app.domain import data_urls
from app.domain.errors import AppError, SourceRejected, TooLarge
from app.domain.generations import Generation, Order
from app.domain.ids import GenerationId
from app.domain.ports import InputStorage
from app.services.addresses import swapped
from app.services.own_images import OwnImages
from app.services.temporary import TemporaryImages

log = logging.getLogger(__name__)

_MOST_INLINE = 10_000_000
"""Characters of data URLs in one request: what Replicate's own clients send at most."""
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
        """Whether *order* holds nothing that is swapped for an address, or refused, on its way to *provider*."""
        return await asyncio.to_thread(self._is_ready, order, provider)

    async def ready(self, order: Order, generation: Generation) -> Order:
        """Return *order* as it goes to the provider, with addresses in place of large pictures.

        Raise `SourceRejected` for one that is broken, `TooLarge`, and what hosting or the provider's storage raises.
        """
        found = dict(await asyncio.to_thread(lambda: list(_candidates(order.input, "input"))))
        swaps: dict[str, str] = {}
        for text, place in found.items():
            try:
                address = await self._address(text, generation)
            except (SourceRejected, TooLarge) as refusal:
                refusal.field, refusal.detail = place, f"{place}: {refusal.detail}"
                raise
            if address is not None:
                swaps[text] = address
        _require_bounded([text for text in found if text not in swaps])
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
        texts = {text for text, _ in _candidates(order.input, "input")}
        if provider in self._storages:
            return not texts
        return not any(map(data_urls.should_use_url, texts)) and _inline(texts) <= _MOST_INLINE

    async def _address(self, text: str, generation: Generation) -> str | None:
        """Return what stands for *text* in the request; None for itself."""
        storage = self._storages.get(generation.provider)
        if storage is not None:
            return await self._stored(text, generation, storage)
        if not self._temporary.should_use_url(text) or not _is_picture(text) or self._base_url is None:
            return None
        hosted = await self._temporary.host(
            text, owner=generation.user, base_url=self._base_url, generation=generation.id
        )
        return hosted.url

    async def _stored(self, text: str, generation: Generation, storage: InputStorage) -> str | None:
        if not _is_data(text):
            content = await self._own.find(text, generation.user)
            if content is None:
                return None
            return await storage.keep(content.data, content_type=content.content_type)
        if not _is_picture(text):
            return None
        found = data_urls.parse(text)
        data = await asyncio.to_thread(_decoded, text, found.start)
        return await storage.keep(data, content_type=found.content_type)


def _candidates(value: object, place: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield each data URL and each address in an input, with its place."""
    if isinstance(value, str):
        if _is_data(value) or value.startswith(("https://", "http://")):
            yield value, place
    elif depth < _DEEPEST and isinstance(value, Mapping | list):
        for name, child in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _candidates(child, f"{place}.{name}", depth + 1)


def _inline(texts: Iterable[str]) -> int:
    return sum(len(text) for text in texts if _is_data(text))


def _require_bounded(texts: list[str]) -> None:
    if _inline(texts) > _MOST_INLINE:
        detail = f"More than {_MOST_INLINE} characters of data URLs cannot be sent to a provider from here."
        raise TooLarge(detail, field="input")


def _is_data(text: str) -> bool:
    return text[:5].lower() == "data:"


def _is_picture(text: str) -> bool:
    """Whether *text* is a picture we could host, as far as its head tells.

    Sound, text and the like are between the app and its model.  What calls itself an image must be one that we take,
    or small: raise `SourceRejected`.
    """
    try:
        data_urls.parse(text)
    except SourceRejected:
        if data_urls.claims_image(text) and data_urls.should_use_url(text):
            raise
        return False
    return True


def _decoded(text: str, start: int) -> bytes:
    try:
        return base64.b64decode(text[start:], validate=True)
    except binascii.Error:
        raise SourceRejected("not_base64", "The data are not base64: RFC 4648, padded, no spaces.") from None
