"""Readers of what the settings of chats are spelled in.  As in `numbers`, no message repeats what it refuses."""

import re

from app.config import texts
from app.domain.images import CONTENT_TYPES

_OLLAMA_PORT = 11434
_PORTS = {"http": 80, "https": 443}
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
_SERVE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,63}){1,8}")

# Nothing of these may be answered with pictures.  `/api/images` is missing: temporary images lie there too, under
# names of another kind.
_TAKEN = (
    *("/v1", "/docs", "/dashboard", "/livez", "/readyz", "/metrics", "/openapi.json", "/assets"),
    *("/api/uploads", "/api/user-assets", "/api/generate", "/api/stream-message", "/api/sessions"),
)


def ollama_host(text: str) -> str:
    """Read `host`, `host:port`, `:port` or a URL as Ollama itself does; return scheme, host, port and path."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    authority, _, path = rest.partition("/")
    if authority.startswith(":") and authority.count(":") == 1:
        authority = f"127.0.0.1{authority}"
    url = texts.web_address(f"{scheme.lower()}://{_bracketed(authority)}/{path}")
    port = url.port or (_PORTS[url.scheme] if mark else _OLLAMA_PORT)
    return f"{url.scheme}://{_bracketed(url.hostname or '')}:{port}{url.path.rstrip('/')}"


def _bracketed(host: str) -> str:
    # Two colons make an address of IPv6, which a URL carries in brackets only.
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host


def model(text: str) -> str:
    if not _MODEL.fullmatch(text):
        raise ValueError("must be the name of a model, such as qwen3-vl:8b.")
    return text


def image_types(text: str) -> tuple[str, ...]:
    """Read types of pictures that are hosted here."""
    hosted = dict.fromkeys(CONTENT_TYPES.values())
    entries = tuple(entry.strip().lower() for entry in text.split(","))
    if not set(entries) <= hosted.keys():
        raise ValueError(f"must be some of {', '.join(hosted)}, separated by commas.")
    return tuple(dict.fromkeys(entries))


def serve_path(text: str) -> str:
    """Read a path that no other endpoint lies on, above or below; a slash at its end is dropped."""
    path = text.rstrip("/")
    if not _SERVE_PATH.fullmatch(path):
        raise ValueError("must be a path such as /api/images, of letters, digits and - . _ ~.")
    if any(f"{taken}/".startswith(f"{path}/") or f"{path}/".startswith(f"{taken}/") for taken in _TAKEN):
        raise ValueError("is where other endpoints are.")
    return path
