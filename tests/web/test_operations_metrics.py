"""`/metrics`: what happened, by route template and never by path, for whoever may know."""

import asyncio
import re
from pathlib import Path

from devkit.replicate import ReplicateStandIn
from tests.support.problems import problem_of
from tests.support.raw import connected, exchange, request
from tests.support.service import Service
from tests.support.still import host, promise, still

TOKEN = "a-metrics-token-of-ours"
BROKEN = "data:image/png;base64,iVBORw0KGgo="


async def numbers(service: Service, **headers: str) -> dict[str, float]:
    """Return the value of each series."""
    response = await service.http.get("/metrics", headers=headers)
    assert response.status == 200
    lines = [line for line in (await response.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_requests_are_counted_by_template_and_class(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await host(service)
        for name in ("pic", "pic", "none"):
            await service.http.get(f"/v1/images/hosted/ana/{name}")
        found = await numbers(service)
    route = 'route="/v1/images/hosted/{user}/{image}"'
    assert found[f'holdfast_requests_total{{method="GET",{route},status="2xx"}}'] == 2
    assert found[f'holdfast_requests_total{{method="GET",{route},status="4xx"}}'] == 1
    assert found[f"holdfast_request_seconds_count{{{route}}}"] == 3


async def test_paths_a_stranger_makes_up_make_no_series(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        before = len(await numbers(service))
        for number in range(50):
            await service.http.get(f"/made/up/{number}")
            await service.http.get(f"/v1/users/made-up-{number}/usage")
            await service.http.request("PROPFIND", f"/{number}")
        after = await numbers(service)
    assert len(after) < before + 60
    assert not any(word in str(after) for word in ("made/up", "made-up"))


async def test_captures_are_counted_by_how_they_end(service: Service, replicate: ReplicateStandIn) -> None:
    image = await (await service.generate()).json()
    await service.import_url(BROKEN)
    replicate.advance(2 * 3600)
    lost = await service.import_url(image["replicate_url"], user="bob")
    assert lost.status == 502
    found = await numbers(service)
    assert found['holdfast_images_total{status="stored"}'] == 1
    assert found['holdfast_images_total{status="rejected"}'] == 1
    assert found['holdfast_images_total{status="lost"}'] == 1


async def test_counters_begin_at_nought_so_that_the_first_loss_is_an_increase(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        found = await numbers(service)
    assert found['holdfast_images_total{status="lost"}'] == 0


async def test_levels_are_of_this_moment(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await promise(service)
        found = await numbers(service)
    assert found["holdfast_captures_open"] == 1
    assert found["holdfast_volume_free_bytes"] > 0
    assert found["holdfast_ready"] == 1
    assert any(re.fullmatch(r'holdfast_build_info{version="[^"]+"}', name) for name in found)


async def test_two_services_in_one_process_count_apart(tmp_path: Path) -> None:
    async with still(tmp_path / "a") as one, still(tmp_path / "b") as other:
        await one.http.get("/livez")
        assert 'holdfast_requests_total{method="GET",route="/livez",status="2xx"}' in await numbers(one)
        assert 'holdfast_requests_total{method="GET",route="/livez",status="2xx"}' not in await numbers(other)


async def test_with_a_token_only_the_token_opens_it(tmp_path: Path) -> None:
    async with still(tmp_path, METRICS_TOKEN=TOKEN, API_KEYS="a-service-key-of-some-length") as service:
        for headers in ({}, {"Authorization": "Bearer a-service-key-of-some-length"}, {"X-API-Key": TOKEN + "x"}):
            response = await service.http.get("/metrics", headers=headers)
            await problem_of(response, status=401, code="unauthorized")
            assert "WWW-Authenticate" in response.headers
        assert await numbers(service, Authorization=f"Bearer {TOKEN}")


async def test_without_a_token_it_is_open_even_where_keys_are_set(tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS="a-service-key-of-some-length") as service:
        assert await numbers(service)


async def test_it_is_kept_nowhere_and_typed_for_prometheus(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        response = await service.http.get("/metrics")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Content-Type"].startswith("text/plain; version=")


async def test_a_client_that_leaves_is_counted_as_gone(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        async with connected(service) as line:
            await line.say(request("POST", "/v1/tokens", "Content-Type: application/json", "Content-Length: 99"))
            assert (await exchange(service, request("GET", "/livez"))).status == 200
        series = 'holdfast_requests_total{method="POST",route="/v1/tokens",status="gone"}'
        async with asyncio.timeout(5):
            found = await numbers(service)
            while series not in found:
                found = await numbers(service)
    assert found[series] == 1
