"""Our own images, known by their URLs: what others are given as input may lie here."""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, unquote

from app.domain.errors import (
    AppError,
    ImageDeleted,
    InvalidInput,
    NotFound,
    SourceGone,
    SourceNotAllowed,
    TooLarge,
    Unauthorized,
)
from app.domain.ids import ImageId, UserId
from app.domain.images import ImageStatus
from app.domain.ports import Blob
from app.domain.temporary import TemporaryId
from app.services.hosting import HostingService, Stored
from app.services.signing import LinkSigner
from app.services.temporary import TemporaryImages

_HOSTED = re.compile(r"/v1/images/hosted/(?P<user>[^/]+)/(?P<image>[^/.]+)(\.[a-z]+)?")
_TEMPORARY = re.compile(r"/api/images/(?P<id>[^/.]+)(\.[a-z0-9]+)?")
_LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(?=/)")
_LINK_LIVES = timedelta(hours=2)
_READABLE = frozenset({ImageStatus.STORED, ImageStatus.CAPTURING})


@dataclass(frozen=True, slots=True)
class _Place:
    """What one of our URLs says: what it begins with, its path behind that, and its query."""

    base: str
    path: str
    query: str

    @property
    def hosted(self) -> tuple[UserId, ImageId] | None:
        match = _HOSTED.fullmatch(self.path)
        try:
            return (UserId.parse(unquote(match["user"])), ImageId.parse(match["image"])) if match else None
        except (InvalidInput, NotFound):
            return None

    @property
    def temporary(self) -> TemporaryId | None:
        match = _TEMPORARY.fullmatch(self.path)
        try:
            return TemporaryId.parse(match["id"]) if match else None
        except NotFound:
            return None

    def find(self, name: str) -> str:
        """Return the one value the query has for *name*, or an empty text."""
        found = parse_qs(self.query).get(name, [])
        return found[0] if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of an image and what they are."""

    data: bytes
    content_type: str


class OwnImages:
    """*base_url* is what our URLs begin with, if that is known; else, with *is_local*, loopback ones with our paths do.

    With *links* given, URLs open only when signed.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        hosting: HostingService,
        temporary: TemporaryImages,
        links: LinkSigner | None,
        max_bytes: int,
        is_local: bool = False,
    ) -> None:
        self._base_url = base_url
        self._is_local = is_local
        self._hosting = hosting
        self._temporary = temporary
        self._links = links
        self._max_bytes = max_bytes

    def owns(self, url: str) -> bool:
        return self._place(url) is not None

    async def require_readable(self, url: str, user: UserId) -> None:
        """Raise `SourceNotAllowed` unless *url*, one of ours, is that of an image *user* may read.

        Raise `SourceGone` when the image is not here, nor on its way.
        """
        place = self._place(url)
        hosted, temporary = (None, None) if place is None else (place.hosted, place.temporary)
        if place is not None and hosted is not None and self._may_read(place, hosted, user):
            await self._require_hosted(*hosted, for_anyone=hosted[0] != user)
        elif temporary is not None:
            await self._require_temporary(temporary)
        else:
            raise SourceNotAllowed

    def openable(self, url: str, user: UserId) -> str:
        """Return *url* so that whoever gets it can open it; one of ours without what else was appended to it.

        That of the user's own image is signed anew if need be; on somebody else's our signature stays.
        """
        place = self._place(url)
        if place is None:
            return url
        hosted, width = place.hosted, place.find("w")
        asked = [f"w={width}"] if hosted is not None and width.isascii() and width.isdecimal() else []
        if hosted is not None and self._links is not None:
            asked += self._signature(self._links, place, hosted, user)
        return "?".join(filter(None, [f"{place.base}{place.path}", "&".join(asked)]))

    async def find(self, url: str, user: UserId) -> Content | None:
        """Return the original at one of our URLs, if *user* may read it and it is here; raise `TooLarge`."""
        place = self._place(url)
        if place is None:
            return None
        try:
            return await self._find_hosted(place.hosted, user) or await self._find_temporary(place.temporary)
        except TooLarge:
            raise
        except AppError:
            return None  # whoever is given the URL will see for itself

    def _place(self, url: str) -> _Place | None:
        """Return what *url* says if it is one of ours; what is behind a `#` never reaches us."""
        base, named = self._base_url, url.partition("#")[0]
        if base is not None:
            is_ours = named[: len(base)].lower() == base.lower() and named[len(base) : len(base) + 1] == "/"
            path, _, query = named[len(base) :].partition("?")
            return _Place(base, path, query) if is_ours else None
        match = _LOCAL.match(named) if self._is_local else None
        path, _, query = named[match.end() :].partition("?") if match else ("", "", "")
        is_known = _HOSTED.fullmatch(path) or _TEMPORARY.fullmatch(path)
        return _Place(match[0], path, query) if match and is_known else None

    def _may_read(self, place: _Place, hosted: tuple[UserId, ImageId], user: UserId) -> bool:
        if self._links is None or hosted[0] == user:
            return True
        try:
            self._links.verify(*hosted, expires=place.find("expires"), signature=place.find("signature"))
        except Unauthorized:
            return False
        return True

    def _signature(self, links: LinkSigner, place: _Place, hosted: tuple[UserId, ImageId], user: UserId) -> list[str]:
        if hosted[0] != user:
            return [f"{name}={place.find(name)}" for name in ("expires", "signature")]
        expires, signature = links.sign(*hosted, expires_in=_LINK_LIVES)
        return [f"expires={int(expires.timestamp())}", f"signature={signature}"]

    async def _require_hosted(self, user: UserId, image: ImageId, *, for_anyone: bool) -> None:
        try:
            found = await self._hosting.get(user, image, for_anyone=for_anyone)
        except (NotFound, ImageDeleted):
            raise _gone() from None
        if found.status not in _READABLE:
            raise _gone()

    async def _require_temporary(self, image: TemporaryId) -> None:
        opened = await self._temporary.open(image)
        if opened is None:
            raise _gone()
        await opened.blob.aclose()

    async def _find_hosted(self, hosted: tuple[UserId, ImageId] | None, user: UserId) -> Content | None:
        if hosted is None or hosted[0] != user:
            return None
        found = await self._hosting.read(*hosted)
        if not isinstance(found, Stored) or found.image.facts is None:
            return None
        return Content(await self._read(found.blob), found.image.facts.content_type)

    async def _find_temporary(self, image: TemporaryId | None) -> Content | None:
        opened = None if image is None else await self._temporary.open(image)
        return None if opened is None else Content(await self._read(opened.blob), opened.image.content_type)

    async def _read(self, blob: Blob) -> bytes:
        try:
            if blob.size > self._max_bytes:
                raise TooLarge(f"An input may have {self._max_bytes} bytes.")
            return b"".join([chunk async for chunk in blob.chunks(0, blob.size)])
        finally:
            await blob.aclose()


def _gone() -> SourceGone:
    return SourceGone("The image is not here.")
