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
    dashboard = found.pop("dashboard.html").decode().replace("<!--keys-->", "none" if is_open else "needed")
    return Pages(
        docs=PageFile(_TYPES["html"], docs.encode()),
        dashboard=PageFile(_TYPES["html"], dashboard.encode()),
        assets={name: PageFile(_TYPES[_extension(name)], body) for name, body in found.items()},
    )


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
