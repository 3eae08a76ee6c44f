import asyncio
import logging
import socket
from typing import Any

import pytest
from aiohttp import web

from app.adapters.chat.ollama import OllamaModels
from app.domain.errors import (
    AppError,
    InvalidInput,
    ModelFailed,
    ModelNotFound,
    ModelRefused,
    ModelUnavailable,
    ProviderNotConfigured,
)
from devkit.ollama import SEEING, ApiFault, Behaviour, Ending, Model, OllamaStandIn
from devkit.serving import served
from tests.adapters.chat.conftest import Adapter
from tests.support.ports import free_port
from tests.support.talking import order, pieces

KEY = "not-a-real-key"


async def refused(models: OllamaModels, model: str = SEEING) -> AppError:
    with pytest.raises(AppError) as raised:
        await pieces(models, order(model=model))
    return raised.value


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (404, "model 'm' not found", ModelNotFound),
        (400, "invalid model name", ModelNotFound),
        (400, '"m" does not support chat', InvalidInput),
        (400, "the request exceeds the available context size, try increasing it", InvalidInput),
        (500, "prompt is too long", InvalidInput),
        (500, "this model only supports one image while more than one image requested", InvalidInput),
        (500, "image input is not supported - hint: you may need to provide the mmproj", InvalidInput),
        (400, "illegal base64 data at input byte 4", ModelRefused),
        (401, "unauthorized", ProviderNotConfigured),
        (403, "", ProviderNotConfigured),
        (408, "slow", ModelFailed),
        (413, "large", ModelUnavailable),
        (429, "too many", ModelUnavailable),
        (499, "request canceled", ModelFailed),
        (500, "model runner has unexpectedly stopped", ModelFailed),
        (502, "cloud", ModelUnavailable),
        (503, "server busy, please try again.  maximum pending requests exceeded", ModelUnavailable),
        (504, "gateway", ModelFailed),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_each_refusal_has_its_meaning(
    ollama: OllamaStandIn, models: OllamaModels, status: int, error: str, kind: type[AppError]
) -> None:
    ollama.api_faults.add(ApiFault(on="chat", status=status, body={"error": error}))
    assert type(await refused(models)) is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (204, "", ModelUnavailable),
        (404, "404 page not found", ModelUnavailable),
        (404, "<html>", ModelUnavailable),
        (405, "405 method not allowed", ModelUnavailable),
        (418, "[]", ModelFailed),
        (500, "Internal Server Error", ModelFailed),
        (500, {"error": {"message": "no", "code": 7}}, ModelFailed),
        (502, "<html>", ModelUnavailable),
        (500, "x" * 100_000, ModelFailed),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_not_from_ollama_is_a_refusal_too(
    ollama: OllamaStandIn, models: OllamaModels, status: int, body: Any, kind: type[AppError]
) -> None:
    ollama.api_faults.add(ApiFault(on="chat", status=status, body=body))
    assert type(await refused(models)) is kind


async def test_a_model_that_is_not_there_is_named(models: OllamaModels) -> None:
    refusal = await refused(models, "unheard-of:1b")
    assert type(refusal) is ModelNotFound
    assert "unheard-of:1b" in refusal.detail
    assert refusal.field == "model"


