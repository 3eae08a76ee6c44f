"""Questions to a provider that may be repeated: asked again for as long as that may help."""

from collections.abc import Awaitable, Callable

from yarl import URL

from app.adapters.providers.backoff import Backoff
from app.adapters.providers.exchange import Answer, Exchange, NoAnswer, NotSent
from app.domain.errors import AppError, ProviderUnreachable

Refusal = Callable[[Answer], Awaitable[AppError]]
"""Reads an answer that is no success."""


class Questions:
    """*who* is what messages call the provider; *patience* is in seconds, for each answer."""

    def __init__(self, *, exchange: Exchange, refusal: Refusal, backoff: Backoff, patience: float, who: str) -> None:
        self._exchange = exchange
        self._refusal = refusal
        self._backoff = backoff
        self._patience = patience
        self._who = who

    async def ask(
        self, method: str, url: URL, *, may_change: Callable[[Answer], bool] = lambda answer: answer.may_change
    ) -> Answer:
        """Return an answer that asking again would not change; raise `ProviderUnreachable` or what *refusal* reads."""
        attempt = 0
        while True:
            attempt += 1
            refusal: AppError
            try:
                answer = await self._exchange.send(method, url, patience=self._patience)
            except (NotSent, NoAnswer) as exc:
                refusal = ProviderUnreachable(f"{self._who} did not answer.")
                refusal.__cause__ = exc
            else:
                if not may_change(answer):
                    return answer
                refusal = await self._refusal(answer)
            pause = self._backoff.pause(attempt, refusal.retry_after)
            if pause is None:
                raise refusal
            await self._backoff.sleep(pause)
