"""The providers, what belongs to each of them, and who runs the models that talk."""

from app.adapters.chat.ollama import OllamaModels
from app.adapters.providers.fal import FalProvider
from app.adapters.providers.fal_keys import FalKeys
from app.adapters.providers.fal_storage import FalStorage
from app.adapters.providers.replicate import ReplicateProvider
from app.config import Settings
from app.domain.ports import Clock


def replicate(settings: Settings, clock: Clock) -> ReplicateProvider:
    return ReplicateProvider(
        base_url=settings.replicate_base_url,
        token=settings.replicate_api_token,
        clock=clock,
        allow_http=settings.allow_private_sources,
    )


def fal(settings: Settings, clock: Clock) -> FalProvider:
    return FalProvider(
        queue_url=settings.fal_queue_url,
        key=settings.fal_key,
        clock=clock,
        lifetime=settings.fal_output_lifetime,
        allow_http=settings.allow_private_sources,
    )


def fal_keys(settings: Settings, clock: Clock) -> FalKeys:
    return FalKeys(url=settings.fal_jwks_url, clock=clock)


def fal_storage(settings: Settings, clock: Clock) -> FalStorage:
    return FalStorage(
        rest_url=settings.fal_rest_url,
        key=settings.fal_key,
        clock=clock,
        allow_http=settings.allow_private_sources,
    )


def ollama(settings: Settings) -> OllamaModels:
    return OllamaModels(
        base_url=settings.ollama_host,
        key=settings.ollama_api_key,
        load=settings.ollama_load,
        stall=settings.ollama_stall,
        answer=settings.ollama_answer,
    )
