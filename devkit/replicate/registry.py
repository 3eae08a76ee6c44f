"""The predictions of an account, and the files they leave on the delivery host."""

import asyncio
import base64
import binascii
import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from devkit.clock import FakeClock
from devkit.delivery import Deliverable, DeliveryHost
from devkit.pictures import picture
from devkit.replicate.behaviour import Behaviour
from devkit.replicate.prediction import Prediction
from devkit.replicate.problems import Refusal, not_found
from devkit.replicate.requests import Wish

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some predictions, newest first, and the cursors to their neighbours."""

    results: list[Prediction]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which predictions to list."""

    created_after: datetime | None = None
    created_before: datetime | None = None
    source: str | None = None
    cursor: str | None = None


@dataclass(slots=True, kw_only=True)
class Registry:
    clock: FakeClock
    delivery: DeliveryHost
    delivery_url: str
    behaviour: Behaviour
    behaviours: Mapping[str, Behaviour]
    retention: timedelta
    page_size: int
    randomness: random.Random
    _predictions: dict[str, Prediction] = field(default_factory=dict)
    _arrival: asyncio.Event = field(default_factory=asyncio.Event)

    def create(self, wish: Wish, *, origin: str) -> Prediction:
        now = self.clock()
        behaviour = self.behaviour_of(*wish.names)
        contents = self._contents(wish, behaviour)
        token = self._token(44)
        paths = [f"/pbxt/{token}/out-{index}.{behaviour.extension}" for index in range(len(contents))]
        prediction = Prediction(
            id=self._token(26),
            model=wish.model,
            version=wish.version,
            input=wish.input,
            behaviour=behaviour,
            created_at=now,
            files=tuple(self.delivery_url + path for path in paths),
            contents=contents,
            retention=self.retention,
            origin=origin,
            deployment=wish.deployment,
            deadline=now + timedelta(seconds=wish.cancel_after) if wish.cancel_after else None,
            webhook=wish.webhook,
            events=wish.events,
        )
        self._predictions[prediction.id] = prediction
        for index, path in enumerate(paths):
            self.delivery.put(path, self._deliverable(prediction, index))
        self._arrival.set()
        self._arrival = asyncio.Event()
        return prediction

    async def arrived(self, count: int) -> None:
        """Wait until *count* predictions were created."""
        while len(self._predictions) < count:
            await self._arrival.wait()

    def get(self, prediction_id: str) -> Prediction:
        if prediction_id not in self._predictions:
            raise not_found()
        return self._predictions[prediction_id]

    def all(self) -> list[Prediction]:
        """Return every prediction, newest first."""
        return list(reversed(self._predictions.values()))

    def cancel(self, prediction: Prediction) -> None:
        """Stop *prediction* now; one that has ended stays as it is."""
        now = self.clock()
        if now < prediction.end.moment:
            prediction.canceled_at = now
            self.clock.nudge()

    def expire(self) -> None:
        """Let the retention of everything that has ended run out now, without moving the clock."""
        for prediction in self._predictions.values():
            prediction.retention = timedelta(0)

    def page(self, query: Query) -> Page:
        matching = [prediction for prediction in self.all() if _matches(prediction, query)]
        start = _position(query.cursor)
        stop = start + self.page_size
        return Page(
            results=matching[start:stop],
            next=_cursor(stop) if stop < len(matching) else None,
            previous=_cursor(max(0, start - self.page_size)) if start else None,
        )

    def behaviour_of(self, *names: str) -> Behaviour:
        """Return the behaviour registered under the first of *names* that has one."""
        for name in names:
            if name in self.behaviours:
                return self.behaviours[name]
        return self.behaviour

    def _contents(self, wish: Wish, behaviour: Behaviour) -> tuple[bytes, ...]:
        if behaviour.images is not None:
            return behaviour.images
        seed = self._token(16)
        return tuple(picture(f"{seed}-{index}") for index in range(behaviour.count(wish.input)))

    def _deliverable(self, prediction: Prediction, index: int) -> Deliverable:
        return Deliverable(
            content=prediction.contents[index],
            content_type=prediction.behaviour.content_type,
            modified=prediction.ready_at,
            is_alive=partial(self._is_alive, prediction, index),
        )

    def _is_alive(self, prediction: Prediction, index: int) -> bool:
        return prediction.has_output(index, self.clock())

    def _token(self, length: int) -> str:
        return "".join(self.randomness.choices(_ALPHABET, k=length))


def _matches(prediction: Prediction, query: Query) -> bool:
    return (
        (query.created_after is None or prediction.created_at >= query.created_after)
        and (query.created_before is None or prediction.created_at < query.created_before)
        and query.source in {None, prediction.source}
    )


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"o={position}".encode()).decode()


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor).decode().removeprefix("o="))
    except (binascii.Error, ValueError):
        raise Refusal(400, "The cursor is not valid.") from None
