"""`Bus` over Unix datagram sockets, one a process, in a folder that only our user can enter.

All that is said in one turn of the event loop is one datagram to each process: the kernel lets only a few wait for a
reader (`net.unix.max_dgram_qlen`, often 10).  When there is no room it is said again a moment later.
"""

import asyncio
import logging
import os
import socket
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

log = logging.getLogger(__name__)

_MOST_WAITING = 4096
_LONGEST = 60_000
_SAY_AGAIN_SECONDS = 0.005
_PATIENCE_SECONDS = 0.5
_QUESTION, _ANSWER = "?", "!"


class DatagramBus:
    """The place *own* among *names* in *folder*; `open` before use, `close` after."""

    def __init__(self, folder: Path, *, own: str, names: list[str]) -> None:
        self._folder = folder
        self._own = own
        self._unsaid: dict[str, list[str]] = {name: [] for name in names if name != own}
        self._hearers: defaultdict[str, list[Callable[[str], object]]] = defaultdict(list)
        self._actors: dict[str, Callable[[], Awaitable[object]]] = {}
        self._questions: dict[str, set[str]] = {}
        self._answered = asyncio.Event()
        self._numbers = count()
        self._acting: set[asyncio.Task[None]] = set()
        self._saying: asyncio.Handle | None = None
        self._entrance = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def open(self) -> None:
        """Begin to hear and to be heard."""
        (self._folder / self._own).unlink(missing_ok=True)  # of a process that has died on this seat
        self._socket.bind(self._address(self._own))
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    async def aclose(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        if self._saying is not None:
            self._saying.cancel()
        for task in self._acting:
            task.cancel()
        await asyncio.gather(*self._acting, return_exceptions=True)
        (self._folder / self._own).unlink(missing_ok=True)
        self._socket.close()
        os.close(self._entrance)

    def on(self, topic: str, hear: Callable[[str], object]) -> None:
        self._hearers[topic].append(hear)

    def on_question(self, topic: str, act: Callable[[], Awaitable[object]]) -> None:
        self._actors[topic] = act

    def tell(self, topic: str, text: str = "") -> None:
        for name in self._unsaid:
            self._say(name, topic, text)

    async def ask(self, topic: str) -> None:
        number = f"{self._own}.{next(self._numbers)}"
        waited_for = self._questions[number] = {name for name in self._unsaid if (self._folder / name).exists()}
        for name in waited_for:
            self._say(name, _QUESTION, f"{topic} {self._own} {number}")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    while waited_for:
                        self._answered.clear()
                        await self._answered.wait()
        finally:
            del self._questions[number]

    def _say(self, name: str, topic: str, text: str) -> None:
        waiting = self._unsaid[name]
        if len(waiting) < _MOST_WAITING:
            waiting.append(f"{topic} {text}")
        if self._saying is None:
            self._saying = asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._saying = None
        for name, waiting in self._unsaid.items():
            while waiting:
                said = _as_many_as_fit(waiting)
                if not self._try_send(name, "\n".join(waiting[:said])):
                    break
                del waiting[:said]
        if any(self._unsaid.values()):
            self._saying = asyncio.get_running_loop().call_later(_SAY_AGAIN_SECONDS, self._send)

    def _try_send(self, name: str, text: str) -> bool:
        try:
            self._socket.sendto(text.encode(errors="replace"), self._address(name))
        except BlockingIOError:
            return False
        except OSError:
            pass  # it is dead, or not there yet; whoever waits looks for himself
        return True

    def _address(self, name: str) -> str:
        # The address of a socket has 107 bytes; the name of a folder may be longer.
        return f"/proc/self/fd/{self._entrance}/{name}" if sys.platform == "linux" else str(self._folder / name)

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            while True:
                for message in self._socket.recv(2 * _LONGEST).decode().split("\n"):
                    self._take(*message.split(" ", 1))

    def _take(self, topic: str, text: str) -> None:
        if topic == _QUESTION:
            asked, name, number = text.split(" ")
            task = asyncio.get_running_loop().create_task(self._act(asked, name, number), name=f"asked for {asked}")
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)
        elif topic == _ANSWER:
            name, number = text.split(" ")
            self._questions.get(number, set()).discard(name)
            self._answered.set()
        for hear in self._hearers[topic]:
            hear(text)

    async def _act(self, topic: str, name: str, number: str) -> None:
        try:
            if topic in self._actors:
                await self._actors[topic]()
        except Exception:
            log.exception("what another process asked for failed", extra={"topic": topic})
        self._say(name, _ANSWER, f"{self._own} {number}")


def _as_many_as_fit(messages: list[str]) -> int:
    """Return how many of *messages*, at least one, fit into a datagram."""
    size = 0
    for number, message in enumerate(messages):
        size += len(message.encode(errors="replace")) + 1
        if size > _LONGEST:
            return max(1, number)
    return len(messages)
