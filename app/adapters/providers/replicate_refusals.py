"""What Replicate says when it does not do what it was asked."""

from http import HTTPStatus

from app.adapters.providers.answers import clean_text, members_of, retry_after, without
from app.adapters.providers.exchange import Answer
from app.domain.errors import (
    AppError,
    NotFound,
    ProviderAnswerLost,
    ProviderCredit,
    ProviderFailed,
    ProviderThrottled,
    ProviderUnreachable,
)
from app.domain.ports import Clock


class Refusals:
    """Reads answers that are no success.  The token never appears in what it returns."""

    def __init__(self, *, clock: Clock, token: str | None) -> None:
        self._clock = clock
        self._token = token

    async def of_create(self, answer: Answer) -> AppError:
        """Return why no prediction came back; after a server error one may still have been started."""
        message, hint = await self._read(answer)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return ProviderThrottled(message, retry_after=hint)
        if answer.status == HTTPStatus.PAYMENT_REQUIRED:
            return ProviderCredit(message)
        if answer.is_server_error:
            return ProviderAnswerLost(message)
        return ProviderFailed(message)

    async def of_read(self, answer: Answer) -> AppError:
        """Return why a prediction could not be read, in the words `Provider.get` knows."""
        message, hint = await self._read(answer)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return ProviderThrottled(message, retry_after=hint)
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound("Replicate knows no such prediction.")
        return ProviderUnreachable(message)

    async def _read(self, answer: Answer) -> tuple[str, float | None]:
        members = await members_of(answer)
        said = members.get("detail") or members.get("title") or f"Replicate answered {answer.status}."
        return without(self._token, clean_text(said)), retry_after(answer, members, clock=self._clock)
