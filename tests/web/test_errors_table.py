"""Every refusal has a status, a stable code and the same envelope, and nothing else tells what went wrong."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from app.domain import errors
from app.domain.errors import AppError
from app.web.errors import STATUS, problem
from app.web.routes import ROUTES
from tests.support.problems import MEMBERS, problem_of
from tests.support.still import NAMES, host, still


def subclasses(kind: type[AppError]) -> Iterator[type[AppError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def made(kind: type[AppError]) -> AppError:
    if kind is errors.SourceNotAllowed:
        return errors.SourceNotAllowed()
    return errors.SourceRejected("truncated", "It ends early.") if kind is errors.SourceRejected else kind("Because.")


def test_every_refusal_has_a_status() -> None:
    assert set(STATUS) == set(subclasses(AppError))


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_every_refusal_is_a_problem_document(kind: type[AppError]) -> None:
    response = problem(made(kind))
    document = json.loads(response.body)  # type: ignore[arg-type]
    assert response.content_type == "application/problem+json"
    assert document.keys() >= MEMBERS
    assert (document["status"], document["code"]) == (response.status, kind.code)
    assert document["retryable"] is kind.retryable
    assert ("WWW-Authenticate" in response.headers) == (response.status == 401)


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_no_refusal_is_kept_for_long(kind: type[AppError]) -> None:
    cache = problem(made(kind)).headers["Cache-Control"]
    assert cache in {"no-store", "max-age=300"}
    assert (cache == "max-age=300") == (kind is errors.ImageDeleted)
    assert problem(made(kind), is_private=True).headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(("seconds", "told"), [(0.1, "1"), (1.0, "1"), (1.2, "2"), (60, "60")])
def test_retry_after_is_whole_seconds_and_never_too_soon(seconds: float, told: str) -> None:
    refusal = errors.Overloaded("Later.", retry_after=seconds)
    assert problem(refusal).headers["Retry-After"] == told


@pytest.mark.parametrize("row", [row for row in ROUTES if row.method != "OPTIONS"], ids=lambda row: row.path)
async def test_a_wrong_method_is_405_and_says_which_are_right(tmp_path: Path, row: web.RouteDef) -> None:
    path = row.path.format(**NAMES)
    async with still(tmp_path) as service:
        response = await service.http.patch(path)
        await problem_of(response, status=405, code="method_not_allowed")
    allowed = set(response.headers["Allow"].split(","))
    assert row.method in allowed
    assert ("HEAD" in allowed) == ("GET" in allowed)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/", "/v1/images", "/livez/", "/Livez", "/index.html", "/.env", "/v1/images/hosted/ana"],
)
async def test_an_unknown_path_is_404(tmp_path: Path, path: str) -> None:
    async with still(tmp_path) as service:
        await problem_of(await service.http.get(path), status=404, code="not_found")


async def test_a_bug_is_a_500_without_a_word_of_it_and_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with still(tmp_path) as service:
        await host(service)

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("canary")

        monkeypatch.setattr(service.graph.hosting, "get", fail)
        response = await service.http.get("/v1/images/hosted/ana/pic/info")
        await problem_of(response, status=500, code="internal")
        assert "canary" not in await response.text()
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert line.exc_info is not None
    assert "canary" in str(line.exc_info[1])


async def test_the_catalog_failing_is_503_and_worth_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with still(tmp_path) as service:

        async def fail(*_: object, **__: object) -> None:
            raise errors.StorageUnavailable("The catalog is unavailable.", retry_after=5)

        monkeypatch.setattr(service.graph.adapters.images, "find", fail)
        response = await service.http.get("/v1/images/hosted/ana/pic/info")
        document = await problem_of(response, status=503, code="storage_unavailable")
    assert (document["retryable"], response.headers["Retry-After"]) == (True, "5")
