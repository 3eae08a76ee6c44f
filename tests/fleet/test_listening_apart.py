"""One port for several processes: each has its own socket, nobody else's program is on it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.fleet.addresses import CannotListen, listen_apart

LOOPBACK = "127.0.0.1"


@contextmanager
def listening(host: str | None, port: int, *, count: int = 2) -> Iterator[list[list[socket.socket]]]:
    sets = listen_apart(host, port, count=count)
    try:
        yield sets
    finally:
        for each in sets:
            for listener in each:
                listener.close()


def ports(sets: list[list[socket.socket]]) -> list[int]:
    return [listener.getsockname()[1] for each in sets for listener in each]


def test_any_free_port_is_the_same_for_all() -> None:
    with listening(LOOPBACK, 0, count=3) as sets:
        assert len(ports(sets)) == 3
        assert len(set(ports(sets))) == 1


def test_without_a_host_both_families_share_a_port() -> None:
    with listening(None, 0) as sets:
        assert [{listener.family for listener in each} for each in sets] == [{socket.AF_INET, socket.AF_INET6}] * 2
        assert len(set(ports(sets))) == 1


def test_each_socket_gets_its_part_of_the_connections() -> None:
    with listening(LOOPBACK, 0) as sets:
        for _ in range(40):
            socket.create_connection(sets[0][0].getsockname()).close()
        accepted = [count_waiting(each[0]) for each in sets]

    assert sum(accepted) == 40
    assert min(accepted) > 0


def count_waiting(listener: socket.socket) -> int:
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.mark.parametrize("shares", [0, 1], ids=["keeps it for itself", "would share it"])
def test_a_port_another_program_is_on_is_refused(shares: int) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shares)
        other.bind((LOOPBACK, 0))
        other.listen()
        with pytest.raises(CannotListen, match="Address already in use"):
            listen_apart(LOOPBACK, other.getsockname()[1], count=2)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotListen, match="HOST and PORT"):
        listen_apart("192.0.2.1", 0, count=2)
