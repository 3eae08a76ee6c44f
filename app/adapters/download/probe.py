"""Asks whether a provider will find a picture at a URL, before it is sent there; guarded as the downloader is."""

import asyncio
from collections import OrderedDict
from http import HTTPStatus
from pathlib import PurePosixPath

from aiohttp import ClientResponse
from multidict import MultiMapping
from yarl import URL

from app.adapters.download.answers import REDIRECTS, read_size, refusal_of, too_large
from app.adapters.download.guard import Resolve
from app.adapters.download.limits import FetchLimits, Timing
from app.adapters.download.policy import SourcePolicy
from app.adapters.download.session import Broken, GuardedSession, Nameless, translated
from app.domain.errors import SourceNotAllowed, SourceRejected, SourceUnavailable
from app.domain.images import CONTENT_TYPES

_MAX_REDIRECTS = 3
_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 1024
_REFUSES_HEAD = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,  # a signed URL is signed for one method
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_UNTYPED = frozenset({"", "application/octet-stream", "binary/octet-stream"})


class HttpProbe:
    """Judges by *policy*; *limits* bound a picture's bytes, the seconds of one question and how many go out at once."""

    def __init__(
        self, *, policy: SourcePolicy, limits: FetchLimits, timing: Timing, resolve: Resolve | None = None
    ) -> None:
        self._policy = policy
        self._limits = limits
        self._timing = timing
        self._session = GuardedSession(may_dial=policy.may_dial, limits=limits, resolve=resolve)
        self._slots = asyncio.Semaphore(limits.max_fetches)
        self._good: OrderedDict[str, float] = OrderedDict()

    def require_allowed(self, url: str) -> None:
        self._policy.parse(url)

    async def require_picture(self, url: str) -> None:
        if self._good.get(url, 0.0) > self._timing.monotonic():
            return
        try:
            async with asyncio.timeout(self._limits.total_timeout), self._slots:
                await self._ask(self._policy.parse(url))
        except TimeoutError:
            raise SourceUnavailable("The source took too long.") from None
        except Nameless:
            # In the same words as an address that is refused: else whoever asks learns which names are known inside.
            raise SourceNotAllowed from None
        except Broken:
            raise SourceUnavailable("The source did not answer, or broke off.") from None
        self._remember(url)

    async def aclose(self) -> None:
        await self._session.aclose()

    async def _ask(self, url: URL) -> None:
        status, headers = await self._answer("HEAD", url)
        if status in _REFUSES_HEAD:
            status, headers = await self._answer("GET", url, {"Range": "bytes=0-0"})
        if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise refusal_of(status, headers, now=self._timing.clock())
        self._judge(url, status, headers)

    def _judge(self, url: URL, status: int, headers: MultiMapping[str]) -> None:
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        suffix = PurePosixPath(url.path).suffix.lower().removeprefix(".")
        # Real pictures come without a label, too; then their name has to say what they are.
        if kind not in CONTENT_TYPES.values() and not (kind in _UNTYPED and suffix in CONTENT_TYPES):
            raise SourceRejected("not_an_image", "What lies there says of itself that it is no picture we accept.")
        size = read_size(status, headers)
        if size is not None and size > self._limits.max_bytes:
            raise too_large(self._limits.max_bytes)

    async def _answer(self, method: str, url: URL, more: dict[str, str] | None = None) -> tuple[int, MultiMapping[str]]:
        """Return the head of the first answer that is no redirect; its body is not read."""
        for _ in range(_MAX_REDIRECTS + 1):
            with translated():
                response: ClientResponse = await self._session.get().request(
                    method, url, headers=more, allow_redirects=False
                )
            response.close()
            if response.status not in REDIRECTS:
                return response.status, response.headers
            url = self._policy.follow(url, response.headers.get("Location", ""))
        raise SourceNotAllowed

    def _remember(self, url: str) -> None:
        """Believe what was seen for a minute; what was refused is looked at again, as it may be put right."""
        self._good[url] = self._timing.monotonic() + _REMEMBERED_SECONDS
        self._good.move_to_end(url)
        while len(self._good) > _MOST_REMEMBERED:
            self._good.popitem(last=False)