async def test_a_model_that_does_not_talk_is_the_askers_choice(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.models["nomic:latest"] = Model(talks=False)
    refusal = await refused(models, "nomic")
    assert (type(refusal), refusal.field, refusal.retryable) == (InvalidInput, "model", False)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("1e9", 3600.0), ("nan", 5.0), ("-1", 5.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 5.0), (None, 5.0)],
    ids=["seconds", "too many", "not a number", "negative", "date", "none"],
)
async def test_a_busy_one_says_when_to_come_back(
    ollama: OllamaStandIn, models: OllamaModels, header: str | None, seconds: float
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    ollama.api_faults.add(ApiFault(on="chat", status=503, body={"error": "busy"}, headers=headers))
    assert (await refused(models)).retry_after == seconds


async def test_nobody_there_is_unavailable(adapter: Adapter) -> None:
    models = adapter(base_url=f"http://127.0.0.1:{free_port()}")
    refusal = await refused(models)
    assert (type(refusal), refusal.retry_after) == (ModelUnavailable, 5)
    with pytest.raises(ModelUnavailable):
        await models.abilities(SEEING)


async def test_a_name_that_leads_nowhere_is_unavailable(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert type(await refused(adapter(base_url="http://nowhere.invalid:11434"))) is ModelUnavailable


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".invalid"], ids=["dots", "long label"])
async def test_a_name_that_no_resolver_can_spell_is_unavailable(adapter: Adapter, host: str) -> None:
    assert type(await refused(adapter(base_url=f"http://{host}:11434"))) is ModelUnavailable


async def test_a_connection_that_ends_before_the_head_is_unavailable(
    ollama: OllamaStandIn, models: OllamaModels
) -> None:
    ollama.api_faults.add(ApiFault(on="chat", drop=True))
    assert type(await refused(models)) is ModelUnavailable


async def test_the_key_is_sent_and_never_told(adapter: Adapter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with OllamaStandIn(key=KEY) as cloud:
        assert await pieces(adapter(base_url=cloud.base_url, key=KEY), order())
        assert type(await refused(adapter(base_url=cloud.base_url))) is ProviderNotConfigured

        cloud.api_faults.add(ApiFault(on="chat", status=401, body={"error": f"bad key {KEY}"}))
        cloud.api_faults.add(ApiFault(on="chat", status=500, body={"error": f"bad key {KEY}"}))
        models = adapter(base_url=cloud.base_url, key=KEY)
        details = [(await refused(models)).detail for _ in range(2)]
    assert KEY not in str(details) + caplog.text + str([vars(record) for record in caplog.records])


async def test_a_wrong_key_is_hinted_at_in_the_log(
    ollama: OllamaStandIn, models: OllamaModels, caplog: pytest.LogCaptureFixture
) -> None:
    ollama.api_faults.add(ApiFault(on="chat", status=401, body={"error": "unauthorized"}))
    refusal = await refused(models)
    assert "OLLAMA_API_KEY" in str([vars(record) for record in caplog.records])
    assert "OLLAMA_API_KEY" not in refusal.detail


async def test_a_redirect_is_not_followed(adapter: Adapter, ollama: OllamaStandIn) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{ollama.base_url}/api/chat")

    app = web.Application()
    app.router.add_post("/api/chat", elsewhere)
    async with served(app) as url:
        assert type(await refused(adapter(base_url=url, key=KEY))) is ModelUnavailable
    assert ollama.journal.entries == []


async def test_a_refusal_whose_reason_never_comes_is_one_all_the_same(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    monkeypatch.setattr("app.adapters.chat.ollama._REFUSAL_SECONDS", 0.05)
    app = web.Application()
    app.router.add_post("/api/chat", stuck)
    async with served(app) as url:
        refusal = await refused(adapter(base_url=url))
    assert (type(refusal), refusal.detail) == (ModelFailed, "Ollama answered 500.")


async def test_ollama_may_live_below_a_path(adapter: Adapter, ollama: OllamaStandIn) -> None:
    refusal = await refused(adapter(base_url=f"{ollama.base_url}/below/"))
    assert type(refusal) is ModelUnavailable
    assert ollama.journal.entries[0].path == "/below/api/chat"


async def test_a_proxy_in_the_environment_is_passed_by(
    adapter: Adapter, ollama: OllamaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert await pieces(adapter(), order())


async def test_an_error_within_an_answer_has_its_meaning(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.behaviour = Behaviour(ending=Ending.ERROR, ends_after=1, error="input length exceeds the context length")
    assert type(await refused(models)) is InvalidInput


def test_a_key_that_no_header_holds_is_refused(adapter: Adapter) -> None:
    with pytest.raises(ValueError, match="key of Ollama"):
        adapter(key="a\nb")
