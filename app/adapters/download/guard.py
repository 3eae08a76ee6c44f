"""The wall around every connection: what a name resolves to, and what is dialled, is judged where it happens."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType, SocketFactoryType

MayDial = Callable[[str, int], bool]
"""Judges a numeric address and a port."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns every numeric address of a name, of both families; raises `OSError` when there is none."""

_MAX_ANSWERS = 8
_DNS_THREADS = 4


class ForbiddenAddress(OSError):
    """An address that must not be dialled.

    An `OSError`, because happy eyeballs swallows anything else when a name has several addresses; and always with
    the same words, because only then does it hand on the first of several unchanged.
    """

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "forbidden address")


def guarded_sockets(may_dial: MayDial) -> SocketFactoryType:
    """Return a socket factory that refuses what *may_dial* refuses.

    aiohttp asks no resolver about IP literals, but every connection passes here, after DNS and after each redirect,
    with the very address it then dials.  So a name that answers differently the second time gains nothing.
    """

    def open_socket(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_dial(str(address[0]), int(address[1])):
            raise ForbiddenAddress
        return socket.socket(family, kind, protocol)

    return open_socket


class GuardedResolver(AbstractResolver):
    """Resolves both families and refuses a name if any of its addresses is forbidden."""

    def __init__(self, *, may_dial: MayDial, resolve: Resolve, timeout: float) -> None:
        self._may_dial = may_dial
        self._resolve = resolve
        self._timeout = timeout

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  # both are always judged
    ) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            # A timeout would go past aiohttp as one of the whole request.
            addresses = []
        if not addresses:
            raise OSError(errno.ENOENT, "no address")
        if not all(self._may_dial(address, port) for address in addresses):
            raise ForbiddenAddress
        return [_result(host, address, port) for address in addresses[:_MAX_ANSWERS]]

    async def close(self) -> None:
        """Nothing is held."""


class SystemNames:
    """The system's name service, on threads of its own: a dead name server must not hold those of the disk."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="dns")

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        infos = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(address[0]) for *_, address in infos))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
