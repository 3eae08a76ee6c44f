"""The error bodies of the API, word for word where they are known."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

CREDIT = (
    "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing "
    "to purchase credit. Once you purchase credit, please wait a few minutes before trying again."
)


class Refusal(Exception):
    """A request that is answered with a problem."""

    def __init__(self, status: int, detail: str, *, title: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title

    def to_response(self) -> web.Response:
        body: dict[str, Any] = {"title": self.title} if self.title else {}
        return problem(self.status, body | {"detail": self.detail, "status": self.status})


def problem(status: int, body: Mapping[str, Any] | str, *, headers: Mapping[str, str] | None = None) -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(status=status, text=text, content_type="application/problem+json", headers=headers)


def unauthenticated() -> Refusal:
    return Refusal(401, "You did not pass a valid authentication token", title="Unauthenticated")


def invalid(detail: str) -> Refusal:
    """Return a 422.  Its exact shape is not documented; that it has title, detail and status is."""
    return Refusal(422, detail, title="Input validation failed")


def not_found() -> Refusal:
    return Refusal(404, "The requested resource could not be found.", title="Not found")
