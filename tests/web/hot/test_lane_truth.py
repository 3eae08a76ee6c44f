"""A hot image is served as long as it is there: whoever removes or touches it, the very next request sees it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.ids import ImageId, UserId
from devkit.clock import FakeClock
from tests.support.pictures import noise_png
from tests.support.raw import connected, request
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.still import PICTURE, host, still
from tests.web.hot.both_ways import URL, Watch, alone, ask, heat

ANA, PIC = UserId("ana"), ImageId("pic")
HOT = request("GET", URL)
LARGE = noise_png(300_000)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, clock=FakeClock(), RATE_LIMIT_READS="") as running:
        await host(running)
        await host(running, "large", content=LARGE)
        await heat(running)
        assert (await alone(running, HOT)).body == PICTURE
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "images" / "ana" / "pic.png"


async def test_an_image_deleted_over_http_is_gone(service: Service, watch: Watch) -> None:
    async with connected(service) as line:
        await ask(line, HOT)
        await ask(line, request("DELETE", URL))
        reply = await ask(line, HOT)
    assert (reply.status, watch.last()) == (410, False)


async def test_an_image_of_an_erased_owner_is_gone(service: Service, watch: Watch) -> None:
    assert (await service.http.delete("/v1/users/ana")).status == 204
    assert ((await alone(service, HOT)).status, any(watch.taken[-2:])) == (410, False)


async def test_an_image_that_was_swept_is_gone(tmp_path: Path, watch: Watch) -> None:
    clock, soon = FakeClock(), {"IMAGE_MAX_AGE_DAYS": "0.01", "IMAGE_MIN_AGE_HOURS": "0"}
    async with still(tmp_path, clock=clock, **soon) as service:
        await host(service)
        clock.advance(900)
        await heat(service)
        await service.graph.retention.sweep()
        assert ((await alone(service, HOT)).status, any(watch.taken[-2:])) == (410, False)


async def test_an_image_another_process_has_deleted_is_gone(service: Service) -> None:
    adapters = service.graph.adapters
    row = await adapters.images.mark_deleted(ANA, PIC, reason="expired", at=service.clock())
    assert row is not None
    await adapters.blobs.delete(row.key)
    assert (await alone(service, HOT)).json()["reason"] == "expired"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_image_whose_file_has_gone_is_not_served(service: Service, file: Path, method: str) -> None:
    await asyncio.to_thread(file.unlink)
    assert (await alone(service, request(method, URL))).status == 503


async def test_a_tombstone_counts_in_half_a_minute_even_if_the_file_stays(service: Service) -> None:
    """The lane's memory may begin where that of the rows ends."""
    await service.graph.adapters.images.mark_deleted(ANA, PIC, reason="expired", at=service.clock())
    targets = [f"{URL}?a={number}" for number in range(30)]
    for target in targets:
        service.clock.advance(0.999)
        await alone(service, request("GET", target))
    service.clock.advance(0.05)
    assert {(await alone(service, request("GET", target))).status for target in targets} == {410}


async def test_another_file_in_its_place_is_looked_at_anew(service: Service, file: Path, watch: Watch) -> None:
    other = file.with_suffix(".new")
    other.write_bytes(PICTURE[::-1])
    other.replace(file)
    reply = await alone(service, HOT)
    assert (reply.body, any(watch.taken[-2:])) == (PICTURE[::-1], False)


async def test_an_image_that_came_again_under_its_id_is_the_new_one(tmp_path: Path) -> None:
    old, new = noise_png(5000, seed=1), noise_png(5000, seed=2)
    async with serving(tmp_path) as service:
        await service.import_url(data_uri(old), image_id="pic")
        await heat(service)
        assert (await alone(service, HOT)).body == old
        await service.http.delete(URL)
        again = await service.import_url(data_uri(new), image_id="pic")
        expected = new if again.status == 201 else None
        reply = await alone(service, HOT)
        assert (reply.body if reply.status == 200 else None) == expected


