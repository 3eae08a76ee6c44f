"""`/openapi.json`, made from the route table, the handlers' docstrings and the models of their bodies."""

import re
from collections.abc import Mapping, Sequence
from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from app import __version__
from app.web import auth, examples
from app.web.auth import Route
from app.web.bodies import (
    ForwardBody,
    GenerateBody,
    ImportBody,
    SignedUrlBody,
    TemporaryBody,
    TemporaryIdsBody,
    TokenBody,
)
from app.web.documents import SCHEMAS
from app.web.errors import Handler
from app.web.handlers import (
    assets,
    forwarding,
    generations,
    images,
    operations,
    pages,
    pictures,
    temporary,
    users,
    webhooks,
)

_BODIES: Mapping[Handler, type[BaseModel]] = {
    generations.create: GenerateBody,
    forwarding.create: ForwardBody,
    images.import_: ImportBody,
    images.sign: SignedUrlBody,
    temporary.create: TemporaryBody,
    temporary.delete_many: TemporaryIdsBody,
    users.token: TokenBody,
}
_ANSWERS: Mapping[Handler, Mapping[int, str | None]] = {
    generations.create: {200: "GeneratedImage", 202: "Generation"},
    generations.show: {200: "Generation"},
    generations.cancel: {200: "Generation"},
    forwarding.create: {200: "Generation", 202: "Generation"},
    forwarding.show: {200: "Generation"},
    images.import_: {200: "Image", 201: "Image", 202: "Image"},
    images.info: {200: "Image"},
    images.delete: {204: None},
    images.options: {204: None},
    images.sign: {200: "SignedUrl"},
    users.images: {200: "ImagePage"},
    users.usage: {200: "Usage"},
    users.erase: {204: None},
    users.token: {201: "Token"},
    assets.upload: {201: "Upload"},
    assets.latest: {200: "AssetPage"},
    temporary.create: {201: "TemporaryImage"},
    pictures.options: {204: None},
    pictures.delete: {204: None},
    pictures.delete_private: {204: None},
    temporary.delete_many: {204: None},
    operations.live: {200: "Status"},
    operations.ready: {200: "Health", 503: "Health"},
    operations.metrics: {200: None},
    operations.capabilities: {200: "Capabilities"},
    operations.openapi: {200: "OpenApi"},
    webhooks.replicate: {200: "Status"},
    webhooks.fal: {200: "Status"},
}
_MEDIA: Mapping[Handler, str] = {
    users.archive: "application/zip",
    pages.docs: "text/html",
    pages.dashboard: "text/html",
    pages.chat: "text/html",
    pages.asset: "*/*",
}
_SECURITY: Mapping[auth.Guard, list[dict[str, list[str]]]] = {
    auth.anyone: [],
    auth.provider: [{"webhookSignature": []}],
    auth.user: [{"bearer": ["user"]}],
    auth.service: [{"bearer": ["service"]}],
    auth.link: [{}, {"signedLink": []}, {"bearer": ["user"]}],
    auth.picture: [{}, {"bearer": ["user"]}],
    auth.monitor: [{}, {"metricsToken": []}],
}
_EXTENSION = r"(\.([Pp][Nn][Gg]|[Jj][Pp][Ee]?[Gg]|[Ww][Ee][Bb][Pp]|[Gg][Ii][Ff]|[Aa][Vv][Ii][Ff]))?"
_PARAMETERS: Mapping[str, str] = {
    "user": r"^[A-Za-z0-9_@+=~-][A-Za-z0-9_.@+=~-]{0,127}$",
    "image": rf"^[A-Za-z0-9_-]{{1,128}}{_EXTENSION}$",
    "generation": r"^gen_[0-9a-hjkmnp-tv-z]{26}$",
    "file": r"^[a-z]+\.[a-z]+$",
    "id": rf"^[A-Za-z0-9_-]{{1,128}}{_EXTENSION}$",
}
_PAGE: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("cursor", {"type": "string"}),
    ("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
)
_RENDERING: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("w", {"type": "integer", "minimum": 1, "description": "A narrower copy: one of the variant_widths."}),
    ("download", {"type": "string", "enum": ["1"], "description": "Have a browser save the image, not show it."}),
)
_OWNER = ("user_id", {"type": "string", "description": "The owner; may be left out with a user's token."})
_CALLBACK = (
    ("generation", {"type": "string"}),
    ("user_id", {"type": "string"}),
    ("signature", {"type": "string"}),
)
_QUERIES: Mapping[Handler, Sequence[tuple[str, Mapping[str, Any]]]] = {
    users.images: _PAGE,
    assets.latest: (
        *_PAGE,
        ("source", {"type": "string", "description": "One or several of generated, imported, uploaded, chat."}),
        ("since", {"type": "string", "format": "date-time"}),
        _OWNER,
    ),
    assets.upload: (_OWNER,),
    pictures.show: _RENDERING,
    pictures.show_private: _RENDERING,
    images.show: (
        *_RENDERING,
        ("expires", {"type": "string"}),
        ("signature", {"type": "string"}),
    ),
    webhooks.replicate: _CALLBACK,
    webhooks.fal: _CALLBACK,
}
_PICTURES = frozenset({images.show, pictures.show, pictures.show_private})
_REFUSALS: Mapping[str, str] = {
    "401": "Links are signed here, and this one is not, or no longer.",
    "404": "There is no such image, or it was rejected or lost.",
    "410": "The image was deleted.",
    "412": "A precondition does not hold.",
    "416": "No part that was asked for is there.",
    "422": "The image is not rendered so: an unknown format or width, or too large for it.",
    "503": "Still being captured, too busy, or the store does not answer: try again.",
}
_IDEMPOTENT = frozenset({generations.create, forwarding.create, images.import_, assets.upload, temporary.create})
_PICTURE = {"type": "string", "format": "binary"}
_UPLOAD: Mapping[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"file": _PICTURE, "user_id": {"type": "string"}},
            "required": ["file"],
        },
        "example": examples.FORM,
    },
    "image/*": {"schema": _PICTURE, "example": examples.FORM["file"]},
}


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of *routes*."""
    paths: dict[str, dict[str, Any]] = {}
    for row in routes:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
        if row.handler in _PICTURES:
            paths[row.path]["head"] = _head(_operation(row))
    bodies: dict[str, Any] = {}
    for model in _BODIES.values():
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        bodies |= schema.pop("$defs", {}) | {model.__name__: schema}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": __version__,
            "description": "Keeps AI-generated images after their provider deletes them.",
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
        "security": _SECURITY[row.open_to],
        "parameters": _parameters(row),
        "responses": _responses(row.handler),
    }
    if model := _BODIES.get(row.handler):
        media = {"schema": _ref(model.__name__), "example": examples.BODIES.get(model, {})}
        operation["requestBody"] = {"required": True, "content": {"application/json": media}}
    if row.handler is assets.upload:
        operation["requestBody"] = {"required": True, "content": _UPLOAD}
    return operation


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
            "schema": {"type": "string", "pattern": _PARAMETERS[name]},
            "example": examples.PATHS[name],
        }
        for name in re.findall(r"{(\w+)}", row.path)
    ]
    found += [{"name": name, "in": "query", "schema": schema} for name, schema in _QUERIES.get(row.handler, ())]
    if row.handler in _IDEMPOTENT:
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
    if handler in _PICTURES:
        picture = {"image/*": {"schema": _PICTURE}}
        parts = picture | {"multipart/byteranges": {"schema": _PICTURE}}
        found |= {
            "200": {"description": "The image, byte for byte.", "content": picture},
            "206": {"description": "The parts that were asked for.", "content": parts},
            "304": {"description": "The copy at hand is the image."},
        }
    if handler is images.show:
        found["307"] = {"description": "Still being captured: where its source is."}
        found |= {status: found["default"] | {"description": why} for status, why in _REFUSALS.items()}
    if media := _MEDIA.get(handler):
        found["200"] = {"description": "Done.", "content": {media: {"schema": {"type": "string", "format": "binary"}}}}
    for status, schema in _ANSWERS.get(handler, {}).items():
        content = {"content": {"application/json": {"schema": _ref(schema)}}} if schema else {}
        found[str(status)] = {"description": "Done." if status != 202 else "Still under way."} | content  # noqa: PLR2004
    return found


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
