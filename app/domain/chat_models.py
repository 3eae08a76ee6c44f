"""What is asked of a model that talks about pictures, and how it answers."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.conversations import Role


@dataclass(frozen=True, slots=True)
class Abilities:
    sees: bool
    """Whether it takes pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said.  *pictures* are files as models take them: JPEG, upright, of moderate size."""

    role: Role
    content: str
    pictures: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOrder:
    """A conversation whose last turn is to be answered by *model*."""

    model: str
    turns: Sequence[Turn]


@dataclass(frozen=True, slots=True)
class Said:
    """The next piece of the answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class AtWork:
    """The model is there and at work, with nothing to show for it: it has begun, or thinks."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole.  *reason* is the model's word: `stop`, `length` …; spans in *counters* are nanoseconds."""

    reason: str | None = None
    counters: Mapping[str, int] = field(default_factory=dict)


Piece = Said | AtWork | Finished


class ChatModels(Protocol):
    """A service that runs models which talk."""

    async def abilities(self, model: str) -> Abilities:
        """Return what *model* can do; raise `ModelNotFound`, `ModelUnavailable` or, for a broken one, `ModelFailed`."""

    def answer(self, order: ChatOrder) -> AsyncGenerator[Piece, None]:
        """Yield the answer piece by piece, at last `Finished`.  Whoever closes it makes the model stop.

        Loading a model may take minutes until the first piece.  Raise `ModelNotFound`, `ModelUnavailable` (not there,
        or busy: nothing was begun), `ModelFailed`, `ModelStalled`, or `InvalidInput` for what that model never takes.
        """

    async def aclose(self) -> None: ...
