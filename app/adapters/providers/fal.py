"""fal, over the HTTP API of its queue.

A submission costs money and cannot be repeated safely, so it is sent once and its failures say whether it can have
arrived.  Addresses in answers are never used: whatever is called, the key included, goes to the configured queue.  fal
has no list of what was submitted, so what was lost on the way back is only ever heard of by webhook.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from yarl import URL

from app.adapters.providers.answers import is_job_id, members_of
from app.adapters.providers.asking import Questions
from app.adapters.providers.backoff import Backoff
from app.adapters.providers.exchange import Answer, Exchange, NoAnswer, NotSent, encoded
from app.adapters.providers.fal_endpoints import Endpoint
from app.adapters.providers.fal_jobs import (
    COMPLETED,
    PROVIDER,
    Reading,
    complaint_in,
    failed,
    is_verdict,
    request_id_in,
    status_in,
)
from app.adapters.providers.fal_refusals import FalRefusals
from app.domain.errors import (
    InvalidInput,
    NotFound,
    ProviderAnswerLost,
    ProviderNotConfigured,
    ProviderUnreachable,
)
from app.domain.generations import Job, JobStatus, Order
from app.domain.ports import Clock

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; with `sync_mode` outputs come inline, as data URIs."""
_UNKNOWN = "fal knows no such request."
_UNREADABLE = "fal's answer cannot be read."


