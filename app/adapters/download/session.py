"""The client session: no cookies, no proxies, no credentials, no decompression, and every socket guarded."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import (
    ClientConnectorDNSError,
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)

from app.adapters.download.guard import (
    ForbiddenAddress,
    GuardedResolver,
    MayDial,
    Resolve,
    SystemNames,
    guarded_sockets,
)
from app.adapters.download.limits import FetchLimits
from app.domain.errors import SourceNotAllowed

CHUNK = 256 * 1024

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "holdfast"}


class Broken(Exception):
    """The network failed.  Carries a word and nothing of the request: a source's query string is a credential."""


def open_session(*, may_dial: MayDial, resolve: Resolve, tls: ssl.SSLContext, limits: FetchLimits) -> ClientSession:
    """Return a session that dials nothing *may_dial* refuses; call it on a running loop."""
    connector = TCPConnector(
        resolver=GuardedResolver(may_dial=may_dial, resolve=resolve, timeout=limits.connect_timeout),
        socket_factory=guarded_sockets(may_dial),
        ssl=tls,
        # Nothing that was true for an earlier request is believed for this one.
        use_dns_cache=False,
        force_close=True,
        limit=0,  # the downloader has slots of its own, and waiting there costs no deadline
    )
    return ClientSession(
        connector=connector,
        headers=_HEADERS,
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=limits.connect_timeout, sock_read=limits.read_timeout),
        auto_decompress=False,
        # A proxy would dial for us, and the guard would judge the proxy's address.
        trust_env=False,
        read_bufsize=CHUNK,
    )


class GuardedSession:
    """A session that is opened by its first use: it belongs to a running loop, and a constructor has none.

    Reads the system's trust store.  *resolve* replaces the system's name service.
    """

    def __init__(self, *, may_dial: MayDial, limits: FetchLimits, resolve: Resolve | None = None) -> None:
        self._may_dial = may_dial
        self._limits = limits
        self._names = SystemNames()
        self._resolve = resolve or self._names.resolve
        self._tls = ssl.create_default_context()
        self._opened: ClientSession | None = None

    def get(self) -> ClientSession:
        if self._opened is None:
            self._opened = open_session(
                may_dial=self._may_dial, resolve=self._resolve, tls=self._tls, limits=self._limits
            )
        return self._opened

    async def aclose(self) -> None:
        self._names.close()
        if self._opened is not None:
            await self._opened.close()


class Nameless(Broken):
    """The name service knows no address, or is silent."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what aiohttp raises into `SourceNotAllowed` or `Broken`, without its text: that holds the URL."""
    try:
        yield
    except (ClientError, OSError) as exc:
        if isinstance(exc.__cause__, ForbiddenAddress):
            raise SourceNotAllowed from None
        kind = Nameless if isinstance(exc, ClientConnectorDNSError) else Broken
        raise kind(type(exc.__cause__ or exc).__name__) from None
