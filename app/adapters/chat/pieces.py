"""A line of Ollama's answer, as the pieces that it holds."""

import json
from collections.abc import Mapping
from typing import Any

from app.domain.chat_models import AtWork, Finished, Piece, Said
from app.domain.errors import ModelFailed

_COUNTERS = (
    *("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration"),
    *("eval_count", "eval_duration"),
)
_LARGEST_COUNT = 2**63 - 1
_LONGEST_REASON = 64


class SaidError(Exception):
    """The line is an error, and the answer ends with it.  No caller ever sees this."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


def pieces_in(line: bytes) -> list[Piece]:
    """Return what *line* says, never nothing; raise `SaidError` or `ModelFailed`."""
    members = _object(line)
    if (error := members.get("error")) is not None:
        raise SaidError(error)
    is_done = members.get("done") is True
    pieces: list[Piece] = []
    if text := _text(members, is_done=is_done):
        pieces.append(Said(text))
    if is_done:
        pieces.append(Finished(_reason(members.get("done_reason")), _counters(members)))
    return pieces or [AtWork()]


def _object(line: bytes) -> dict[str, Any]:
    try:
        members = json.loads(line.decode())
    except (ValueError, RecursionError) as exc:
        raise _unreadable() from exc
    if not isinstance(members, dict):
        raise _unreadable()
    return members


def _text(members: Mapping[str, Any], *, is_done: bool) -> str:
    message = members.get("message")
    if message is None and is_done:
        return ""
    content = message.get("content", "") if isinstance(message, dict) else None
    if not isinstance(content, str):
        raise _unreadable()
    # Half of a surrogate pair, which JSON can spell, is in no encoding.
    return content.encode("utf-8", "replace").decode()


def _reason(said: object) -> str | None:
    return said if isinstance(said, str) and said.isprintable() and 0 < len(said) <= _LONGEST_REASON else None


def _counters(members: Mapping[str, Any]) -> dict[str, int]:
    found = {name: members.get(name) for name in _COUNTERS}
    return {name: count for name, count in found.items() if type(count) is int and 0 < count <= _LARGEST_COUNT}


def _unreadable() -> ModelFailed:
    return ModelFailed("What the model said cannot be read.")
