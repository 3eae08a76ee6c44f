"""Our own images, known by their URLs: what others are given as input may lie here."""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from app.domain.errors import AppError, InvalidInput, NotFound, TooLarge
from app.domain.ids import ImageId, UserId
from app.domain.ports import Blob
from app.domain.temporary import TemporaryId
from app.services.hosting import HostingService, Stored
from app.services.signing import LinkSigner
from app.services.temporary import TemporaryImages

_HOSTED = re.compile(r"/v1/images/hosted/(?P<user>[^/]+)/(?P<image>[^/.]+)(\.[a-z]+)?")
_TEMPORARY = re.compile(r"/api/images/(?P<id>[^/.]+)(\.[a-z]+)?")
_LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(?=/)")
_LINK_LIVES = timedelta(hours=2)


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
        if self._base_url is not None:
            return url.startswith(f"{self._base_url}/")
        match = _LOCAL.match(url) if self._is_local else None
        path = url[match.end() :].partition("?")[0] if match else ""
        return bool(_HOSTED.fullmatch(path) or _TEMPORARY.fullmatch(path))

    def openable(self, url: str, user: UserId) -> str:
        """Return *url* so that whoever gets it can open it: that of the user's own image is signed if need be."""
        hosted = _hosted(url)
        if self._links is None or not self.owns(url) or hosted is None or hosted[0] != user or urlsplit(url).query:
            return url
        expires, signature = self._links.sign(*hosted, expires_in=_LINK_LIVES)
        return f"{url}?expires={int(expires.timestamp())}&signature={signature}"

    async def find(self, url: str, user: UserId) -> Content | None:
        """Return the original at one of our URLs, if *user* may read it and it is here; raise `TooLarge`."""
        if not self.owns(url):
            return None
        try:
            return await self._find_hosted(url, user) or await self._find_temporary(url)
        except TooLarge:
            raise
        except AppError:
            return None  # whoever is given the URL will see for itself

    async def _find_hosted(self, url: str, user: UserId) -> Content | None:
        hosted = _hosted(url)
        if hosted is None or hosted[0] != user:
            return None
        found = await self._hosting.read(*hosted)
        if not isinstance(found, Stored) or found.image.facts is None:
            return None
        return Content(await self._read(found.blob), found.image.facts.content_type)

    async def _find_temporary(self, url: str) -> Content | None:
        match = _TEMPORARY.fullmatch(urlsplit(url).path)
        opened = await self._temporary.open(TemporaryId.parse(match["id"])) if match else None
        return None if opened is None else Content(await self._read(opened.blob), opened.image.content_type)

    async def _read(self, blob: Blob) -> bytes:
        try:
            if blob.size > self._max_bytes:
                raise TooLarge(f"An input may have {self._max_bytes} bytes.")
            return b"".join([chunk async for chunk in blob.chunks(0, blob.size)])
        finally:
            await blob.aclose()


def _hosted(url: str) -> tuple[UserId, ImageId] | None:
    match = _HOSTED.fullmatch(urlsplit(url).path)
    try:
        return (UserId.parse(match["user"]), ImageId.parse(match["image"])) if match else None
    except (InvalidInput, NotFound):
        return None
