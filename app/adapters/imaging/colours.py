"""Colours as screens without colour management show them: eight bits, sRGB, alpha kept where there is some."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

_SRGB_GAMMA = 1 / 2.2
_SRGB_KNEE = 0.0031308
_GAMMA_TOLERANCE = 0.005
_DEEP = 65_536
_OPAQUE = (255, 255)


def plain(picture: Image.Image) -> Image.Image:
    """Return *picture* in a mode that can be averaged: L, LA, RGB, RGBA or CMYK; colours stay as they are."""
    if picture.mode in {"LA", "RGBA", "CMYK"}:
        return picture
    if picture.mode.startswith("I"):
        return _shallow(picture)
    has_alpha = "transparency" in picture.info or picture.mode == "PA"
    if picture.mode in {"1", "L"}:
        return picture.convert("LA" if has_alpha else "L")
    if picture.mode == "RGB" and not has_alpha:
        return picture
    return picture.convert("RGBA" if has_alpha else "RGB")


def to_srgb(picture: Image.Image, info: dict[Any, Any]) -> Image.Image:
    """Return *picture* (as `plain` leaves it) in sRGB, by the profile or the gamma in *info*; L, LA, RGB or RGBA."""
    profile, gamma = info.get("icc_profile"), info.get("gamma")
    if profile:
        picture = _managed(picture, profile)
    elif gamma and "srgb" not in info and abs(gamma - _SRGB_GAMMA) > _GAMMA_TOLERANCE:
        picture = _without_alpha(picture, lambda colours: colours.point(_gamma_table(gamma) * len(colours.getbands())))
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


def without_idle_alpha(picture: Image.Image) -> Image.Image:
    """Return *picture* without its alpha channel if that hides nothing."""
    if picture.mode in {"LA", "RGBA"} and picture.getchannel("A").getextrema() == _OPAQUE:
        return picture.convert(picture.mode.removesuffix("A"))
    return picture


def on_white(picture: Image.Image) -> Image.Image:
    """Return *picture* without alpha, on a white ground."""
    if picture.mode not in {"LA", "RGBA"}:
        return picture
    opaque = picture.mode.removesuffix("A")
    ground = Image.new(opaque, picture.size, "white")
    ground.paste(picture.convert(opaque), mask=picture.getchannel("A"))
    return ground


def _shallow(picture: Image.Image) -> Image.Image:
    """Return 16 bits of grey as eight; the one grey that stands for nothing becomes alpha."""
    deep = picture.convert("I")
    grey = deep.point([(value + 128) // 257 for value in range(_DEEP)], "L")
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(deep.point([0 if value == clear else 255 for value in range(_DEEP)], "L"))
    return grey


def _managed(picture: Image.Image, profile: bytes) -> Image.Image:
    # A profile that is broken, or meant for other channels than these, is overlooked, as browsers do.
    try:
        source, target = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        return _without_alpha(
            picture, lambda colours: ImageCms.profileToProfile(colours, source, target, outputMode="RGB") or colours
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture


def _without_alpha(picture: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Return *picture* with its colours changed, and its alpha as it was."""
    if picture.mode not in {"LA", "RGBA"}:
        return change(picture)
    changed = change(picture.convert(picture.mode.removesuffix("A")))
    changed.putalpha(picture.getchannel("A"))
    return changed


def _gamma_table(gamma: float) -> list[int]:
    return [round(255 * _encoded((value / 255) ** (1 / gamma))) for value in range(256)]


def _encoded(light: float) -> float:
    """Return linear *light* on sRGB's curve (IEC 61966-2-1)."""
    return 12.92 * light if light <= _SRGB_KNEE else 1.055 * light ** (1 / 2.4) - 0.055
