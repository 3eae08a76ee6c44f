"""Which way up: the EXIF orientation, 1 to 8, and what it asks for."""

from PIL import ExifTags, Image

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})


def orientation_of(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8.  As in browsers, unreadable EXIF does not spoil a picture."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - Pillow's EXIF reader throws whatever the bytes make it throw
        return 1
    return orientation if orientation in _UPRIGHT else 1


def is_sideways(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation in _SIDEWAYS


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Return *picture* as it is to be shown."""
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture
