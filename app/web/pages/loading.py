"""Reads the pages and completes them, once, at start."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from app.web.pages.files import PageFile, Pages
from app.web.pages.reference import render

_FOLDER = "app.web.pages"
_TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def load(document: Mapping[str, Any], *, is_open: bool) -> Pages:
    """Return the pages; *document* is the OpenAPI description, *is_open* says that no key is ever asked for."""
    found = {each.name: each.read_bytes() for each in files(_FOLDER).iterdir() if _extension(each.name) in _TYPES}
    docs = render(found.pop("docs.html").decode(), document)
    keys = b"none" if is_open else b"needed"
    dashboard, chat = (found.pop(f"{name}.html").replace(b"<!--keys-->", keys) for name in ("dashboard", "chat"))
    return Pages(
        docs=PageFile(_TYPES["html"], docs.encode()),
        dashboard=PageFile(_TYPES["html"], dashboard),
        chat=PageFile(_TYPES["html"], chat),
        assets={name: PageFile(_TYPES[_extension(name)], body) for name, body in found.items()},
    )


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
