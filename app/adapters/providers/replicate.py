"""Replicate, over its HTTP API.

A create costs money and cannot be repeated safely, so it is sent once and its failures say whether it can have
arrived.  Everything else is asked again when that may help.  Addresses in answers are never used: whatever is
called, the key included, goes to the configured base URL.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from yarl import URL

from app.adapters.providers.answers import is_job_id
from app.adapters.providers.asking import Questions
from app.adapters.providers.backoff import Backoff
from app.adapters.providers.exchange import Answer, Exchange, NoAnswer, NotSent, encoded
from app.adapters.providers.replicate_jobs import PROVIDER, RETENTION, job_from
from app.adapters.providers.replicate_orders import Call, call_for, headers_for, waited
from app.adapters.providers.replicate_refusals import Refusals
from app.domain.errors import (
    InvalidInput,
    NotFound,
    ProviderAnswerLost,
    ProviderNotConfigured,
    ProviderUnreachable,
)
from app.domain.generations import Job, Order
from app.domain.ports import Clock

log = logging.getLogger(__name__)

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; outputs may come inline, as data URIs."""
_LARGE_ANSWER = 256 * 1024
_GRACE = 5.0
_MOST_PAGES = 100
_ENDED_ALREADY = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY}
)


class ReplicateProvider:
    """*base_url* is without `/v1`; *timeout* bounds the wait for an answer that Replicate is not asked to hold.

    *allow_http* takes `http:` outputs too, which only a stand-in makes.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str | None,
        clock: Clock,
        timeout: timedelta = timedelta(seconds=10),
        allow_http: bool = False,
        backoff: Backoff | None = None,
    ) -> None:
        if token is not None and not token.isprintable():
            raise ValueError("the Replicate token holds a character that no header may hold")
        self._token = token
        self._root = _root(base_url)
        self._timeout = timeout.total_seconds()
        self._allow_http = allow_http
        self._refusals = Refusals(clock=clock, token=token)
        self._exchange = Exchange(authorization=f"Bearer {token}", largest_answer=LARGEST_ANSWER)
        self._questions = Questions(
            exchange=self._exchange,
            refusal=self._refusals.of_read,
            backoff=backoff or Backoff(),
            patience=self._timeout,
            who="Replicate",
        )

    @property
    def name(self) -> str:
        return PROVIDER

    @property
    def keeps(self) -> timedelta:
        return RETENTION

    @property
    def has_list(self) -> bool:
        return True

    async def create(
        self, order: Order, *, wait: timedelta, cancel_after: timedelta | None, webhook: str | None
    ) -> Job:
        self._check_configured()
        call = call_for(order, webhook=webhook)
        headers = headers_for(wait=wait, cancel_after=cancel_after)
        answer = await self._place(call, headers, patience=self._patience(wait))
        if not answer.is_success:
            raise await self._refusals.of_create(answer)
        try:
            return await self._job(answer)
        except (ValueError, InvalidInput) as exc:
            raise ProviderAnswerLost("Replicate's answer cannot be read.") from exc

    async def get(self, job_id: str, *, model: str | None = None) -> Job:  # noqa: ARG002 - the id is enough here
        return await self._read_job(await self._ask("GET", self._prediction(job_id)))

    async def cancel(self, job_id: str, *, model: str | None = None) -> Job:  # noqa: ARG002 - as for `get`
        # Cancelling is asked again like a read: a second cancellation changes nothing.
        answer = await self._answer("POST", self._prediction(job_id) / "cancel")
        if answer.status in _ENDED_ALREADY:
            # What cancelling a prediction that has ended is answered with is not documented.
            return await self.get(job_id)
        if not answer.is_success:
            raise await self._refusals.of_read(answer)
        return await self._read_job(answer)

    async def recent(self, since: datetime) -> AsyncIterator[Job]:
        # Replicate's times may come in milliseconds; ours must not be later than what they are compared with.
        since = since.astimezone(UTC).replace(microsecond=since.microsecond // 1000 * 1000)
        after = since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        url: URL | None = (self._root / "predictions").with_query(created_after=after)
        for _ in range(_MOST_PAGES):
            if url is None:
                return
            documents, url = await self._page(url)
            for job in self._readable(documents):
                # The list is newest first, so a server that ignores `created_after` is not read to its end.
                if job.created_at is not None and job.created_at < since:
                    return
                yield job

    def parse(self, document: Mapping[str, Any]) -> Job:
        return job_from(document, allow_http=self._allow_http)

    async def webhook_secret(self) -> str:
        """Return what Replicate signs our webhooks with (`whsec_…`); raise as `get` does."""
        answer = await self._ask("GET", self._root / "webhooks" / "default" / "secret")
        try:
            document = await answer.document()
        except ValueError:
            document = None
        key = document.get("key") if isinstance(document, dict) else None
        if not isinstance(key, str) or not key.startswith("whsec_"):
            raise ProviderUnreachable("Replicate's answer cannot be read.")
        return key

    async def aclose(self) -> None:
        await self._exchange.aclose()

    def _check_configured(self) -> None:
        if self._token is None:
            raise ProviderNotConfigured("No token for Replicate is configured.")

    async def _place(self, call: Call, headers: Mapping[str, str], *, patience: float) -> Answer:
        """Send a create, once, and say by the error whether it can have arrived."""
        try:
            body = await encoded(call.body)
        except (RecursionError, ValueError):
            raise InvalidInput("The input is no JSON.", field="input") from None
        url = self._root.joinpath(*call.path)
        try:
            return await self._exchange.send("POST", url, patience=patience, headers=headers, body=body, once=True)
        except NotSent as exc:
            raise ProviderUnreachable("Replicate cannot be reached.") from exc
        except NoAnswer as exc:
            raise ProviderAnswerLost("Replicate did not say whether it started the prediction.") from exc

    def _patience(self, wait: timedelta) -> float:
        seconds = waited(wait)
        return max(self._timeout, seconds + _GRACE) if seconds else self._timeout

    def _prediction(self, job_id: str) -> URL:
        if not is_job_id(job_id):
            raise NotFound("Replicate knows no such prediction.")
        return self._root / "predictions" / job_id

    async def _ask(self, method: str, url: URL) -> Answer:
        """Return an answer that is a success, or raise what `get` raises."""
        answer = await self._answer(method, url)
        if not answer.is_success:
            raise await self._refusals.of_read(answer)
        return answer

    async def _answer(self, method: str, url: URL) -> Answer:
        self._check_configured()
        return await self._questions.ask(method, url)

    async def _read_job(self, answer: Answer) -> Job:
        try:
            return await self._job(answer)
        except (ValueError, InvalidInput) as exc:
            raise ProviderUnreachable("Replicate's answer cannot be read.") from exc

    async def _job(self, answer: Answer) -> Job:
        document = await answer.document()
        if not isinstance(document, dict):
            raise InvalidInput("A prediction is an object.")
        if len(answer.body) <= _LARGE_ANSWER:
            return self.parse(document)
        return await asyncio.to_thread(self.parse, document)

    async def _page(self, url: URL) -> tuple[list[Any], URL | None]:
        answer = await self._ask("GET", url)
        try:
            page = await answer.document()
        except ValueError:
            page = None
        if not isinstance(page, dict) or not isinstance(page.get("results"), list):
            raise ProviderUnreachable("Replicate's answer cannot be read.")
        return page["results"], _next_page(url, page.get("next"))

    def _readable(self, documents: list[Any]) -> Iterator[Job]:
        for document in documents:
            try:
                yield self.parse(document if isinstance(document, dict) else {})
            except InvalidInput:
                log.warning("a listed prediction cannot be read")


def _root(base_url: str) -> URL:
    url = URL(base_url.rstrip("/"))
    if url.scheme not in {"http", "https"} or url.host is None or url.query or url.fragment or url.user:
        raise ValueError("the base URL of Replicate is not an http(s) URL")
    return url / "v1"


def _next_page(url: URL, following: object) -> URL | None:
    """Return the next page: its query is theirs, its address stays ours."""
    if not isinstance(following, str):
        return None
    try:
        page = url.update_query(URL(following).query)
    except ValueError:
        return None
    return None if page == url else page
