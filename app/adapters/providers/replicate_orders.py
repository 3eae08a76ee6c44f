"""An order as Replicate wants it: the route, the body and the headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.domain.errors import InvalidInput
from app.domain.generations import Order

LONGEST_WAIT = 60
_SHORTEST_DEADLINE = 5

_NAME = r"(?!\.)[A-Za-z0-9._-]{1,128}"
_VERSION_ID = r"[0-9a-f]{64}"
_MODEL = re.compile(rf"(?P<owner>{_NAME})/(?P<name>{_NAME})(?::(?P<version>{_VERSION_ID}))?")
_DEPLOYMENT = re.compile(rf"deployments/(?P<owner>{_NAME})/(?P<name>{_NAME})")
_VERSION = re.compile(rf"{_VERSION_ID}|{_NAME}/{_NAME}(?::{_VERSION_ID})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Where an order goes, below `/v1`, and what it says.  The body holds nothing that is not documented."""

    path: tuple[str, ...]
    body: Mapping[str, Any]


def call_for(order: Order, *, webhook: str | None) -> Call:
    """Return the call that places *order*; raise `InvalidInput`.

    Only the end is asked for by webhook: it is the only event that is sent again when it does not arrive.
    """
    path, version = _route(order)
    body: dict[str, Any] = {"input": order.input}
    if version is not None:
        body["version"] = version
    if webhook is not None:
        body |= {"webhook": webhook, "webhook_events_filter": ["completed"]}
    return Call(path=path, body=body)


def headers_for(*, wait: timedelta, cancel_after: timedelta | None) -> dict[str, str]:
    """Return `Prefer` and `Cancel-After`, in the spellings and within the limits of the API."""
    headers = {"Content-Type": "application/json"}
    if seconds := waited(wait):
        headers["Prefer"] = f"wait={seconds}"
    if cancel_after is not None:
        headers["Cancel-After"] = f"{max(_SHORTEST_DEADLINE, int(cancel_after.total_seconds()))}s"
    return headers


def waited(wait: timedelta) -> int:
    """Return the whole seconds Replicate is asked to hold its answer; 0 for not at all."""
    return max(0, min(LONGEST_WAIT, int(wait.total_seconds())))


def _route(order: Order) -> tuple[tuple[str, ...], str | None]:
    if (order.model is None) == (order.version is None):
        raise InvalidInput("Give either a model or a version.", field="model")
    if order.model is not None:
        return _model_route(order.model)
    if order.version is None or _VERSION.fullmatch(order.version) is None:
        raise InvalidInput("That is not a version of a model.", field="version")
    return ("predictions",), order.version


def _model_route(model: str) -> tuple[tuple[str, ...], str | None]:
    if match := _DEPLOYMENT.fullmatch(model):
        return ("deployments", match["owner"], match["name"], "predictions"), None
    match = _MODEL.fullmatch(model)
    if match is None:
        raise InvalidInput("A model is named owner/name or owner/name:version.", field="model")
    if match["version"]:
        return ("predictions",), match["version"]
    return ("models", match["owner"], match["name"], "predictions"), None
