"""The sender of webhooks: signed, throttled, retried at the end only, following no redirects."""

import json
import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from devkit.clock import FakeClock
from devkit.replicate.document import document
from devkit.replicate.prediction import Milestone, Prediction
from devkit.replicate.signature import sign
from devkit.tasks import Tasks

RETRIES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between the attempts for the last event: the last one comes a minute after the end."""
_PATIENCE = ClientTimeout(total=5)  # "within a few seconds"


@dataclass(slots=True, kw_only=True)
class Conduct:
    """How webhooks arrive, when not as they should."""

    bogus_first: bool = False
    """A wrong `v1` signature before the right one."""
    with_v2: bool = False
    """An entry of a later scheme after the right one."""
    copies: int = 1
    """How often each arrives, under the same id."""
    lost: frozenset[str] = frozenset()
    """Events that never arrive."""
    last_first: bool = False
    """`completed` overtakes the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to deliver; *status* is None when there was no answer."""

    prediction_id: str
    event: str
    webhook_id: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None

    def to_json(self) -> dict[str, Any]:
        return {
            "prediction_id": self.prediction_id,
            "event": self.event,
            "webhook_id": self.webhook_id,
            "url": self.url,
            "status": self.status,
        }


@dataclass(slots=True, kw_only=True)
class WebhookSender:
    clock: FakeClock
    secret: str
    conduct: Conduct
    retries: tuple[float, ...]
    randomness: random.Random
    session: ClientSession
    tasks: Tasks
    deliveries: list[Delivery] = field(default_factory=list)

    def follow(self, prediction: Prediction) -> None:
        """Tell the webhook of *prediction* about its life from now on."""
        if prediction.webhook is not None:
            self.tasks.spawn(self._follow(prediction, prediction.webhook))

    async def _follow(self, prediction: Prediction, url: str) -> None:
        told = 0
        overtaken: list[Milestone] = []
        while told < len(prediction.milestones()):
            await self.clock.until(partial(_moment, prediction, told))
            # A cancellation may have shortened the list meanwhile.
            for milestone in prediction.milestones()[told : told + 1]:
                told += 1
                if self._is_overtaken(milestone):
                    overtaken.append(milestone)
                else:
                    await self._tell(prediction, milestone, url)
        for milestone in overtaken:
            await self._tell(prediction, milestone, url)

    def _is_overtaken(self, milestone: Milestone) -> bool:
        return self.conduct.last_first and milestone.event != "completed"

    async def _tell(self, prediction: Prediction, milestone: Milestone, url: str) -> None:
        event = milestone.event
        if event not in prediction.events or event in self.conduct.lost:
            return
        body = json.dumps(document(prediction, milestone.moment)).encode()
        webhook_id = "msg_" + "".join(self.randomness.choices(string.ascii_letters + string.digits, k=27))
        for _ in range(self.conduct.copies):
            await self._deliver(prediction.id, event, webhook_id, url, body)

    async def _deliver(self, prediction_id: str, event: str, webhook_id: str, url: str, body: bytes) -> None:
        for pause in (*(self.retries if event == "completed" else ()), None):
            headers = self._headers(webhook_id, body)
            status = await self._post(url, body, headers)
            self.deliveries.append(
                Delivery(
                    prediction_id=prediction_id,
                    event=event,
                    webhook_id=webhook_id,
                    url=url,
                    headers=headers,
                    body=body,
                    status=status,
                )
            )
            # A redirect is neither followed nor tried again.
            if pause is None or (status is not None and status < 400):
                return
            await self.clock.sleep(pause)

    def _headers(self, webhook_id: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self.clock().timestamp()))
        signatures = [sign(self.secret, webhook_id, timestamp, body)]
        if self.conduct.bogus_first:
            signatures.insert(0, sign(self.secret, "msg_other", timestamp, body))
        if self.conduct.with_v2:
            signatures.append("v2,bm90IGEgc2NoZW1lIHlvdSBrbm93")
        return {
            "Content-Type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
        }

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status
        except (ClientError, TimeoutError):
            return None


def webhook_session() -> ClientSession:
    return ClientSession(cookie_jar=DummyCookieJar(), timeout=_PATIENCE)


def _moment(prediction: Prediction, told: int) -> datetime:
    milestones = prediction.milestones()
    return milestones[told].moment if told < len(milestones) else prediction.end.moment
