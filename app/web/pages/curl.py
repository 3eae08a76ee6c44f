"""An operation of the OpenAPI document as a command line."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

_FILES = {"image/*": "picture.png", "application/zip": "images.zip"}


def curl(method: str, path: str, operation: Mapping[str, Any]) -> str | None:
    """Return a `curl` call of *operation* for a shell that knows `HOLDFAST` and `KEY`; None if only a provider can."""
    choices = operation["security"]
    if any("webhookSignature" in choice for choice in choices):
        return None
    for each in operation["parameters"]:
        path = path.replace(f"{{{each['name']}}}", str(each.get("example", each["name"])))
    parts = [f'curl "$HOLDFAST{path}"']
    if method not in {"get", "post"}:
        parts[0] = f'curl -i -X {method.upper()} "$HOLDFAST{path}"'
    if choices and {} not in choices:
        parts.append('-H "Authorization: Bearer $KEY"')
    parts += _body(operation.get("requestBody", {}).get("content", {}))
    parts += _saved(operation["responses"].get("200", {}).get("content", {}))
    return " \\\n  ".join(parts)


def _body(content: Mapping[str, Any]) -> Iterator[str]:
    if media := content.get("multipart/form-data"):
        fields = media.get("example", {"file": "@picture.png"})
        yield from (f"-F {shlex.quote(f'{name}={value}')}" for name, value in fields.items())
    elif media := content.get("application/json"):
        yield '-H "Content-Type: application/json"'
        yield f"-d {shlex.quote(json.dumps(media.get('example', {}), indent=2))}"


def _saved(content: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"-o {name}" for media, name in _FILES.items() if media in content)
    if "text/event-stream" in content:
        yield "-N"
