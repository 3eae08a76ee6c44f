"""What handlers find on the application and on the request.  The bag of services stops here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from app.domain.access import Caller
from app.domain.metrics import Metrics
from app.domain.ports import Clock, RateLimiter
from app.domain.retention import Policy
from app.services.access import AccessService, Tokens
from app.services.adoption import AdoptionService
from app.services.chat import ChatService
from app.services.chat_images import ChatImages
from app.services.erasing import EraseService
from app.services.forwarding import ForwardingService
from app.services.generation import GenerationService
from app.services.health import HealthService
from app.services.hosting import HostingService
from app.services.importing import ImportService
from app.services.sessions import SessionService
from app.services.signing import LinkSigner
from app.services.temporary import TemporaryImages
from app.services.uploads import UploadService
from app.services.usage import UsageService
from app.services.webhooks import WebhookService
from app.web.hot.lane import Lane
from app.web.pages.files import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the handlers call."""

    access: AccessService
    adoptions: AdoptionService
    chat: ChatService
    chat_images: ChatImages
    erasing: EraseService
    forwarding: ForwardingService
    generations: GenerationService
    health: HealthService
    hosting: HostingService
    imports: ImportService
    limiter: RateLimiter
    links: LinkSigner
    metrics: Metrics
    sessions: SessionService
    temporary: TemporaryImages
    tokens: Tokens
    uploads: UploadService
    usage: UsageService
    webhooks: WebhookService


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """What a message may be, and where its pictures are served."""

    max_message: int
    """Characters."""
    max_pictures: int
    max_picture: int
    """Bytes of each."""
    ping_seconds: float
    serve_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """How the surface behaves; *base_url* is None where it follows from each request."""

    base_url: str | None
    is_hosting: bool
    is_signed: bool
    edge_max_age: timedelta
    max_body: int
    body_seconds: float
    stall_seconds: float
    max_metadata: int
    max_upload: int
    upload_min_rate: int
    client_address_header: str | None
    metrics_token: str | None = field(repr=False)
    policy: Policy
    variant_widths: tuple[int, ...]
    chat: ChatOptions
    capabilities: Mapping[str, Any]
    clock: Clock


SERVICES = web.AppKey("services", Services)
OPTIONS = web.AppKey("options", WebOptions)
DESCRIPTION = web.AppKey("openapi", dict[str, Any])
PAGES = web.AppKey("pages", Pages)
LANE = web.AppKey("lane", Lane)

CALLER = web.RequestKey("caller", Caller)
LINK_LEFT = web.RequestKey("link_left", timedelta)
"""How long the signed link still lives; absent when the request came by other means."""
