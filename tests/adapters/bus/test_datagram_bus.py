"""Messages between processes: they arrive at once, in order, in any number, and nobody waits for the dead."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.adapters.bus.alone import NobodyElse
from app.adapters.bus.datagrams import DatagramBus

Join = Callable[[str], Awaitable[DatagramBus]]


@pytest.fixture
async def join(tmp_path: Path) -> AsyncIterator[Join]:
    """Return what joins one of three processes to the bus."""
    async with AsyncExitStack() as stack:

        async def joined(name: str) -> DatagramBus:
            bus = DatagramBus(tmp_path, own=name, names=["1", "2", "3"])
            stack.push_async_callback(bus.aclose)
            bus.open()
            return bus

        yield joined


class Heard(list[str]):
    """The texts that arrived; `count` waits for as many."""

    def __init__(self, bus: DatagramBus, topic: str) -> None:
        self._changed = asyncio.Event()
        bus.on(topic, self._take)

    def _take(self, text: str) -> None:
        self.append(text)
        self._changed.set()

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self) < count:
                self._changed.clear()
                await self._changed.wait()


async def test_all_others_hear_what_one_tells_and_it_does_not(join: Join) -> None:
    one, two, three = [await join(name) for name in "123"]
    own, second, third = Heard(one, "changed"), Heard(two, "changed"), Heard(three, "changed")
    one.tell("changed", "ana/img_1")
    await second.reach(1)
    await third.reach(1)

    assert (own, second, third) == ([], ["ana/img_1"], ["ana/img_1"])


async def test_only_those_who_asked_for_a_topic_hear_it(join: Join) -> None:
    one, two = await join("1"), await join("2")
    changed, due = Heard(two, "changed"), Heard(two, "due")
    one.tell("nobody's business", "x")
    one.tell("changed", "a")
    one.tell("due")
    await due.reach(1)

    assert (changed, due) == (["a"], [""])


async def test_far_more_than_the_kernel_lets_wait_arrives_in_order(join: Join) -> None:
    one, two = await join("1"), await join("2")
    heard = Heard(two, "changed")
    # One by one, so that each is a datagram of its own, and nobody reads meanwhile.
    for number in range(200):
        one.tell("changed", str(number))
        one._send()
    await heard.reach(200)

    assert heard == [str(number) for number in range(200)]


async def test_much_at_once_is_split_into_datagrams_that_fit(join: Join) -> None:
    one, two = await join("1"), await join("2")
    heard = Heard(two, "counted")
    texts = [f"{number}:{'x' * 20_000}" for number in range(12)]
    for text in texts:
        one.tell("counted", text)
    await heard.reach(12)

    assert heard == texts


async def test_nobody_waits_for_those_who_are_not_there(join: Join, tmp_path: Path) -> None:
    one, two = await join("1"), await join("2")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(tmp_path / "3"))  # its process was killed: the name is left, nobody reads
    heard = Heard(two, "changed")
    one.tell("changed", "a")
    await heard.reach(1)

    assert heard == ["a"]


async def test_the_next_process_on_a_seat_hears(join: Join, tmp_path: Path) -> None:
    one, before = await join("1"), DatagramBus(tmp_path, own="2", names=["1", "2"])
    before.open()
    await before.aclose()
    one.tell("changed", "lost")
    await asyncio.sleep(0)
    heard = Heard(await join("2"), "changed")
    one.tell("changed", "heard")
    await heard.reach(1)

    assert heard == ["heard"]


async def test_a_question_is_answered_when_all_have_acted(join: Join) -> None:
    one, two, three = [await join(name) for name in "123"]
    acted: list[str] = []

    def acting(name: str) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            await asyncio.sleep(0.01)
            acted.append(name)

        return act

    two.on_question("reads", acting("2"))
    three.on_question("reads", acting("3"))
    async with asyncio.timeout(0.4):
        await one.ask("reads")

    assert sorted(acted) == ["2", "3"]


async def test_who_fails_or_does_not_know_a_question_answers_all_the_same(
    join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    one, two, _ = [await join(name) for name in "123"]

    async def fail() -> None:
        raise OSError("no disk")

    two.on_question("reads", fail)
    async with asyncio.timeout(0.4):
        await one.ask("reads")

    assert [record.message for record in caplog.records] == ["what another process asked for failed"]


async def test_a_question_is_not_waited_for_long(join: Join) -> None:
    one, two = await join("1"), await join("2")
    two.on_question("reads", asyncio.Event().wait)
    async with asyncio.timeout(5):
        await one.ask("reads")


async def test_a_folder_with_a_long_name_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    one, two = (DatagramBus(folder, own=name, names=["1", "2"]) for name in "12")
    one.open()
    two.open()
    heard = Heard(two, "changed")
    one.tell("changed", "a")
    await heard.reach(1)
    await one.aclose()
    await two.aclose()


async def test_who_is_alone_asks_and_tells_nobody() -> None:
    bus = NobodyElse()
    bus.on("changed", pytest.fail)
    bus.on_question("reads", asyncio.Event().wait)
    bus.tell("changed", "a")
    await bus.ask("reads")
