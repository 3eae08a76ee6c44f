"""Serving as one of several processes: what the supervisor is told, and what it says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from app.fleet.channel import channel
from app.fleet.seat import Seat
from app.wiring.lifecycle import Holdfast
from app.wiring.messages import take_over


@asynccontextmanager
async def seated(holdfast: Holdfast, seat: Seat | None) -> AsyncIterator[Callable[[], None]]:
    """Listen to the supervisor for the length of the block; yield what tells it that requests are answered."""
    if seat is None:
        yield lambda: None
        return
    async with channel(seat.channel) as line:
        hearing = asyncio.create_task(line.hear(partial(take_over, holdfast.graph)), name="supervisor")
        try:
            yield line.ready
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})
