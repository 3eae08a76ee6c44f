"""The sender of webhooks: one at the end of a request, signed, tried again for two hours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout

from devkit.clock import FakeClock
from devkit.fal.keys import SigningKeys
from devkit.fal.request import Request
from devkit.tasks import Tasks

RETRIES = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3000.0)
"""Seconds between the attempts: ten more within two hours."""
_PATIENCE = ClientTimeout(total=15)


@dataclass(slots=True, kw_only=True)
class Conduct:
    """How webhooks arrive, when not as they should."""

    copies: int = 1
    lost: bool = False
    late: float = 0.0
    """Seconds after the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to deliver; *status* is None when there was no answer."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None


@dataclass(slots=True, kw_only=True)
class WebhookSender:
    clock: FakeClock
    keys: SigningKeys
    conduct: Conduct
    retries: tuple[float, ...]
    session: ClientSession
    tasks: Tasks
    deliveries: list[Delivery] = field(default_factory=list)

    def follow(self, request: Request) -> None:
        """Tell the webhook of *request* about its end."""
        if request.webhook is not None and not self.conduct.lost:
            self.tasks.spawn(self._follow(request, request.webhook))

    async def _follow(self, request: Request, url: str) -> None:
        await self.clock.until(lambda: request.ends_at)
        await self.clock.sleep(self.conduct.late)
        if request.is_canceled:
            return
        # Real ones have their members sorted, and spaces after commas and colons.
        body = json.dumps(request.webhook_body(), sort_keys=True).encode()
        for _ in range(self.conduct.copies):
            await self._deliver(request.id, url, body)

    async def _deliver(self, request_id: str, url: str, body: bytes) -> None:
        for pause in (*self.retries, None):
            headers = self.keys.headers(request_id, body, at=self.clock())
            status = await self._post(url, body, headers)
            self.deliveries.append(Delivery(url=url, headers=headers, body=body, status=status))
            if pause is None or (status is not None and status < 300):
                return
            await self.clock.sleep(pause)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        try:
            async with self.session.post(
                url, data=body, headers=headers, allow_redirects=False, timeout=_PATIENCE
            ) as answer:
                return answer.status
        except (ClientError, TimeoutError):
            return None
