"""`POST /api/generate`: pictures at addresses that may be handed on, and the model at fal that gets them."""

import asyncio
import re
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
from app.services.generation import GenerationService, GenerationView
from app.services.launching import GenerationRequest
from app.services.own_images import OwnImages

PROVIDER = "fal"
ONE, SEVERAL = "image_url", "image_urls"
"""What most models call their input pictures."""

_MOST_URLS = 32
_DEEPEST = 8
_NAMES_PICTURES = re.compile(r"(?i).*(image|mask)\w*_urls?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedUrl:
    """An address of a picture: where the request gives it, and which input of the model gets it."""

    field: str
    name: str
    url: str

    @property
    def is_listed(self) -> bool:
        return self.name.endswith("urls")


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
        # What a repeated request is about was looked at before, and may have gone since.
        if idempotency_key is None or await self._repetitions.find(request.user, idempotency_key) is None:
            await self._require_pictures([*request.urls, *_named_in(request.input, "input")])
        order = Order(model=request.model, version=None, input=self._placed(request))
        wanted = GenerationRequest(
            user=request.user, provider=PROVIDER, order=order, wait=request.wait, metadata=request.metadata
        )
        return await self._generations.generate(wanted, idempotency_key=idempotency_key)

    async def _require_pictures(self, urls: Sequence[NamedUrl]) -> None:
        """Judge all addresses before any is asked; of those that fail, the first is to blame."""
        if len(urls) > _MOST_URLS:
            raise InvalidInput(f"There are more than {_MOST_URLS} addresses of pictures.", field="input")
        for each in urls:
            self._require_allowed(each)
        found = await asyncio.gather(*map(self._require_picture, urls), return_exceptions=True)
        for failure in filter(None, found):
            raise failure

    def _require_allowed(self, each: NamedUrl) -> None:
        if not self._own.owns(each.url):
            with _blaming(each):
                self._probe.require_allowed(each.url)

    async def _require_picture(self, each: NamedUrl) -> None:
        if not self._own.owns(each.url):
            with _blaming(each):
                await self._probe.require_picture(each.url)

    def _placed(self, request: ForwardRequest) -> Mapping[str, Any]:
        """Return the model's input with each address under its name."""
        placed: dict[str, list[str]] = {}
        for each in request.urls:
            if each.name in request.input:
                raise InvalidInput(f"The input has its own {each.name}.", field=each.field)
            placed.setdefault(each.name, []).append(self._own.openable(each.url, request.user))
        listed = {each.name for each in request.urls if each.is_listed}
        return dict(request.input) | {
            name: urls if name in listed or len(urls) > 1 else urls[0] for name, urls in placed.items()
        }


def _named_in(value: object, place: str, name: str = "", depth: int = 0) -> Iterator[NamedUrl]:
    """Yield the addresses that an input itself gives for pictures."""
    if isinstance(value, str):
        if value[:4].lower() == "http" and _NAMES_PICTURES.fullmatch(name):
            yield NamedUrl(field=place, name=name, url=value)
    elif depth < _DEEPEST and isinstance(value, Mapping):
        for key, child in value.items():
            yield from _named_in(child, f"{place}.{key}", key, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        for number, child in enumerate(value):
            yield from _named_in(child, f"{place}.{number}", name, depth + 1)


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