class FalProvider:
    """*lifetime* is how long fal keeps outputs; *timeout* bounds the wait for an answer.

    *allow_http* takes `http:` outputs too, which only a stand-in makes.
    """

    def __init__(
        self,
        *,
        queue_url: str,
        key: str | None,
        clock: Clock,
        lifetime: timedelta,
        timeout: timedelta = timedelta(seconds=10),
        allow_http: bool = False,
        backoff: Backoff | None = None,
    ) -> None:
        if key is not None and not key.isprintable():
            raise ValueError("the key of fal holds a character that no header may hold")
        self._key = key
        self._root = URL(queue_url.rstrip("/"))
        self._clock = clock
        self._timeout = timeout.total_seconds()
        self._reading = Reading(lifetime=lifetime, allow_http=allow_http)
        self._refusals = FalRefusals(clock=clock, key=key)
        self._exchange = Exchange(authorization=f"Key {key}", largest_answer=LARGEST_ANSWER)
        self._questions = Questions(
            exchange=self._exchange,
            refusal=self._refusals.of_read,
            backoff=backoff or Backoff(),
            patience=self._timeout,
            who="fal",
        )

    @property
    def name(self) -> str:
        return PROVIDER

    @property
    def keeps(self) -> timedelta:
        return self._reading.lifetime

    @property
    def has_list(self) -> bool:
        return False

    async def create(
        self,
        order: Order,
        *,
        wait: timedelta,  # noqa: ARG002 - a queue answers at once
        cancel_after: timedelta | None,
        webhook: str | None,
    ) -> Job:
        self._check_configured()
        if order.model is None:
            raise InvalidInput("fal runs models by their name, not by a version.", field="version")
        url = self._root.joinpath(*Endpoint.parse(order.model).path)
        answer = await self._submit(url.with_query(fal_webhook=webhook) if webhook else url, order, cancel_after)
        if not answer.is_success:
            raise await self._refusals.of_create(answer)
        members = await members_of(answer)
        try:
            return Job(provider=PROVIDER, id=request_id_in(members), status=status_in(members), model=order.model)
        except InvalidInput as exc:
            raise ProviderAnswerLost(_UNREADABLE) from exc

    async def get(self, job_id: str, *, model: str | None = None) -> Job:
        answer = await self._ask("GET", self._request(job_id, model, "status"))
        if not answer.is_success:
            raise await self._refusals.of_read(answer)
        status = await members_of(answer)
        if not isinstance(status.get("status"), str):
            raise ProviderUnreachable(_UNREADABLE)
        if status["status"] != COMPLETED:
            return Job(provider=PROVIDER, id=job_id, status=status_in(status), model=model)
        return await self._result(job_id, model, status)

    async def cancel(self, job_id: str, *, model: str | None = None) -> Job:
        # Cancelling is asked again like a read: a second cancellation changes nothing.
        answer = await self._ask("PUT", self._request(job_id, model, "cancel"))
        if answer.status == HTTPStatus.BAD_REQUEST:
            return await self.get(job_id, model=model)
        if not answer.is_success:
            raise await self._refusals.of_read(answer)
        # No status says that a request was cancelled, so nothing later could tell.  Should the model go on all the
        # same, its webhook still brings what it makes.
        return Job(provider=PROVIDER, id=job_id, status=JobStatus.CANCELED, model=model)

    def recent(self, since: datetime) -> AsyncIterator[Job]:  # noqa: ARG002 - there is no list
        return _none()

    def parse(self, document: Mapping[str, Any]) -> Job:
        return self._reading.told(document, now=self._clock())

    async def aclose(self) -> None:
        await self._exchange.aclose()

    def _check_configured(self) -> None:
        if self._key is None:
            raise ProviderNotConfigured("No key for fal is configured.")

    async def _submit(self, url: URL, order: Order, cancel_after: timedelta | None) -> Answer:
        """Send a submission, once, and say by the error whether it can have arrived."""
        headers = {"Content-Type": "application/json"}
        if cancel_after is not None:
            headers["X-Fal-Request-Start-Timeout"] = str(max(2, int(cancel_after.total_seconds())))
        try:
            body = await encoded(order.input)
        except (RecursionError, ValueError):
            raise InvalidInput("The input is no JSON.", field="input") from None
        try:
            return await self._exchange.send("POST", url, patience=self._timeout, headers=headers, body=body, once=True)
        except NotSent as exc:
            raise ProviderUnreachable("fal cannot be reached.") from exc
        except NoAnswer as exc:
            raise ProviderAnswerLost("fal did not say whether it took the request.") from exc

    async def _result(self, job_id: str, model: str | None, status: Mapping[str, Any]) -> Job:
        complaint = complaint_in({"error": status.get("error")})
        answer = await self._ask("GET", self._request(job_id, model), is_known=complaint is not None)
        if answer.status == HTTPStatus.ACCEPTED:
            return Job(provider=PROVIDER, id=job_id, status=JobStatus.PROCESSING, model=model)
        if answer.is_success and complaint is None:
            return await self._read_result(answer, job_id, model)
        if is_verdict(answer) or complaint is not None:
            # What stands in front of fal knows less of it than the status.
            said = complaint_in(await members_of(answer)) if is_verdict(answer) else None
            return failed(job_id, said or complaint, model=model)
        # An id nobody knows was seen to be COMPLETED as well; then only this answer tells.
        raise await self._refusals.of_read(answer)

    async def _read_result(self, answer: Answer, job_id: str, model: str | None) -> Job:
        try:
            result = await answer.document()
        except ValueError as exc:
            raise ProviderUnreachable(_UNREADABLE) from exc
        return self._reading.succeeded(job_id, result, now=self._clock(), model=model)

    def _request(self, job_id: str, model: str | None, *more: str) -> URL:
        """Return where to ask for a request; raise `NotFound` where nothing tells which model's it is."""
        try:
            endpoint = Endpoint.parse(model or "")
        except InvalidInput:
            raise NotFound(_UNKNOWN) from None
        if not is_job_id(job_id):
            raise NotFound(_UNKNOWN)
        return self._root.joinpath(*endpoint.request(job_id, *more))

    async def _ask(self, method: str, url: URL, *, is_known: bool = False) -> Answer:
        """Return an answer; where how it ended *is_known*, whatever comes is as good as any."""
        self._check_configured()
        return await self._questions.ask(method, url, may_change=lambda answer: not is_known and _may_change(answer))


def _may_change(answer: Answer) -> bool:
    # fal's own verdict on a request stays what it is, server error or not.
    return answer.may_change and not (answer.is_server_error and is_verdict(answer))


async def _none() -> AsyncIterator[Job]:
    jobs: tuple[Job, ...] = ()
    for job in jobs:
        yield job
