"""The client session: no cookies, no proxies, no credentials, no decompression, and every socket guarded."""

from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)

from app.adapters.download.guard import ForbiddenAddress, GuardedResolver, MayDial, Resolve, guarded_sockets
from app.adapters.download.limits import FetchLimits
from app.domain.errors import SourceNotAllowed

CHUNK = 256 * 1024

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "holdfast"}


class Broken(Exception):
    """The network failed.  Carries a word and nothing of the request: a source's query string is a credential."""


def open_session(*, may_dial: MayDial, resolve: Resolve, tls: SSLContext, limits: FetchLimits) -> ClientSession:
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


@contextmanager
def translated() -> Iterator[None]:
    """Turn what aiohttp raises into `SourceNotAllowed` or `Broken`, without its text: that holds the URL."""
    try:
        yield
    except (ClientError, OSError) as exc:
        if isinstance(exc.__cause__, ForbiddenAddress):
            raise SourceNotAllowed from None
        raise Broken(type(exc.__cause__ or exc).__name__) from None
