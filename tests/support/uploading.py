"""How an app uploads, and what may be left of an upload that was refused: nothing."""

import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from aiohttp import ClientResponse, FormData

from app.domain.ids import UserId
from tests.support.pictures import png
from tests.support.service import Service

UPLOAD = "/api/uploads/image"
BOUNDARY = "a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


async def upload(
    service: Service, content: bytes, kind: str | None = None, *, user: str | None = "ana", **headers: str
) -> ClientResponse:
    """Send *content* as browsers do."""
    form = FormData()
    if user is not None:
        form.add_field("user_id", user)
    form.add_field("file", BytesIO(content), filename="../../etc/IMG_0001.JPG", content_type=kind)
    return await service.http.post(UPLOAD, data=form, headers=headers)


def part(name: str, content: bytes = b"", *fields: str) -> bytes:
    """Return one part of a form, with the boundary before it."""
    head = (f'Content-Disposition: form-data; name="{name}"', *fields)
    return f"--{BOUNDARY}\r\n".encode() + "\r\n".join(head).encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def a_file(content: bytes | None = None, *fields: str) -> bytes:
    return part("file", png(8, 6) if content is None else content, *fields)


ANA = part("user_id", b"ana")


async def send(service: Service, body: bytes, **headers: str) -> ClientResponse:
    return await service.http.post(UPLOAD, data=body, headers=FORM | headers)


async def post_json(service: Service, path: str, body: Mapping[str, Any], **headers: str) -> ClientResponse:
    """Send *body*, however large."""
    content = BytesIO(json.dumps(body).encode())
    return await service.http.post(path, data=content, headers={"Content-Type": "application/json"} | headers)


async def assert_nothing_is_left(service: Service, users: Iterable[str] = ("ana",)) -> None:
    images = service.graph.adapters.images
    for user in users:
        assert service.files(user) == []
        assert await images.page(UserId(user), after=None, limit=10) == []
    assert list((service.folder / "images" / ".staging").iterdir()) == []
    assert list((service.folder / "images" / ".quarantine").iterdir()) == []
    assert list((service.folder / "temporary" / ".making").iterdir()) == []
    assert [path.name for path in (service.folder / "temporary").iterdir() if not path.name.startswith(".")] == []
