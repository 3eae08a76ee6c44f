"""What `/openapi.json` says of single handlers, guards and parameters, beside what they say of themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from app.web import auth, examples
from app.web.bodies import (
    ChatBody,
    ForwardBody,
    GenerateBody,
    ImportBody,
    SignedUrlBody,
    TemporaryBody,
    TemporaryIdsBody,
    TokenBody,
)
from app.web.errors import Handler
from app.web.handlers import (
    assets,
    chat,
    forwarding,
    generations,
    images,
    operations,
    pages,
    pictures,
    sessions,
    temporary,
    users,
    webhooks,
)
from app.web.paging import ORDERS

BODIES: Mapping[Handler, type[BaseModel]] = {
    generations.create: GenerateBody,
    forwarding.create: ForwardBody,
    images.import_: ImportBody,
    images.sign: SignedUrlBody,
    temporary.create: TemporaryBody,
    temporary.delete_many: TemporaryIdsBody,
    users.token: TokenBody,
    chat.say: ChatBody,
}
ANSWERS: Mapping[Handler, Mapping[int, str | None]] = {
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
    chat.stop: {204: None},
    sessions.latest: {200: "SessionPage"},
    sessions.show: {200: "Session"},
    sessions.messages: {200: "MessagePage"},
    sessions.delete: {204: None},
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
MEDIA: Mapping[Handler, str] = {
    users.archive: "application/zip",
    pages.docs: "text/html",
    pages.dashboard: "text/html",
    pages.chat: "text/html",
    pages.asset: "*/*",
}
SECURITY: Mapping[auth.Guard, list[dict[str, list[str]]]] = {
    auth.anyone: [],
    auth.provider: [{"webhookSignature": []}],
    auth.user: [{"bearer": ["user"]}],
    auth.service: [{"bearer": ["service"]}],
    auth.link: [{}, {"signedLink": []}, {"bearer": ["user"]}],
    auth.picture: [{}, {"bearer": ["user"]}],
    auth.monitor: [{}, {"metricsToken": []}],
}
_EXTENSION = r"(\.([Pp][Nn][Gg]|[Jj][Pp][Ee]?[Gg]|[Ww][Ee][Bb][Pp]|[Gg][Ii][Ff]|[Aa][Vv][Ii][Ff]))?"
PARAMETERS: Mapping[str, str] = {
    "user": r"^[A-Za-z0-9_@+=~-][A-Za-z0-9_.@+=~-]{0,127}$",
    "image": rf"^[A-Za-z0-9_-]{{1,128}}{_EXTENSION}$",
    "generation": r"^gen_[0-9a-hjkmnp-tv-z]{26}$",
    "session": r"^ses_[0-9a-hjkmnp-tv-z]{26}$",
    "stream": r"^str_[0-9a-hjkmnp-tv-z]{26}$",
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
QUERIES: Mapping[Handler, Sequence[tuple[str, Mapping[str, Any]]]] = {
    users.images: _PAGE,
    assets.latest: (
        *_PAGE,
        ("source", {"type": "string", "description": "One or several of generated, imported, uploaded, chat."}),
        ("since", {"type": "string", "format": "date-time"}),
        _OWNER,
    ),
    assets.upload: (_OWNER,),
    sessions.latest: (*_PAGE, _OWNER),
    sessions.messages: (*_PAGE, ("order", {"type": "string", "enum": [*ORDERS], "default": ORDERS[0]})),
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
PICTURES = frozenset({images.show, pictures.show, pictures.show_private})
REFUSALS: Mapping[str, str] = {
    "401": "Links are signed here, and this one is not, or no longer.",
    "404": "There is no such image, or it was rejected or lost.",
    "410": "The image was deleted.",
    "412": "A precondition does not hold.",
    "416": "No part that was asked for is there.",
    "422": "The image is not rendered so: an unknown format or width, or too large for it.",
    "503": "Still being captured, too busy, or the store does not answer: try again.",
}
IDEMPOTENT = frozenset(
    {generations.create, forwarding.create, images.import_, assets.upload, temporary.create, chat.say}
)
PICTURE = {"type": "string", "format": "binary"}
FORMS: Mapping[Handler, Mapping[str, Any]] = {
    assets.upload: {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": PICTURE, "user_id": {"type": "string"}},
                "required": ["file"],
            },
            "example": examples.FORM,
        },
        "image/*": {"schema": PICTURE, "example": examples.FORM["file"]},
    },
    chat.say: {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "model": {"type": "string"},
                    "session_id": {"type": "string"},
                    "user_id": {"type": "string"},
                    "images": {
                        "type": "array",
                        "items": PICTURE,
                        "description": "Files, each a part of its own; or texts as in JSON. Also as images[] or image.",
                    },
                },
            },
            "example": examples.CHAT_FORM,
        },
    },
}
"""Bodies that are no JSON."""

STREAM = {
    "schema": {"$ref": "#/components/schemas/Answer"},
    "example": examples.ANSWER,
}
