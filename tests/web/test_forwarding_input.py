"""POST /api/generate with addresses inside `input`: the allow-list holds for them too, however they are spelled."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from devkit.fal import FalStandIn
from tests.support import pictures
from tests.support.beside_fal import MODEL, reachable
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.sources import data_uri


@pytest.fixture
async def service(tmp_path: Path, fal: FalStandIn) -> AsyncIterator[Service]:
    async with reachable(tmp_path, fal) as running:
        yield running


async def forward(service: Service, given: dict[str, Any]) -> ClientResponse:
    return await service.post("/api/generate", {"user_id": "ana", "model": MODEL, "input": given, "wait": 20})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"image_url": " https://evil.example/a.png"}, "input.image_url"),
        ({"image_url": "ht\ttps://evil.example/a.png"}, "input.image_url"),
        ({"image_url": "//evil.example/a"}, "input.image_url"),
        ({"image_url": "file:///etc/passwd"}, "input.image_url"),
        ({"init_image": "evil.example/a.png"}, "input.init_image"),
        ({"loras": [{"path": "https://evil.example/a"}]}, "input.loras.0.path"),
        ({"x": [["https://evil.example/a"]]}, "input.x.0.0"),
        ({"a": {"b": ["https://evil.example/a"]}}, "input.a.b.0"),
        ({"x": "\u200bhttps://evil.example/a\n"}, "input.x"),
        ({"x": "https:evil.example/a"}, "input.x"),
        ({"x": "\\\\evil.example\\a"}, "input.x"),
        ({"x": "s3://bucket/a"}, "input.x"),
        ({"loras": [{"path": "https://evil.example/a.safetensors?b= c"}]}, "input.loras.0.path"),
        ({"x": " http://169.254.169.254/a b"}, "input.x"),
        ({"x": '"https://evil.example/a"'}, "input.x"),
        ({"x": "\u201chttps://evil.example/a\u201d and more"}, "input.x"),
        ({"x": "[https://evil.example/x]"}, "input.x"),
        ({"x": "<https://evil.example/x>"}, "input.x"),
        ({"x": '{"url": "https://evil.example/x"}'}, "input.x"),
        ({"x": '["a", {"b": "https:\\/\\/evil.example/x", "c": 1}]'}, "input.x"),
        ({"x": "{'url': 'https://evil.example/x'}"}, "input.x"),
        ({"x": ' "\\"https://evil.example/x\\"" '}, "input.x"),
        ({"image_prompt": "https://evil.example/a.png?b= c"}, "input.image_prompt"),
        ({"prompt": "https://evil.example/a"}, "input.prompt"),
    ],
    ids=[
        *("space first", "tab within", "no scheme", "file", "no address", "weights", "lists", "deep"),
        *("unseen", "no slashes", "backslashes", "another scheme"),
        *("space within", "space first and within", "quoted", "quoted by a writer", "bracketed", "in angles"),
        *("json", "json with escapes", "nearly json", "json in json", "words for a picture", "prose and nothing else"),
    ],
)
async def test_no_spelling_in_the_input_leads_around_the_list(
    service: Service, fal: FalStandIn, given: dict[str, Any], field: str
) -> None:
    problem = await problem_of(await forward(service, given), status=422, code="source_not_allowed")

    assert (problem["detail"], problem["field"]) == ("That source is not allowed.", field)
    assert fal.requests == []


async def test_what_is_too_deep_to_be_looked_into_is_refused(service: Service, fal: FalStandIn) -> None:
    given: Any = "https://evil.example/a"
    for _ in range(40):
        given = [given]
    await problem_of(await forward(service, {"x": given}), status=422, code="invalid_request")
    assert fal.requests == []


async def test_words_and_numbers_are_the_models_business(service: Service, fal: FalStandIn) -> None:
    asked = {"prompt": "https://evil.example is a poem", "style": "oil: dark", "num_images": 2, "return_mask": True}
    await forward(service, asked)
    assert fal.requests[-1].input == asked


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": "https://evil.example is a poem"},
        {"negative_prompt": "[https://evil.example/a] as a logo"},
        {"lyricsText": '"https://evil.example", she said'},
        {"prompt_2": '{"scene": "https://evil.example/a"}'},
        {"messages": [{"role": "user", "content": "https://evil.example/a, what is it?"}]},
        {"style": "see https://evil.example/a"},
        {"tags": '["oil", "dark"]', "size": '{"width": 512}', "seed": '"7"', "bad": "{not json", "note": "(a)"},
        {"colours": "[[0,0,0],[255,255,255]]", "ratio": "16:9", "scheduler": "//", "big": "[" + "9" * 5000 + "]"},
    ],
    ids=["prompt", "brackets", "quotes", "json in prose", "chat", "among words", "json", "others"],
)
async def test_what_leads_nowhere_is_passed_on(service: Service, fal: FalStandIn, given: dict[str, Any]) -> None:
    await forward(service, given)
    assert fal.requests[-1].input == given


async def test_json_in_a_text_may_name_what_is_allowed(service: Service, fal: FalStandIn) -> None:
    given = {"loras": f'[{{"path": "{fal.delivery_url}/a.safetensors", "scale": 1}}]'}
    await forward(service, given)
    assert fal.requests[-1].input == given


async def test_json_in_a_text_can_be_too_deep(service: Service, fal: FalStandIn) -> None:
    for text in ("[" * 40 + "]" * 40, "[" * 100_000):
        await problem_of(await forward(service, {"x": text}), status=422, code="invalid_request")
    assert fal.requests == []


async def test_a_data_url_between_blanks_is_passed_on(service: Service, fal: FalStandIn) -> None:
    asked = {"image_url": f" {data_uri(pictures.png())}\n"}
    await forward(service, asked)
    assert fal.requests[-1].input == asked


async def test_weights_may_lie_on_an_allowed_host_and_need_be_no_picture(service: Service, fal: FalStandIn) -> None:
    asked = {"loras": [{"path": fal.delivery_url + "/a.safetensors"}]}
    await forward(service, asked)
    assert fal.requests[-1].input == asked


async def test_a_data_url_in_the_input_is_passed_on(service: Service, fal: FalStandIn) -> None:
    asked = {"image_url": data_uri(pictures.png())}
    await forward(service, asked)
    assert fal.requests[-1].input == asked
