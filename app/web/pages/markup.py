"""HTML that is escaped by construction: text becomes markup only by passing through `element`."""

from html import escape
from typing import Final


class Markup(str):
    """HTML that may stand as it is."""

    __slots__ = ()


NOTHING: Final = Markup("")

Child = str | Markup


def element(tag: str, *children: Child, **attributes: str) -> Markup:
    """Return `<tag attributes>children</tag>`, everything but `Markup` escaped; `class_` is spelled `class`."""
    told = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items())
    return Markup(f"<{tag}{told}>{joined(*children)}</{tag}>")


def joined(*children: Child, by: Child = "") -> Markup:
    """Return *children* one after the other."""
    return Markup(_safe(by).join(_safe(child) for child in children))


def code(text: str) -> Markup:
    return element("code", text)


def _safe(child: Child) -> str:
    return child if isinstance(child, Markup) else escape(child)
