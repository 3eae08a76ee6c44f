"""What a model says as events: named, each with a document of its own."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from app.domain.answers import Done, Event, Failed, Started, Token, Warned
from app.web.sse import ServerEvent


async def told(events: AsyncIterator[Event]) -> AsyncGenerator[ServerEvent, None]:
    """Yield *events* as they are sent."""
    message: str | None = None
    async for event in events:
        if isinstance(event, Started):
            message = str(event.message)
        yield _told(event, message)


def _told(event: Event, message: str | None) -> ServerEvent:
    match event:
        case Started():
            ids = {"stream_id": event.stream, "session_id": event.session, "message_id": event.message}
            return ServerEvent("start", {name: str(value) for name, value in ids.items()})
        case Warned():
            return ServerEvent("warning", {"code": event.code, "detail": event.detail})
        case Token():
            return ServerEvent("token", {"content": event.content})
        case Done():
            return ServerEvent("done", _done(event) | {"message_id": message})
        case Failed():
            return ServerEvent("error", {"code": event.code, "detail": event.detail, "retryable": event.retryable})


def _done(event: Done) -> dict[str, Any]:
    # The model's counters keep their names; none of them takes the place of what we say.
    return dict(event.counters) | {
        "content_length": event.content_length,
        "model": event.model,
        "done_reason": event.reason,
    }
