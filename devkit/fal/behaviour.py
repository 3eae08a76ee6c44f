"""How a model at fal behaves: how long it takes, what it makes, in which shape it says so, and how it ends."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Shape(StrEnum):
    """The shape of a result."""

    IMAGES = "images"
    """`images`, with everything an image says of itself."""
    IMAGE = "image"
    """`image`, the first only."""
    SPARSE = "sparse"
    """`images` that say nothing but their `url`."""
    BARE = "bare"
    """Addresses alone, as strings."""
    WITH_VIDEO = "with_video"
    """A `video` before the `images`."""
    VIDEO = "video"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The defaults make one picture in about 50 ms.  Spans are in seconds of the stand-in's clock."""

    queued: float = 0.01
    running: float = 0.04
    shape: Shape = Shape.IMAGES
    pictures: int | None = None
    """How many to make; else what the input's `num_images` says, else one."""
    images: tuple[bytes, ...] | None = None
    """These bytes instead of made-up pictures."""
    content_type: str = "image/png"
    status: int = 200
    """What the result is answered with; 422 is how a model fails."""
    detail: Any = None
    """What the result of a failed one says."""
    error: str | None = None
    """An `error` on the status, beside COMPLETED."""
    error_type: str | None = None
    error_in_result: bool = False
    """The `error` is in a result of 200 instead."""
    sync_mode: bool = False
    """Outputs are data URIs."""
    unsendable: bool = False
    """The result is too much for a webhook: its payload is null."""
    fetches: bool = False
    """Fetch the pictures the input names, and fail as fal does where one cannot be had."""
    foreign_urls: str | None = None
    """Origin of the addresses a submission is answered with, in place of the queue's own."""
    ignores_cancel: bool = False
    """Go on when asked to stop."""

    def count(self, model_input: dict[str, Any]) -> int:
        """Return how many pictures a request with *model_input* makes."""
        if self.images is not None:
            return len(self.images)
        asked = model_input.get("num_images") if self.pictures is None else self.pictures
        return asked if isinstance(asked, int) and 0 <= asked <= 64 else 1
