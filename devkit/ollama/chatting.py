"""`/api/chat`: who waits for whom, and an answer that stops when nobody listens any more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from devkit.ollama.answering import Answer
from devkit.ollama.api import Library
from devkit.ollama.behaviour import Behaviour
from devkit.ollama.chats import Chat, Chats
from devkit.ollama.looking import said_of
from devkit.ollama.models import Model
from devkit.ollama.refusals import BUSY, Refusal
from devkit.ollama.wishes import Wish, read_wish

_NANOSECONDS = 10**9
_TOKENS_OF_A_PICTURE = 768


class ChatApi:
    """*parallel* answers are said at once, *queue* more may wait; then it is busy."""

    def __init__(
        self,
        library: Library,
        chats: Chats,
        *,
        behaviour_of: Callable[[str], Behaviour],
        parallel: int,
        queue: int,
    ) -> None:
        self._library = library
        self._clock = library.clock
        self._chats = chats
        self._behaviour_of = behaviour_of
        self._places = asyncio.Semaphore(parallel)
        self._queue = queue
        self._waiting = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/api/chat", self._chat)]

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        wish = await read_wish(request)
        name, model = self._library.get(wish.model)
        _check(wish, model)
        if self._places.locked() and self._waiting >= self._queue:
            raise Refusal(503, BUSY)
        chat = Chat(model=name, messages=wish.messages, members=wish.members, began_at=self._clock())
        with self._followed(chat, request):
            async with self._place():
                chat.started_at = self._clock()
                self._chats.changed()
                answer = await self._answer(request, chat, wish, model)
                return await (answer.stream() if wish.stream else answer.whole())

    async def _answer(self, request: web.Request, chat: Chat, wish: Wish, model: Model) -> Answer:
        behaviour = self._behaviour_of(chat.model)
        loading = 0.0 if self._library.is_loaded(chat.model) else behaviour.loading
        if loading:
            await self._clock.sleep(loading)
        self._library.use(chat.model)
        seen = chat.messages[-1].pictures if chat.messages else ()
        tokens = behaviour.pieces(said_of(seen if model.sees else (), chat.question))
        is_cut = wish.limit is not None and wish.limit < len(tokens)
        tokens = tokens[: wish.limit]
        return Answer(
            request=request,
            chat=chat,
            chats=self._chats,
            behaviour=behaviour,
            clock=self._clock,
            thinking=list(behaviour.thinking) if model.thinks and wish.think is not False else [],
            tokens=tokens,
            reason="length" if is_cut else behaviour.done_reason,
            counters=_counted(chat, tokens, loading) if behaviour.counters is None else dict(behaviour.counters),
        )

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def _followed(self, chat: Chat, request: web.Request) -> Iterator[None]:
        self._chats.begin(chat)
        try:
            yield
        finally:
            # aiohttp cancels this when the client leaves; only then is there no transport.
            if request.transport is None:
                chat.left_at = self._clock()
            else:
                chat.ended_at = self._clock()
            self._chats.changed()


def _check(wish: Wish, model: Model) -> None:
    if not model.talks:
        raise Refusal(400, f'"{wish.model}" does not support chat')
    if wish.think and not model.thinks:
        raise Refusal(400, f'"{wish.model}" does not support thinking')


def _counted(chat: Chat, tokens: list[str], loading: float) -> dict[str, int]:
    """Return true counts, and spans that look like some; what is 0 is left out when it is sent."""
    asked = sum(len(each.content.split()) for each in chat.messages) + _TOKENS_OF_A_PICTURE * len(chat.pictures)
    load, prompt, said = int(loading * _NANOSECONDS), asked * 400_000, len(tokens) * 12_000_000
    return {
        "total_duration": load + prompt + said,
        "load_duration": load,
        "prompt_eval_count": asked,
        "prompt_eval_duration": prompt,
        "eval_count": len(tokens),
        "eval_duration": said,
    }
