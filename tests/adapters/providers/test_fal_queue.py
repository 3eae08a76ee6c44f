"""fal's queue: what is its own, beside what every provider promises."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.adapters.providers.backoff import Backoff
from app.adapters.providers.fal import FalProvider
from app.adapters.providers.fal_endpoints import Endpoint
from app.domain.errors import InvalidInput, NotFound, ProviderCredit, ProviderThrottled, ProviderUnreachable
from app.domain.generations import JobStatus, Order
from devkit.fal import ApiFault, Behaviour, FalStandIn, Shape
from devkit.mailbox import mailbox

MODEL = "fal-ai/flux/dev"
SOON = timedelta(0)


@pytest.fixture
async def fal() -> AsyncIterator[FalStandIn]:
    async with FalStandIn(behaviour=Behaviour(queued=0, running=0)) as stand_in:
        yield stand_in


@pytest.fixture
async def provider(fal: FalStandIn) -> AsyncIterator[FalProvider]:
    async def at_once(_: float) -> None:
        """Do not wait."""

    provider = FalProvider(
        queue_url=fal.queue_url,
        key=fal.key,
        clock=fal.clock,
        lifetime=timedelta(days=7),
        allow_http=True,
        backoff=Backoff(sleep=at_once),
    )
    yield provider
    await provider.aclose()


async def submit(provider: FalProvider, model: str = MODEL, *, webhook: str | None = None) -> str:
    order = Order(model=model, version=None, input={"prompt": "a fox"})
    return (await provider.create(order, wait=SOON, cancel_after=timedelta(hours=1), webhook=webhook)).id


@pytest.mark.parametrize(
    ("model", "app", "path"),
    [
        ("fal-ai/flux", "fal-ai/flux", "fal-ai/flux"),
        ("fal-ai/flux/dev/image-to-image", "fal-ai/flux", "fal-ai/flux/dev/image-to-image"),
        ("workflows/ana/night/v2", "workflows/ana/night", "workflows/ana/night/v2"),
        ("comfy/ana/night", "comfy/ana/night", "comfy/ana/night"),
        ("110602490-lora", "110602490/lora", "110602490/lora"),
    ],
    ids=["an app", "a sub-path", "a workflow", "comfy", "the older spelling"],
)
def test_requests_live_below_the_app(model: str, app: str, path: str) -> None:
    endpoint = Endpoint.parse(model)
    assert ("/".join(endpoint.app), "/".join(endpoint.path)) == (app, path)


@pytest.mark.parametrize(
    "model", ["", "flux", "workflows/ana", "a/requests", "a/../b", "a/b/", "a/b?x", "a/b#x"], ids=repr
)
def test_anything_else_is_no_model(model: str) -> None:
    with pytest.raises(InvalidInput):
        Endpoint.parse(model)


async def test_a_submission_says_what_is_documented_and_nothing_else(fal: FalStandIn, provider: FalProvider) -> None:
    await submit(provider, webhook="https://example.com/hook?a=b&c=d")
    (call,) = fal.journal.entries

    assert (call.method, call.path, json.loads(call.body)) == ("POST", f"/{MODEL}", {"prompt": "a fox"})
    assert call.query == {"fal_webhook": "https://example.com/hook?a=b&c=d"}
    assert call.headers["X-Fal-Request-Start-Timeout"] == "3600"


async def test_addresses_in_an_answer_are_never_called(fal: FalStandIn, provider: FalProvider) -> None:
    async with mailbox() as stranger:
        fal.behaviours[MODEL] = Behaviour(queued=0, running=0, foreign_urls=stranger.url)
        job = await provider.get(await submit(provider), model=MODEL)
        await provider.cancel(job.id, model=MODEL)

    assert job.status is JobStatus.SUCCEEDED
    assert stranger.letters == []


async def test_outputs_are_kept_for_as_long_as_fal_says(fal: FalStandIn, provider: FalProvider) -> None:
    job = await provider.get(await submit(provider), model=MODEL)
    assert job.outputs_expire_at is not None
    assert timedelta(days=7) - timedelta(minutes=1) < job.outputs_expire_at - fal.clock() <= timedelta(days=7)


async def test_a_request_is_not_found_without_its_model(provider: FalProvider) -> None:
    with pytest.raises(NotFound):
        await provider.get(await submit(provider), model=None)


@pytest.mark.parametrize(
    "body",
    [
        {"detail": "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."},
        {"detail": [{"loc": [], "msg": "Not enough credits", "type": "x"}]},
    ],
    ids=["a string", "a list"],
)
async def test_a_locked_account_is_about_credit(
    fal: FalStandIn, provider: FalProvider, body: dict[str, object]
) -> None:
    fal.api_faults.add(ApiFault(on="submit", status=403, body=body))
    with pytest.raises(ProviderCredit):
        await submit(provider)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, ProviderUnreachable) for status in (401, 403, 405, 408, 502)),
        (404, NotFound),
        (429, ProviderThrottled),
    ],
    ids=str,
)
async def test_a_question_that_goes_wrong_is_no_failure_of_the_model(
    fal: FalStandIn, provider: FalProvider, status: int, error: type[Exception]
) -> None:
    name = await submit(provider)
    fal.api_faults.add(ApiFault(on="result", status=status, body={"detail": "no"}), times=10)
    with pytest.raises(error):
        await provider.get(name, model=MODEL)


async def test_the_models_own_failure_is_asked_for_once_and_without_the_input(
    fal: FalStandIn, provider: FalProvider
) -> None:
    detail = [{"loc": ["body", "image_url"], "msg": "too small", "type": "image_too_small", "input": "secret"}]
    fal.behaviours[MODEL] = Behaviour(queued=0, running=0, status=500, detail=detail)
    name = await submit(provider)
    job = await provider.get(name, model=MODEL)

    assert (job.status, job.error) == (JobStatus.FAILED, "image_url: too small")
    assert len(fal.journal.select(method="GET")) == 2


async def test_pictures_come_before_all_other_media(fal: FalStandIn, provider: FalProvider) -> None:
    fal.behaviours[MODEL] = Behaviour(queued=0, running=0, shape=Shape.WITH_VIDEO)
    job = await provider.get(await submit(provider), model=MODEL)
    assert [url.rpartition(".")[2] for url in job.outputs] == ["png", "mp4"]
