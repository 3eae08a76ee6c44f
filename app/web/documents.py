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
_SESSION = _object({"id": _TEXT, "title": _TEXT, "created_at": _TIME, "updated_at": _TIME, "messages": _COUNT})
_MESSAGE = _object(
    {
        "id": _TEXT,
        "number": {"type": "integer", "minimum": 1},
        "role": {"enum": ["user", "assistant"]},
        "content": _TEXT,
        "status": {"enum": ["streaming", "complete", "stopped", "failed"]},
        "has_images": {"type": "boolean"},
        "images": _IMAGES,
        "model": _or_null("string"),
        "error_code": _or_null("string"),
        "created_at": _TIME,
        "ended_at": _TIME_OR_NULL,
        "stream_id": _or_null("string"),
        "counters": {"type": "object"},
    }
)

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
    "Session": _SESSION,
    "SessionPage": _object({"sessions": {"type": "array", "items": _SESSION}, "next_cursor": _or_null("string")}),
    "MessagePage": _object({"messages": {"type": "array", "items": _MESSAGE}, "next_cursor": _or_null("string")}),
    "Answer": {
        "type": "string",
        "description": "Server-Sent Events: first start, then warning and token as they come, at last done or error. "
        "Each has an id (1, 2, 3 …) and one line of data, the JSON of AnswerStart and so on. "
        "Comments are signs of life while the model has nothing to say. Nothing resumes by Last-Event-ID: what was "
        "said is read at /api/sessions/{session}/messages. Who closes the connection, or their side of it, has left.",
    },
    "AnswerStart": _object(
        {"stream_id": _TEXT, "session_id": _TEXT, "message_id": _TEXT | {"description": "The answer's."}}
    ),
    "AnswerWarning": _object({"code": _TEXT, "detail": _TEXT}),
    "AnswerToken": _object({"content": _TEXT}),
    "AnswerDone": _object(
        {
            "content_length": _COUNT | {"description": "In Unicode code points."},
            "model": _TEXT,
            "done_reason": _or_null("string", description="Null where none was given, or an answer is told again."),
            "message_id": _TEXT,
        },
        {"total_duration": _COUNT, "prompt_eval_count": _COUNT, "eval_count": _COUNT},
    ),
    "AnswerError": _object({"code": _TEXT, "detail": _TEXT, "retryable": {"type": "boolean"}}),
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
