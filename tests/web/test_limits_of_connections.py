"""How many connections one address may hold open."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.web.connections import Connections, Entry, holder
from tests.support.raw import Line, connected, request
from tests.support.service import Service
from tests.support.still import still


async def is_served(line: Line) -> bool:
    """Tell whether the connection answers, and not just whether it was accepted."""
    try:
        await line.say(request("GET", "/livez"))
        return (await line.hear()).status == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def opened(stack: AsyncExitStack, service: Service, count: int) -> list[bool]:
    lines = [await stack.enter_async_context(connected(service)) for _ in range(count)]
    return [await is_served(line) for line in lines]


async def test_one_connection_too_many_is_closed_at_once(tmp_path: Path) -> None:
    async with still(tmp_path, MAX_CONNECTIONS_PER_ADDRESS="3") as service, AsyncExitStack() as stack:
        assert await opened(stack, service, 4) == [True, True, True, False]
        one_more = await stack.enter_async_context(connected(service))
        assert await one_more.is_closed()


async def test_a_closed_connection_makes_room(tmp_path: Path) -> None:
    async with still(tmp_path, MAX_CONNECTIONS_PER_ADDRESS="2") as service:
        for _ in range(5):
            async with AsyncExitStack() as stack:
                assert await opened(stack, service, 2) == [True, True]
            await asyncio.sleep(0.01)


async def test_refused_connections_do_not_count(tmp_path: Path) -> None:
    async with still(tmp_path, MAX_CONNECTIONS_PER_ADDRESS="1") as service:
        async with AsyncExitStack() as stack:
            assert await opened(stack, service, 10) == [True] + [False] * 9
        await asyncio.sleep(0.01)
        async with AsyncExitStack() as stack:
            assert await opened(stack, service, 1) == [True]


async def test_nought_is_no_limit(tmp_path: Path) -> None:
    async with still(tmp_path, MAX_CONNECTIONS_PER_ADDRESS="0") as service, AsyncExitStack() as stack:
        assert await opened(stack, service, 40) == [True] * 40


async def test_behind_a_proxy_connections_are_the_proxys(tmp_path: Path) -> None:
    settings = {"MAX_CONNECTIONS_PER_ADDRESS": "1", "CLIENT_ADDRESS_HEADER": "X-Real-IP"}
    async with still(tmp_path, **settings) as service, AsyncExitStack() as stack:
        assert await opened(stack, service, 5) == [True] * 5


def test_addresses_are_counted_apart() -> None:
    connections = Connections(most_per_address=1)
    entries = [connections.enter(address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    assert entries == [Entry.ADMITTED, Entry.ADMITTED, Entry.ONE_TOO_MANY]
    connections.leave("192.0.2.1")
    assert connections.enter("192.0.2.1") is Entry.ADMITTED
    assert connections.enter("192.0.2.2") is Entry.ONE_TOO_MANY


def test_all_together_are_counted_too() -> None:
    connections = Connections(most=2, most_per_address=1)
    entries = [connections.enter(address) for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3")]
    assert entries == [Entry.ADMITTED, Entry.ONE_TOO_MANY, Entry.ADMITTED, Entry.FULL]
    connections.leave("192.0.2.1")
    assert connections.enter("192.0.2.3") is Entry.ADMITTED


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_customer_has_one_count_for_all_addresses(address: str, whose: str) -> None:
    assert holder(address) == whose
