"""What Ollama says when it does not do what it was asked."""

import json
import logging
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from app.domain.errors import (
    AppError,
    InvalidInput,
    ModelFailed,
    ModelNotFound,
    ModelRefused,
    ModelUnavailable,
    ProviderNotConfigured,
)

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 500
_BUSY_SECONDS = 5.0
_LONGEST_HINT = 3600.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

# Runners of several kinds sit behind Ollama, which hands on what they say with 400 or 500: the words decide.
_NO_NAME = re.compile(r"invalid model name", re.IGNORECASE)
_NO_TALKER = re.compile(r"does not support (chat|completion|generate)", re.IGNORECASE)
_TOO_LONG = re.compile(r"exceeds? .{0,30}\bcontext\b|\b(prompt|input) is too long", re.IGNORECASE)
_NO_PICTURES = re.compile(r"only supports one image|image input is not supported", re.IGNORECASE)

_CLOSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_HINTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "OLLAMA_API_KEY is missing or wrong",
    HTTPStatus.FORBIDDEN: "the key may not, or Ollama does not know itself by the name in OLLAMA_HOST",
    HTTPStatus.NOT_FOUND: "what answers at OLLAMA_HOST is not Ollama, or is an old one",
    HTTPStatus.METHOD_NOT_ALLOWED: "what answers at OLLAMA_HOST is not Ollama",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "there is a proxy at OLLAMA_HOST",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "something before Ollama takes no pictures of this size",
    HTTPStatus.BAD_GATEWAY: "something before Ollama does not reach it",
}
_REDIRECTS = "OLLAMA_HOST redirects: give the address it leads to"


class Refusals:
    """Reads what is no answer.  The key never appears in what it returns or logs."""

    def __init__(self, *, key: str | None) -> None:
        self._key = key

    def of_status(self, status: int, headers: Mapping[str, str], body: bytes, *, model: str) -> AppError:
        """Return why a request about *model* was answered with *status*."""
        error = _error_in(body)
        if status == HTTPStatus.NOT_FOUND and error is not None:
            return no_model(model)
        if status in _BUSY:
            return ModelUnavailable("Ollama is busy.", retry_after=_retry_after(headers))
        if (hint := _hint(status)) is not None:
            log.warning("Ollama cannot be used", extra={"status": status, "hint": hint, "said": self._said(error)})
            if status in _CLOSED:
                return ProviderNotConfigured("Ollama does not let this service in.")
            return unavailable("Ollama cannot be used from here.")
        failure = ModelRefused if status == HTTPStatus.BAD_REQUEST else ModelFailed
        return failure(f"Ollama answered {status}.") if error is None else self.of_error(error, model, failure)

    def of_error(self, error: object, model: str, failure: type[ModelFailed] = ModelFailed) -> AppError:
        """Return what an *error* means, in the middle of an answer or in place of one; *failure*: nothing we know."""
        said = self._said(error)
        if _NO_NAME.search(said):
            return no_model(model)
        if _NO_TALKER.search(said):
            return InvalidInput(f"The model {model} does not talk.", field="model")
        if _TOO_LONG.search(said):
            return InvalidInput("The conversation is too long for the model.", field="message")
        if _NO_PICTURES.search(said):
            return InvalidInput("The model does not take these pictures, or not so many.", field="images")
        return failure(f"The model gave up: {said}")

    def _said(self, error: object) -> str:
        """Return *error* as text of a bounded length that any log and any database can hold."""
        text = error if isinstance(error, str) else json.dumps(error, separators=(",", ":"))
        text = text.replace(self._key, "[key]") if self._key else text
        return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()[:_LONGEST_MESSAGE].strip()


def unavailable(detail: str) -> ModelUnavailable:
    """Return the refusal of what may be there in a moment."""
    return ModelUnavailable(detail, retry_after=_BUSY_SECONDS)


def no_model(model: str) -> ModelNotFound:
    return ModelNotFound(f"There is no model {model}; `ollama pull {model}` may bring it.", field="model")


def _hint(status: int) -> str | None:
    return _REDIRECTS if status < HTTPStatus.BAD_REQUEST else _HINTS.get(status)


def _error_in(body: bytes) -> Any:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return members.get("error") if isinstance(members, dict) else None


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait; Ollama itself names none, what stands before it may."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return _BUSY_SECONDS
    return min(seconds, _LONGEST_HINT) if math.isfinite(seconds) and seconds >= 0 else _BUSY_SECONDS
