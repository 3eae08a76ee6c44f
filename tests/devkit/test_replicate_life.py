"""How a prediction lives, seen over HTTP with a clock that only the test moves."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession

from devkit.replicate import Behaviour, FakeClock, ReplicateStandIn, Shape, Sync

MODEL = "models/stand-in/painter/predictions"


async def create(client: ClientSession, path: str = MODEL, **headers: str) -> dict[str, Any]:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, json={"input": {"prompt": "x"}}, headers=spelled) as answer:
        assert answer.status == 201
        return await answer.json()


async def read(client: ClientSession, prediction: dict[str, Any]) -> dict[str, Any]:
    async with client.get(f"predictions/{prediction['id']}") as answer:
        return await answer.json()


async def status_of(session: ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return answer.status


async def walked(replicate: ReplicateStandIn, client: ClientSession, behaviour: Behaviour) -> dict[str, Any]:
    """Create a prediction that behaves so, and return it two seconds later."""
    replicate.behaviours["stand-in/painter"] = behaviour
    prediction = await create(client)
    replicate.advance(2)
    return await read(client, prediction)


async def test_a_prediction_starts_then_processes_then_succeeds(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    prediction = await create(client)
    assert (prediction["status"], prediction["output"], prediction["logs"]) == ("starting", None, "")

    replicate.advance(0.02)
    assert (await read(client, prediction))["status"] == "processing"

    replicate.advance(1)
    done = await read(client, prediction)
    assert done["status"] == "succeeded"
    assert done["output"] == list(replicate.predictions[0].files)
    assert done["completed_at"] == "2026-01-01T12:00:00.050000000Z"
    assert done["metrics"] == {"predict_time": 0.04, "total_time": 0.05}


async def test_everything_is_removed_an_hour_after_the_end(
    replicate: ReplicateStandIn, client: ClientSession, stranger: ClientSession
) -> None:
    done = await walked(replicate, client, Behaviour())
    assert await status_of(stranger, done["output"][0]) == 200

    replicate.advance(3597)
    assert await status_of(stranger, done["output"][0]) == 200

    replicate.advance(2)
    removed = await read(client, done)
    assert (removed["output"], removed["data_removed"], removed["input"]) == (None, True, {})
    assert removed["status"] == "succeeded"
    assert await status_of(stranger, done["output"][0]) == 404


async def test_outputs_can_be_removed_without_moving_the_clock(
    replicate: ReplicateStandIn, client: ClientSession, stranger: ClientSession
) -> None:
    done = await walked(replicate, client, Behaviour())

    replicate.expire()

    assert (await read(client, done))["data_removed"] is True
    assert await status_of(stranger, done["output"][0]) == 404


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape.LIST, lambda a, b: [a, b]),
        (Shape.STRING, lambda a, _: a),
        (Shape.DICT, lambda a, b: {"image": a, "image_1": b}),
        (
            Shape.NESTED,
            lambda a, b: {
                "seed": 7,
                "frames": [{"image": a, "score": 0.5}, {"image": b, "score": 0.5}],
                "note": "done",
            },
        ),
        (Shape.NULL, lambda *_: None),
        (Shape.TEXT, lambda *_: ["A ", "small ", "picture ", "of ", "https."]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_output_has_the_shape_of_its_model(
    replicate: ReplicateStandIn, client: ClientSession, shape: Shape, expected: Any
) -> None:
    done = await walked(replicate, client, Behaviour(shape=shape, pictures=2))

    assert done["output"] == expected(*replicate.predictions[0].files)


async def test_a_growing_output_grows(replicate: ReplicateStandIn, client: ClientSession) -> None:
    behaviour = Behaviour(shape=Shape.GROWING, pictures=3, starting=1, processing=3, finishing=1)
    replicate.behaviours["stand-in/painter"] = behaviour
    prediction = await create(client)

    lengths = []
    for _ in range(5):
        replicate.advance(1)
        lengths.append(len((await read(client, prediction))["output"] or []))

    assert lengths == [0, 1, 2, 3, 3]


async def test_images_given_as_bytes_are_delivered_as_they_are(
    replicate: ReplicateStandIn, client: ClientSession, stranger: ClientSession
) -> None:
    behaviour = Behaviour(images=(b"not a picture",), extension="webp", content_type="image/webp")
    done = await walked(replicate, client, behaviour)

    assert done["output"][0].endswith("/out-0.webp")
    async with stranger.get(done["output"][0]) as answer:
        assert (await answer.read(), answer.content_type) == (b"not a picture", "image/webp")


async def test_the_input_says_how_many_pictures_to_make(replicate: ReplicateStandIn, client: ClientSession) -> None:
    async with client.post(MODEL, json={"input": {"num_outputs": 3}}) as answer:
        prediction = await answer.json()
    replicate.advance(1)

    assert len((await read(client, prediction))["output"]) == 3


async def test_a_failed_prediction_says_why_and_delivers_nothing(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    done = await walked(replicate, client, Behaviour(ending="failed", error="CUDA out of memory (E1001)"))

    assert (done["status"], done["output"]) == ("failed", None)
    assert done["error"] == "CUDA out of memory (E1001)"


async def test_an_aborted_prediction_never_started(replicate: ReplicateStandIn, client: ClientSession) -> None:
    done = await walked(replicate, client, Behaviour(ending="aborted"))

    assert (done["status"], done["started_at"], done["output"]) == ("aborted", None, None)


async def test_a_status_of_the_future_is_where_a_prediction_stops(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    done = await walked(replicate, client, Behaviour(ending="hibernating"))

    assert (done["status"], done["completed_at"]) == ("hibernating", None)


@pytest.mark.parametrize(
    ("starting", "expected"), [(60.0, "aborted"), (1.0, "canceled")], ids=["before start", "while running"]
)
async def test_a_deadline_ends_a_prediction(
    replicate: ReplicateStandIn, client: ClientSession, starting: float, expected: str
) -> None:
    replicate.behaviours["stand-in/painter"] = Behaviour(starting=starting, processing=600)
    prediction = await create(client, Cancel_After="30s")
    assert prediction["deadline"] == "2026-01-01T12:00:30.000Z"

    replicate.advance(31)

    assert (await read(client, prediction))["status"] == expected


async def test_cancelling_ends_a_prediction_at_once_and_an_ended_one_stays(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    running = await create(client)
    async with client.post(f"predictions/{running['id']}/cancel") as answer:
        canceled = await answer.json()
    assert (canceled["status"], canceled["output"], canceled["logs"]) == ("canceled", None, None)
    assert canceled["completed_at"] is not None

    ended = await create(client)
    replicate.advance(1)
    async with client.post(f"predictions/{ended['id']}/cancel") as answer:
        assert (await answer.json())["status"] == "succeeded"


async def test_a_sparse_model_leaves_out_what_is_null(replicate: ReplicateStandIn, client: ClientSession) -> None:
    replicate.behaviours["stand-in/painter"] = Behaviour(sparse=True)

    prediction = await create(client)

    absent = {"output", "data_removed", "started_at", "completed_at", "metrics"}
    assert absent.isdisjoint(prediction)
    assert "web" not in prediction["urls"]
    assert prediction["error"] is None


@pytest.mark.parametrize(
    ("sync", "status"),
    [(Sync.PROCESSING, "processing"), (Sync.SUCCEEDED, "succeeded"), (Sync.DATA_URI, "processing")],
    ids=str,
)
async def test_a_client_that_waits_is_answered_with_the_output(sync: Sync, status: str) -> None:
    async with (
        ReplicateStandIn(behaviour=Behaviour(sync=sync)) as replicate,
        ClientSession(headers={"Authorization": f"Bearer {replicate.token}"}) as session,
        session.post(f"{replicate.base_url}/v1/{MODEL}", json={"input": {}}, headers={"Prefer": "wait=10"}) as answer,
    ):
        prediction = await answer.json()

        assert answer.headers["Preference-Applied"] == "wait=10"
        assert prediction["status"] == status
        assert prediction["output"][0].startswith(
            "data:application/octet-stream;base64," if sync is Sync.DATA_URI else "http"
        )


async def test_a_wait_that_runs_out_is_answered_with_starting(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    replicate.behaviours["stand-in/painter"] = Behaviour(processing=600)
    waiting = asyncio.create_task(create(client, Prefer="wait=5"))
    await replicate.arrived()

    replicate.advance(6)

    assert (await waiting)["status"] == "starting"


async def test_a_wait_can_be_answered_as_if_it_had_run_out(replicate: ReplicateStandIn, client: ClientSession) -> None:
    replicate.behaviours["stand-in/painter"] = Behaviour(sync=Sync.TIMED_OUT)

    prediction = await create(client, Prefer="wait")

    assert (prediction["status"], prediction["output"]) == ("starting", None)


async def test_a_waiting_client_is_told_when_the_prediction_is_canceled(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    waiting = asyncio.create_task(create(client, Prefer="wait"))
    await replicate.arrived()

    async with client.post(f"predictions/{replicate.predictions[0].id}/cancel"):
        pass

    assert (await waiting)["status"] == "canceled"


async def test_a_behaviour_is_found_by_model_version_and_deployment(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    replicate.behaviours |= {
        "a/by-model": Behaviour(running_as="one"),
        "f" * 64: Behaviour(running_as="two"),
        "deployments/a/b": Behaviour(running_as="three"),
    }
    predictions = [
        await create(client, "models/a/by-model/predictions"),
        await create(client, "deployments/a/b/predictions"),
    ]
    async with client.post("predictions", json={"version": f"x/y:{'f' * 64}", "input": {}}) as answer:
        predictions.insert(1, await answer.json())
    replicate.advance(0.02)

    assert [(await read(client, each))["status"] for each in predictions] == ["one", "two", "three"]


async def test_two_predictions_never_make_the_same_picture() -> None:
    async with ReplicateStandIn(clock=FakeClock()) as replicate:
        url = f"{replicate.base_url}/v1/{MODEL}"
        async with ClientSession(headers={"Authorization": f"Bearer {replicate.token}"}) as session:
            for _ in range(2):
                async with session.post(url, json={"input": {}}):
                    pass
        first, second = replicate.predictions

        assert first.contents != second.contents
