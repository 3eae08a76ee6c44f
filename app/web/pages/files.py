"""What the pages are made of, as it is sent: small, constant, and held in memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the pages; *etag* is a strong one, in its quotes."""

    content_type: str
    body: bytes = field(repr=False)
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", f'"{hashlib.sha256(self.body).hexdigest()}"')


@dataclass(frozen=True, slots=True)
class Pages:
    """*assets* are what the pages load, by name."""

    docs: PageFile
    dashboard: PageFile
    chat: PageFile
    assets: Mapping[str, PageFile]
