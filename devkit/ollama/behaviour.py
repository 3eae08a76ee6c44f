"""How a model behaves: how long it loads and thinks, what it says, in which pieces, and how it ends."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_TOKEN = re.compile(r"\s*\S+|\s+")


class Ending(StrEnum):
    """How an answer ends."""

    DONE = "done"
    ERROR = "error"
    """With a line that holds nothing but an `error`, or status 500 when nothing was sent before."""
    WITHOUT_DONE = "without_done"
    """Properly closed, but no line said `done`."""
    DROPPED = "dropped"
    """The connection is gone."""
    GARBAGE = "garbage"
    """With a line that is not JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The defaults say at once what the pictures show.  Spans are in seconds of the stand-in's clock."""

    answer: str | None = None
    """What it says, a word at a time; else what it sees."""
    tokens: tuple[str, ...] | None = None
    """What it says, in these pieces."""
    thinking: tuple[str, ...] = ()
    """What it thinks before, in these pieces, unless it is told not to; those of a model that `thinks`."""
    loading: float = 0.0
    """How long it takes into memory; five minutes later it is out again."""
    pace: float = 0.0
    """Between two pieces."""
    holds_after: int | None = None
    """Send so many pieces, then nothing until it is released; with 0 not even the head."""
    ending: Ending = Ending.DONE
    ends_after: int | None = None
    """After so many pieces; else after all."""
    error: str = "an error was encountered while running the model: unexpected EOF"
    early_head: bool = False
    """Send the head before there is a piece, as old servers and some proxies do."""
    done_reason: str | None = "stop"
    last_words: str = ""
    """Text in the line that says `done`."""
    counters: Mapping[str, int] | None = None
    """In place of the true ones; those that are 0 are left out."""
    padding: int = 0
    """Make every line so many bytes longer."""
    bytes_at_once: int | None = None
    """Write so many bytes at a time, wherever that cuts; else a line at a time."""

    def pieces(self, sees: str) -> list[str]:
        """Return what it says when *sees* is what there is to say."""
        if self.tokens is not None:
            return list(self.tokens)
        return _TOKEN.findall(sees if self.answer is None else self.answer)
