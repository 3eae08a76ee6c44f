import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientSession
from replicate.webhook import InvalidSignatureError, Webhooks, WebhookSigningSecret

from devkit.mailbox import Mailbox, mailbox
from devkit.replicate import Behaviour, FakeClock, ReplicateStandIn, Shape, sign


@dataclass
class Scene:
    """A quick stand-in that tries the last event three times, and a receiver."""

    replicate: ReplicateStandIn
    client: ClientSession
    mailbox: Mailbox

    async def create(self, *events: str) -> str:
        body = {"version": "a/b", "input": {}, "webhook": self.mailbox.url + "/hook"}
        if events:
            body["webhook_events_filter"] = list(events)
        async with self.client.post("predictions", json=body) as answer:
            assert answer.status == 201
            return str((await answer.json())["id"])

    async def play(self, *events: str) -> list[str]:
        """Create a prediction, let all its webhooks come, and return the events in order."""
        await self.create(*events)
        await self.replicate.settled()
        return [sent.event for sent in self.replicate.webhooks]

    @property
    def statuses(self) -> list[int | None]:
        return [sent.status for sent in self.replicate.webhooks]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    clock = FakeClock(ticking=True)
    async with ReplicateStandIn(clock=clock, webhook_retries=(0.001, 0.002)) as replicate, mailbox() as box:
        headers = {"Authorization": f"Bearer {replicate.token}"}
        async with ClientSession(base_url=f"{replicate.base_url}/v1/", headers=headers) as client:
            yield Scene(replicate, client, box)


def test_the_signature_gives_the_documented_value() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhook_id, timestamp = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"

    signature = sign(secret, webhook_id, timestamp, b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_the_official_client_accepts_the_signature(scene: Scene) -> None:
    scene.replicate.conduct.bogus_first = scene.replicate.conduct.with_v2 = True
    await scene.play("completed")

    (letter,) = scene.mailbox.letters
    headers, body = dict(letter.headers), letter.body.decode()
    secret = WebhookSigningSecret(key=scene.replicate.webhook_secret)
    Webhooks.validate(headers=headers, body=body, secret=secret, tolerance=60)
    assert [each[:3] for each in letter.headers["webhook-signature"].split()] == ["v1,", "v1,", "v2,"]
    with pytest.raises(InvalidSignatureError):
        Webhooks.validate(headers=headers, body=body + " ", secret=secret)


async def test_all_events_come_in_order_with_the_prediction_as_it_was(scene: Scene) -> None:
    events = await scene.play("start", "output", "logs", "completed")

    assert events == ["start", "logs", "output", "completed"]
    told = [json.loads(letter.body) for letter in scene.mailbox.letters]
    assert [each["status"] for each in told] == ["processing", "processing", "processing", "succeeded"]
    assert [each["output"] is None for each in told] == [True, True, False, False]


async def test_outputs_and_the_end_are_told_unless_asked_otherwise(scene: Scene) -> None:
    assert await scene.play() == ["output", "completed"]
    assert await scene.play("completed") == ["output", "completed", "completed"]


async def test_outputs_are_told_twice_a_second_at_most(scene: Scene) -> None:
    scene.replicate.behaviours["a/b"] = Behaviour(
        shape=Shape.GROWING, pictures=10, starting=0, processing=2, finishing=0.001
    )
    await scene.create("output", "completed")
    scene.replicate.advance(10)
    await scene.replicate.settled()

    assert [sent.event for sent in scene.replicate.webhooks] == ["output"] * 4 + ["completed"]


async def test_the_last_event_is_sent_again_under_the_same_id(scene: Scene) -> None:
    scene.mailbox.statuses = [500, 404]
    await scene.play("completed")

    assert scene.statuses == [500, 404, 200]
    assert len({letter.headers["webhook-id"] for letter in scene.mailbox.letters}) == 1


async def test_the_last_event_is_given_up_in_the_end(scene: Scene) -> None:
    scene.mailbox.statuses = [500] * 9
    await scene.play("completed")

    assert scene.statuses == [500, 500, 500]


async def test_other_events_are_not_sent_again(scene: Scene) -> None:
    scene.mailbox.statuses = [500]
    await scene.play("output")

    assert scene.statuses == [500]


async def test_a_redirect_is_a_silent_loss(scene: Scene) -> None:
    scene.mailbox.statuses = [308]
    await scene.play("completed")

    assert scene.statuses == [308]
    assert len(scene.mailbox.letters) == 1


async def test_a_receiver_that_is_down_is_tried_again(scene: Scene) -> None:
    scene.mailbox.url = "http://127.0.0.1:9"
    await scene.play("completed")

    assert scene.statuses == [None, None, None]


async def test_webhooks_can_come_twice_late_or_not_at_all(scene: Scene) -> None:
    scene.replicate.conduct.copies = 2
    scene.replicate.conduct.last_first = True
    scene.replicate.conduct.lost = frozenset({"logs"})

    assert await scene.play("start", "logs", "completed") == ["completed", "completed", "start", "start"]
    assert len({sent.webhook_id for sent in scene.replicate.webhooks}) == 2


async def test_a_cancellation_is_told_at_once(scene: Scene) -> None:
    scene.replicate.behaviours["a/b"] = Behaviour(processing=3600)
    prediction = await scene.create("output", "completed")
    async with scene.client.post(f"predictions/{prediction}/cancel"):
        pass
    await asyncio.wait_for(scene.replicate.settled(), 5)

    (letter,) = scene.mailbox.letters
    assert json.loads(letter.body)["status"] == "canceled"
    assert scene.replicate.webhooks[0].event == "completed"


async def test_leaving_a_stand_in_ends_what_it_was_about_to_send(scene: Scene) -> None:
    before = asyncio.all_tasks()
    async with ReplicateStandIn(behaviour=Behaviour(processing=3600)) as replicate:
        headers = {"Authorization": f"Bearer {replicate.token}"}
        async with ClientSession(base_url=f"{replicate.base_url}/v1/", headers=headers) as client:
            await Scene(replicate, client, scene.mailbox).create("completed")

    assert asyncio.all_tasks() == before
    assert replicate.webhooks == []


def test_the_last_try_comes_a_minute_after_the_end() -> None:
    assert sum(ReplicateStandIn().webhook_retries) == 60
