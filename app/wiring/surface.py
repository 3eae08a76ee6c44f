"""What the web sees of the services and of the settings."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from itertools import count

from app import __version__
from app.domain.images import CONTENT_TYPES
from app.domain.variants import TARGETS, Outcome
from app.services.access import AccessService
from app.services.chat_images import ChatImages
from app.web.auth import READS
from app.web.hot.bodies import Bodies
from app.web.hot.books import Books
from app.web.hot.heads import HeadReader
from app.web.hot.images import HotImages
from app.web.hot.lane import Lane
from app.web.keys import ChatOptions, Services, WebOptions
from app.web.routes import HOSTED
from app.wiring.graph import Graph


def services(graph: Graph) -> Services:
    settings = graph.settings
    return Services(
        access=AccessService(api_keys=settings.api_keys, tokens=graph.tokens),
        adoptions=graph.adoptions,
        chat=graph.chat,
        chat_images=ChatImages(hosting=graph.hosting, conversations=graph.adapters.conversations),
        erasing=graph.erasing,
        forwarding=graph.forwarding,
        generations=graph.generations,
        health=graph.health,
        hosting=graph.hosting,
        imports=graph.imports,
        limiter=graph.limiter,
        links=graph.links,
        metrics=graph.metrics,
        sessions=graph.sessions,
        temporary=graph.temporary,
        tokens=graph.tokens,
        uploads=graph.uploads,
        usage=graph.usage,
        webhooks=graph.webhooks,
    )


def options(graph: Graph) -> WebOptions:
    settings = graph.settings
    return WebOptions(
        base_url=settings.public_base_url,
        is_hosting=settings.image_hosting_enabled,
        is_signed=settings.image_access == "signed",
        edge_max_age=settings.image_edge_max_age,
        max_body=settings.request_max_bytes,
        body_seconds=settings.request_body_timeout.total_seconds(),
        stall_seconds=settings.response_stall.total_seconds(),
        max_metadata=settings.metadata_max_bytes,
        max_upload=settings.asset_max_bytes,
        upload_min_rate=settings.upload_min_rate,
        client_address_header=settings.client_address_header,
        metrics_token=settings.metrics_token,
        policy=graph.policy,
        variant_widths=settings.image_variant_widths,
        chat=ChatOptions(
            max_message=settings.chat_message_max_chars,
            max_pictures=settings.chat_max_images,
            max_picture=settings.image_max_size,
            ping_seconds=settings.chat_ping.total_seconds(),
            serve_path=settings.image_serve_endpoint,
        ),
        capabilities=_capabilities(graph),
        clock=graph.world.clock,
    )


def lane(graph: Graph) -> Lane | None:
    """Return the fast lane, or None where every read is judged anew."""
    settings, world = graph.settings, graph.world
    if settings.image_access == "signed":
        return None
    return Lane(
        images=HotImages(monotonic=world.monotonic),
        bodies=Bodies(budget=settings.image_cache),
        reader=HeadReader(address_header=settings.client_address_header),
        clock=world.clock,
        books=Books(
            admit=partial(graph.limiter.admits, READS),
            note=graph.access_times.note,
            vary=partial(graph.metrics.variant_served, Outcome.KEPT),
            counter=lambda method, status: graph.metrics.request_counter(method=method, route=HOSTED, status=status),
        ),
        new_id=_ids(world.entropy(16)),
        is_https=(settings.public_base_url or "").startswith("https://"),
    )


def _ids(key: bytes) -> Callable[[], str]:
    """Return a maker of ids of which no number of them tells a client how many others have had since."""
    return partial(next, (name for number in count() for name in _four(b"%d" % number, key)))


def _four(number: bytes, key: bytes) -> tuple[str, str, str, str]:
    # Making a hash costs the same whatever its length.
    text = blake2b(number, key=key, digest_size=64).hexdigest()
    return text[:32], text[32:64], text[64:96], text[96:]


def _capabilities(graph: Graph) -> dict[str, object]:
    settings, policy = graph.settings, graph.policy
    return {
        "version": __version__,
        "hosting": settings.image_hosting_enabled,
        "access": settings.image_access,
        "formats": sorted(set(CONTENT_TYPES.values())),
        "upload_formats": graph.adapters.inspector.cleaned_types,
        "providers": ["replicate", "fal"],
        "chat": {
            "model": settings.ollama_model,
            "pictures": graph.chat_pictures.is_enabled,
            "picture_types": list(settings.image_allowed_types),
        },
        "variant_widths": list(settings.image_variant_widths),
        "variant_formats": list(TARGETS.values()),
        "limits": {
            "source_bytes": settings.source_max_bytes,
            "request_bytes": settings.request_max_bytes,
            "metadata_bytes": settings.metadata_max_bytes,
            "asset_bytes": settings.asset_max_bytes,
            "temporary_bytes": settings.temporary_max,
            "chat_message_characters": settings.chat_message_max_chars,
            "chat_answer_characters": settings.chat_answer_max_chars,
            "chat_pictures": settings.chat_max_images,
            "chat_picture_bytes": settings.image_max_size,
            "pixels": settings.image_max_pixels,
            "frames": settings.image_max_frames,
            "page": 200,
            "wait_seconds": 60,
        },
        "retention": {
            "max_age_days": policy.max_age / timedelta(days=1) if policy.max_age else None,
            "chat_max_age_days": settings.image_retention / timedelta(days=1) if settings.image_retention else None,
            "min_age_hours": policy.min_age / timedelta(hours=1),
            "images_per_user": policy.per_user_limit,
        },
    }
