"""Why bytes are refused: one table of stable words, each with the sentence a caller reads."""

from collections.abc import Mapping
from enum import StrEnum

from app.domain.errors import SourceRejected


class Reason(StrEnum):
    """The `reason` of a `SourceRejected`; stable API."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    CORRUPT = "corrupt"
    ZERO_SIZE = "zero_size"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_COMPLEX = "too_complex"
    EXCESS_DATA = "excess_data"
    DECODER_FAILED = "decoder_failed"
    DECODER_TIMEOUT = "decoder_timeout"
    OUT_OF_MEMORY = "out_of_memory"
    ENCODER_FAILED = "encoder_failed"


_DETAIL: Mapping[Reason, str] = {
    Reason.EMPTY: "There are no bytes in it.",
    Reason.NOT_AN_IMAGE: "These bytes are not an image.",
    Reason.UNSUPPORTED_FORMAT: "Only PNG, JPEG, WebP, GIF and AVIF are accepted.",
    Reason.TRUNCATED: "The image ends before its end marker.",
    Reason.TRAILING_BYTES: "There are foreign bytes after the end of the image.",
    Reason.CORRUPT: "The image is damaged.",
    Reason.ZERO_SIZE: "The image has no pixels.",
    Reason.TOO_MANY_PIXELS: "The image has more pixels than are accepted.",
    Reason.TOO_MANY_FRAMES: "The image has more frames than are accepted.",
    Reason.TOO_COMPLEX: "The image is made of more pieces than an honest one needs.",
    Reason.EXCESS_DATA: "The image carries far more data than its pixels need.",
    Reason.DECODER_FAILED: "The decoder failed on this image.",
    Reason.DECODER_TIMEOUT: "Decoding this image takes too long.",
    Reason.OUT_OF_MEMORY: "The image takes more memory than one may.",
    Reason.ENCODER_FAILED: "The image cannot be written in that format.",
}


def refused(reason: Reason, detail: str | None = None) -> SourceRejected:
    """Return the refusal to raise; without *detail* it says the reason's own sentence."""
    return SourceRejected(reason.value, detail or _DETAIL[reason])
