"""A turn of the event loop: as long as it lasts nothing is looked at twice, and whoever asks next is in another."""

import asyncio
import socket
from pathlib import Path

import pytest

from app.web.hot.turns import Turn, Turns
from app.web.hot.witness import Witness
from devkit.clock import FakeClock
from tests.web.hot.test_hot_images import an_image


async def test_it_is_one_turn_until_the_loop_comes_round() -> None:
    turns = Turns(clock=FakeClock(ticking=True))
    first = turns.current()
    assert turns.current() is first
    await asyncio.sleep(0)
    assert turns.current() is not first


async def test_a_turn_has_the_time_it_began_at() -> None:
    clock = FakeClock()
    turns, began = Turns(clock=clock), clock()
    first = turns.current()
    await asyncio.sleep(0)
    clock.advance(1)
    second = turns.current()
    assert (first.now, second.now) == (began, clock())
    assert first.date != second.date
    assert second.second - first.second == 1


async def test_bytes_sent_after_an_answer_are_heard_in_a_later_turn() -> None:
    turns, loop, heard = Turns(clock=FakeClock()), asyncio.get_running_loop(), list[Turn]()

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            heard.append(turns.current())
            self.transport.write(data)

    server = await loop.create_server(Echo, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as line:
        for _ in range(50):
            line.send(b"a")
            await asyncio.to_thread(line.recv, 1)
    server.close()
    assert len(set(map(id, heard))) == len(heard) == 50


@pytest.mark.parametrize("gone", ["shown", "original"])
async def test_a_file_is_looked_at_once_in_a_turn_and_again_in_the_next(tmp_path: Path, gone: str) -> None:
    for name in ("shown", "original"):
        (tmp_path / name).write_bytes(b"a")
    image, turns = an_image(), Turns(clock=FakeClock())
    shown, image.original = Witness.at(tmp_path / "shown"), Witness.at(tmp_path / "original")
    assert shown is not None
    image.witness = shown
    turn = turns.current()
    assert image.is_there(turn)
    (tmp_path / gone).unlink()
    assert image.is_there(turn)
    await asyncio.sleep(0)
    assert not image.is_there(turns.current())
