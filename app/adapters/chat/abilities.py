"""What a model can do, from what `/api/show` tells of it."""

from typing import Any

from app.domain.chat_models import Abilities

_EYES = ("clip", "mllama")
"""Architectures of what sees, from before servers told what their models can do."""


def abilities_in(shown: dict[str, Any]) -> Abilities:
    """Return what a model can do.

    `capabilities` decides where the server tells them, as all do since 0.6.4.  An older one shows how a model is made:
    with a projector (LLaVA: `projector_info`), with layers that see (Gemma 3: `gemma3.vision.block_count` in
    `model_info`), or as one of the families of `clip` and `mllama`.
    """
    capabilities = shown.get("capabilities")
    if isinstance(capabilities, list):
        return Abilities(sees="vision" in capabilities)
    return Abilities(sees=bool(shown.get("projector_info")) or _has_layers(shown) or _is_of_a_family(shown))


def _has_layers(shown: dict[str, Any]) -> bool:
    info = shown.get("model_info")
    names = info if isinstance(info, dict) else {}
    return any(".vision." in name or name.partition(".")[0] in _EYES for name in names)


def _is_of_a_family(shown: dict[str, Any]) -> bool:
    details = shown.get("details")
    families = details.get("families") if isinstance(details, dict) else None
    return isinstance(families, list) and any(eyes in families for eyes in _EYES)
