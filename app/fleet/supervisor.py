"""Starts the processes, starts again what dies, and stops them all together.

The keeper comes first, for recovery needs the volume alone.  When the keeper dies everything ends, and whoever started
us starts it all again: no other process may go on while nobody keeps the volume.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta

from app.fleet.member import Member
from app.fleet.seat import KEEPER

log = logging.getLogger(__name__)

_SHORT_GRACE = timedelta(seconds=5)
_SECONDS_TO_START = 60.0
_MOST_FAILURES = 5
_FIRST_PAUSE = 0.1


class Supervisor:
    """Runs *count* processes made by *start*, which is given their numbers.

    *on_ready* is called once all of them answer requests, *on_stop* before they are asked to stop.
    """

    def __init__(
        self,
        *,
        count: int,
        start: Callable[[int], Awaitable[Member]],
        grace: timedelta,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        self._count = count
        self._start = start
        self._grace = grace
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._members: dict[int, Member] = {}
        self._waited_for = set(range(1, count + 1))

    async def run(self, stopping: asyncio.Event) -> bool:
        """Run until *stopping* is set; True when everything in hand was finished or given back by then."""
        asked = asyncio.create_task(stopping.wait(), name="stopping")
        try:
            is_well = await self._run(asked)
        finally:
            asked.cancel()
            is_clean = await self._stop(self._grace if stopping.is_set() else min(self._grace, _SHORT_GRACE))
        return is_well and is_clean

    async def _run(self, asked: "asyncio.Task[bool]") -> bool:
        keeper = await self._launch(KEEPER)
        starting = asyncio.create_task(self._ready(keeper), name="keeper")
        await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return True
        if not await starting:
            return False  # it has said why
        others = [asyncio.create_task(self._hold(number)) for number in range(KEEPER + 1, self._count + 1)]
        ended = asyncio.create_task(keeper.ended(), name="keeper")
        await asyncio.wait({ended, asked, *others}, return_when=asyncio.FIRST_COMPLETED)
        has_kept = not ended.done()
        for task in (ended, *others):
            task.cancel()
        await asyncio.gather(ended, *others, return_exceptions=True)
        if not asked.done():
            log.error("%s; stopping all", "a process does not start" if has_kept else "the keeper has ended")
        return asked.done()

    async def _hold(self, number: int) -> None:
        """Keep a process on seat *number*; return when it dies again and again before it is ready."""
        failures = 0
        while failures < _MOST_FAILURES:
            if failures:
                await asyncio.sleep(_FIRST_PAUSE * 2**failures)
            member = await self._launch(number)
            failures = 0 if await self._ready_in_time(member) else failures + 1
            code = await member.ended()
            log.error("a process has ended", extra={"member": number, "code": code})
            del self._members[number]
            member.close()
            # What it held is free for the others at once.
            self._members[KEEPER].tell(member.gone)

    async def _launch(self, number: int) -> Member:
        member = self._members[number] = await self._start(number)
        return member

    async def _ready_in_time(self, member: Member) -> bool:
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                return await self._ready(member)
        except TimeoutError:
            member.signal(signal.SIGKILL)
            return False

    async def _ready(self, member: Member) -> bool:
        if await member.ready() and self._waited_for:
            self._waited_for.discard(member.seat.number)
            if not self._waited_for:
                self._on_ready()
        return member.is_ready

    async def _stop(self, grace: timedelta) -> bool:
        """Stop every process, by force after *grace*; True when none needed it, and all ended well."""
        self._on_stop()
        leaving = [asyncio.create_task(member.leave()) for member in self._members.values()]
        if not leaving:
            return True
        self._signal(signal.SIGTERM)
        _, pending = await asyncio.wait(leaving, timeout=grace.total_seconds())
        if pending:
            log.error("stopped by force", extra={"workers": len(pending)})
            self._signal(signal.SIGKILL)
        return all(await asyncio.gather(*leaving)) and not pending

    def _signal(self, number: int) -> None:
        for member in self._members.values():
            member.signal(number)
