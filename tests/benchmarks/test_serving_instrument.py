"""The benchmark measures the real service, and a wrong answer never becomes a figure."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from benchmarks import aims, album, probe, report, serving, wrk
from benchmarks.album import Album, Picture
from benchmarks.holdfast import holdfast
from benchmarks.peers.servers import Server
from benchmarks.probe import Request, WrongAnswer
from benchmarks.serving import Measured, Standing
from benchmarks.workloads import WORKLOADS, Workload
from devkit.serving import served

needs_wrk = pytest.mark.skipif(wrk.version() is None, reason="wrk is not installed")

RIGHT, WRONG = b"right" * 100, b"wrong" * 100
SHORT = RIGHT[:-1]


@pytest.fixture(scope="module")
def small_round() -> Workload:
    found = next(workload for workload in WORKLOADS if workload.name == "hot-17k")
    return Workload(found.name, found.title, 4, found.ask)


@asynccontextmanager
async def server_of(bodies: Iterator[bytes]) -> AsyncIterator[Server]:
    """Serve one of *bodies* after the other under any path."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=next(bodies))

    app = web.Application()
    app.router.add_get("/{path:.*}", show)
    async with served(app) as url:
        yield Server("a server", urlsplit(url).port or 0, 1, lambda picture: f"/{picture.file}")


def right(path: str = "/one") -> Request:
    return Request(path, 200, len(RIGHT), sha256(RIGHT).hexdigest())


def spoiled(good: int, then: bytes) -> Iterator[bytes]:
    return (RIGHT if number < good else then for number in count())


@needs_wrk
async def test_a_round_against_the_service_is_valid_and_costs_cpu_time(tmp_path: Path, small_round: Workload) -> None:
    stored = await album.store(tmp_path, large=1)
    async with holdfast(stored, tmp_path) as server:
        standing = Standing("Holdfast", small_round.name)
        load = await serving.prepare(server, stored, small_round, seconds=1)
        await serving.measure(server, small_round, load, standing)

        for workload in WORKLOADS:
            assert await serving.prepare(server, stored, workload, seconds=1), workload.name

    assert standing.voids == []
    assert standing.rounds[0].round.requests > 100
    assert standing.cpu > 0


@needs_wrk
async def test_a_short_answer_in_the_middle_of_a_round_voids_it(tmp_path: Path, small_round: Workload) -> None:
    picture = Picture("/one", "one", len(RIGHT), sha256(RIGHT).hexdigest())
    pictures, standing = Album(tmp_path, picture, ()), Standing("a server", small_round.name)
    async with server_of(spoiled(500, SHORT)) as server:
        load = await serving.prepare(server, pictures, small_round, seconds=1)
        await serving.measure(server, small_round, load, standing)

    assert standing.rounds == []
    assert "wrong answers" in standing.voids[0]


@pytest.mark.parametrize("body", [WRONG, SHORT], ids=["other bytes of the same length", "a byte short"])
async def test_a_wrong_body_is_no_answer(body: bytes) -> None:
    async with server_of(spoiled(0, body)) as server:
        with pytest.raises(ExceptionGroup) as caught:
            await probe.check(server.port, [right()], connections=1)

    assert caught.group_contains(WrongAnswer)


async def test_the_probe_weighs_an_answer_with_its_head() -> None:
    async with server_of(spoiled(3, WRONG)) as server:
        weights = await probe.check(server.port, [right(), right(), right()], connections=2)

    assert len(weights) == 1
    assert min(weights) > len(RIGHT)


@pytest.mark.parametrize("off", [-1, 3 * 700], ids=["one byte missing", "two answers too many"])
def test_a_sum_that_cannot_be_voids_a_round(off: int) -> None:
    load = wrk.Load([right()], connections=2, seconds=1, weights=frozenset({700}))
    told = {"requests": 10, "errors": 0, "wrong": 0, "bytes": 7000 + off}

    with pytest.raises(WrongAnswer, match="weigh"):
        wrk.judge(told, load)


@pytest.mark.parametrize("kind", ["errors", "wrong"])
def test_one_error_voids_a_round(kind: str) -> None:
    load = wrk.Load([right()], connections=2, seconds=1, weights=frozenset({700}))
    told = {"requests": 10, "errors": 0, "wrong": 0, "bytes": 7000} | {kind: 1}

    with pytest.raises(WrongAnswer, match="in 10"):
        wrk.judge(told, load)


def test_results_replace_those_before_and_leave_the_rest(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(report.README.read_text())

    report.write("old", readme=readme)
    report.write("new", readme=readme)

    text = readme.read_text()
    assert "new" in text
    assert "old\n" not in text
    assert text.startswith("# Benchmarks")


def standing(server: str, *, rate: int, others: float) -> Standing:
    found = wrk.Round(requests=rate, bytes=1, seconds=1.0, p50=1, p99=2, is_client_busy=False)
    return Standing(server, "hot-17k", [Measured(found, cpu=0.5, others=others)])


@pytest.mark.parametrize(
    ("ours", "others", "is_met"),
    [(90, 0.0, True), (10, 0.0, False), (90, 0.5, None)],
    ids=["reached on a quiet machine", "missed", "nobody can tell while others work"],
)
def test_an_aim_is_judged_on_a_quiet_machine_only(*, ours: int, others: float, is_met: bool | None) -> None:
    found = aims.of_serving([standing("Holdfast", rate=ours, others=others), standing("nginx", rate=100, others=0)])

    assert found[0].is_met is is_met
