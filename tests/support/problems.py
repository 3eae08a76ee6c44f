"""What every refusal must be, wherever it comes from."""

from collections.abc import Mapping
from typing import Any

from aiohttp import ClientResponse

MEMBERS = {"type", "title", "status", "detail", "code", "retryable"}


def assert_problem(status: int, headers: Mapping[str, str], document: Any, *, code: str | None = None) -> None:
    """Check an RFC 9457 document and the headers of what carries it."""
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"]
    assert headers["Server"] == "holdfast"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert document.keys() >= MEMBERS
    assert document["status"] == status
    assert isinstance(document["retryable"], bool)
    assert code is None or document["code"] == code
    assert "immutable" not in headers["Cache-Control"]


async def problem_of(response: ClientResponse, *, status: int, code: str) -> dict[str, Any]:
    """Return the problem document of *response*, once it is found to be one."""
    document: dict[str, Any] = await response.json(content_type=None)
    assert (response.status, document.get("code")) == (status, code), document
    assert_problem(status, response.headers, document)
    return document
