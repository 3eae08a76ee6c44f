"""What a walk over a file's structure finds, and the limits it is held to before anything is decoded."""

from dataclasses import dataclass

from app.adapters.imaging.refusals import Reason, refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a picture may be.  A frame counts as a whole canvas, for that is what decoding it costs."""

    max_pixels: int = 50_000_000
    max_side: int = 16_384
    max_frames: int = 300
    max_total_pixels: int = 250_000_000
    """Of all frames together."""
    max_converted: int = 100 << 20
    """Bytes of what an upload becomes that cannot stay as it came."""

    def check_size(self, width: int, height: int) -> None:
        """Raise unless a canvas of this size is accepted."""
        if width < 1 or height < 1:
            raise refused(Reason.ZERO_SIZE)
        if max(width, height) > self.max_side or width * height > self.max_pixels:
            raise refused(
                Reason.TOO_MANY_PIXELS,
                f"{width} x {height} pixels are more than accepted: {self.max_pixels} in all, {self.max_side} a side.",
            )

    def check_frames(self, frames: int, *, width: int, height: int) -> None:
        """Raise unless this many frames of that size are accepted."""
        if frames > self.max_frames or frames * width * height > max(self.max_total_pixels, self.max_pixels):
            raise refused(
                Reason.TOO_MANY_FRAMES,
                f"{frames} frames of {width} x {height} pixels are more than accepted: "
                f"{self.max_frames} frames, {self.max_total_pixels} pixels in all.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A picture as its container describes it, before orientation.  *format* is Pillow's word."""

    format: str
    width: int
    height: int
    frames: int = 1
