"""What is allowed, but seldom meant.  Each line names the setting and what to do."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from app.config import texts
from app.config.fields import Fields

_SHORT = 16


def advice(settings: Fields, variables: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each doubt; *variables* also say what the platform is."""
    if settings.allow_private_sources:
        yield "ALLOW_PRIVATE_SOURCES is on: anyone who may import can reach this machine and its network."
    for name, keys in (("API_KEYS", settings.api_keys), ("SIGNING_KEYS", settings.signing_keys)):
        if any(len(key) < _SHORT for key in keys):
            yield f"{name} has a key of fewer than {_SHORT} characters: it can be guessed."
    yield from _advice_on_providers(settings)
    if "RAILWAY_ENVIRONMENT_NAME" in variables:
        yield from _advice_on_railway(settings, variables)


def _advice_on_providers(settings: Fields) -> Iterator[str]:
    for name, secret, url in (
        ("REPLICATE_BASE_URL", "token", settings.replicate_base_url),
        ("FAL_QUEUE_URL", "key", settings.fal_queue_url),
        ("FAL_REST_URL", "key", settings.fal_rest_url),
        ("OLLAMA_HOST", "key", settings.ollama_host if settings.ollama_api_key else ""),
    ):
        base = urlsplit(url)
        if base.scheme == "http" and not texts.is_loopback(base.hostname or ""):
            yield f"{name} is plain http: the {secret} can be read on the way."
    if settings.fal_use_upload and settings.fal_key is None:
        yield "FAL_USE_UPLOAD is on, but there is no FAL_KEY: nothing runs on fal."


def _advice_on_railway(settings: Fields, variables: Mapping[str, str]) -> Iterator[str]:
    volume = variables.get("RAILWAY_VOLUME_MOUNT_PATH", "")
    if "RAILWAY_VOLUME_NAME" not in variables:
        yield "There is no volume: every deploy loses every image. Attach one, mounted at /data."
    elif not settings.image_storage_path.is_relative_to(Path(volume)):
        yield "IMAGE_STORAGE_PATH is not on the volume: every deploy loses every image."
    if not settings.client_address_header:
        yield "CLIENT_ADDRESS_HEADER is unset: all clients share the limits of Railway's edge. Set X-Real-IP."
