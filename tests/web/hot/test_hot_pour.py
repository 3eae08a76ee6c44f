"""Pouring, step by step: into a file, which always takes more, and into a socket that is full."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from app.web.hot.bodies import Bodies
from app.web.hot.pouring import Pour
from app.web.hot.source import Source
from app.web.hot.witness import Witness
from app.web.serving.plan import Body
from app.web.serving.ranges import Span
from tests.support.waiting import until

MIB = 1024 * 1024
IMAGE = os.urandom(64 * 1024) * 160


@dataclass
class Sink:
    """As much of a transport as pouring touches, over a descriptor it takes for the socket's."""

    descriptor: int
    untaken: bytes = b""
    is_aborted: bool = False

    def get_extra_info(self, name: str) -> "Sink":
        assert name == "socket"
        return self

    def fileno(self) -> int:
        return self.descriptor

    def write(self, data: bytes) -> None:
        self.untaken += data

    def get_write_buffer_size(self) -> int:
        return len(self.untaken)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True
        self.untaken = b""


@pytest.fixture
def image(tmp_path: Path) -> Witness:
    (tmp_path / "image").write_bytes(IMAGE)
    found = Witness.at(tmp_path / "image")
    assert found is not None
    return found


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with (tmp_path / "sink").open("wb", buffering=0) as file:
        yield Sink(file.fileno())


@pytest.fixture
def full() -> Iterator[Sink]:
    """A sink that takes nothing."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                near.send(bytes(MIB))
        yield Sink(near.fileno())


def pouring(sink: Sink, body: Body, image: Witness, bodies: Bodies | None = None) -> tuple[Pour, list[bool]]:
    ended: list[bool] = []
    source = Source(image, bodies or Bodies(budget=0))
    return Pour(cast(Any, sink), body, source, ended=ended.append), ended


async def in_memory(image: Witness) -> Bodies:
    bodies = Bodies(budget=100 * MIB)
    bodies.want(image, 1)
    await until(lambda: bodies.peek(image) is not None)
    return bodies


def count_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("is_kept", [False, True], ids=["of a file", "of memory"])
async def test_large_bodies_take_turns(sink: Sink, image: Witness, tmp_path: Path, *, is_kept: bool) -> None:
    pour, ended = pouring(sink, (Span(0, len(IMAGE)),), image, await in_memory(image) if is_kept else None)
    assert [pour.go_on() for _ in range(3)] == [True, True, False]
    assert (ended, (tmp_path / "sink").read_bytes() == IMAGE) == ([True], True)


@pytest.mark.parametrize("is_kept", [False, True], ids=["of a file", "of memory"])
async def test_parts_come_in_order(sink: Sink, image: Witness, tmp_path: Path, *, is_kept: bool) -> None:
    body: Body = (b"first ", Span(5, 9), b"", b" then ", Span(0, 3 * MIB), b" end")
    pour, ended = pouring(sink, tuple(filter(None, body)), image, await in_memory(image) if is_kept else None)
    pour.go_on()
    expected = b"first " + IMAGE[5:9] + b" then " + IMAGE[: 3 * MIB] + b" end"
    assert (ended, (tmp_path / "sink").read_bytes() == expected) == ([True], True)


async def test_a_head_leaves_together_with_the_start_of_its_body(image: Witness) -> None:
    bodies = await in_memory(image)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        pour, ended = pouring(Sink(near.fileno()), (b"head ", Span(3, 9), b" end"), image, bodies)
        pour.go_on()
        assert (ended, far.recv(100)) == ([True], b"head " + IMAGE[3:9] + b" end")


def test_a_body_that_shrinks_cuts_the_connection(sink: Sink, image: Witness) -> None:
    before = count_descriptors()
    pour, ended = pouring(sink, (Span(0, len(IMAGE)),), image)
    assert pour.go_on()
    os.truncate(image.path, 5 * MIB)
    while pour.go_on():
        assert not ended
    assert (sink.is_aborted, pour.is_over, ended, count_descriptors()) == (True, True, [False], before)


@pytest.mark.parametrize("size", [0, 5])
def test_a_body_that_shrank_while_nobody_took_it_cuts_the_connection(full: Sink, image: Witness, size: int) -> None:
    pour, ended = pouring(full, (b"head", Span(5, len(IMAGE))), image)
    assert not pour.go_on()
    os.truncate(image.path, size)
    full.untaken = b""
    assert not pour.go_on()
    assert (full.is_aborted, ended) == (True, [False])


def test_a_full_socket_leaves_a_sip_to_the_transport_and_waits(full: Sink, image: Witness) -> None:
    pour, ended = pouring(full, (Span(0, len(IMAGE)),), image)
    assert not pour.go_on()
    assert (full.untaken, ended) == (IMAGE[: 16 * 1024], [])
    pour.close()
    assert ended == [False]


def test_a_body_is_not_sent_before_the_transport_has_sent_its_end(full: Sink, image: Witness) -> None:
    pour, ended = pouring(full, (Span(0, 10),), image)
    assert not pour.go_on()
    assert (full.untaken, ended) == (IMAGE[:10], [])
    full.untaken = b""
    assert not pour.go_on()
    assert ended == [True]


async def test_what_is_pushed_out_of_memory_and_deleted_meanwhile_ends_well(
    full: Sink, sink: Sink, image: Witness, tmp_path: Path
) -> None:
    bodies = await in_memory(image)
    pour, ended = pouring(full, (Span(0, len(IMAGE)),), image, bodies)
    pour.go_on()
    bodies.drop(image.path)
    os.unlink(image.path)  # noqa: PTH108 (names here are text)
    os.dup2(sink.descriptor, full.descriptor)
    os.write(sink.descriptor, full.untaken)
    full.untaken = b""
    while pour.go_on():
        pass
    assert (ended, (tmp_path / "sink").read_bytes() == IMAGE) == ([True], True)


def test_a_file_that_is_another_by_now_is_not_sent(sink: Sink, image: Witness) -> None:
    Path(image.path).unlink()
    pour, ended = pouring(sink, (Span(0, 10),), image)
    assert not pour.go_on()
    assert (sink.is_aborted, ended) == (True, [False])


def test_the_end_is_told_once(sink: Sink, image: Witness) -> None:
    pour, ended = pouring(sink, (Span(0, 10),), image)
    pour.go_on()
    pour.close()
    pour.cut()
    assert ended == [True]
