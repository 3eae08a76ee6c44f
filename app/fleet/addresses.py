"""The address, bound once for all processes and shared out by the kernel.

Each process listens on a socket of its own: on one that is shared, whoever wakes first takes all that is waiting.  The
supervisor holds every one of them too, so that connections to a process that has died wait for the next one.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

_BACKLOG = 1024


class CannotListen(Exception):
    """The address is taken, or not this machine's."""


def listen_apart(host: str | None, port: int, *, count: int) -> list[list[socket.socket]]:
    """Return *count* sets of listening sockets for *host* and *port*, one socket a family; raise `CannotListen`.

    No host means every address of both families; port 0 any that is free, the same for all.
    """
    with ExitStack() as opened:
        try:
            families = list(_families(host, port))
            port = port or _free_port(families)
            for family, address in families:
                _require_free(family, address, port)
            sets = [[opened.enter_context(_listener(*where, port)) for where in families] for _ in range(count)]
        except OSError as error:
            raise CannotListen(f"HOST and PORT: cannot listen there ({error.strerror or error}).") from error
        opened.pop_all()
    return sets


def _families(host: str | None, port: int) -> Iterator[tuple[int, str]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, *_, address in dict.fromkeys(found):
        yield family, str(address[0])


def _free_port(families: list[tuple[int, str]]) -> int:
    """Return a port that is free just now; where several addresses are bound, each would get one of its own."""
    family, address = families[-1]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _require_free(family: int, address: str, port: int) -> None:
    """Raise `OSError` when another program listens there, even one that would share the port with us."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        _set_up(probe)
        probe.bind((address, port))


def _listener(family: int, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        _set_up(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _set_up(new: socket.socket) -> None:
    new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if new.family == socket.AF_INET6:
        # IPv4 has a socket of its own.
        new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
