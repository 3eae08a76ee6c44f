"""What fal says when it does not do what it was asked."""

import re
from http import HTTPStatus

from app.adapters.providers.answers import members_of, retry_after, without
from app.adapters.providers.exchange import Answer
from app.adapters.providers.fal_jobs import complaint_in
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

_CREDIT = re.compile(r"balance|billing|credit|top up", re.IGNORECASE)


class FalRefusals:
    """Reads answers that are no success.  The key never appears in what it returns."""

    def __init__(self, *, clock: Clock, key: str | None) -> None:
        self._clock = clock
        self._key = key

    async def of_create(self, answer: Answer) -> AppError:
        """Return why no request came back; after a server error one may still have been queued."""
        message, hint = await self._read(answer)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return ProviderThrottled(message, retry_after=hint)
        if _is_about_credit(answer, message):
            return ProviderCredit(message)
        if answer.is_server_error or answer.status == HTTPStatus.REQUEST_TIMEOUT:
            return ProviderAnswerLost(message)
        return ProviderFailed(message)

    async def of_read(self, answer: Answer) -> AppError:
        """Return why a request could not be read, in the words `Provider.get` knows."""
        message, hint = await self._read(answer)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return ProviderThrottled(message, retry_after=hint)
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound("fal knows no such request.")
        return ProviderUnreachable(message)

    async def _read(self, answer: Answer) -> tuple[str, float | None]:
        members = await members_of(answer)
        said = complaint_in(members) or f"fal answered {answer.status}."
        return without(self._key, said), retry_after(answer, members, clock=self._clock)


def _is_about_credit(answer: Answer, message: str) -> bool:
    # An exhausted balance locks the account: 403, and only the words tell it from a wrong key.
    is_locked = answer.status == HTTPStatus.FORBIDDEN and _CREDIT.search(message) is not None
    return is_locked or answer.status == HTTPStatus.PAYMENT_REQUIRED
