"""The domain's values as documents.  The image document is the same everywhere."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImagePosition, ImageStatus
from app.domain.instants import rfc3339
from app.domain.metrics import Exposition
from app.domain.retention import Policy
from app.services.generation import GenerationView
from app.services.health import Health
from app.services.importing import Imported, PassedThrough
from app.services.usage import UsageReport
from app.web.keys import OPTIONS
from app.web.paging import image_cursor
from app.web.serving.headers import PROTECTION, Cache, cache_control

_DAY = timedelta(days=1)
_UNKNOWN = (
    *("id", "status", "content_type", "width", "height", "size_bytes", "sha256", "thumbhash"),
    *("created_at", "hosted_at", "expires_at"),
)


def answer(document: Mapping[str, Any], *, status: int = 200, location: str | None = None) -> web.Response:
    """Return *document* as JSON that nobody keeps."""
    headers = dict(PROTECTION) | {"Cache-Control": cache_control(Cache.PRIVATE)}
    if location is not None:
        headers["Location"] = location
    return web.Response(
        status=status, headers=headers, content_type="application/json", body=json.dumps(document).encode()
    )


def base_url(request: web.Request) -> str:
    """Return what our URLs begin with: as configured, or else as this client has reached us."""
    return request.app[OPTIONS].base_url or str(request.url.origin())


def image_url(request: web.Request, user: UserId, image: ImageId, extension: str) -> str:
    """Return the stable URL; it never changes once it was given."""
    return f"{base_url(request)}/v1/images/hosted/{user}/{image}.{extension}"


def image_document(request: web.Request, image: Image) -> dict[str, Any]:
    facts, digest, origin = image.facts, image.digest, image.origin
    document = {
        "id": str(image.id),
        "user_id": str(image.user),
        "url": _url(request, image),
        "status": image.status.value,
        "source": image.source.value,
        "content_type": facts.content_type if facts else None,
        "width": facts.width if facts else None,
        "height": facts.height if facts else None,
        "size_bytes": digest.size if digest else None,
        "sha256": digest.sha256 if digest else None,
        "thumbhash": facts.thumbhash if facts else None,
        "created_at": rfc3339(image.created_at),
        "hosted_at": _time(image.hosted_at),
        "expires_at": _time(_expiry(image, request.app[OPTIONS].policy)),
        "provider": origin.provider,
        "prediction_id": origin.job_id,
        "replicate_url": origin.source_url,
        "metadata": image.metadata,
    }
    if image.reason is not None:
        document["reason"] = image.reason
    return document


def passed_through(user: UserId, url: str, *, provider: str | None, job_id: str | None) -> dict[str, Any]:
    """Return the document of an image that is not hosted: the provider's URL, and nothing we could know."""
    nothing: dict[str, Any] = dict.fromkeys(_UNKNOWN)
    known: dict[str, Any] = {
        "user_id": str(user),
        "url": url,
        "source": "generated",
        "provider": provider,
        "prediction_id": job_id,
        "replicate_url": url,
        "metadata": {},
    }
    return nothing | known


def generation_document(request: web.Request, view: GenerationView) -> dict[str, Any]:
    """Return the state of a generation with all its images."""
    generation = view.generation
    images = _images(request, view)
    return {
        "generation_id": str(generation.id),
        "user_id": str(generation.user),
        "status": generation.status.value,
        "url": images[0]["url"] if images else None,
        "images": images,
        "provider": generation.provider,
        "model": generation.model,
        "version": generation.version,
        "prediction_id": generation.job_id,
        "error": generation.error,
        "error_code": generation.error_code,
        "created_at": rfc3339(generation.created_at),
        "completed_at": _time(generation.completed_at),
        "metadata": generation.metadata,
    }


def generated(request: web.Request, view: GenerationView) -> web.Response:
    """Return the answer to generate: the first image and all of them, or a promise and where to ask."""
    if view.has_outputs:
        images = _images(request, view)
        more = {"generation_id": str(view.generation.id), "images": images}
        return answer(images[0] | more)
    location = f"/v1/generations/{view.generation.id}"
    return answer(generation_document(request, view), status=202, location=location)


