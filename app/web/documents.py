"""The schemas of what we answer, for `/openapi.json`."""

from collections.abc import Mapping
from typing import Any


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": dict(required) | dict(optional or {}), "required": list(required)}


def _or_null(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": [kind, "null"], **more}


_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_TIME = {"type": "string", "format": "date-time"}
_TIME_OR_NULL = _or_null("string", format="date-time")
_IMAGE = {
    "id": _or_null("string"),
    "user_id": _TEXT,
    "url": {"type": "string", "format": "uri"},
    "status": {"enum": ["capturing", "stored", "rejected", "lost", "deleted", None]},
    "source": {"enum": ["generated", "imported", "uploaded", "chat"]},
    "content_type": _or_null("string"),
    "width": _or_null("integer"),
    "height": _or_null("integer"),
    "size_bytes": _or_null("integer"),
    "sha256": _or_null("string", pattern="^[0-9a-f]{64}$"),
    "thumbhash": _or_null("string"),
    "created_at": _TIME_OR_NULL,
    "hosted_at": _TIME_OR_NULL,
    "expires_at": _TIME_OR_NULL,
    "provider": _or_null("string"),
    "prediction_id": _or_null("string"),
    "replicate_url": _or_null("string"),
    "metadata": {"type": "object"},
}
_IMAGES = {"type": "array", "items": {"$ref": "#/components/schemas/Image"}}

SCHEMAS: Mapping[str, Any] = {
    "Image": _object(_IMAGE, {"reason": _TEXT}),
    "GeneratedImage": _object(_IMAGE | {"generation_id": _TEXT, "images": _IMAGES}, {"reason": _TEXT}),
    "ImagePage": _object({"images": _IMAGES, "next_cursor": _or_null("string")}),
    "Generation": _object(
        {
            "generation_id": _TEXT,
            "user_id": _TEXT,
            "status": {"enum": ["starting", "processing", "succeeded", "failed", "canceled", "aborted"]},
            "url": _or_null("string", format="uri"),
            "images": _IMAGES,
            "provider": _TEXT,
            "model": _or_null("string"),
            "version": _or_null("string"),
            "prediction_id": _or_null("string"),
            "error": _or_null("string"),
            "error_code": _or_null("string"),
            "created_at": _TIME,
            "completed_at": _TIME_OR_NULL,
            "metadata": {"type": "object"},
        }
    ),
    "SignedUrl": _object({"url": {"type": "string", "format": "uri"}, "expires_at": _TIME}),
    "Upload": _object(
        {
            "id": _TEXT,
            "url": {"type": "string", "format": "uri"},
            "width": _COUNT,
            "height": _COUNT,
            "size": _COUNT,
            "mime": _TEXT,
        }
    ),
    "AssetPage": _object({"assets": _IMAGES, "next_cursor": _or_null("string")}),
    "TemporaryImage": _object({"url": {"type": "string", "format": "uri"}, "id": {"type": "string", "format": "uuid"}}),
    "Token": _object({"token": _TEXT, "user_id": _TEXT, "expires_at": _TIME}),
    "Usage": _object(
        {
            "user_id": _TEXT,
            "images": _COUNT,
            "bytes": _COUNT,
            "capturing": _COUNT,
            "limits": {"type": "object"},
            "next": {
                "type": "array",
                "items": _object({"id": _TEXT, "reason": _TEXT, "at": _TIME_OR_NULL}),
            },
        }
    ),
    "Status": _object({"status": _TEXT}),
    "Health": _object(
        {
            "status": {"enum": ["ready", "not_ready"]},
            "checks": {"type": "object"},
            "free_bytes": _or_null("integer"),
            "captures_open": _or_null("integer"),
        }
    ),
    "Capabilities": {"type": "object"},
    "OpenApi": {"type": "object"},
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "code": _TEXT,
            "retryable": {"type": "boolean"},
        },
        {"field": _TEXT},
    ),
}
