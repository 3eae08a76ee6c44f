"""`POST /api/generate`: pictures at addresses that may be handed on, and the model at fal that gets them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.domain.catalog import IdempotencyKey, Repetitions
from app.domain.errors import AppError, InvalidInput, SourceNotAllowed
from app.domain.generations import Order
from app.domain.ids import UserId
from app.domain.ports import Probe
from app.services.addresses import NamedUrl, addresses_in, swapped
from app.services.generation import GenerationService, GenerationView
from app.services.launching import GenerationRequest
from app.services.own_images import OwnImages

PROVIDER = "fal"
ONE, SEVERAL = "image_url", "image_urls"
"""What most models call their input pictures."""

_MOST_URLS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRequest:
    """What an app asks to have run at fal, and the pictures it goes with."""

    user: UserId
    model: str
    input: Mapping[str, Any]
    urls: Sequence[NamedUrl]
    wait: timedelta
    metadata: Mapping[str, Any] = field(default_factory=dict)


class ForwardingService:
    def __init__(
        self, *, generations: GenerationService, repetitions: Repetitions, probe: Probe, own: OwnImages
    ) -> None:
        self._generations = generations
        self._repetitions = repetitions
        self._probe = probe
        self._own = own

    async def forward(
        self, request: ForwardRequest, *, idempotency_key: IdempotencyKey | None = None
    ) -> GenerationView:
        """Run the model on pictures that are there; answers as `GenerationService.generate` does.

        Raise `SourceNotAllowed`, `SourceGone`, `SourceRejected` or `SourceUnavailable` with the field of the first
        address that is to blame, and what `generate` raises.
        """
        found = await asyncio.to_thread(lambda: list(addresses_in(request.input, "input")))
        # What a repeated request is about was looked at before, and may have gone since.
        if idempotency_key is None or await self._repetitions.find(request.user, idempotency_key) is None:
            await self._require_files([*request.urls, *found], request.user)
        order = Order(model=request.model, version=None, input=self._placed(request, found))
        wanted = GenerationRequest(
            user=request.user, provider=PROVIDER, order=order, wait=request.wait, metadata=request.metadata
        )
        return await self._generations.generate(wanted, idempotency_key=idempotency_key)

    async def _require_files(self, urls: Sequence[NamedUrl], user: UserId) -> None:
        """Judge all addresses before any is asked; of those that fail, the first is to blame."""
        if len(urls) > _MOST_URLS:
            raise InvalidInput(f"There are more than {_MOST_URLS} addresses.", field="input")
        for each in urls:
            await self._require_allowed(each, user)
        found = await asyncio.gather(*map(self._require_picture, urls), return_exceptions=True)
        for failure in filter(None, found):
            raise failure

    async def _require_allowed(self, each: NamedUrl, user: UserId) -> None:
        with _blaming(each):
            if self._own.owns(each.url):
                await self._own.require_readable(each.url, user)
                return
            try:
                self._probe.require_allowed(each.url)
            except InvalidInput:
                raise SourceNotAllowed from None

    async def _require_picture(self, each: NamedUrl) -> None:
        if each.is_picture and not self._own.owns(each.url):
            with _blaming(each):
                await self._probe.require_picture(each.url)

    def _placed(self, request: ForwardRequest, found: Sequence[NamedUrl]) -> Mapping[str, Any]:
        """Return the model's input with each address under its name, and those it came with so that they open."""
        placed: dict[str, list[str]] = {}
        for each in request.urls:
            if each.name in request.input:
                raise InvalidInput(f"The input has its own {each.name}.", field=each.field)
            placed.setdefault(each.name, []).append(self._own.openable(each.url, request.user))
        listed = {each.name for each in request.urls if each.is_listed}
        opened = {each.url: self._own.openable(each.url, request.user) for each in found}
        given: dict[str, Any] = swapped(request.input, opened)
        return given | {name: urls if name in listed or len(urls) > 1 else urls[0] for name, urls in placed.items()}


@contextmanager
def _blaming(each: NamedUrl) -> Iterator[None]:
    """Say of a refusal which address it is about; one that is not allowed is always refused in the same words."""
    try:
        yield
    except AppError as refusal:
        refusal.field = each.field
        if not isinstance(refusal, SourceNotAllowed):
            refusal.detail = f"{each.field}: {refusal.detail}"
        raise