def forwarded(request: web.Request, view: GenerationView) -> web.Response:
    """Return the state of what was forwarded: 200 once it has ended, else 202 and where to ask."""
    location = f"/api/generate/{view.generation.id}"
    status = 200 if view.generation.status.is_terminal else 202
    return answer(generation_document(request, view), status=status, location=location)


def imported(request: web.Request, outcome: Imported | PassedThrough) -> web.Response:
    """Return the answer to import: 201 stored, 202 capturing, 200 hosted before (or not hosted at all)."""
    if isinstance(outcome, PassedThrough):
        wanted = outcome.wanted
        return answer(passed_through(wanted.user, wanted.url, provider=wanted.provider, job_id=wanted.job_id))
    document = image_document(request, outcome.image)
    if outcome.image.status is ImageStatus.CAPTURING:
        return answer(document, status=202, location=document["url"])
    return answer(document, status=201 if outcome.is_new else 200, location=document["url"])


def uploaded(request: web.Request, image: Image) -> web.Response:
    """Return the answer to an upload."""
    facts, digest = image.facts, image.digest
    url = image_url(request, image.user, image.id, image.url_extension)
    document = {
        "id": str(image.id),
        "url": url,
        "width": facts.width if facts else None,
        "height": facts.height if facts else None,
        "size": digest.size if digest else None,
        "mime": facts.content_type if facts else None,
    }
    return answer(document, status=201, location=url)


def signed_link(request: web.Request, image: Image, expires: datetime, signature: str) -> dict[str, Any]:
    url = image_url(request, image.user, image.id, image.url_extension)
    return {
        "url": f"{url}?expires={int(expires.timestamp())}&signature={signature}",
        "expires_at": rfc3339(expires),
    }


def token_document(user: UserId, token: str, expires: datetime) -> dict[str, Any]:
    return {"token": token, "user_id": str(user), "expires_at": rfc3339(expires)}


def nothing() -> web.Response:
    """Return a 204."""
    return web.Response(status=204, headers=dict(PROTECTION) | {"Cache-Control": cache_control(Cache.PRIVATE)})


def health(found: Health) -> web.Response:
    """Return 200 when all is well, else 503 with what is not."""
    checks = {name: found.problems.get(name, "ok") for name in ("volume", "database")} | found.problems
    document = {
        "status": "not_ready" if found.problems else "ready",
        "checks": checks,
        "free_bytes": found.free,
        "captures_open": found.captures,
    }
    return answer(document, status=503 if found.problems else 200)


def exposition(found: Exposition) -> web.Response:
    headers = dict(PROTECTION) | {"Cache-Control": cache_control(Cache.PRIVATE), "Content-Type": found.content_type}
    return web.Response(headers=headers, body=found.body)


def page_document(
    request: web.Request, images: list[Image], following: ImagePosition | None, *, name: str = "images"
) -> dict[str, Any]:
    return {
        name: [image_document(request, image) for image in images],
        "next_cursor": image_cursor(following) if following else None,
    }


def usage_document(user: UserId, report: UsageReport) -> dict[str, Any]:
    policy = report.policy
    return {
        "user_id": str(user),
        "images": report.usage.images,
        "bytes": report.usage.size,
        "capturing": report.usage.capturing,
        "limits": {
            "images": policy.per_user_limit,
            "max_age_days": policy.max_age / _DAY if policy.max_age else None,
            "min_age_hours": policy.min_age.total_seconds() / 3600,
        },
        "next": [
            {"id": str(going.id), "reason": going.reason.value, "at": _time(going.at)} for going in report.upcoming
        ],
    }


def _url(request: web.Request, image: Image) -> str:
    if image.is_private:
        return f"{base_url(request)}{request.app[OPTIONS].chat.serve_path}/{image.id}"
    return image_url(request, image.user, image.id, image.url_extension)


def _images(request: web.Request, view: GenerationView) -> list[dict[str, Any]]:
    generation = view.generation
    if view.outputs:
        return [
            passed_through(generation.user, url, provider=generation.provider, job_id=generation.job_id)
            for url in view.outputs
        ]
    return [image_document(request, image) for image in view.images]


def _expiry(image: Image, policy: Policy) -> datetime | None:
    """Return when its age will have *image* removed, if nothing else does before."""
    age = policy.max_age_of(image.source)
    if image.hosted_at is None or age is None:
        return None
    return image.hosted_at + max(age, policy.min_age)


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
