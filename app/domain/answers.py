"""What whoever asked is told while an answer is being said, in this order: started, warned, said, done or failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.ids import MessageId, SessionId, StreamId


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The question is kept.  *message* is the answer's id."""

    stream: StreamId
    session: SessionId
    message: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """The answer goes on, without something that was asked for; *code* is stable, snake_case."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the answer."""

    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The answer is whole, or was stopped; *content_length* is in characters (Unicode code points)."""

    content_length: int
    model: str
    reason: str | None
    """The model's word for why it ended, or `stopped`."""
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The answer ends here; what was said so far is kept."""

    code: str
    detail: str
    retryable: bool


Event = Started | Warned | Token | Done | Failed
