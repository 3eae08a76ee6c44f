"""How a model behaves: how long it takes, what it makes, in which shape it says so, and how it ends."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TERMINAL = frozenset({"succeeded", "failed", "canceled", "aborted"})


class Shape(StrEnum):
    """The shape of a prediction's output."""

    LIST = "list"
    STRING = "str"
    """The first file only."""
    DICT = "dict"
    """`image`, `image_1` and so on."""
    NESTED = "nested"
    GROWING = "growing"
    """A list that gets longer while the model runs."""
    NULL = "null"
    TEXT = "text"
    """The tokens of a sentence: strings that are no files."""


class Sync(StrEnum):
    """What `Prefer: wait` is answered with, if the output is there in time."""

    PROCESSING = "processing"
    """The usual one: not finished yet, the output already filled in."""
    SUCCEEDED = "succeeded"
    DATA_URI = "data_uri"
    """As `PROCESSING`, with the output as data URIs labelled `application/octet-stream`, in this answer only."""
    TIMED_OUT = "timed_out"
    """As if the wait had run out, without waiting: `starting`, whatever the model does meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The defaults make one picture in about 50 ms.  Spans are in seconds of the stand-in's clock."""

    starting: float = 0.01
    processing: float = 0.035
    finishing: float = 0.005
    """Between the output and the end."""
    shape: Shape = Shape.LIST
    pictures: int | None = None
    """How many to make; else what the input's `num_outputs` says, else one."""
    images: tuple[bytes, ...] | None = None
    """These bytes instead of made-up pictures."""
    extension: str = "png"
    content_type: str = "image/png"
    ending: str = "succeeded"
    """The last status; a word that is none of the known ones is where the walk stops, unfinished."""
    running_as: str = "processing"
    """The status while it runs."""
    error: Any = None
    """What a failed one says, of any type."""
    sync: Sync = Sync.PROCESSING
    inline: bool = False
    """Outputs are data URIs everywhere."""
    label: str = "application/octet-stream"
    """The MIME type data URIs claim."""
    sparse: bool = False
    """Leave out what is null, as recorded traffic does early on."""
    answer_status: int = 201
    """What a create is answered with; 202 is documented too."""

    def count(self, model_input: dict[str, Any]) -> int:
        """Return how many files a prediction with *model_input* makes."""
        if self.images is not None:
            return len(self.images)
        asked = model_input.get("num_outputs") if self.pictures is None else self.pictures
        return asked if isinstance(asked, int) and 0 <= asked <= 64 else 1