@pytest.mark.parametrize("touch", [os.truncate, lambda path, size: path.write_bytes(b"x" * size)], ids=["cut", "other"])
@pytest.mark.parametrize("size", [10, len(PICTURE) - 1])
async def test_a_file_that_was_cut_short_is_not_served(service: Service, file: Path, touch: object, size: int) -> None:
    assert callable(touch)
    touch(file, size)
    for _ in range(3):
        assert (await alone(service, HOT)).status == 503


async def test_a_damaged_file_that_was_only_asked_about_is_not_served_either(service: Service, file: Path) -> None:
    os.truncate(file, 10)
    assert (await alone(service, request("HEAD", URL))).status == 200
    for _ in range(3):
        assert (await alone(service, HOT)).status == 503


async def test_a_file_whose_mode_was_changed_is_looked_at_anew(service: Service, file: Path, watch: Watch) -> None:
    await asyncio.to_thread(file.chmod, 0o600)
    await alone(service, HOT)
    assert not any(watch.taken[-2:])


async def test_a_link_in_its_place_is_not_followed(service: Service, file: Path, watch: Watch) -> None:
    secret = await asyncio.to_thread(file.rename, file.with_name("secret"))
    await asyncio.to_thread(file.symlink_to, secret)
    await alone(service, HOT)
    assert not any(watch.taken[-2:])


async def test_a_variant_goes_with_the_file_it_was_made_of(tmp_path: Path, watch: Watch) -> None:
    narrow = request("GET", URL + "?w=160")
    async with serving(tmp_path) as service:
        await service.import_url(data_uri(noise_png(200_000)), image_id="pic")
        await heat(service, URL + "?w=160")
        reply = await alone(service, narrow)
        assert (reply.status, watch.taken[-2]) == (200, True)
        (tmp_path / "images" / "ana" / "pic.png").unlink()
        assert (await alone(service, narrow)).status == 503


async def test_a_deletion_in_the_middle_of_a_large_answer_lets_it_end(service: Service, watch: Watch) -> None:
    large = URL.replace("pic", "large")
    await heat(service, large)
    async with connected(service) as line:
        await line.say(request("GET", large))
        assert (await service.http.delete(large)).status == 204
        assert (await line.hear()).body == LARGE


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", "LOCALHOST.example"])
async def test_without_keys_a_foreign_host_is_refused_though_the_image_is_hot(service: Service, name: str) -> None:
    for _ in range(2):
        assert (await alone(service, request("GET", URL, host=name))).status == 421


async def test_a_host_is_known_once_the_long_way_has_answered_it(service: Service, watch: Watch) -> None:
    for _ in range(2):
        assert (await alone(service, request("GET", URL, host="localhost:80"))).status == 200
    assert watch.taken[-4:] == [False, False, True, False]


async def test_many_hosts_lock_nobody_out(tmp_path: Path, watch: Watch) -> None:
    async with still(tmp_path, API_KEYS="a-service-key-of-some-length", RATE_LIMIT_READS="") as service:
        await host(service)
        for number in range(70):
            await alone(service, request("GET", URL, host=f"h{number}.example"))
        await heat(service)
        await alone(service, HOT)
        assert watch.taken[-2]


async def test_signed_access_never_takes_the_lane(tmp_path: Path, watch: Watch) -> None:
    watch.taken.clear()
    async with still(tmp_path, IMAGE_ACCESS="signed", SIGNING_KEYS="a-signing-key-of-32-characters-xx") as service:
        await host(service)
        signed = await (await service.post(URL + "/signed-url", {"expires_in": 60})).json()
        path = signed["url"].partition("127.0.0.1")[2].partition("/")[2]
        assert [(await alone(service, request("GET", "/" + path))).status for _ in range(3)] == [200] * 3
        assert (await alone(service, HOT)).status == 401
    assert watch.taken == []
