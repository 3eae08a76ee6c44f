"""A request to create a prediction, judged by the published patterns."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from devkit.replicate.problems import invalid, not_found

EVENTS = ("start", "output", "logs", "completed")
_DEFAULT_EVENTS = ("output", "completed")
_FIELDS = {"input", "webhook", "webhook_events_filter", "stream"}
_PREFER = re.compile(r"wait(=([1-9]|[1-9][0-9]|60))?")
_CANCEL_AFTER = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_VERSION = re.compile(r"(?:(?P<model>[\w.-]+/[\w.-]+):)?(?P<id>[0-9a-f]{64})|(?P<official>[\w.-]+/[\w.-]+)")
_LONGEST_WAIT = 60.0
_SHORTEST_DEADLINE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client wants run, and how it wants to be told."""

    model: str
    version: str
    input: dict[str, Any]
    deployment: str | None
    webhook: str | None
    events: tuple[str, ...]
    wait: float | None
    prefer: str | None
    cancel_after: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """What a behaviour may be registered under, the most precise name first."""
        return (f"deployments/{self.deployment}", self.version, self.model)


async def read_wish(request: web.Request) -> Wish:
    """Return what *request* wants, or raise the `Refusal` it deserves."""
    body = await _read_body(request)
    target = _target(request.match_info, body)
    prefer = request.headers.get("Prefer")
    return Wish(
        **target,
        input=_input(body),
        webhook=_webhook(body),
        events=_events(body),
        wait=_wait(prefer),
        prefer=prefer,
        cancel_after=_cancel_after(request.headers.get("Cancel-After")),
    )


async def _read_body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise invalid("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The request body must be an object.")
    allowed = _FIELDS if "owner" in request.match_info else _FIELDS | {"version"}
    if unknown := sorted(body.keys() - allowed):
        raise invalid(f"- (root): Additional property {unknown[0]} is not allowed\n")
    return body


def _target(place: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
    if "owner" not in place:
        return _by_version(body.get("version"))
    name = f"{place['owner']}/{place['name']}"
    if place["kind"] == "deployments":
        return {"model": "stand-in/deployed", "version": "dp-" + "0" * 32, "deployment": name}
    if place["kind"] == "models":
        return {"model": name, "version": "hidden", "deployment": None}
    raise not_found()


def _by_version(version: Any) -> dict[str, Any]:
    if not isinstance(version, str):
        raise invalid("- (root): version is required\n")
    match = _VERSION.fullmatch(version)
    if match is None:
        raise invalid("The specified version does not exist (or perhaps you don't have permission to use it?)")
    model = match["model"] or match["official"] or "stand-in/painter"
    return {"model": model, "version": match["id"] or "hidden", "deployment": None}


def _input(body: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(body.get("input"), dict):
        raise invalid("- (root): input is required\n")
    return dict(body["input"])


def _webhook(body: dict[str, Any]) -> str | None:
    webhook = body.get("webhook")
    if webhook is not None and not (isinstance(webhook, str) and webhook.startswith(("https://", "http://"))):
        raise invalid("- webhook: Does not match format 'uri'\n")
    return webhook


def _events(body: dict[str, Any]) -> tuple[str, ...]:
    events = body.get("webhook_events_filter")
    if events is None:
        return _DEFAULT_EVENTS
    if not isinstance(events, list) or any(event not in EVENTS for event in events):
        raise invalid(f"- webhook_events_filter: must be one of {', '.join(EVENTS)}\n")
    return tuple(events)


def _wait(prefer: str | None) -> float | None:
    if prefer is None:
        return None
    match = _PREFER.fullmatch(prefer)
    if match is None:
        raise invalid("The Prefer header is not valid.")
    # The published pattern lets 61 to 99 through, the published limit does not.
    return min(float(match[2]), _LONGEST_WAIT) if match[2] else _LONGEST_WAIT


def _cancel_after(text: str | None) -> float | None:
    if text is None:
        return None
    match = _CANCEL_AFTER.fullmatch(f"{text}s" if text.isdecimal() else text)
    if match is None or not text:
        raise invalid("The Cancel-After header is not valid.")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total < _SHORTEST_DEADLINE:
        raise invalid("The Cancel-After header must be at least 5 seconds.")
    return float(total)
