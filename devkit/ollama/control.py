"""Moving a stand-in that runs in another process: its clock, its models, its faults, and what it has seen."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from aiohttp import web

from devkit.clock import FakeClock
from devkit.faults import Faults
from devkit.journal import Journal
from devkit.ollama.behaviour import Behaviour, Ending
from devkit.ollama.chats import Chats
from devkit.ollama.refusals import Refusal
from devkit.ollama.wishes import members_of
from devkit.replicate.faults import ApiFault

_READ: dict[str, Callable[[Any], Any]] = {"ending": Ending, "thinking": tuple, "tokens": tuple}


class Control:
    """`/_control/`: no part of the real API, and open to anyone."""

    def __init__(
        self,
        *,
        clock: FakeClock,
        behave: Callable[[str | None, Behaviour], None],
        chats: Chats,
        api_faults: Faults[ApiFault],
        journal: Journal,
    ) -> None:
        self._clock = clock
        self._behave_so = behave
        self._chats = chats
        self._api_faults = api_faults
        self._journal = journal

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_control/advance", self._advance),
            web.post("/_control/behaviour", self._behave),
            web.post("/_control/faults/api", self._break),
            web.post("/_control/release", self._release),
            web.get("/_control/chats", self._tell_chats),
            web.get("/_control/requests", self._tell_requests),
        ]

    async def _advance(self, request: web.Request) -> web.Response:
        seconds = (await members_of(request)).get("seconds")
        if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise Refusal(422, "seconds must be a number, and not less than 0")
        return web.json_response({"now": self._clock.advance(seconds).isoformat()})

    async def _behave(self, request: web.Request) -> web.Response:
        members = await members_of(request)
        model = members.pop("model", None)
        self._behave_so(model, _made(Behaviour, members))
        return web.json_response({"model": model})

    async def _break(self, request: web.Request) -> web.Response:
        members = await members_of(request)
        times = members.pop("times", 1)
        self._api_faults.add(_made(ApiFault, members), times=times)
        return web.json_response({"coming": len(self._api_faults)})

    async def _release(self, _: web.Request) -> web.Response:
        self._chats.release()
        return web.json_response({})

    async def _tell_chats(self, _: web.Request) -> web.Response:
        return web.json_response({"chats": [chat.to_json() for chat in self._chats.all]})

    async def _tell_requests(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": [entry.to_json() for entry in self._journal.entries]})


def _made(kind: type[Any], members: dict[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    if unknown := sorted(members.keys() - known):
        raise Refusal(422, f"{kind.__name__} has no member {unknown[0]}")
    try:
        return kind(**{name: _READ.get(name, lambda value: value)(value) for name, value in members.items()})
    except (TypeError, ValueError) as exc:
        raise Refusal(422, str(exc)) from None
