"""A request as a function of time: its whole life is laid out when it is made, and only a cancellation changes it."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from devkit.fal.behaviour import Behaviour, Shape

SEED = 17454220438242315174
"""As a real one was: more than a signed 64-bit integer holds."""


@dataclass(slots=True, kw_only=True)
class Request:
    id: str
    app: str
    endpoint: str
    input: dict[str, Any]
    behaviour: Behaviour
    created_at: datetime
    files: tuple[str, ...]
    """The addresses of its outputs on the delivery host."""
    contents: tuple[bytes, ...]
    retention: timedelta
    webhook: str | None = None
    canceled_at: datetime | None = None

    @property
    def starts_at(self) -> datetime:
        return self.created_at + timedelta(seconds=self.behaviour.queued)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(seconds=self.behaviour.running)

    @property
    def is_canceled(self) -> bool:
        return self.canceled_at is not None and not self.behaviour.ignores_cancel

    def status(self, now: datetime) -> str:
        if now >= self.ends_at or self.is_canceled:
            return "COMPLETED"
        return "IN_PROGRESS" if now >= self.starts_at else "IN_QUEUE"

    def has_output(self, now: datetime) -> bool:
        is_made = now >= self.ends_at and not self.is_canceled and self.behaviour.status == 200
        return is_made and now < self.ends_at + self.retention

    def result(self) -> dict[str, Any]:
        """Return what the model put out, whichever way it ended."""
        behaviour = self.behaviour
        if behaviour.status != 200:
            return {"detail": behaviour.detail or "Something went wrong."}
        if behaviour.error_in_result:
            return {"error": behaviour.error, "error_type": behaviour.error_type}
        return self._output() | {"seed": SEED, "prompt": str(self.input.get("prompt", "")), "timings": {"inference": 2}}

    def webhook_body(self) -> dict[str, Any]:
        ok = self.behaviour.status == 200
        body: dict[str, Any] = {"request_id": self.id, "gateway_request_id": self.id, "error": None}
        body |= {"status": "OK" if ok else "ERROR", "payload": self.result()}
        if not ok:
            body["error"] = f"Invalid status code: {self.behaviour.status}"
        if self.behaviour.unsendable:
            body |= {"payload": None, "payload_error": "Response payload is not JSON serializable"}
        return body

    def _output(self) -> dict[str, Any]:
        images = [self._image(index) for index in range(len(self.files))]
        film = {
            "url": f"{self.files[0]}.mp4" if self.files else "https://example.com/a.mp4",
            "content_type": "video/mp4",
        }
        shapes: dict[Shape, dict[str, Any]] = {
            Shape.IMAGES: {"images": images, "has_nsfw_concepts": [False] * len(images)},
            Shape.IMAGE: {"image": images[0] if images else None},
            Shape.SPARSE: {"images": [{"url": image["url"], "width": None} for image in images]},
            Shape.BARE: {"output": [image["url"] for image in images]},
            Shape.WITH_VIDEO: {"video": film, "images": images},
            Shape.VIDEO: {"video": film},
            Shape.NOTHING: {},
        }
        return shapes[self.behaviour.shape]

    def _image(self, index: int) -> dict[str, Any]:
        url, content = self.files[index], self.contents[index]
        if self.behaviour.sync_mode:
            url = f"data:{self.behaviour.content_type};base64,{base64.b64encode(content).decode()}"
        return {
            "url": url,
            "content_type": self.behaviour.content_type,
            "file_name": url.rpartition("/")[2][:40],
            "file_size": len(content),
            "width": 256,
            "height": 256,
        }
