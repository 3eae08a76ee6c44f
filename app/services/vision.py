"""Which model answers, given whether there is something to look at."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.answers import Warned
from app.domain.chat_models import Abilities, ChatModels
from app.domain.errors import AppError, ProviderNotConfigured, VisionUnsupported
from app.domain.ports import Monotonic

log = logging.getLogger(__name__)

_KNOWN_SECONDS = 60.0
_MOST_KNOWN = 128
"""A model goes by several names, and strangers choose which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionTerms:
    """*default* answers who names no model, *fallback* in place of a model that cannot see.

    Without *is_detecting* nobody is asked: every model is taken to see.
    """

    default: str | None
    fallback: str | None
    is_detecting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who answers, whether it sees, and what whoever asked is told of it."""

    model: str
    sees: bool
    warnings: Sequence[Warned] = ()


class Vision:
    """Remembers for a minute what a model can do; that one is not there is asked anew each time."""

    def __init__(self, *, models: ChatModels, terms: VisionTerms, monotonic: Monotonic) -> None:
        self._models = models
        self._terms = terms
        self._monotonic = monotonic
        self._known: dict[str, tuple[Abilities, float]] = {}

    async def choose(
        self, asked: str | None, *, has_pictures: bool, has_text: bool, has_earlier: bool = False
    ) -> Choice:
        """Return who answers a question to *asked* (None: to whoever answers by default).

        With *has_earlier* there are pictures in what went before, which a question may be about as well.
        Raise `ProviderNotConfigured` when there is no such default, `ModelNotFound`, `ModelUnavailable`, or
        `VisionUnsupported` for pictures alone that nobody can see.
        """
        model = asked or self._terms.default
        if model is None:
            raise ProviderNotConfigured("No model is named: name one, or set OLLAMA_MODEL.", field="model")
        sees = await self._sees(model)
        if sees or not (has_pictures or has_earlier):
            return Choice(model=model, sees=sees)
        fallback = await self._find_fallback(model)
        if fallback is not None:
            warning = Warned(code="vision_fallback", detail=f"{model} cannot see pictures: {fallback} answers.")
            return Choice(model=fallback, sees=True, warnings=[warning])
        if has_pictures and not has_text:
            raise VisionUnsupported(f"{model} cannot see pictures.", field="images")
        left_out = "it gets the text alone" if has_pictures else "earlier ones are not shown to it"
        warning = Warned(code=VisionUnsupported.code, detail=f"{model} cannot see pictures: {left_out}.")
        return Choice(model=model, sees=False, warnings=[warning])

    def forget(self, model: str) -> None:
        """Ask about *model* anew the next time."""
        self._known.pop(model, None)

    async def _find_fallback(self, model: str) -> str | None:
        fallback = self._terms.fallback
        if fallback is None or fallback == model:
            return None
        try:
            return fallback if await self._sees(fallback) else None
        except AppError as refusal:
            log.warning("the fallback for pictures cannot be asked", extra={"model": fallback, "error": refusal.code})
            return None

    async def _sees(self, model: str) -> bool:
        if not self._terms.is_detecting:
            return True
        now = self._monotonic()
        abilities, until = self._known.get(model, (None, now))
        if abilities is None or until <= now:
            abilities = await self._models.abilities(model)
            self._remember(model, abilities)
        return abilities.sees

    def _remember(self, model: str, abilities: Abilities) -> None:
        self._known.pop(model, None)
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[model] = abilities, self._monotonic() + _KNOWN_SECONDS
