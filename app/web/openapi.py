"""`/openapi.json`, made from the route table, the handlers' docstrings and the models of their bodies."""

import re
from collections.abc import Sequence
from inspect import getdoc
from typing import Any

from app import __version__
from app.web import examples
from app.web.auth import Route
from app.web.described import (
    ANSWERS,
    BODIES,
    FORMS,
    IDEMPOTENT,
    MEDIA,
    PARAMETERS,
    PICTURE,
    PICTURES,
    QUERIES,
    REFUSALS,
    SECURITY,
    STREAM,
)
from app.web.documents import SCHEMAS
from app.web.errors import Handler
from app.web.handlers import chat, images
from app.web.sse import CONTENT_TYPE


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of *routes*."""
    paths: dict[str, dict[str, Any]] = {}
    for row in routes:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
        if row.handler in PICTURES:
            paths[row.path]["head"] = _head(_operation(row))
    bodies: dict[str, Any] = {}
    for model in BODIES.values():
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        bodies |= schema.pop("$defs", {}) | {model.__name__: schema}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": __version__,
            "description": "Keeps AI-generated images after their provider deletes them. Pages on other origins may "
            "read images (CORS), and nothing else: apps ask, or a page's own backend.",
        },
        "paths": paths,
        "components": {"schemas": bodies | dict(SCHEMAS), "securitySchemes": _SECURITY_SCHEMES},
    }


_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A service key or a user's token."},
    "metricsToken": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN, where it is set."},
    "signedLink": {"type": "apiKey", "in": "query", "name": "signature"},
    "webhookSignature": {"type": "apiKey", "in": "header", "name": "webhook-signature"},
}


def _operation(row: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{row.handler.__module__.rpartition('.')[2]}.{row.handler.__name__.strip('_')}.{row.method}",
        "summary": (getdoc(row.handler) or "").partition("\n")[0],
        "description": (getdoc(row.open_to) or "").partition("\n")[0],
        "tags": [row.handler.__module__.rpartition(".")[2]],
        "security": SECURITY[row.open_to],
        "parameters": _parameters(row),
        "responses": _responses(row.handler),
    }
    if content := _content(row.handler):
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _content(handler: Handler) -> dict[str, Any]:
    model, forms = BODIES.get(handler), dict(FORMS.get(handler, {}))
    if model is None:
        return forms
    return {"application/json": {"schema": _ref(model.__name__), "example": examples.BODIES.get(model, {})}} | forms


def _head(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the same for HEAD, whose answers have no body; what a refusal means stays told."""
    answers = {
        status: {name: told for name, told in answer.items() if name != "content" or status == "default"}
        for status, answer in operation["responses"].items()
    }
    return operation | {"operationId": operation["operationId"].removesuffix("GET") + "HEAD", "responses": answers}


def _parameters(row: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": PARAMETERS[name]},
            "example": examples.PATHS[name],
        }
        for name in re.findall(r"{(\w+)}", row.path)
    ]
    found += [{"name": name, "in": "query", "schema": schema} for name, schema in QUERIES.get(row.handler, ())]
    if row.handler in IDEMPOTENT:
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": schema})
    return found


def _responses(handler: Handler) -> dict[str, Any]:
    found: dict[str, Any] = {
        "default": {
            "description": "A refusal.",
            "content": {"application/problem+json": {"schema": _ref("Problem")}},
        }
    }
    if handler in PICTURES:
        picture = {"image/*": {"schema": PICTURE}}
        parts = picture | {"multipart/byteranges": {"schema": PICTURE}}
        found |= {
            "200": {"description": "The image, byte for byte.", "content": picture},
            "206": {"description": "The parts that were asked for.", "content": parts},
            "304": {"description": "The copy at hand is the image."},
        }
    if handler is images.show:
        found["307"] = {"description": "Still being captured: where its source is."}
        found |= {status: found["default"] | {"description": why} for status, why in REFUSALS.items()}
    if handler is chat.say:
        found["200"] = {"description": "The answer, event by event.", "content": {CONTENT_TYPE: STREAM}}
    if media := MEDIA.get(handler):
        found["200"] = {"description": "Done.", "content": {media: {"schema": {"type": "string", "format": "binary"}}}}
    for status, schema in ANSWERS.get(handler, {}).items():
        content = {"content": {"application/json": {"schema": _ref(schema)}}} if schema else {}
        found[str(status)] = {"description": "Done." if status != 202 else "Still under way."} | content  # noqa: PLR2004
    return found


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
