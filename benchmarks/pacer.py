"""GETs at a fixed rate, as a program: PORT PATH SIZE RATE CONNECTIONS.  It ends with its input, and prints what it saw.

Time counts from the moment a request was due, not from the one it could be sent: a service that stalls for a second
makes all who come in that second wait, also those whose connection was still busy.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable

from benchmarks.probe import WrongAnswer, connected


async def pace(
    port: int, path: str, size: int, *, rate: float, connections: int, until: Callable[[], Awaitable[object]]
) -> list[tuple[float, float]]:
    """Return when each request was due, on the monotonic clock, and its seconds to the last byte of the answer."""
    seen: list[tuple[float, float]] = []
    began, stopping = time.monotonic(), asyncio.Event()

    async def client(number: int) -> None:
        async with connected(port) as connection:
            due = began + number / rate
            while not stopping.is_set():
                await asyncio.sleep(max(0, due - time.monotonic()))
                answer = await connection.get(path)
                if (answer.status, len(answer.body)) != (200, size):
                    raise WrongAnswer(f"{answer.status}, {len(answer.body)} bytes")
                seen.append((due, time.monotonic() - due))
                due += connections / rate

    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(client(number))
        await until()
        stopping.set()
    return sorted(seen)


async def main() -> None:
    """Pace until the input ends, and print the result as JSON."""
    port, path, size, rate, connections = sys.argv[1:]
    gc.disable()
    seen = await pace(
        int(port),
        path,
        int(size),
        rate=float(rate),
        connections=int(connections),
        until=lambda: asyncio.to_thread(sys.stdin.read),
    )
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
